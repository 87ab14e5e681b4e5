//! Uploads and copies: operations that ask for more than one thing.

use crate::support::people::*;
use crate::support::*;
use model::{PartNumber, VersionId};
use policy::{ConditionKey, Principal};
use sse::EncryptionHeaders;
use strongroom_objects::Fail;
use strongroom_objects::api::*;

/// The Deny of unencrypted uploads, as published: it sees what the client said, also with each part of an upload, where
/// only the beginning said it.
#[tokio::test]
async fn parts_are_judged_by_what_their_upload_said() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let condition = r#"{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}"#;
    let begin = |method: Method| CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: method.headers(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let said = || saying(cx(), ConditionKey::ServerSideEncryption, "aws:kms");
    let plain = h.objects.create_upload(&cx(), begin(Method::Plain)).await.unwrap().upload;
    h.set_policy(&bucket, &statement("Deny", EVERYONE, r#""s3:PutObject""#, condition)).await;
    assert!(denied(h.put_as(&root_of(1), &bucket, "p").await), "an absent header is not kms");
    assert!(denied(h.objects.create_upload(&cx(), begin(Method::Plain)).await));
    let sealed = h.objects.create_upload(&said(), begin(Method::Kms)).await.unwrap().upload;
    let part = |upload| UploadPart {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        part: PartNumber::new(1).unwrap(),
        encryption: Default::default(),
    };
    let etag = h.objects.upload_part(&cx(), part(sealed), body(b"part")).await.unwrap().etag.to_string();
    assert!(denied(h.objects.upload_part(&cx(), part(plain), body(b"part")).await));
    let spoofed = h.objects.upload_part(&said(), part(plain), body(b"part")).await;
    assert!(denied(spoofed), "what a part says decides nothing");
    let complete = |upload| CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts: vec![CompletedPart { part: PartNumber::new(1).unwrap(), etag: etag.clone(), checksum: None }],
        customer: Default::default(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    assert!(denied(h.objects.complete_upload(&said(), complete(plain)).await));
    h.objects.complete_upload(&cx(), complete(sealed)).await.unwrap();
    h.objects.complete_upload(&cx(), complete(sealed)).await.unwrap();
}

/// A copy needs both sides: the source read, the target written.
#[tokio::test]
async fn copies_ask_for_the_source_and_the_target() {
    let h = Harness::new().await;
    let (bucket, target) = (h.bucket("bucket").await, h.bucket("target").await);
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let allow = |action: &str, on: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"arn:aws:s3:::{on}/*"}}}}"#
        )
    };
    let copy = || CopyObject {
        source: CopySource {
            bucket: bucket.clone(),
            name: name("o"),
            version: None,
            preconditions: Preconditions::default(),
            customer: Default::default(),
            range: None,
        },
        bucket: target.clone(),
        name: name("c"),
        replace_headers: None,
        website_redirect: None,
        encryption: EncryptionHeaders::default(),
        checksum_algorithm: None,
        expectation: WriteExpectation::default(),
        acl: None,
        tags: CopyTags::Default,
    };
    let (reads, writes) = (allow("s3:GetObject", "bucket"), allow("s3:PutObject", "target"));
    let both = user(1, &[&reads, &writes]);
    assert!(denied(h.objects.copy_object(&as_(&user(1, &[&reads])), copy()).await));
    assert!(denied(h.objects.copy_object(&as_(&user(1, &[&writes])), copy()).await));
    h.objects.copy_object(&as_(&both), copy()).await.unwrap();
    let by_version = CopyObject { source: CopySource { version: Some(VersionId::Null), ..copy().source }, ..copy() };
    assert!(denied(h.objects.copy_object(&as_(&both), by_version).await), "a named version is another action");
    h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags(&[("a", "b")])).await.unwrap();
    assert!(denied(h.objects.copy_object(&as_(&both), copy()).await), "tags are taken over by who may read them");
    let untagged = CopyObject { tags: CopyTags::Replace(Tags::new()), ..copy() };
    h.objects.copy_object(&as_(&both), untagged).await.unwrap();
    let tagging = [allow("s3:GetObjectTagging", "bucket"), allow("s3:PutObjectTagging", "target")];
    let all = user(1, &[&reads, &writes, &tagging[0], &tagging[1]]);
    h.objects.copy_object(&as_(&all), copy()).await.unwrap();
    let copied = h.objects.get_object_tags(&cx(), &target, &name("c"), None).await.unwrap();
    assert_eq!(copied.tags, tags(&[("a", "b")]));
    let mut obs = cx();
    obs.rules.copy_tags_by_default = false;
    h.objects.copy_object(&obs, copy()).await.unwrap();
    assert!(h.objects.get_object_tags(&cx(), &target, &name("c"), None).await.unwrap().tags.is_empty());
}

