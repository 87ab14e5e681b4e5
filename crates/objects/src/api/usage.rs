//! What metering is told and tells.

use model::{AccountId, CmkUid};

/// What requests are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKind {
    /// The requester's account; `None` where nobody proved to be anybody.
    pub account: Option<AccountId>,
    /// The dialect, as in metrics.
    pub dialect: &'static str,
    /// The operation, as in metrics.
    pub operation: &'static str,
    /// The hundreds of the status: 2 to 5.
    pub outcome: u8,
}

/// What requests come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests.
    pub requests: u64,
    /// Bytes of their bodies that were read.
    pub bytes_received: u64,
    /// Bytes of the answers' bodies that were sent.
    pub bytes_sent: u64,
}

/// Requests of one kind on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestUsage {
    /// Days since 1970-01-01, UTC.
    pub day: u32,
    /// The requester's account; `None` where nobody proved to be anybody.
    pub account: Option<AccountId>,
    /// The dialect, as in metrics; `other` where there was no room to tell kinds apart.
    pub dialect: String,
    /// The operation, as in metrics; `other` likewise.
    pub operation: String,
    /// The hundreds of the status.
    pub outcome: u8,
    /// Requests.
    pub requests: u64,
    /// Bytes of their bodies that were read.
    pub bytes_received: u64,
    /// Bytes of the answers' bodies that were sent.
    pub bytes_sent: u64,
}

/// How objects are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoredHow {
    /// Not sealed.
    Plain,
    /// SSE-OBS.
    Obs,
    /// SSE-KMS under this CMK; `None`: under further ones of a bucket that has too many to tell apart.
    Kms(Option<CmkUid>),
    /// SSE-C.
    Customer,
    /// The record is damaged.
    Unreadable,
}

/// What a bucket held on a day, of one method and CMK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageUsage {
    /// Days since 1970-01-01, UTC.
    pub day: u32,
    /// The bucket's owner.
    pub account: AccountId,
    /// The bucket.
    pub bucket: String,
    /// Method and CMK.
    pub how: StoredHow,
    /// Objects.
    pub objects: u64,
    /// Bytes of plaintext.
    pub bytes: u64,
    /// Bytes at rest, of bodies alone.
    pub sealed_bytes: u64,
}
