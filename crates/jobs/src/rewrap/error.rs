//! Why a request about a job was refused.

use kms::KmsError;
use model::JobId;
use std::fmt;
use store::StoreFault;

/// Refusals and failures of requests about jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewrapError {
    /// A job outlives a session: it is started with a long-term access key.
    NeedsAccessKey,
    /// No such job, or not for this caller.
    NoSuchJob,
    /// No such bucket, or not for this caller.
    NoSuchBucket,
    /// What was asked for contradicts itself; says how.
    Invalid(&'static str),
    /// Another job runs over one of these CMKs.
    Busy(JobId),
    /// The job is not in a state for that; says in which it is.
    WrongState(&'static str),
    /// The CMKs are not to be had so.
    Kms(KmsError),
    /// The store failed.
    Store(StoreFault),
}

impl fmt::Display for RewrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsAccessKey => f.write_str("a job is started with a long-term access key, not with a session"),
            Self::NoSuchJob => f.write_str("there is no such job"),
            Self::NoSuchBucket => f.write_str("there is no such bucket"),
            Self::Invalid(why) => f.write_str(why),
            Self::Busy(id) => write!(f, "the rewrap job {id} runs over this key: wait for its end, or stop it"),
            Self::WrongState(state) => write!(f, "the job is {state}"),
            Self::Kms(error) => error.fmt(f),
            Self::Store(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for RewrapError {}

impl From<KmsError> for RewrapError {
    fn from(error: KmsError) -> Self {
        Self::Kms(error)
    }
}

impl From<StoreFault> for RewrapError {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}
