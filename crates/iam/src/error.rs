//! Why the directory could not be opened.

use std::fmt;
use store::{CommitError, StoreFault};

/// The failures of this room. None carries a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IamError {
    /// The given root credentials are not usable; says why.
    GivenRoot(&'static str),
    /// A stored record is unreadable, or a secret does not open; says which.
    Damaged(String),
    /// The store failed.
    Store(StoreFault),
    /// The directory was changed at the same time, by another process or in what the requester's rights were asked for.
    Conflict,
    /// The requester may not do this: the action, who, and the entity's ARN.
    AccessDenied {
        /// `iam:CreateUser` and the like.
        action: &'static str,
        /// The requester's ARN, or `anonymous`.
        principal: String,
        /// What was touched.
        resource: String,
    },
    /// No such entity: `user`, `group`, …, and what it was called.
    NoSuchEntity(&'static str, String),
    /// The name is taken: what, and its name.
    AlreadyExists(&'static str, String),
    /// It still has what must go first; says what.
    DeleteConflict(&'static str),
    /// One more than the limit allows; says of what.
    LimitExceeded(&'static str),
    /// A policy document is not valid.
    MalformedPolicy(policy::PolicyError),
    /// An argument is outside its bounds: its name, and the rule.
    InvalidInput(&'static str, String),
    /// A login with a password, or a token, that is not accepted. Says no more.
    Unauthorized,
    /// Not offered; says what.
    NotOffered(&'static str),
}

impl fmt::Display for IamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GivenRoot(why) => write!(f, "the root credentials given are not usable: {why}"),
            Self::Damaged(what) => write!(f, "the directory of accounts is damaged: {what}"),
            Self::Store(fault) => fault.fmt(f),
            Self::Conflict => f.write_str("another process changes the directory of accounts"),
            Self::AccessDenied { action, principal, resource } => {
                write!(f, "{principal} is not authorized to perform {action} on {resource}")
            }
            Self::NoSuchEntity(what, name) => write!(f, "the {what} {name} cannot be found"),
            Self::AlreadyExists(what, name) => write!(f, "the {what} {name} already exists"),
            Self::DeleteConflict(what) => write!(f, "it still has {what}, which must be removed first"),
            Self::LimitExceeded(what) => write!(f, "the limit of {what} is reached"),
            Self::MalformedPolicy(error) => write!(f, "the policy document is not valid: {error}"),
            Self::InvalidInput(name, rule) => write!(f, "{name}: {rule}"),
            Self::Unauthorized => f.write_str("the credentials are not accepted"),
            Self::NotOffered(what) => write!(f, "{what} is not offered"),
        }
    }
}

impl std::error::Error for IamError {}

impl From<StoreFault> for IamError {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<CommitError> for IamError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::Conflict,
            CommitError::Fault(fault) => Self::Store(fault),
        }
    }
}
