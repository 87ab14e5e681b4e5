//! Who is asking, once authenticated, and everything that is attached to them. A caller is a snapshot: what is changed
//! in the directory afterwards counts from the next request on.

use crate::Policy;
use model::codec::Writer;
use model::{AccountId, AccountNumber, EntityName, EntityPath, RoleUid, Timestamp, UserUid};
use std::sync::{Arc, OnceLock};

/// Who is asking.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody: the request carried no credentials. A principal of its own, in no account.
    Anonymous,
    /// An identity of an account.
    Caller(Arc<Caller>),
}

impl Principal {
    /// The root identity of an account.
    pub fn root(account: AccountId, number: AccountNumber, account_name: &str) -> Self {
        Self::Caller(Arc::new(Caller::root(account, number, account_name.to_owned())))
    }

    /// Whether nobody signed.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }

    /// The identity that signed.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        match self {
            Self::Anonymous => None,
            Self::Caller(caller) => Some(caller),
        }
    }

    /// The account behind the principal.
    pub fn account(&self) -> Option<&AccountId> {
        self.caller().map(|caller| &caller.account)
    }

    /// The number of that account in ARNs.
    pub fn number(&self) -> Option<&AccountNumber> {
        self.caller().map(|caller| &caller.number)
    }

    /// A name for logs and for the requester's fingerprint: `anonymous`, `root:<account>`, `user:<account>:<uid>` or
    /// `role:<account>:<uid>`. Two sessions of one role are the same requester.
    pub fn urn(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Caller(caller) => caller.urn(),
        }
    }
}

/// Two principals are equal when they are the same identity with the same permissions.
impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anonymous, Self::Anonymous) => true,
            (Self::Caller(a), Self::Caller(b)) => {
                Arc::ptr_eq(a, b) || (a.urn() == b.urn() && a.permissions.canonical() == b.permissions.canonical())
            }
            _ => false,
        }
    }
}

impl Eq for Principal {}

/// An identity of an account, with what it may do.
#[derive(Debug)]
pub struct Caller {
    /// Its account (Huawei: domain).
    pub account: AccountId,
    /// The account's number in ARNs.
    pub number: AccountNumber,
    /// The account's name.
    pub account_name: String,
    /// Which identity.
    pub identity: Identity,
    /// Set when it came with temporary credentials.
    pub session: Option<Session>,
    /// What its account attached to it.
    pub permissions: Permissions,
    digest: OnceLock<[u8; 32]>,
}

/// Which identity of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The account itself.
    Root,
    /// A user.
    User {
        /// Its uid.
        uid: UserUid,
        /// Its name.
        name: EntityName,
        /// Its path in ARNs.
        path: EntityPath,
    },
    /// Somebody who assumed a role (Huawei: agency).
    Role {
        /// The role's uid.
        uid: RoleUid,
        /// The role's name.
        name: EntityName,
        /// The role's path in ARNs.
        path: EntityPath,
        /// What the assumer called the session.
        session_name: String,
    },
}

/// What temporary credentials tell besides their identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// When they were issued.
    pub issued: Timestamp,
    /// From when on they are refused.
    pub expires: Timestamp,
    /// Whom and what they come from.
    pub lineage: Lineage,
}

/// What temporary credentials come from. Whatever is issued from them inherits it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Who assumed the roles on the way here, first to last. The session ends with each of them.
    pub assumers: Vec<Assumer>,
    /// The id of the first token, which all that were issued from it share: they are revoked together.
    pub family: [u8; 16],
}

/// Who assumed a role: what stays of an identity when it is renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assumer {
    /// An account itself.
    Root(AccountId),
    /// A user of an account.
    User(AccountId, UserUid),
    /// A session of a role of an account.
    Role(AccountId, RoleUid),
}

impl Assumer {
    /// Its account.
    pub fn account(&self) -> &AccountId {
        match self {
            Self::Root(account) | Self::User(account, _) | Self::Role(account, _) => account,
        }
    }
}

