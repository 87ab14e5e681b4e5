//! The tables as a whole: each refusal with its status and code in both dialects.

use super::*;
use crate::reply::{Reply, ReplyBody};
use model::{ETag, NameError, Timestamp};
use objects::BodyError;
use sse::EncryptionField;

fn code(dialect: &'static Dialect, refusal: impl Into<Refusal>) -> (u16, &'static str) {
    let wording = refusal.into().wording(dialect, Compat::Aws);
    assert!(!wording.message.is_empty());
    (wording.status.as_u16(), wording.code)
}

fn both(refusal: impl Fn() -> Refusal) -> ((u16, &'static str), (u16, &'static str)) {
    (code(Dialect::S3, refusal()), code(Dialect::OBS, refusal()))
}

fn malformed_policy() -> policy::PolicyError {
    policy::PolicyError { path: "Statement[1].Effect".into(), message: "must be Allow or Deny".into() }
}

#[test]
fn a_malformed_policy_is_told_what_is_wrong_where() {
    let wording = Refusal::from(Fail::MalformedPolicy(malformed_policy())).wording(Dialect::OBS, Compat::Aws);
    assert_eq!(wording.message, "Statement[1].Effect: must be Allow or Deny");
}

/// Refusals with the same words in both dialects.
#[test]
fn common_words() {
    let table: Vec<(Fail, u16, &str)> = vec![
        (Fail::AccessDenied, 403, "AccessDenied"),
        (Fail::NoSuchBucket, 404, "NoSuchBucket"),
        (Fail::NoSuchKey { delete_marker: true }, 404, "NoSuchKey"),
        (Fail::NoSuchVersion, 404, "NoSuchVersion"),
        (Fail::IsDeleteMarker, 405, "MethodNotAllowed"),
        (Fail::NoSuchUpload, 404, "NoSuchUpload"),
        (Fail::BucketAlreadyExists, 409, "BucketAlreadyExists"),
        (Fail::BucketAlreadyOwnedByYou, 409, "BucketAlreadyOwnedByYou"),
        (Fail::BucketNotEmpty("objects"), 409, "BucketNotEmpty"),
        (Fail::Name(NameError::InvalidBucketName), 400, "InvalidBucketName"),
        (Fail::Name(NameError::InvalidObjectName), 400, "InvalidURI"),
        (Fail::Name(NameError::ObjectNameTooLong), 400, "KeyTooLongError"),
        (Fail::InvalidRange { size: 7 }, 416, "InvalidRange"),
        (Fail::PreconditionFailed, 412, "PreconditionFailed"),
        (Fail::EntityTooSmall, 400, "EntityTooSmall"),
        (Fail::EntityTooLarge, 400, "EntityTooLarge"),
        (Fail::InvalidPart, 400, "InvalidPart"),
        (Fail::InvalidPartOrder, 400, "InvalidPartOrder"),
        (Fail::BadDigest("Content-MD5".into()), 400, "BadDigest"),
        (Fail::MetadataTooLarge, 400, "MetadataTooLarge"),
        (Fail::InvalidRequest("x".into()), 400, "InvalidRequest"),
        (Fail::Body(BodyError::Incomplete), 400, "IncompleteBody"),
        (Fail::Body(BodyError::ChunkSignature), 403, "SignatureDoesNotMatch"),
        (Fail::NoSuchBucketPolicy, 404, "NoSuchBucketPolicy"),
        (Fail::MalformedPolicy(malformed_policy()), 400, "MalformedPolicy"),
        (Fail::NoPublicAccessBlock, 404, "NoSuchPublicAccessBlockConfiguration"),
        (Fail::NoOwnershipControls, 404, "OwnershipControlsNotFoundError"),
        (Fail::InvalidBucketAclWithOwnership, 400, "InvalidBucketAclWithObjectOwnership"),
        (Fail::AclNotSupported, 400, "AccessControlListNotSupported"),
        (Fail::MalformedAcl("x"), 400, "MalformedACLError"),
        (Fail::UnknownGrantee, 400, "InvalidArgument"),
        (Fail::UnresolvableGrantByEmail, 400, "UnresolvableGrantByEmailAddress"),
        (Fail::Internal("x".into()), 500, "InternalError"),
        (Fail::Store(StoreFault::Full), 503, "ServiceUnavailable"),
        (Fail::Store(StoreFault::Unavailable("x".into())), 503, "ServiceUnavailable"),
        (Fail::Store(StoreFault::Corrupt("x".into())), 500, "InternalError"),
        (Fail::Encryption(SseError::NeedsTls), 400, "InvalidRequest"),
        (Fail::Encryption(SseError::NeedsSignature), 403, "AccessDenied"),
        (Fail::Encryption(SseError::CustomerAlgorithm), 400, "InvalidEncryptionAlgorithmError"),
        (Fail::Encryption(SseError::CustomerKeyUnexpected), 400, "InvalidRequest"),
        (Fail::Encryption(SseError::HeadersOnRead), 400, "InvalidArgument"),
        (Fail::Encryption(SseError::KeyNotFound), 400, "KMS.NotFoundException"),
        (Fail::Encryption(SseError::KeyDisabled), 400, "KMS.DisabledException"),
        (Fail::Encryption(SseError::KeyDenied), 403, "AccessDenied"),
        (Fail::Encryption(SseError::KmsUnavailable), 503, "ServiceUnavailable"),
        (Fail::Encryption(SseError::KmsThrottled), 503, "SlowDown"),
        (Fail::Encryption(SseError::Damaged), 500, "InternalError"),
    ];
    for (fail, status, wire) in table {
        let shown = format!("{fail:?}");
        let refusal = Refusal::Fail(fail);
        for dialect in [Dialect::S3, Dialect::OBS] {
            let wording = refusal.wording(dialect, Compat::Aws);
            assert_eq!((wording.status.as_u16(), wording.code), (status, wire), "{} {shown}", dialect.name);
        }
    }
}

