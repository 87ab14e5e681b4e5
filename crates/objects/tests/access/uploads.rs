//! Going on with multipart uploads: who may, and what policies see.

use crate::acl::canned;
use crate::support::people::*;
use crate::support::*;
use model::{BucketName, PartNumber, UploadId};
use policy::{CannedAcl, ConditionKey, Ownership, Principal};
use sse::EncryptionHeaders;
use strongroom_objects::Fail;
use strongroom_objects::api::*;

fn begin_with(bucket: &BucketName, acl: Option<AclChoice>, tags: Tags) -> CreateUpload {
    CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: EncryptionHeaders::default(),
        checksum: None,
        acl,
        tags,
    }
}

async fn send(h: &Harness, cx: &RequestContext, bucket: &BucketName, upload: UploadId) -> Result<CompleteUpload, Fail> {
    let number = PartNumber::new(1).unwrap();
    let part =
        UploadPart { bucket: bucket.clone(), name: name("o"), upload, part: number, encryption: Default::default() };
    let etag = h.objects.upload_part(cx, part, body(b"part")).await?.etag.to_string();
    Ok(CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts: vec![CompletedPart { part: number, etag, checksum: None }],
        customer: Default::default(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    })
}

/// The right to put objects is no right to what others have begun to put: it would be theirs, with other bytes.
#[tokio::test]
async fn uploads_are_gone_on_with_by_the_account_that_began_them_and_the_bucket_owner() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.set_policy(&bucket, &statement("Allow", EVERYONE, r#"["s3:PutObject"]"#, "")).await;
    let (owner, anonymous) = (root_of(1), Principal::Anonymous);
    let everybody = [owner.clone(), root_of(2), user(2, &[EVERYTHING]), root_of(3), anonymous.clone()];
    // Who began it, and which of the others go on.
    let cases = [
        (owner, [true, false, false, false, false]),
        (root_of(2), [true, true, true, false, false]),
        (user(2, &[EVERYTHING]), [true, true, true, false, false]),
        (anonymous, [true, false, false, false, true]),
    ];
    for (began, may) in cases {
        let upload =
            h.objects.create_upload(&as_(&began), begin_with(&bucket, None, Tags::new())).await.unwrap().upload;
        h.restart().await;
        let own = send(&h, &as_(&began), &bucket, upload).await.unwrap();
        for (who, may) in everybody.iter().zip(may) {
            let shown = format!("begun by {began:?}, gone on with by {who:?}");
            let sent = send(&h, &as_(who), &bucket, upload).await;
            assert_eq!((sent.is_ok(), denied(sent)), (may, !may), "{shown}");
            let source = CopySource {
                bucket: bucket.clone(),
                name: name("source"),
                version: None,
                preconditions: Preconditions::default(),
                customer: Default::default(),
                range: None,
            };
            let part = UploadPart {
                bucket: bucket.clone(),
                name: name("o"),
                upload,
                part: PartNumber::new(2).unwrap(),
                encryption: Default::default(),
            };
            h.put_as(who, &bucket, "source").await.unwrap();
            if !may {
                assert!(denied(h.objects.upload_part_copy(&as_(who), part, source).await), "{shown}");
            }
            let asked = h.objects.authorize_complete(&as_(who), &bucket, &name("o"), upload).await;
            assert_eq!((asked.is_ok(), denied(asked)), (may, !may), "{shown}");
            if !may {
                let request = CompleteUpload { parts: own.parts.clone(), ..again(&own) };
                assert!(denied(h.objects.complete_upload(&as_(who), request).await), "{shown}");
            }
        }
        h.objects.complete_upload(&as_(&began), again(&own)).await.unwrap();
        h.objects.complete_upload(&as_(&began), again(&own)).await.unwrap();
        let guessed = vec![CompletedPart { etag: "0".repeat(32), ..own.parts[0].clone() }];
        let guess =
            h.objects.complete_upload(&as_(&root_of(3)), CompleteUpload { parts: guessed, ..again(&own) }).await;
        assert!(matches!(guess, Err(Fail::NoSuchUpload)), "what was made is told to who made it");
    }
}

fn again(request: &CompleteUpload) -> CompleteUpload {
    CompleteUpload {
        bucket: request.bucket.clone(),
        name: request.name.clone(),
        upload: request.upload,
        parts: request.parts.clone(),
        customer: Default::default(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    }
}

/// Who handed an upload over to the bucket's owner still ends it.
#[tokio::test]
async fn who_began_an_upload_ends_it_whoever_will_own_it() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.set_policy(&bucket, &statement("Allow", EVERYONE, r#"["s3:PutObject"]"#, "")).await;
    h.objects.put_ownership_controls(&cx(), &bucket, Ownership::BucketOwnerPreferred).await.unwrap();
    let request = begin_with(&bucket, canned(CannedAcl::BucketOwnerFullControl), Tags::new());
    let upload = h.objects.create_upload(&as_(&root_of(2)), request).await.unwrap().upload;
    let abort = async |who: &Principal| h.objects.abort_upload(&as_(who), &bucket, &name("o"), upload).await;
    assert!(denied(abort(&root_of(3)).await));
    assert!(denied(abort(&Principal::Anonymous).await));
    abort(&root_of(2)).await.unwrap();
    let request = begin_with(&bucket, None, Tags::new());
    let upload = h.objects.create_upload(&as_(&Principal::Anonymous), request).await.unwrap().upload;
    let ended = h.objects.abort_upload(&as_(&Principal::Anonymous), &bucket, &name("o"), upload).await;
    assert!(denied(ended), "one of the anonymous is not the other");
}

/// ACL, grants, storage class and tags are said once, when an upload begins.
#[tokio::test]
async fn parts_are_judged_by_acl_and_tags_of_their_beginning() {
    use ConditionKey as K;
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let deny = |condition: &str| statement("Deny", EVERYONE, r#""s3:PutObject""#, condition);
    let cases = [
        ("s3:x-amz-acl", K::Acl, "private"),
        ("s3:x-amz-grant-read", K::GrantRead, "id=1"),
        ("s3:x-amz-grant-write", K::GrantWrite, "id=1"),
        ("s3:x-amz-grant-read-acp", K::GrantReadAcp, "id=1"),
        ("s3:x-amz-grant-write-acp", K::GrantWriteAcp, "id=1"),
        ("s3:x-amz-grant-full-control", K::GrantFullControl, "id=1"),
        ("s3:x-amz-storage-class", K::StorageClass, "STANDARD"),
    ];
    for (key, condition, value) in cases {
        h.objects.delete_bucket_policy(&cx(), &bucket).await.unwrap();
        let said = || saying(cx(), condition.clone(), value);
        let other = || saying(cx(), condition.clone(), "other");
        let begin = || begin_with(&bucket, None, Tags::new());
        let without = h.objects.create_upload(&cx(), begin()).await.unwrap().upload;
        let with_other = h.objects.create_upload(&other(), begin()).await.unwrap().upload;
        h.set_policy(&bucket, &deny(&format!(r#"{{"StringNotEquals":{{"{key}":"{value}"}}}}"#))).await;
        let with = h.objects.create_upload(&said(), begin()).await.unwrap().upload;
        h.restart().await;
        for upload in [without, with_other] {
            assert!(denied(send(&h, &cx(), &bucket, upload).await.map(drop)), "{key}");
            assert!(
                denied(send(&h, &said(), &bucket, upload).await.map(drop)),
                "{key}: a part's header decides nothing"
            );
            let asked = h.objects.authorize_complete(&said(), &bucket, &name("o"), upload).await;
            assert!(denied(asked), "{key}");
        }
        send(&h, &other(), &bucket, with).await.unwrap();
        let whole = send(&h, &cx(), &bucket, with).await.unwrap();
        h.objects.complete_upload(&cx(), whole).await.unwrap();
    }
    h.objects.delete_bucket_policy(&cx(), &bucket).await.unwrap();
    let begin = |pairs: &[(&str, &str)]| begin_with(&bucket, None, tags(pairs));
    let red = h.objects.create_upload(&cx(), begin(&[("colour", "red")])).await.unwrap().upload;
    let blue = h.objects.create_upload(&cx(), begin(&[("colour", "blue")])).await.unwrap().upload;
    let both = h.objects.create_upload(&cx(), begin(&[("colour", "red"), ("shape", "round")])).await.unwrap().upload;
    let not_red = deny(r#"{"StringNotEquals":{"s3:RequestObjectTag/colour":"red"}}"#);
    let shaped = deny(r#"{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":"shape"}}"#);
    h.set_policy(&bucket, &format!("{not_red},{shaped}")).await;
    for upload in [blue, both] {
        assert!(denied(send(&h, &cx(), &bucket, upload).await.map(drop)));
        assert!(denied(h.objects.authorize_complete(&cx(), &bucket, &name("o"), upload).await));
    }
    let whole = send(&h, &cx(), &bucket, red).await.unwrap();
    h.objects.complete_upload(&cx(), again(&whole)).await.unwrap();
    h.objects.complete_upload(&cx(), whole).await.unwrap();
}