/// A policy together with how it came to be attached, for explanations: `user alice: policy ReadOnly`.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Where it is attached and what it is called.
    pub source: Arc<str>,
    /// The policy.
    pub policy: Arc<Policy>,
}

/// What an account attached to an identity.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// Grants: of the user and its groups, or of the role. A root identity needs none.
    pub identity: Vec<Attached>,
    /// The permission boundary: whatever it does not allow is denied.
    pub boundary: Option<Attached>,
    /// Session policies; `None`: the session is not narrowed. What none of them allows is denied; an empty list denies
    /// everything.
    pub session: Option<Vec<Attached>>,
}

impl Permissions {
    /// The permissions as bytes: equal for equal permissions, different for different ones.
    pub fn canonical(&self) -> Vec<u8> {
        let mut w = Writer::bare();
        let mut all: Vec<&str> = self.identity.iter().map(|a| a.policy.text()).collect();
        // The order in which policies were attached decides nothing; nor does one that is attached twice.
        all.sort_unstable();
        all.dedup();
        w.u32(all.len() as u32);
        for text in all {
            w.str(text);
        }
        w.option(self.boundary.as_ref(), |w, boundary| {
            w.str(boundary.policy.text());
        });
        w.option(self.session.as_ref(), |w, session| {
            w.u32(session.len() as u32);
            for attached in session {
                w.str(attached.policy.text());
            }
        });
        w.as_bytes().to_vec()
    }
}

impl Caller {
    /// Joins the parts.
    pub fn new(
        account: AccountId,
        number: AccountNumber,
        account_name: String,
        identity: Identity,
        session: Option<Session>,
        permissions: Permissions,
    ) -> Self {
        Self { account, number, account_name, identity, session, permissions, digest: OnceLock::new() }
    }

    /// The root identity of an account, as its long-term access key presents it.
    pub fn root(account: AccountId, number: AccountNumber, account_name: String) -> Self {
        Self::new(account, number, account_name, Identity::Root, None, Permissions::default())
    }

    /// The identity as one who assumes a role.
    pub fn assumer(&self) -> Assumer {
        match &self.identity {
            Identity::Root => Assumer::Root(self.account.clone()),
            Identity::User { uid, .. } => Assumer::User(self.account.clone(), *uid),
            Identity::Role { uid, .. } => Assumer::Role(self.account.clone(), *uid),
        }
    }

    /// A digest of [`Permissions::canonical`], computed once. This room has no hash of its own.
    pub fn permissions_digest(&self, hash: impl FnOnce(&[u8]) -> [u8; 32]) -> [u8; 32] {
        *self.digest.get_or_init(|| hash(&self.permissions.canonical()))
    }

    /// See [`Principal::urn`].
    pub fn urn(&self) -> String {
        match &self.identity {
            Identity::Root => format!("root:{}", self.account),
            Identity::User { uid, .. } => format!("user:{}:{uid}", self.account),
            Identity::Role { uid, .. } => format!("role:{}:{uid}", self.account),
        }
    }

    /// The ARN as AWS writes it (`aws:PrincipalArn` of a session is the role's own ARN, see [`Caller::policy_arn`]).
    pub fn arn(&self) -> String {
        match &self.identity {
            Identity::Root => format!("arn:aws:iam::{}:root", self.number),
            Identity::User { name, path, .. } => format!("arn:aws:iam::{}:user{path}{name}", self.number),
            Identity::Role { name, session_name, .. } => {
                format!("arn:aws:sts::{}:assumed-role/{name}/{session_name}", self.number)
            }
        }
    }

    /// The ARN that the condition key `aws:PrincipalArn` shows: for a session its role's.
    pub fn policy_arn(&self) -> String {
        match &self.identity {
            Identity::Role { name, path, .. } => format!("arn:aws:iam::{}:role{path}{name}", self.number),
            _ => self.arn(),
        }
    }

    /// Whether it is an account's root identity, with or without a session.
    pub fn is_root(&self) -> bool {
        self.identity == Identity::Root
    }

    /// Whether a session policy narrows it. Such a session may not make or change any identity or policy.
    pub fn is_narrowed(&self) -> bool {
        self.permissions.session.is_some()
    }
}
