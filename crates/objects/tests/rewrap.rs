//! Wrapping an object's keys anew in place: the record changes, the object does not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use sse::{AppliedEncryption, EncryptionHeaders, RewrapTo, SseError};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;

/// The account's default key, once something has made it.
const DEFAULT_KEY: &str = "alias/aws/s3";

fn to(key_ref: Option<&str>, bucket_key: Option<bool>) -> RewrapTo {
    RewrapTo { key_ref: key_ref.map(str::to_owned), bucket_key }
}

async fn update(
    h: &Harness,
    bucket: &model::BucketName,
    object: &str,
    to: RewrapTo,
) -> Result<AppliedEncryption, Fail> {
    h.objects.update_object_encryption(&cx(), bucket, &name(object), None, &to).await
}

fn shown(applied: &AppliedEncryption) -> bool {
    match applied {
        AppliedEncryption::Kms { bucket_key, .. } => *bucket_key,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn managed_methods_lead_to_sse_kms_and_nothing_else_changes() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "makes the default key", Method::Kms, b"").await;
    for size in [0, 10, 100_000] {
        let data = pattern(size);
        for from in [Method::Obs, Method::Kms, Method::KmsBucketKey] {
            for (cipher, bucket_key) in [("AES256", false), ("AES256", true), ("SM4", false), ("SM4", true)] {
                let request = PutObject {
                    bucket: bucket.clone(),
                    name: name("o"),
                    headers: ObjectHeaders { content_type: Some("text/x".into()), ..ObjectHeaders::default() },
                    encryption: EncryptionHeaders { data_encryption: Some(cipher.into()), ..from.headers() },
                    expectation: WriteExpectation::default(),
                    acl: None,
                    tags: Vec::new(),
                };
                h.objects.put_object(&cx(), request, body(&data)).await.unwrap();
                let with_checksum = || ReadObject { want_checksum: true, ..read(&bucket, "o", from) };
                let before = h.objects.head_object(&cx(), with_checksum()).await.unwrap();
                // In the background a body that was just written is confirmed and a replaced one removed.
                let names = || h.files().iter().map(|f| f.file_name().unwrap().to_owned()).collect::<Vec<_>>();
                let bodies = names();
                h.clock.advance_millis(60_000);
                let applied = update(&h, &bucket, "o", to(Some(DEFAULT_KEY), Some(bucket_key))).await.unwrap();
                assert_eq!(shown(&applied), bucket_key);
                let after = h.objects.head_object(&cx(), with_checksum()).await.unwrap();
                assert_eq!(after.encryption, applied, "{from:?} {cipher} {bucket_key}");
                assert_eq!(
                    (after.etag, after.last_modified, after.size, after.checksum, after.headers.content_type),
                    (before.etag, before.last_modified, before.size, before.checksum, before.headers.content_type)
                );
                assert!(names().iter().all(|name| bodies.contains(name)), "no body is written");
                h.restart().await;
                assert_eq!(h.get(&bucket, "o", Method::Kms).await.unwrap(), data);
                // Once more says that there is nothing to do.
                let calls = h.kms_requests();
                assert_eq!(update(&h, &bucket, "o", to(None, None)).await.unwrap(), applied);
                assert_eq!(h.kms_requests(), calls);
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_managed_key_is_refused() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "kms", Method::Kms, b"data").await;
    for method in [Method::Plain, Method::Customer(1)] {
        h.put(&bucket, "o", method, b"data").await;
        let refused = update(&h, &bucket, "o", to(Some(DEFAULT_KEY), None)).await;
        assert!(matches!(refused, Err(Fail::Encryption(SseError::NotRewrappable))), "{refused:?}");
        assert_eq!(h.get(&bucket, "o", method).await.unwrap(), b"data");
    }
    h.put(&bucket, "o", Method::Obs, b"data").await;
    let refused = update(&h, &bucket, "o", to(None, Some(true))).await;
    assert!(matches!(refused, Err(Fail::Encryption(SseError::NotRewrappable))), "{refused:?}");
    let refused = update(&h, &bucket, "o", to(Some("00000000-0000-4000-8000-000000000000"), None)).await;
    assert!(matches!(refused, Err(Fail::Encryption(SseError::KeyNotFound))), "{refused:?}");
    assert!(matches!(update(&h, &bucket, "missing", to(None, None)).await, Err(Fail::NoSuchKey { .. })));
}
