//! Whom a bucket or trust policy names, and whether the principal is among them (obs-api §8.1, §8.2).

use crate::{Caller, Identity, Principal};
use model::{AccountId, AccountNumber, EntityName, EntityPath, RoleUid, UserUid};

/// Whom a statement names.
#[derive(Clone, Debug)]
pub(crate) struct Principals {
    pub(crate) named: Vec<Named>,
    /// `NotPrincipal`: everybody else.
    pub(crate) negated: bool,
}

/// One that is named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Named {
    /// `*`: everyone, the anonymous included.
    Everyone,
    /// An account, which may pass the right on to its identities.
    Account(AccountText),
    /// All users of an account, or one of them.
    User(AccountText, Option<Who<UserUid>>),
    /// All roles (agencies) of an account, or one of them.
    Role(AccountText, Option<Who<RoleUid>>),
    /// One session of a role.
    Session { account: AccountText, role: EntityName, session: Box<str> },
    /// A service or a federated identity. Nobody signs as one.
    Nobody,
}

/// An account by its number or by its id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccountText(Box<str>);

/// A user or a role of an account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Who<U> {
    /// 32 hexadecimal digits are a uid.
    uid: Option<U>,
    name: EntityName,
    /// ARNs name the path as well; the other forms do not.
    path: Option<EntityPath>,
}

/// How a statement names a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// By its account: an identity of it needs its account's word as well.
    Account,
    /// By itself, or as one of everybody.
    Direct,
}

impl Principals {
    /// Whether and how the statement is about this principal. Between `Account` and `Direct` only an Allow tells.
    pub(crate) fn hold(&self, principal: &Principal, allows: bool) -> Option<Hold> {
        let hold =
            self.named.iter().filter_map(|named| named.hold(principal, allows)).max_by_key(|h| *h == Hold::Direct);
        if !self.negated {
            return hold;
        }
        // Who is excepted from a Deny must be named himself: his account alone stands for its root identity only. From an
        // Allow to everybody else an account excepts all it holds.
        let excepted = match hold {
            None => false,
            Some(Hold::Direct) => true,
            Some(Hold::Account) => allows || principal.caller().is_some_and(|caller| caller.is_root()),
        };
        (!excepted).then_some(Hold::Direct)
    }

    /// Whether it names everyone.
    pub(crate) fn names_everyone(&self) -> bool {
        self.negated || self.named.contains(&Named::Everyone)
    }
}

impl Named {
    /// Whether it names one account or one identity: not everyone, not all of a kind, not a service.
    pub(crate) fn is_one(&self) -> bool {
        !matches!(self, Self::Everyone | Self::User(_, None) | Self::Role(_, None) | Self::Nobody)
    }

    pub(crate) fn hold(&self, principal: &Principal, allows: bool) -> Option<Hold> {
        if *self == Self::Everyone {
            return Some(Hold::Direct);
        }
        let caller = principal.caller()?;
        match (self, &caller.identity) {
            (Self::Account(account), _) => account.is_of(caller).then_some(Hold::Account),
            (Self::User(account, who), Identity::User { uid, name, path }) => {
                let is = account.is_of(caller) && who.as_ref().is_none_or(|who| who.is(uid, name, path, allows));
                is.then_some(Hold::Direct)
            }
            (Self::Role(account, who), Identity::Role { uid, name, path, .. }) => {
                let is = account.is_of(caller) && who.as_ref().is_none_or(|who| who.is(uid, name, path, allows));
                is.then_some(Hold::Direct)
            }
            (Self::Session { account, role, session }, Identity::Role { name, session_name, .. }) => {
                (account.is_of(caller) && role == name && **session == **session_name).then_some(Hold::Direct)
            }
            _ => None,
        }
    }

