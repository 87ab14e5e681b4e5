//! The words of the OBS dialect (obs-api §4.8, §11.2).

use super::wire::not_implemented;
use super::{INTERNAL, RETRY_AFTER_SECONDS, Wording, field_name, s3, w};
use crate::dialect::Dialect;
use http::StatusCode as S;
use objects::{BodyError, Fail};
use sse::SseError;

pub(super) fn fail(dialect: &'static Dialect, fail: &Fail) -> Wording {
    match fail {
        Fail::AccessDenied => w(S::FORBIDDEN, "AccessDenied", "Access Denied"),
        Fail::NoSuchBucket => w(S::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist."),
        Fail::NoSuchKey { delete_marker } => {
            let words = w(S::NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
            if *delete_marker { words.header(dialect.names.delete_marker, "true") } else { words }
        }
        Fail::NoSuchVersion => w(S::NOT_FOUND, "NoSuchVersion", "The specified version does not exist."),
        Fail::IsDeleteMarker => {
            w(S::METHOD_NOT_ALLOWED, "MethodNotAllowed", "The specified method is not allowed against this resource.")
                .header(dialect.names.delete_marker, "true")
        }
        Fail::NoSuchUpload => w(S::NOT_FOUND, "NoSuchUpload", "The specified multipart upload does not exist."),
        Fail::BucketAlreadyExists => {
            w(S::CONFLICT, "BucketAlreadyExists", "The requested bucket name is not available.")
        }
        Fail::BucketAlreadyOwnedByYou => w(
            S::CONFLICT,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        ),
        Fail::BucketNotEmpty(what) => {
            w(S::CONFLICT, "BucketNotEmpty", format!("The bucket you tried to delete is not empty: it has {what}"))
        }
        Fail::NoEncryptionConfiguration => {
            w(S::NOT_FOUND, dialect.no_encryption_code, "The server side encryption configuration was not found.")
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
        Fail::InvalidTag(message) => w(S::BAD_REQUEST, "InvalidTagError", message.clone()),
        Fail::Name(error) => s3::name(*error),
        Fail::InvalidRange { size } => {
            w(S::RANGE_NOT_SATISFIABLE, "InvalidRange", "The requested range cannot be satisfied.")
                .detail("ActualObjectSize", size.to_string())
                .header("content-range", format!("bytes */{size}"))
        }
        Fail::InvalidPartNumber => w(S::BAD_REQUEST, "InvalidPart", "The object has no such part."),
        Fail::PreconditionFailed => w(
            S::PRECONDITION_FAILED,
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold.",
        ),
        Fail::NotModified { .. } => w(S::NOT_MODIFIED, "NotModified", "Not Modified"),
        Fail::ConditionalConflict => w(
            S::CONFLICT,
            "OperationAborted",
            "A conflicting operation is in progress against this resource. Please try again.",
        ),
        Fail::EntityTooSmall => {
            w(S::BAD_REQUEST, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed object size.")
        }
        Fail::EntityTooLarge => {
            w(S::BAD_REQUEST, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
        }
        Fail::InvalidPart => w(
            S::BAD_REQUEST,
            "InvalidPart",
            "One or more of the specified parts could not be found or their entity tags do not match.",
        ),
        Fail::InvalidPartOrder => {
            w(S::BAD_REQUEST, "InvalidPartOrder", "The list of parts was not in ascending order.")
        }
        Fail::BadDigest(noun) => super::bad_digest(noun),
        Fail::ContentSha256Mismatch => {
            w(S::BAD_REQUEST, "BadDigest", "The content SHA-256 you specified did not match what we received.")
        }
        Fail::MetadataTooLarge => {
            w(S::BAD_REQUEST, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size.")
        }
        Fail::InvalidRequest(message) => w(S::BAD_REQUEST, "InvalidRequest", message.clone()),
        Fail::InvalidArgument { name, message } => {
            w(S::BAD_REQUEST, "InvalidArgument", message.clone()).detail("ArgumentName", *name)
        }
        Fail::NotImplemented(what) => {
            w(S::NOT_IMPLEMENTED, not_implemented(dialect), format!("This server does not implement {what}."))
        }
        Fail::Body(error) => body(*error),
        Fail::Encryption(error) => encryption(dialect, error),
        Fail::Store(fault) => super::store(fault),
        Fail::Internal(_) => w(S::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
    }
}

fn body(error: BodyError) -> Wording {
    let bad = |code, message: &'static str| Wording::new(S::BAD_REQUEST, code, message);
    match error {
        BodyError::Incomplete | BodyError::MalformedChunk => bad(
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        ),
        BodyError::ChunkSignature => Wording::new(
            S::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The signature of a chunk does not match the one we calculated.",
        ),
        BodyError::ChunkTooSmall => bad("InvalidRequest", "A signed chunk is smaller than 8192 bytes."),
        BodyError::MalformedTrailer => bad("InvalidRequest", "The trailer of the body is malformed."),
        BodyError::MalformedChecksum => bad("InvalidDigest", "A trailing checksum is invalid."),
        BodyError::Source => w(S::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
        BodyError::TimedOut => Wording::new(
            S::REQUEST_TIMEOUT,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        ),
    }
}

fn encryption(dialect: &'static Dialect, error: &SseError) -> Wording {
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
        SseError::CustomerAlgorithm | SseError::CustomerKeyMissing | SseError::CustomerKeyWrong => bad(
            "InvalidEncryptionAlgorithmError",
            "The encryption request you specified is not valid for this object. The algorithm is AES256 and the key \
             must be that of the object.",
        ),
        SseError::CustomerKeyUnexpected => {
            bad("InvalidRequest", "The encryption parameters are not applicable to this object.")
        }
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
            bad("KMS.DisabledException", "The key of the request or of the object is pending deletion.")
        }
        SseError::KeyPendingImport => {
            bad("KMS.DisabledException", "The key of the request or of the object has no key material.")
        }
        SseError::KeyDenied => Wording::new(S::FORBIDDEN, "AccessDenied", "Access Denied"),
        SseError::KmsUnavailable => Wording::new(
            S::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The key management service is not reachable. Please try again later.",
        ),
        SseError::KmsThrottled => Wording::new(S::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
            .header("retry-after", RETRY_AFTER_SECONDS),
        SseError::Damaged => Wording::new(S::INTERNAL_SERVER_ERROR, "InternalError", INTERNAL),
    }
}
