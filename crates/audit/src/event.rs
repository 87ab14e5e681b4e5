//! An audit event. Its fields are names, never secrets.

use model::Timestamp;
use std::net::IpAddr;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A key was used, or its use refused; also operations that only read about keys.
    KeyUse,
    /// A key, an alias, a grant or a key policy was changed, or the change refused.
    KeyChange,
    /// An object was read, written, changed or removed.
    ObjectAccess,
    /// The server itself: start, end, root key, backup.
    System,
}

/// How it ended, or that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A change is about to be made; another event tells how it ended.
    Begun,
    /// Done; for key use: allowed, and the key is handed out after this event is on the log.
    Ok,
    /// Refused for want of a right.
    Denied,
    /// Refused or failed for another reason.
    Failed,
}

/// Who asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The account (Huawei: domain); empty for nobody and for the server's own jobs.
    pub account: String,
    /// The principal: `user:<account>:<uid>` and its kin, `anonymous`, or `job:<name>`.
    pub principal: String,
    /// The same in the form of an ARN, with names.
    pub arn: String,
    /// The access key that signed.
    pub access_key: Option<String>,
    /// Digest of everything the caller was allowed, session policy included: which permissions this use rested on.
    pub permissions: Option<[u8; 32]>,
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Whether the request came over TLS.
    pub secure: bool,
}

/// Which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyNamed {
    /// Its ARN.
    pub arn: String,
    /// The version used or made; `None` where none was.
    pub version: Option<u32>,
    /// The key provider that keeps it.
    pub provider: Option<String>,
}

/// Which object, and how it is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectNamed {
    /// The bucket.
    pub bucket: String,
    /// The object; empty for the bucket itself.
    pub object: String,
    /// The version's uid, if one was touched.
    pub version: Option<String>,
    /// `none`, `sse-obs`, `sse-kms` or `sse-c`.
    pub method: &'static str,
    /// The bucket key's id: joins the access to the event of the key's making.
    pub bucket_key: Option<String>,
}

/// An audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, by the server's clock.
    pub time: Timestamp,
    /// The request it belongs to; empty for the server's own jobs.
    pub request_id: String,
    /// What it is about.
    pub kind: EventKind,
    /// The operation, by AWS's name where AWS has one (`Decrypt`, `CreateGrant`, `PutObject`).
    pub operation: &'static str,
    /// Through which service: `s3`, `obs`, `kms`, `huawei-kms`, `admin`, `job`.
    pub via: &'static str,
    /// Who asked.
    pub who: Who,
    /// Which key, if one was named and may be told.
    pub key: Option<KeyNamed>,
    /// Which object.
    pub object: Option<ObjectNamed>,
    /// The encryption context, in order of its keys.
    pub context: Vec<(String, String)>,
    /// How it ended.
    pub outcome: Outcome,
    /// The error's name, for what did not end well.
    pub error: Option<&'static str>,
    /// What else the operation says of itself: alias, grant id, days, target of an alias.
    pub details: Vec<(&'static str, String)>,
}
