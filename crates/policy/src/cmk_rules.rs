//! What a CMK says about who may touch it: its key policy and the grants on it (kms-iam-api §2.7).

use crate::action_set::ActionSet;
use crate::principals::{Hold, Named};
use crate::{Action, Policy, Principal};
use model::{AccountId, RoleUid, UserUid};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What a CMK says about who may touch it.
#[derive(Clone, Debug)]
pub struct CmkRules {
    /// The CMK's owner.
    pub owner: AccountId,
    /// The key policy. `None` is the one every CMK begins with: it leaves all to the account. One that cannot be read
    /// stands here as [`Policy::unreadable`].
    pub policy: Option<Arc<Policy>>,
    /// The grants on it.
    pub grants: Vec<Arc<KeyGrant>>,
    /// For `kms:RetireGrant` the grant that is given back: whom it names for that may. No other grant counts for this
    /// action, so a right to give back one is not one to give back its neighbour.
    pub retires: Option<Arc<KeyGrant>>,
    /// Whether other accounts are refused whatever policy and grants say: default keys, and CMKs of a project that is
    /// not the account's default one.
    pub own_account_only: bool,
}

impl CmkRules {
    /// Those of a new CMK: no key policy of its own, no grants.
    pub fn new(owner: AccountId) -> Self {
        Self { owner, policy: None, grants: Vec::new(), retires: None, own_account_only: false }
    }
}

/// A grant: lets one principal do some operations with one CMK. It only allows. Parsed once, where it is made or read.
#[derive(Clone, Debug)]
pub struct KeyGrant {
    id: Box<str>,
    grantee: GrantPrincipal,
    retiring: Option<GrantPrincipal>,
    operations: ActionSet,
    constraint: Option<ContextConstraint>,
}

/// Whom a grant names: the ARN of an account's root, a user, a role or one of its sessions, the other forms that policies
/// know for these, an account's number or id, or the uid of a user or a role.
#[derive(Clone, Debug)]
pub struct GrantPrincipal {
    text: Box<str>,
    named: Named,
    /// 32 hexadecimal digits are an account's id, a user's uid or a role's: whichever the principal has.
    uid: Option<(Option<UserUid>, Option<RoleUid>)>,
}

/// What a grant asks of the encryption context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextConstraint {
    /// Exactly these pairs.
    Equals(BTreeMap<String, String>),
    /// At least these pairs.
    Subset(BTreeMap<String, String>),
}

/// Why something cannot be a grant; fit for its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantError {
    /// This is not the name of a principal that a grant can name. Everyone, kinds of principals and services cannot be.
    Principal(String),
    /// A grant without an operation.
    NoOperation,
    /// No grant can allow this.
    Operation(Action),
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(text) => write!(f, "`{text}` is not a principal that a grant can name"),
            Self::NoOperation => f.write_str("a grant allows at least one operation"),
            Self::Operation(action) => write!(f, "a grant cannot allow `{}`", action.name()),
        }
    }
}

impl std::error::Error for GrantError {}

impl GrantPrincipal {
    /// Longest name, in bytes (AWS: 256).
    pub const BYTES_MAX: usize = 256;

    /// Reads a name.
    ///
    /// # Errors
    /// [`GrantError::Principal`].
    pub fn parse(text: &str) -> Result<Self, GrantError> {
        let wrong = || GrantError::Principal(text.chars().take(80).collect());
        if text.len() > Self::BYTES_MAX {
            return Err(wrong());
        }
        let trimmed = text.trim();
        let named = Named::parse(trimmed).filter(Named::is_one).ok_or_else(wrong)?;
        let uid = (trimmed.len() == 32).then(|| (UserUid::parse_hex(trimmed), RoleUid::parse_hex(trimmed)));
        Ok(Self { text: trimmed.into(), named, uid })
    }

    /// The name as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the principal is named here, by itself or by its account.
    pub fn is(&self, principal: &Principal) -> bool {
        self.hold(principal).is_some()
    }

    fn hold(&self, principal: &Principal) -> Option<Hold> {
        let by_uid = self.uid.is_some_and(|(user, role)| match principal.caller().map(|caller| &caller.identity) {
            Some(crate::Identity::User { uid, .. }) => user == Some(*uid),
            Some(crate::Identity::Role { uid, .. }) => role == Some(*uid),
            _ => false,
        });
        if by_uid { Some(Hold::Direct) } else { self.named.hold(principal, true) }
    }
}

impl KeyGrant {
    /// What a grant can allow (kms-iam-api §1.4, §2.3).
    pub const OPERATIONS: &'static [Action] = &[
        Action::KmsDecrypt,
        Action::KmsEncrypt,
        Action::KmsGenerateDataKey,
        Action::KmsGenerateDataKeyWithoutPlaintext,
        Action::KmsReEncryptFrom,
        Action::KmsReEncryptTo,
        Action::KmsCreateGrant,
        Action::KmsRetireGrant,
        Action::KmsDescribeKey,
    ];

    /// Joins the parts.
    ///
    /// # Errors
    /// [`GrantError`] for names that are none and operations that no grant can allow.
    pub fn new(
        id: &str,
        grantee: &str,
        retiring: Option<&str>,
        operations: &[Action],
        constraint: Option<ContextConstraint>,
    ) -> Result<Self, GrantError> {
        let mut set = ActionSet::default();
        for operation in operations {
            if !Self::OPERATIONS.contains(operation) {
                return Err(GrantError::Operation(*operation));
            }
            set.add(*operation);
        }
        if set.is_empty() {
            return Err(GrantError::NoOperation);
        }
        let grantee = GrantPrincipal::parse(grantee)?;
        let retiring = retiring.map(GrantPrincipal::parse).transpose()?;
        Ok(Self { id: id.into(), grantee, retiring, operations: set, constraint })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who may use the CMK by it.
    pub fn grantee(&self) -> &GrantPrincipal {
        &self.grantee
    }

    /// Who may retire it besides the CMK's owner and, with the operation `RetireGrant`, the grantee.
    pub fn retiring(&self) -> Option<&GrantPrincipal> {
        self.retiring.as_ref()
    }

    /// What it allows.
    pub fn operations(&self) -> &ActionSet {
        &self.operations
    }

    /// What the encryption context must be.
    pub fn constraint(&self) -> Option<&ContextConstraint> {
        self.constraint.as_ref()
    }

    /// Whether and how it names a principal as one that may give it back.
    pub(crate) fn retired_by(&self, principal: &Principal) -> Option<Hold> {
        let as_grantee = self.operations.contains(Action::KmsRetireGrant).then(|| self.grantee.hold(principal));
        let as_retiring = self.retiring.as_ref().map(|retiring| retiring.hold(principal));
        [as_grantee.flatten(), as_retiring.flatten()].into_iter().flatten().max_by_key(|hold| *hold == Hold::Direct)
    }

    /// Whether and how it names a principal as one that may use the CMK.
    pub(crate) fn held_by(&self, principal: &Principal) -> Option<Hold> {
        self.grantee.hold(principal)
    }

    /// Whether the principal may give it back by what the grant says; its own policies may still forbid it.
    pub fn is_retired_by(&self, principal: &Principal) -> bool {
        self.retired_by(principal).is_some()
    }
}
