//! What conditional writes tell, and what changes while a write is under way.

use crate::acl::canned;
use crate::support::people::*;
use crate::support::*;
use bytes::Bytes;
use model::{BucketName, PartNumber, UploadId};
use policy::{CannedAcl, Principal, PublicAccessBlock};
use sse::{ChecksumValue, EncryptionHeaders};
use std::sync::Arc;
use strongroom_objects::api::*;
use strongroom_objects::{BodyError, Fail};

fn expecting(etag: &str) -> WriteExpectation {
    WriteExpectation { absent: false, etag: Some(etag.to_owned()) }
}

fn allow(actions: &str, on: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"arn:aws:s3:::{on}"}}}}"#
    )
}

/// A body that must not be read.
struct Untouched;

#[async_trait::async_trait]
impl BodySource for Untouched {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        panic!("the body of a refused write was read")
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}

async fn begin(h: &Harness, who: &Principal, bucket: &BucketName, object: &str, acl: Option<AclChoice>) -> UploadId {
    let request = CreateUpload {
        bucket: bucket.clone(),
        name: name(object),
        headers: ObjectHeaders::default(),
        encryption: EncryptionHeaders::default(),
        checksum: None,
        acl,
        tags: Tags::new(),
    };
    h.objects.create_upload(&as_(who), request).await.unwrap().upload
}

