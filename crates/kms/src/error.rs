//! Why the KMS refused or failed, sorted by whose fault it is. No variant carries key material, and the texts are fit
//! for callers; what only the operator should read goes to the log.

use crate::KeyImpact;
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
    /// The CMK's material comes from outside and is not there.
    PendingImport,
    /// Objects, bucket keys or bucket defaults need the CMK, and its deletion was not forced.
    InUse(Box<KeyImpact>),
    /// Not possible for a CMK of this kind (spec, origin, provider); says what.
    Unsupported(&'static str),
    /// A limit is reached; says which.
    LimitExceeded(&'static str),
    /// A change of the same kind is under way, or its outcome is already there; says which.
    Conflict(&'static str),
    /// The key policy or the grant cannot be read, or would lock its author out; says why.
    MalformedPolicy(String),
    /// A tag is not allowed; says why.
    Tag(&'static str),
    /// No such grant.
    InvalidGrantId,
    /// The grant token is not one of ours, or its grant is gone.
    InvalidGrantToken,
    /// The import token is not one of this CMK.
    InvalidImportToken,
    /// The import token's time is over.
    ExpiredImportToken,
    /// The imported material is not that which the CMK had before.
    IncorrectMaterial,
    /// The audit log cannot be written, so no key is handed out.
    AuditUnavailable,
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
            Self::PendingImport => f.write_str("the CMK has no key material: it is pending import"),
            Self::InUse(impact) => write!(f, "the CMK is needed: {impact}"),
            Self::Unsupported(what) => write!(f, "not possible for this CMK: {what}"),
            Self::LimitExceeded(what) => write!(f, "a limit is reached: {what}"),
            Self::Conflict(what) => f.write_str(what),
            Self::MalformedPolicy(why) => write!(f, "the key policy is not accepted: {why}"),
            Self::Tag(why) => write!(f, "the tag is not allowed: {why}"),
            Self::InvalidGrantId => f.write_str("there is no such grant"),
            Self::InvalidGrantToken => f.write_str("the grant token is not valid"),
            Self::InvalidImportToken => f.write_str("the import token is not one of this CMK"),
            Self::ExpiredImportToken => f.write_str("the import token has expired"),
            Self::IncorrectMaterial => f.write_str("the key material is not that which the CMK had before"),
            Self::AuditUnavailable => f.write_str("the audit log cannot be written"),
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

impl From<audit::AuditFault> for KmsError {
    fn from(fault: audit::AuditFault) -> Self {
        tracing::error!(%fault, "no key is handed out");
        Self::AuditUnavailable
    }
}

impl From<policy::Denied> for KmsError {
    fn from(_: policy::Denied) -> Self {
        Self::Denied
    }
}