    /// Reads a name in any of its forms.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::Everyone);
        }
        if let Some(rest) = text.strip_prefix("domain/") {
            let (account, entity) = rest.split_once(':').unwrap_or((rest, "root"));
            return Self::entity(AccountText::parse(account)?, entity, '/', false);
        }
        if let Some(rest) = text.strip_prefix("arn:") {
            let mut parts = rest.splitn(5, ':');
            let (_partition, service, region) = (parts.next()?, parts.next()?, parts.next()?);
            let (account, entity) = (AccountText::parse(parts.next()?)?, parts.next()?);
            return match (service, region) {
                ("iam", "") => Self::entity(account, entity, '/', true),
                ("sts", "") => Self::session(account, entity.strip_prefix("assumed-role/")?),
                _ => None,
            };
        }
        // Huawei's newer names: `iam::account:user:name`, `sts::account:assumed-agency:name/session`.
        if let Some(rest) = text.strip_prefix("iam::") {
            let (account, entity) = rest.split_once(':')?;
            return Self::entity(AccountText::parse(account)?, entity, ':', true);
        }
        if let Some(rest) = text.strip_prefix("sts::") {
            let (account, entity) = rest.split_once(':')?;
            return Self::session(AccountText::parse(account)?, entity.strip_prefix("assumed-agency:")?);
        }
        Some(Self::Account(AccountText::parse(text)?))
    }

    /// An account as a canonical user.
    pub(crate) fn parse_canonical(text: &str) -> Option<Self> {
        Some(Self::Account(AccountText::parse(text.trim())?))
    }

    /// `kind` and name, with `mark` between them.
    fn entity(account: AccountText, entity: &str, mark: char, with_path: bool) -> Option<Self> {
        if entity == "root" {
            return Some(Self::Account(account));
        }
        let (kind, name) = entity.split_once(mark)?;
        match kind {
            "user" => Some(Self::User(account, who(name, with_path, UserUid::parse_hex)?)),
            "role" | "agency" => Some(Self::Role(account, who(name, with_path, RoleUid::parse_hex)?)),
            "identity-provider" | "saml-provider" | "oidc-provider" if !name.is_empty() => Some(Self::Nobody),
            // A group of a federation, in OBS's form. A group of users is no principal: its name in an ARN is refused.
            "group" if !with_path && !name.is_empty() => Some(Self::Nobody),
            _ => None,
        }
    }

    fn session(account: AccountText, rest: &str) -> Option<Self> {
        let (role, session) = rest.split_once('/')?;
        let role = EntityName::parse(role)?;
        EntityName::parse(session)?;
        Some(Self::Session { account, role, session: session.into() })
    }
}

/// `*` is everyone of the kind. `None` outside: not a name.
fn who<U>(text: &str, with_path: bool, uid: fn(&str) -> Option<U>) -> Option<Option<Who<U>>> {
    if text == "*" {
        return Some(None);
    }
    let (path, name) = match text.rsplit_once('/') {
        Some((path, name)) if with_path => (Some(EntityPath::parse(&format!("/{path}/"))?), name),
        Some(_) => return None,
        None => (with_path.then(EntityPath::default), text),
    };
    let name = EntityName::parse(name)?;
    Some(Some(Who { uid: uid(text).filter(|_| text.len() == 32), name, path }))
}

impl<U: PartialEq> Who<U> {
    /// A text that is a uid grants to nobody who merely bears it as a name; it denies to both.
    fn is(&self, uid: &U, name: &EntityName, path: &EntityPath, allows: bool) -> bool {
        let by_name = self.name == *name && self.path.as_ref().is_none_or(|own| own == path);
        match &self.uid {
            Some(own) => own == uid || (!allows && by_name),
            None => by_name,
        }
    }
}

impl AccountText {
    /// Numbers have 12 digits and ids 32: one with a digit left out would name nobody, and its Deny go unheard.
    fn parse(text: &str) -> Option<Self> {
        let is_number = text.len() == 12 && AccountNumber::parse(text).is_some();
        let is_id = text.len() == 32 && AccountId::parse(text).is_some();
        (is_number || is_id).then(|| Self(text.into()))
    }

    fn is_of(&self, caller: &Caller) -> bool {
        *self.0 == *caller.number.as_str() || *self.0 == *caller.account.as_str()
    }
}
