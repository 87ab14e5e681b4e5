//! How many requests to use a CMK there were, by operation and outcome. Tests hold the budget of KMS calls with them,
//! and the metrics page shows them. The server's own keys under the root key are not requests and do not count.

use crate::KmsError;
use std::sync::atomic::{AtomicU64, Ordering};

/// An operation that uses a CMK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Make a key and wrap it under a CMK.
    GenerateDataKey,
    /// Unwrap a key, or bytes of a caller outside.
    Decrypt,
    /// Make a key for a caller who is not to see it.
    GenerateDataKeyWithoutPlaintext,
    /// Wrap bytes of a caller outside.
    Encrypt,
    /// Unwrap and wrap again.
    ReEncrypt,
    /// Draw random bytes.
    GenerateRandom,
}

impl Operation {
    /// The operation of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// Every operation.
    pub const ALL: [Self; 6] = [
        Self::GenerateDataKey,
        Self::Decrypt,
        Self::GenerateDataKeyWithoutPlaintext,
        Self::Encrypt,
        Self::ReEncrypt,
        Self::GenerateRandom,
    ];

    /// The name in the AWS KMS API, also the metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Decrypt => "Decrypt",
            Self::GenerateDataKeyWithoutPlaintext => "GenerateDataKeyWithoutPlaintext",
            Self::Encrypt => "Encrypt",
            Self::ReEncrypt => "ReEncrypt",
            Self::GenerateRandom => "GenerateRandom",
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The key was handed out.
    Ok,
    /// The principal may not use the CMK.
    Denied,
    /// The CMK is disabled.
    Disabled,
    /// No such CMK.
    NotFound,
    /// The CMK is pending deletion or import.
    InvalidState,
    /// The provider, the store or the audit log did not answer.
    Unavailable,
    /// The account, or this server at its provider, is over its rate.
    Throttled,
    /// Anything else: a ciphertext that does not authenticate, a damaged record.
    Error,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Denied,
        Self::Disabled,
        Self::NotFound,
        Self::InvalidState,
        Self::Unavailable,
        Self::Throttled,
        Self::Error,
    ];

    /// The metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Disabled => "disabled",
            Self::NotFound => "not_found",
            Self::InvalidState => "invalid_state",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::Error => "error",
        }
    }

    /// The outcome of a result.
    pub fn of<T>(result: &Result<T, KmsError>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(KmsError::Denied) => Self::Denied,
            Err(KmsError::Disabled) => Self::Disabled,
            Err(KmsError::NotFound) => Self::NotFound,
            Err(KmsError::PendingDeletion | KmsError::PendingImport) => Self::InvalidState,
            Err(KmsError::Unavailable(_) | KmsError::AuditUnavailable) => Self::Unavailable,
            Err(KmsError::Throttled) => Self::Throttled,
            Err(_) => Self::Error,
        }
    }
}

/// The counts since start-up.
#[derive(Debug, Default)]
pub struct KmsCounters([[AtomicU64; Outcome::ALL.len()]; Operation::ALL.len()]);

impl KmsCounters {
    /// Requests of an operation that ended so.
    pub fn requests(&self, operation: Operation, outcome: Outcome) -> u64 {
        self.0[operation as usize][outcome as usize].load(Ordering::Relaxed)
    }

    /// Requests of all operations, whatever their outcome.
    pub fn total(&self) -> u64 {
        self.snapshot().map(|(_, _, count)| count).sum()
    }

    /// Every count.
    pub fn snapshot(&self) -> impl Iterator<Item = (Operation, Outcome, u64)> {
        Operation::ALL.into_iter().flat_map(move |operation| {
            Outcome::ALL.into_iter().map(move |outcome| (operation, outcome, self.requests(operation, outcome)))
        })
    }

    pub(crate) fn count<T>(&self, operation: Operation, result: &Result<T, KmsError>) {
        self.0[operation as usize][Outcome::of(result) as usize].fetch_add(1, Ordering::Relaxed);
    }
}