/// Uploads are the bucket owner's to end, and those of an account are that account's as well. Nobody else learns which
/// there are.
#[tokio::test]
async fn uploads_are_managed_by_the_bucket_owner_and_by_who_began_them() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.set_policy(&bucket, &statement("Allow", &account_principal(2), r#"["s3:PutObject"]"#, "")).await;
    let begin = async |who: &Principal| {
        let request = CreateUpload {
            bucket: bucket.clone(),
            name: name("o"),
            headers: ObjectHeaders::default(),
            encryption: EncryptionHeaders::default(),
            checksum: None,
            acl: None,
            tags: Vec::new(),
        };
        h.objects.create_upload(&as_(who), request).await.unwrap().upload
    };
    let parts = async |who: &Principal, upload| {
        let request = ListParts {
            bucket: bucket.clone(),
            name: name("o"),
            upload,
            customer: Default::default(),
            after: 0,
            max: 10,
        };
        h.objects.list_parts(&as_(who), request).await.map(drop)
    };
    let abort = async |who: &Principal, upload| h.objects.abort_upload(&as_(who), &bucket, &name("o"), upload).await;
    let (owner, writer) = (root_of(1), root_of(2));
    let missing = model::UploadId::from_bytes([9; 16]);
    let (owners, writers) = (begin(&owner).await, begin(&writer).await);
    for who in [root_of(3), user(1, &[]), user(2, &[]), Principal::Anonymous] {
        for upload in [owners, writers, missing] {
            assert!(denied(parts(&who, upload).await));
            assert!(denied(abort(&who, upload).await));
            let part = UploadPart {
                bucket: bucket.clone(),
                name: name("o"),
                upload,
                part: PartNumber::new(1).unwrap(),
                encryption: Default::default(),
            };
            assert!(denied(h.objects.upload_part(&as_(&who), part, body(b"part")).await));
            assert!(denied(h.objects.authorize_complete(&as_(&who), &bucket, &name("o"), upload).await));
        }
    }
    assert!(denied(parts(&writer, owners).await));
    assert!(denied(abort(&writer, owners).await));
    assert!(denied(abort(&writer, missing).await));
    parts(&writer, writers).await.unwrap();
    parts(&owner, writers).await.unwrap();
    let deny = statement("Deny", EVERYONE, r#"["s3:AbortMultipartUpload"]"#, "");
    let allow = statement("Allow", &account_principal(2), r#"["s3:PutObject"]"#, "");
    h.set_policy(&bucket, &format!("{allow},{deny}")).await;
    assert!(denied(abort(&writer, writers).await));
    assert!(denied(abort(&owner, writers).await));
    h.set_policy(&bucket, &allow).await;
    abort(&writer, writers).await.unwrap();
    assert!(matches!(abort(&owner, writers).await, Err(Fail::NoSuchUpload)));
    abort(&owner, owners).await.unwrap();
}

/// Copying a part asks for the source like any read.
#[tokio::test]
async fn a_part_copy_needs_the_source_read() {
    let h = Harness::new().await;
    let (bucket, secret) = (h.bucket("bucket").await, h.bucket("secret").await);
    h.put(&secret, "o", Method::Plain, b"data").await;
    let writes =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}}"#;
    let reads = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::secret/*"}}"#;
    let request = CreateUpload {
        bucket: bucket.clone(),
        name: name("c"),
        headers: ObjectHeaders::default(),
        encryption: EncryptionHeaders::default(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let upload = h.objects.create_upload(&cx(), request).await.unwrap().upload;
    let copy = async |policies: &[&str], object: &str, version: Option<VersionId>| {
        let part = UploadPart {
            bucket: bucket.clone(),
            name: name("c"),
            upload,
            part: PartNumber::new(1).unwrap(),
            encryption: Default::default(),
        };
        let source = CopySource {
            bucket: secret.clone(),
            name: name(object),
            version,
            preconditions: Preconditions::default(),
            customer: Default::default(),
            range: None,
        };
        h.objects.upload_part_copy(&as_(&user(1, policies)), part, source).await.map(drop)
    };
    assert!(denied(copy(&[writes], "o", None).await));
    assert!(denied(copy(&[writes], "absent", None).await));
    assert!(denied(copy(&[reads], "o", None).await));
    assert!(denied(copy(&[writes, reads], "o", Some(VersionId::Null)).await));
    copy(&[writes, reads], "o", None).await.unwrap();
}
