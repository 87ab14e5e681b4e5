//! Why an operation failed, in neutral words. Each dialect maps every variant to its own wire code in one exhaustive
//! table.

use model::{ETag, NameError, Timestamp};
use policy::PolicyError;
use sse::SseError;
use store::StoreFault;

/// The outcome of an operation that did not succeed. Nothing was changed unless said otherwise.
#[derive(Debug)]
pub enum Fail {
    /// The principal may not do this.
    AccessDenied,
    /// No bucket of this name.
    NoSuchBucket,
    /// No object of this name. `delete_marker`: the current version is a delete marker.
    NoSuchKey {
        /// Whether the current version is a delete marker.
        delete_marker: bool,
    },
    /// No such version of the object.
    NoSuchVersion,
    /// The named version is a delete marker, which has no body (405).
    IsDeleteMarker,
    /// No such multipart upload, or not of this object.
    NoSuchUpload,
    /// The bucket name is taken by another account.
    BucketAlreadyExists,
    /// The bucket is the requester's already.
    BucketAlreadyOwnedByYou,
    /// The bucket holds objects, versions or unfinished uploads; says which.
    BucketNotEmpty(&'static str),
    /// No default encryption is set.
    NoEncryptionConfiguration,
    /// No policy is set.
    NoSuchBucketPolicy,
    /// The policy was refused; says what is wrong where.
    MalformedPolicy(PolicyError),
    /// No block on public access is set.
    NoPublicAccessBlock,
    /// No ownership of objects is set.
    NoOwnershipControls,
    /// ACLs cannot be switched off while the bucket's ACL grants something to others.
    InvalidBucketAclWithOwnership,
    /// The bucket takes no ACLs.
    AclNotSupported,
    /// An ACL was refused; says why.
    MalformedAcl(&'static str),
    /// A grant names an account that does not exist.
    UnknownGrantee,
    /// A grant names an e-mail address that no account has.
    UnresolvableGrantByEmail,
    /// Tags were refused; says why.
    InvalidTag(String),
    /// A name was refused.
    Name(NameError),
    /// The range holds no byte of the object.
    InvalidRange {
        /// The object's plaintext size in bytes.
        size: u64,
    },
    /// The part number asked for does not exist in the object.
    InvalidPartNumber,
    /// An expectation of the request does not hold (412).
    PreconditionFailed,
    /// The client's copy is current (304).
    NotModified {
        /// The object's ETag.
        etag: ETag,
        /// When it was last modified.
        last_modified: Timestamp,
    },
    /// The object changed while a conditional write was under way (409, to be tried again).
    ConditionalConflict,
    /// A part is smaller than the dialect's minimum and not the last.
    EntityTooSmall,
    /// The body or the object is larger than allowed.
    EntityTooLarge,
    /// A part named in complete is missing or has another ETag or checksum.
    InvalidPart,
    /// Parts are not in ascending order.
    InvalidPartOrder,
    /// A promised digest does not match the body: the name of the digest, for example `Content-MD5` or `CRC32`.
    BadDigest(String),
    /// The payload hash of the signature does not match the body.
    ContentSha256Mismatch,
    /// User metadata is too large.
    MetadataTooLarge,
    /// The request is well-formed but contradicts itself or the object.
    InvalidRequest(String),
    /// An argument has a value that is not allowed.
    InvalidArgument {
        /// The argument as the client knows it.
        name: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Not offered.
    NotImplemented(&'static str),
    /// The body could not be read.
    Body(BodyError),
    /// Encryption refused or failed.
    Encryption(SseError),
    /// The store failed.
    Store(StoreFault),
    /// A fault of ours; the text is for the log only.
    Internal(String),
}

/// Why a request body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The connection ended or the body is shorter or longer than announced (400 `IncompleteBody`).
    Incomplete,
    /// Chunk framing is broken (400 `IncompleteBody` in S3).
    MalformedChunk,
    /// A chunk or trailer signature does not match (403).
    ChunkSignature,
    /// A signed chunk that is not the last is smaller than 8192 bytes (400).
    ChunkTooSmall,
    /// A trailer is missing, unannounced or malformed (400 `MalformedTrailerError`).
    MalformedTrailer,
    /// A checksum in a trailer is not of the right form (400 `InvalidRequest`).
    MalformedChecksum,
    /// Nothing arrived for too long (400 `RequestTimeout`).
    TimedOut,
    /// The source of a copy could not be read or does not authenticate (500 `InternalError`).
    Source,
}

impl From<SseError> for Fail {
    fn from(error: SseError) -> Self {
        Self::Encryption(error)
    }
}

impl From<StoreFault> for Fail {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<BodyError> for Fail {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<NameError> for Fail {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl From<policy::Denied> for Fail {
    fn from(_: policy::Denied) -> Self {
        Self::AccessDenied
    }
}
