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
    /// Another process changed the directory at the same time.
    Conflict,
}

impl fmt::Display for IamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GivenRoot(why) => write!(f, "the root credentials given are not usable: {why}"),
            Self::Damaged(what) => write!(f, "the directory of accounts is damaged: {what}"),
            Self::Store(fault) => fault.fmt(f),
            Self::Conflict => f.write_str("another process changes the directory of accounts"),
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
