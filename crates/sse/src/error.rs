//! Why encryption refused or failed.

use std::fmt;

/// The refusals and failures of this room. Dialects map each to a wire code; none carries key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SseError {
    /// The method needs TLS and the request came in plain (400 `InvalidRequest`).
    NeedsTls,
    /// SSE-KMS needs a signed request (anonymous, 403).
    NeedsSignature,
    /// Encryption headers contradict each other or have a value that is not allowed (400 `InvalidArgument`).
    InvalidArgument {
        /// Which header is at fault.
        field: EncryptionField,
        /// What is wrong.
        message: &'static str,
    },
    /// The SSE-C algorithm is not `AES256` (400 `InvalidEncryptionAlgorithmError`).
    CustomerAlgorithm,
    /// The object is sealed under a customer key and none was sent (400 `InvalidRequest`; OBS
    /// `InvalidEncryptionAlgorithmError`).
    CustomerKeyMissing,
    /// A customer key was sent for something that is not sealed under one (400 `InvalidRequest`).
    CustomerKeyUnexpected,
    /// Another customer key than the object's (S3 403 `AccessDenied`; OBS 400 `InvalidEncryptionAlgorithmError`).
    CustomerKeyWrong,
    /// Another customer key than the upload's (400 `InvalidRequest`).
    CustomerKeyNotOfUpload,
    /// Encryption headers that a read does not take (400 `InvalidArgument`).
    HeadersOnRead,
    /// The object is plain or sealed under a customer key, or is to come under no CMK: its keys cannot be wrapped anew
    /// without its body (400 `InvalidRequest`).
    NotRewrappable,
    /// Known to the protocol and not offered by this server, says what (501 `NotImplemented`).
    NotOffered(&'static str),
    /// No such CMK (400 `KMS.NotFoundException`).
    KeyNotFound,
    /// The CMK is disabled (400 `KMS.DisabledException`).
    KeyDisabled,
    /// The CMK is pending deletion (400 `KMS.KMSInvalidStateException`; OBS `KMS.DisabledException`).
    KeyPendingDeletion,
    /// The CMK waits for its key material (400 `KMS.KMSInvalidStateException`; OBS `KMS.DisabledException`).
    KeyPendingImport,
    /// The principal may not use the CMK (403 `AccessDenied`).
    KeyDenied,
    /// The KMS is not reachable (503 `ServiceUnavailable`).
    KmsUnavailable,
    /// The KMS throttles (503 `SlowDown`, with `Retry-After`).
    KmsThrottled,
    /// Something stored does not authenticate (500 `InternalError`); all causes look alike from outside.
    Damaged,
}

/// An encryption header, named neutrally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of EncryptionHeaders of the same name")]
pub enum EncryptionField {
    Method,
    KeyId,
    KeyProjectId,
    Context,
    DataEncryption,
    BucketKeyEnabled,
    BucketKeyRotationDays,
    CustomerAlgorithm,
    CustomerKey,
    CustomerKeyMd5,
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for SseError {}