#[test]
fn whoever_was_too_fast_is_told_when_to_come_again() {
    for dialect in [Dialect::S3, Dialect::OBS] {
        let headers = |error: SseError| Refusal::from(error).wording(dialect, Compat::Aws).headers;
        assert_eq!(headers(SseError::KmsThrottled), [("retry-after", "1".to_owned())], "{}", dialect.name);
        assert!(headers(SseError::KeyDenied).is_empty());
    }
}

#[test]
fn words_that_differ() {
    type Words = (u16, &'static str);
    type Case = (fn() -> Refusal, Words, Words);
    let cases: Vec<Case> = vec![
        (
            || Fail::NoEncryptionConfiguration.into(),
            (404, "ServerSideEncryptionConfigurationNotFoundError"),
            (404, "NoSuchEncryptionConfiguration"),
        ),
        (|| Fail::NotImplemented("x").into(), (501, "NotImplemented"), (501, "ServiceNotImplemented")),
        (|| Fail::ConditionalConflict.into(), (409, "ConditionalRequestConflict"), (409, "OperationAborted")),
        (|| Fail::ContentSha256Mismatch.into(), (400, "XAmzContentSHA256Mismatch"), (400, "BadDigest")),
        (|| Fail::InvalidPartNumber.into(), (416, "InvalidPartNumber"), (400, "InvalidPart")),
        (|| Fail::Body(BodyError::TimedOut).into(), (400, "RequestTimeout"), (408, "RequestTimeout")),
        (|| SseError::CustomerKeyMissing.into(), (400, "InvalidRequest"), (400, "InvalidEncryptionAlgorithmError")),
        (|| SseError::CustomerKeyWrong.into(), (403, "AccessDenied"), (400, "InvalidEncryptionAlgorithmError")),
        (|| SseError::KeyPendingDeletion.into(), (400, "KMS.KMSInvalidStateException"), (400, "KMS.DisabledException")),
        (|| SseError::KeyPendingImport.into(), (400, "KMS.KMSInvalidStateException"), (400, "KMS.DisabledException")),
        (|| WireFault::NotOffered("acl".into()).into(), (501, "NotImplemented"), (501, "ServiceNotImplemented")),
        (|| WireFault::UnknownSessionToken.into(), (400, "InvalidToken"), (403, "InvalidSecurity")),
        (|| WireFault::ExpiredSessionToken.into(), (400, "ExpiredToken"), (403, "InvalidSecurity")),
        (|| Fail::InvalidTag("x".into()).into(), (400, "InvalidTag"), (400, "InvalidTagError")),
    ];
    for (refusal, s3, obs) in cases {
        assert_eq!(both(refusal), (s3, obs));
    }
}

#[test]
fn the_suite_of_ceph_is_answered_as_it_expects() {
    let ceph = |refusal: Refusal| {
        let wording = refusal.wording(Dialect::S3, Compat::Ceph);
        (wording.status.as_u16(), wording.code)
    };
    assert_eq!(ceph(SseError::CustomerKeyWrong.into()), (400, "InvalidRequest"));
    assert_eq!(ceph(Fail::InvalidPartNumber.into()), (400, "InvalidPart"));
}

#[test]
fn digests_are_named() {
    for (noun, message) in [
        ("Content-MD5", "The Content-MD5 you specified did not match what we received."),
        ("CRC32", "The CRC32 you specified did not match the calculated checksum."),
        ("CRC64NVME", "The CRC64NVME you specified did not match the calculated checksum."),
    ] {
        for dialect in [Dialect::S3, Dialect::OBS] {
            assert_eq!(Refusal::from(Fail::BadDigest(noun.into())).wording(dialect, Compat::Aws).message, message);
        }
    }
}

#[test]
fn a_full_store_says_so() {
    let message = Refusal::from(Fail::Store(StoreFault::Full)).wording(Dialect::S3, Compat::Aws).message;
    assert_eq!(message, "There is no space left in the data directory.");
}

#[test]
fn arguments_are_named_in_the_dialects_own_words() {
    let refusal = Refusal::from(SseError::InvalidArgument { field: EncryptionField::KeyId, message: "needs SSE-KMS" });
    let name = |dialect| refusal.wording(dialect, Compat::Aws).details[0].1.clone();
    assert_eq!(name(Dialect::S3), "x-amz-server-side-encryption-aws-kms-key-id");
    assert_eq!(name(Dialect::OBS), "x-obs-server-side-encryption-kms-key-id");
}

fn asked(head: bool) -> Asked<'static> {
    Asked { head, resource: "/bkt/<k>", request_id: "R1", id_2: "H1", access_key: Some("AK") }
}

