//! The words of the S3 dialect (s3-sse-behaviour §2-§10, §15-§17).

use super::wire::not_implemented;
use super::{Compat, INTERNAL, RETRY_AFTER_SECONDS, Wording, field_name, w};
use crate::dialect::Dialect;
use http::StatusCode as S;
use model::NameError;
use objects::{BodyError, Fail};
use sse::SseError;

pub(super) fn fail(dialect: &'static Dialect, fail: &Fail, compat: Compat) -> Wording {
    match fail {
        Fail::AccessDenied => w(S::FORBIDDEN, "AccessDenied", "Access Denied"),
        Fail::NoSuchBucket => w(S::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist"),
        Fail::NoSuchKey { delete_marker } => {
            let words = w(S::NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
            if *delete_marker { words.header(dialect.names.delete_marker, "true") } else { words }
        }
        Fail::NoSuchVersion => w(S::NOT_FOUND, "NoSuchVersion", "The specified version does not exist."),
        Fail::IsDeleteMarker => {
            w(S::METHOD_NOT_ALLOWED, "MethodNotAllowed", "The specified method is not allowed against this resource.")
                .header(dialect.names.delete_marker, "true")
                .header("allow", "DELETE")
        }
        Fail::NoSuchUpload => w(
            S::NOT_FOUND,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
             completed.",
        ),
        Fail::BucketAlreadyExists => w(
            S::CONFLICT,
            "BucketAlreadyExists",
            "The requested bucket name is not available. Please select a different name and try again.",
        ),
        Fail::BucketAlreadyOwnedByYou => w(
            S::CONFLICT,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        ),
        Fail::BucketNotEmpty(what) => {
            w(S::CONFLICT, "BucketNotEmpty", format!("The bucket you tried to delete is not empty: it has {what}"))
        }
        Fail::NoEncryptionConfiguration => {
            w(S::NOT_FOUND, dialect.no_encryption_code, "The server side encryption configuration was not found")
        }
        Fail::NoSuchBucketPolicy => {
            w(S::NOT_FOUND, "NoSuchBucketPolicy", "The specified bucket does not have a policy.")
        }
        Fail::MalformedPolicy(error) => w(S::BAD_REQUEST, "MalformedPolicy", error.to_string()),
        Fail::NoPublicAccessBlock => w(
            S::NOT_FOUND,
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
        Fail::NoOwnershipControls => {
            w(S::NOT_FOUND, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
        }
        Fail::InvalidBucketAclWithOwnership => w(
            S::BAD_REQUEST,
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ),
        Fail::AclNotSupported => w(S::BAD_REQUEST, "AccessControlListNotSupported", "The bucket does not allow ACLs"),
        Fail::MalformedAcl(message) => w(S::BAD_REQUEST, "MalformedACLError", *message),
        Fail::UnknownGrantee => w(S::BAD_REQUEST, "InvalidArgument", "Invalid id"),
        Fail::UnresolvableGrantByEmail => w(
            S::BAD_REQUEST,
            "UnresolvableGrantByEmailAddress",
            "The e-mail address you provided does not match any account on record.",
        ),
        Fail::InvalidTag(message) => w(S::BAD_REQUEST, "InvalidTag", message.clone()),
        Fail::Name(error) => name(*error),
        Fail::InvalidRange { size } => {
            w(S::RANGE_NOT_SATISFIABLE, "InvalidRange", "The requested range is not satisfiable")
                .detail("ActualObjectSize", size.to_string())
                .header("content-range", format!("bytes */{size}"))
        }
        Fail::InvalidPartNumber => match compat {
            Compat::Aws => {
                w(S::RANGE_NOT_SATISFIABLE, "InvalidPartNumber", "The requested partnumber is not satisfiable")
            }
            Compat::Ceph => w(S::BAD_REQUEST, "InvalidPart", "The requested partnumber is not satisfiable"),
        },
        Fail::PreconditionFailed => w(
            S::PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
        ),
        Fail::NotModified { .. } => w(S::NOT_MODIFIED, "NotModified", "Not Modified"),
        Fail::ConditionalConflict => w(
            S::CONFLICT,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
        Fail::EntityTooSmall => {
            w(S::BAD_REQUEST, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        }
        Fail::EntityTooLarge => {
            w(S::BAD_REQUEST, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        }
        Fail::InvalidPart => w(
            S::BAD_REQUEST,
            "InvalidPart",
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
             specified entity tag may not match the part's entity tag.",
        ),
        Fail::InvalidPartOrder => w(
            S::BAD_REQUEST,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        Fail::BadDigest(noun) => super::bad_digest(noun),
        Fail::ContentSha256Mismatch => w(
            S::BAD_REQUEST,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        Fail::MetadataTooLarge => {
            w(S::BAD_REQUEST, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
        }
        Fail::InvalidRequest(message) => w(S::BAD_REQUEST, "InvalidRequest", message.clone()),
        Fail::InvalidArgument { name, message } => {
            w(S::BAD_REQUEST, "InvalidArgument", message.clone()).detail("ArgumentName", *name)
        }
        Fail::NotImplemented(what) => {
            w(S::NOT_IMPLEMENTED, not_implemented(dialect), format!("This server does not implement {what}."))
        }
        Fail::Body(error) => body(*error),
        Fail::Encryption(error) => encryption(dialect, error, compat),
        Fail::Store(fault) => super::store(fault),
        Fail::Internal(_) => w(S::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
    }
}

pub(super) fn name(error: NameError) -> Wording {
    match error {
        NameError::InvalidBucketName => w(S::BAD_REQUEST, "InvalidBucketName", "The specified bucket is not valid."),
        NameError::InvalidObjectName => w(S::BAD_REQUEST, "InvalidURI", "Couldn't parse the specified URI."),
        NameError::ObjectNameTooLong => w(S::BAD_REQUEST, "KeyTooLongError", "Your key is too long")
            .detail("MaxSizeAllowed", model::OBJECT_NAME_BYTES_MAX.to_string()),
    }
}

fn body(error: BodyError) -> Wording {
    let bad = |code, message: &'static str| Wording::new(S::BAD_REQUEST, code, message);
    match error {
        BodyError::Incomplete | BodyError::MalformedChunk => {
            bad("IncompleteBody", "The request body terminated unexpectedly or has another length than announced.")
        }
        BodyError::ChunkSignature => Wording::new(
            S::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The signature of a chunk does not match the one we calculated.",
        ),
        BodyError::ChunkTooSmall => {
            bad("InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes")
        }
        BodyError::MalformedTrailer => {
            bad("MalformedTrailerError", "The request contained trailing data that was not well-formed")
        }
        BodyError::MalformedChecksum => bad("InvalidRequest", "Value for a trailing checksum is invalid."),
        BodyError::Source => w(S::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
        BodyError::TimedOut => bad(
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        ),
    }
}

fn encryption(dialect: &'static Dialect, error: &SseError, compat: Compat) -> Wording {
    let bad = |code, message: &'static str| Wording::new(S::BAD_REQUEST, code, message);
    match error {
        SseError::NeedsTls => bad(
            "InvalidRequest",
            "Requests specifying or needing this server side encryption must be made over a secure connection.",
        ),
        SseError::NeedsSignature => Wording::new(S::FORBIDDEN, "AccessDenied", "Access Denied"),
        SseError::InvalidArgument { field, message } => {
            bad("InvalidArgument", message).detail("ArgumentName", field_name(dialect, *field))
        }
        SseError::CustomerAlgorithm => bad(
            "InvalidEncryptionAlgorithmError",
            "The Encryption request you specified is not valid. Supported value: AES256.",
        ),
        SseError::CustomerKeyMissing => bad(
            "InvalidRequest",
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to \
             retrieve the object.",
        ),
        SseError::CustomerKeyUnexpected => {
            bad("InvalidRequest", "The encryption parameters are not applicable to this object.")
        }
        SseError::CustomerKeyWrong => match compat {
            Compat::Aws => Wording::new(S::FORBIDDEN, "AccessDenied", "Access Denied"),
            Compat::Ceph => bad("InvalidRequest", "The provided customer key is not that of the object."),
        },
        SseError::CustomerKeyNotOfUpload => {
            bad("InvalidRequest", "The provided encryption parameters did not match the ones used originally.")
        }
        SseError::HeadersOnRead => {
            bad("InvalidArgument", "Encryption headers other than those of a customer key are not valid on a read.")
        }
        SseError::NotRewrappable => bad(
            "InvalidRequest",
            "The encryption of this object cannot be updated in place: it must be encrypted with managed keys, and a KMS \
             key must be named.",
        ),
        SseError::NotOffered(what) => Wording::new(
            S::NOT_IMPLEMENTED,
            not_implemented(dialect),
            format!("This server does not implement {what}."),
        ),
        SseError::KeyNotFound => bad("KMS.NotFoundException", "The key of the request or of the object was not found."),
        SseError::KeyDisabled => bad("KMS.DisabledException", "The key of the request or of the object is disabled."),
        SseError::KeyPendingDeletion => {
            bad("KMS.KMSInvalidStateException", "The key of the request or of the object is pending deletion.")
        }
        SseError::KeyPendingImport => {
            bad("KMS.KMSInvalidStateException", "The key of the request or of the object has no key material.")
        }
        SseError::KeyDenied => Wording::new(S::FORBIDDEN, "AccessDenied", "Access Denied"),
        SseError::KmsUnavailable => Wording::new(
            S::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The key management service is not reachable. Please retry.",
        ),
        SseError::KmsThrottled => Wording::new(S::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
            .header("retry-after", RETRY_AFTER_SECONDS),
        SseError::Damaged => Wording::new(S::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
    }
}