async fn finished(h: &Harness, who: &Principal, bucket: &BucketName, object: &str, upload: UploadId) -> CompleteUpload {
    let number = PartNumber::new(1).unwrap();
    let customer = || Method::Plain.customer();
    let part =
        UploadPart { bucket: bucket.clone(), name: name(object), upload, part: number, encryption: customer().into() };
    let etag = h.objects.upload_part(&as_(who), part, body(b"part")).await.unwrap().etag.to_string();
    CompleteUpload {
        bucket: bucket.clone(),
        name: name(object),
        upload,
        parts: vec![CompletedPart { part: number, etag, checksum: None }],
        customer: customer(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    }
}

fn again(request: &CompleteUpload) -> CompleteUpload {
    CompleteUpload {
        bucket: request.bucket.clone(),
        name: request.name.clone(),
        upload: request.upload,
        parts: request.parts.clone(),
        customer: Method::Plain.customer(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    }
}

/// The answer to an expected ETag tells what is there: only who may read it gets one.
#[tokio::test]
async fn an_expected_etag_is_answered_to_who_may_read() {
    let h = Harness::new().await;
    let (bucket, other) = (h.bucket("bucket").await, h.bucket("other").await);
    let etag = h.put(&bucket, "present", Method::Plain, b"data").await.etag.to_string();
    h.put(&other, "source", Method::Plain, b"data").await;
    let source_reads = allow(r#""s3:GetObject""#, "other/*");
    let writes = allow(r#""s3:PutObject""#, "bucket/*");
    let writer = user(1, &[&writes, &source_reads]);
    let reader = user(1, &[&writes, &source_reads, &allow(r#""s3:GetObject""#, "bucket/*")]);
    let put = |object: &str, expected: &str| PutObject { expectation: expecting(expected), ..put_of(&bucket, object) };
    let copy = |object: &str, expected: &str| CopyObject {
        source: CopySource {
            bucket: other.clone(),
            name: name("source"),
            version: None,
            preconditions: Preconditions::default(),
            customer: Default::default(),
            range: None,
        },
        bucket: bucket.clone(),
        name: name(object),
        replace_headers: None,
        website_redirect: None,
        encryption: EncryptionHeaders::default(),
        checksum_algorithm: None,
        expectation: expecting(expected),
        acl: None,
        tags: CopyTags::Default,
    };
    for object in ["present", "absent"] {
        let upload = begin(&h, &writer, &bucket, object, None).await;
        let whole = finished(&h, &writer, &bucket, object, upload).await;
        for expected in [&*etag, "0123456789abcdef0123456789abcdef"] {
            let unread = RequestBody { source: Box::new(Untouched), ..body(b"x") };
            let request = put(object, expected);
            assert!(denied(h.objects.put_object(&as_(&writer), request, unread).await), "{object} {expected}");
            assert!(denied(h.objects.copy_object(&as_(&writer), copy(object, expected)).await), "{object} {expected}");
            let request = CompleteUpload { expectation: expecting(expected), ..again(&whole) };
            assert!(denied(h.objects.complete_upload(&as_(&writer), request).await), "{object} {expected}");
        }
    }
    assert_eq!(h.get(&bucket, "present", Method::Plain).await.unwrap(), b"data");
    // Who may read is told, and who may list as well learns that nothing is there.
    let wrong = h.objects.put_object(&as_(&reader), put("present", "x"), body(b"x")).await;
    assert!(matches!(wrong, Err(Fail::PreconditionFailed)));
    assert!(denied(h.objects.put_object(&as_(&reader), put("absent", "x"), body(b"x")).await));
    let missing = h.objects.put_object(&cx(), put("absent", "x"), body(b"x")).await;
    assert!(matches!(missing, Err(Fail::NoSuchKey { .. })));
    h.objects.copy_object(&as_(&reader), copy("present", &etag)).await.unwrap();
    h.objects.put_object(&as_(&reader), put("present", &etag), body(b"new")).await.unwrap();
    // Writing without an expected ETag asks for no right to read.
    h.put_as(&writer, &bucket, "present").await.unwrap();
}

/// A body during which the bucket's owner does something.
struct Meanwhile<F>(Option<F>);

#[async_trait::async_trait]
impl<F: Future<Output = ()> + Send> BodySource for Meanwhile<F> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(act) = self.0.take() else { return Ok(None) };
        act.await;
        Ok(Some(Bytes::from_static(b"data")))
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}

fn meanwhile(act: impl Future<Output = ()> + Send + 'static) -> RequestBody {
    RequestBody { source: Box::new(Meanwhile(Some(act))), ..body(b"data") }
}

const BLOCKED: PublicAccessBlock = PublicAccessBlock {
    block_public_acls: true,
    ignore_public_acls: false,
    block_public_policy: false,
    restrict_public_buckets: false,
};

/// The block on public ACLs holds for what was begun before it.
#[tokio::test]
async fn what_is_under_way_keeps_to_a_block_that_was_set_meanwhile() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let owner = root_of(1);
    let public = begin(&h, &owner, &bucket, "u", canned(CannedAcl::PublicRead)).await;
    let private = begin(&h, &owner, &bucket, "v", canned(CannedAcl::Private)).await;
    let public = finished(&h, &owner, &bucket, "u", public).await;
    let private = finished(&h, &owner, &bucket, "v", private).await;
    for (object, acl, open) in [("o", CannedAcl::PublicRead, false), ("p", CannedAcl::Private, true)] {
        h.objects.delete_public_access_block(&cx(), &bucket).await.unwrap();
        let (objects, named) = (Arc::clone(&h.objects), bucket.clone());
        let block = async move { objects.put_public_access_block(&cx(), &named, BLOCKED).await.unwrap() };
        let request = PutObject { acl: canned(acl), ..put_of(&bucket, object) };
        let written = h.objects.put_object(&cx(), request, meanwhile(block)).await;
        assert_eq!(written.is_ok(), open, "{object}");
        assert_eq!(denied(written), !open, "{object}");
        assert_eq!(h.get_as(&owner, &bucket, object).await.is_ok(), open);
    }
    assert!(denied(h.objects.complete_upload(&cx(), public).await));
    assert!(matches!(h.get_as(&owner, &bucket, "u").await, Err(Fail::NoSuchKey { .. })));
    h.objects.complete_upload(&cx(), private).await.unwrap();
}

/// The block on customer keys holds for what was begun before it, and for nothing under another key.
#[tokio::test]
async fn what_is_under_way_keeps_to_a_block_on_customer_keys() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let set = |blocks| EncryptionRule { default: None, blocks_customer_keys: Some(blocks) };
    for (method, open) in [(Method::Customer(1), false), (Method::Obs, true), (Method::Kms, true)] {
        h.objects.put_bucket_encryption(&cx(), &bucket, set(false)).await.unwrap();
        let (objects, named) = (Arc::clone(&h.objects), bucket.clone());
        let block = async move { objects.put_bucket_encryption(&cx(), &named, set(true)).await.unwrap() };
        let request = PutObject { encryption: method.headers(), ..put_of(&bucket, "o") };
        let written = h.objects.put_object(&cx(), request, meanwhile(block)).await;
        assert_eq!((written.is_ok(), denied(written)), (open, !open), "{method:?}");
        assert_eq!(h.get(&bucket, "o", method).await.is_ok(), open, "{method:?}");
    }
    // Once it stands, the body is not even read.
    let unread = RequestBody { source: Box::new(Untouched), ..body(b"x") };
    let request = PutObject { encryption: Method::Customer(1).headers(), ..put_of(&bucket, "o") };
    assert!(denied(h.objects.put_object(&cx(), request, unread).await));
}

/// The expected ETag is told about the object that is there at the end, to who may read that one.
#[tokio::test]
async fn a_slow_body_does_not_wait_for_a_secret_to_ask_about() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let writes = statement("Allow", &account_principal(2), r#"["s3:PutObject","s3:ListBucket"]"#, "");
    h.set_policy(&bucket, &writes).await;
    // Its own object is readable when the write begins, and another's stands there when it ends.
    let writer = root_of(2);
    h.put_as(&writer, &bucket, "o").await.unwrap();
    let own = h.objects.head_object(&as_(&writer), read(&bucket, "o", Method::Plain)).await.unwrap().etag;
    let (objects, named) = (Arc::clone(&h.objects), bucket.clone());
    let secret =
        async move { objects.put_object(&cx(), put_of(&named, "o"), body(b"secret")).await.map(drop).unwrap() };
    let request = PutObject { expectation: expecting(&own.to_string()), ..put_of(&bucket, "o") };
    assert!(denied(h.objects.put_object(&as_(&writer), request, meanwhile(secret)).await));
    assert_eq!(h.get(&bucket, "o", Method::Plain).await.unwrap(), b"secret");
}