fn text(reply: &Reply) -> String {
    match &reply.body {
        ReplyBody::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        _ => String::new(),
    }
}

#[test]
fn the_document() {
    let reply = error_reply(Dialect::OBS, Compat::Aws, &Fail::NoSuchKey { delete_marker: false }.into(), &asked(false));
    assert_eq!(reply.headers["content-type"], "application/xml");
    assert_eq!(
        text(&reply),
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><Error><Code>NoSuchKey</Code><Message>The \
         specified key does not exist.</Message><Resource>/bkt/&lt;k&gt;</Resource><RequestId>R1</RequestId>\
         <HostId>H1</HostId></Error>"
    );
}

#[test]
fn a_head_reply_carries_its_error_in_headers_alone() {
    let reply = error_reply(Dialect::OBS, Compat::Aws, &Fail::NoSuchBucket.into(), &asked(true));
    assert!(matches!(reply.body, ReplyBody::Empty));
    assert_eq!(reply.headers["x-obs-error-code"], "NoSuchBucket");
    assert!(reply.headers.contains_key("x-obs-error-message"));
}

#[test]
fn not_modified_has_an_etag_and_no_error() {
    let fail = Fail::NotModified { etag: ETag::single([0xab; 16]), last_modified: Timestamp::from_secs(0) };
    let reply = error_reply(Dialect::S3, Compat::Aws, &fail.into(), &asked(false));
    assert!(matches!(reply.body, ReplyBody::Empty));
    assert_eq!(reply.headers["etag"], format!("\"{}\"", "ab".repeat(16)));
    assert!(!reply.headers.contains_key("x-amz-error-code"));
}

#[test]
fn a_wrong_signature_shows_what_was_signed_and_the_log_does_not() {
    let refusal = Refusal::from(AuthError::SignatureMismatch {
        string_to_sign: "GET\nsecret-looking".into(),
        canonical_request: None,
    });
    let reply = error_reply(Dialect::S3, Compat::Aws, &refusal, &asked(false));
    assert!(text(&reply).contains("<StringToSign>GET&#xA;secret-looking</StringToSign>"));
    assert!(text(&reply).contains("<AWSAccessKeyId>AK</AWSAccessKeyId>"));
    assert!(!refusal.for_the_log().contains("secret-looking"));
}

#[test]
fn inner_causes_stay_inside() {
    for fail in [
        Fail::Internal("path /data/x".into()),
        Fail::Encryption(SseError::Damaged),
        Fail::Store(StoreFault::Corrupt("row in /data/x".into())),
        Fail::Store(StoreFault::Unavailable("fsync of /data/x".into())),
    ] {
        let reply = error_reply(Dialect::S3, Compat::Aws, &fail.into(), &asked(false));
        assert!(!text(&reply).contains("/data/x") && !text(&reply).contains("Damaged"));
    }
}
