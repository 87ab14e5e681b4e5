//! Why the KMS refused or failed, sorted by whose fault it is. No variant carries key material, and the texts are fit
//! for callers; what only the operator should read goes to the log.

use std::fmt;
use store::{CommitError, StoreFault};

/// The refusals and failures of the KMS. The AWS KMS API maps each to its exception (docs/kms-api.md), the data plane
/// to `KMS.*` codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KmsError {
    /// No such CMK or alias for this principal: unknown, deleted, of another account or of another region. One answer
    /// for all four.
    NotFound,
    /// The principal may not do this. Given before the CMK's state or existence shows.
    Denied,
    /// The CMK is disabled.
    Disabled,
    /// The CMK waits for its deletion.
    PendingDeletion,
    /// A deletion was to be cancelled and none is scheduled.
    NotPendingDeletion,
    /// Not possible for this CMK: it is managed by the service, for its users.
    ServiceManaged,
    /// The ciphertext is not one of ours, was changed, or belongs to another encryption context, CMK or role. One
    /// answer for all.
    InvalidCiphertext,
    /// The ciphertext was made by another CMK than the one named.
    IncorrectKey,
    /// The reference looks like an ARN and is not one of a CMK or an alias.
    InvalidArn,
    /// The alias's name is not allowed; says why.
    InvalidAlias(&'static str),
    /// The alias exists.
    AlreadyExists,
    /// An argument has a value that is not allowed; says which and why.
    Validation(String),
    /// The caller is over its rate.
    Throttled,
    /// A key provider or the store did not answer; nothing is known to have changed. Worth trying again.
    Unavailable(String),
    /// The root key is not the one this data directory was made with.
    WrongRootKey,
    /// A stored record of the KMS is unreadable or does not authenticate; says which, for the log.
    Damaged(String),
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the CMK or alias does not exist"),
            Self::Denied => f.write_str("access to the CMK is denied"),
            Self::Disabled => f.write_str("the CMK is disabled"),
            Self::PendingDeletion => f.write_str("the CMK is pending deletion"),
            Self::NotPendingDeletion => f.write_str("the CMK is not pending deletion"),
            Self::ServiceManaged => {
                f.write_str("the CMK is managed by the service: it cannot be disabled, renamed or deleted")
            }
            Self::InvalidCiphertext => f.write_str("the ciphertext does not authenticate"),
            Self::IncorrectKey => f.write_str("the ciphertext was made by another CMK"),
            Self::InvalidArn => f.write_str("the ARN is not that of a CMK or an alias"),
            Self::InvalidAlias(why) => write!(f, "the alias name is not allowed: {why}"),
            Self::AlreadyExists => f.write_str("the alias exists"),
            Self::Validation(why) => f.write_str(why),
            Self::Throttled => f.write_str("too many KMS requests"),
            Self::Unavailable(why) => write!(f, "the KMS is not available: {why}"),
            Self::WrongRootKey => f.write_str(
                "the root key does not match this data directory: start with the root key file it was made with \
                 (--root-key-file)",
            ),
            Self::Damaged(what) => write!(f, "a record of the KMS is damaged: {what}"),
        }
    }
}

impl std::error::Error for KmsError {}

impl From<StoreFault> for KmsError {
    fn from(fault: StoreFault) -> Self {
        match fault {
            StoreFault::Full | StoreFault::Unavailable(_) => Self::Unavailable(fault.to_string()),
            StoreFault::Corrupt(what) => Self::Damaged(what),
        }
    }
}

/// A conflict that outlasted its retries: somebody else keeps changing the same rows.
impl From<CommitError> for KmsError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::Unavailable("concurrent changes to the same key".to_owned()),
            CommitError::Fault(fault) => fault.into(),
        }
    }
}

impl From<policy::Denied> for KmsError {
    fn from(_: policy::Denied) -> Self {
        Self::Denied
    }
}
