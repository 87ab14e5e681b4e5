//! KMS calls are budgeted and counted: at most one per object operation, none with a warm bucket key; listing, HEAD and
//! delete never touch the KMS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use sse::{EncryptionHeaders, SseError};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;

#[tokio::test]
async fn without_a_bucket_key_each_put_and_get_is_one_call() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for i in 1..=10 {
        h.put(&bucket, "o", Method::Kms, b"x").await;
        assert_eq!(h.kms_requests(), 2 * i - 1);
        h.get(&bucket, "o", Method::Kms).await.unwrap();
        assert_eq!(h.kms_requests(), 2 * i);
    }
}

#[tokio::test]
async fn a_warm_bucket_key_needs_no_call_until_its_life_ends() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for _ in 0..50 {
        h.put(&bucket, "o", Method::KmsBucketKey, b"x").await;
    }
    assert_eq!(h.kms_requests(), 1, "50 objects, one call");
    for _ in 0..50 {
        h.get(&bucket, "o", Method::KmsBucketKey).await.unwrap();
    }
    assert_eq!(h.kms_requests(), 1, "50 reads by who obtained it, none");
    h.clock.advance_millis(179_999);
    h.put(&bucket, "o", Method::KmsBucketKey, b"x").await;
    assert_eq!(h.kms_requests(), 1, "the last millisecond of its life");
    h.clock.advance_millis(1);
    h.put(&bucket, "p", Method::KmsBucketKey, b"x").await;
    assert_eq!(h.kms_requests(), 2, "its life has ended");
    for _ in 0..50 {
        h.get(&bucket, "o", Method::KmsBucketKey).await.unwrap();
    }
    assert_eq!(h.kms_requests(), 3, "50 reads through the one whose life has ended, one more");
    let other = h.bucket("other").await;
    h.put(&other, "o", Method::KmsBucketKey, b"x").await;
    assert_eq!(h.kms_requests(), 4, "a bucket key serves one bucket");
    let counters = h.sse.bucket_key_counters();
    assert_eq!((counters.misses(), counters.hits()), (4, 149));
}

#[tokio::test]
async fn list_head_and_delete_never_touch_the_kms() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Kms, b"x").await;
    h.put(&bucket, "p", Method::KmsBucketKey, b"x").await;
    let before = h.kms_requests();
    for o in ["o", "p"] {
        h.objects.head_object(&cx(), read(&bucket, o, Method::Kms)).await.unwrap();
    }
    let list = ListObjects { bucket: bucket.clone(), prefix: String::new(), delimiter: None, after: None, max: 10 };
    assert_eq!(h.objects.list_objects(&cx(), list).await.unwrap().objects.len(), 2);
    for o in ["o", "p"] {
        h.objects.delete_object(&cx(), &bucket, &name(o), None).await.unwrap();
    }
    assert_eq!(h.kms_requests(), before);
}

/// Single flight: as many writers at once as you like, one call.
#[tokio::test]
async fn concurrent_first_writers_share_one_call() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "warm-up-of-the-default-key", Method::Kms, b"x").await;
    let before = h.kms_requests();
    let names: Vec<String> = (0..32).map(|i| format!("o{i}")).collect();
    let puts = names.iter().map(|n| h.put(&bucket, n, Method::KmsBucketKey, b"x"));
    let mut set: Vec<_> = puts.map(Box::pin).collect();
    std::future::poll_fn(|task| {
        set.retain_mut(|put| put.as_mut().poll(task).is_pending());
        if set.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(h.kms_requests(), before + 1);
}

/// The cache spares the unwrap, never the check: a disabled CMK ends reads and writes at once, a re-enabled one serves
/// again without any change of data.
#[tokio::test]
async fn disabling_the_cmk_takes_effect_at_once() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let user = sse::KeyUser {
        principal: root(),
        access_key: None,
        via: "kms",
        request_id: "test".into(),
        conditions: Default::default(),
    };
    let cmk =
        h.kms.create(&user, kms::CreateCmk { description: "mine".to_owned(), ..Default::default() }).await.unwrap();
    let write = || PutObject {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: EncryptionHeaders {
            method: Some("aws:kms".into()),
            key_id: Some(cmk.id.to_arn()),
            bucket_key_enabled: Some("true".into()),
            ..EncryptionHeaders::default()
        },
        expectation: WriteExpectation::default(),
        acl: None,
        tags: Vec::new(),
    };
    h.objects.put_object(&cx(), write(), body(b"data")).await.unwrap();
    h.get(&bucket, "o", Method::Kms).await.unwrap();
    h.kms.disable(&user, &cmk.id).await.unwrap();
    let disabled = |r: Result<(), Fail>| matches!(r, Err(Fail::Encryption(SseError::KeyDisabled)));
    assert!(disabled(h.get(&bucket, "o", Method::Kms).await.map(drop)));
    assert!(disabled(h.objects.put_object(&cx(), write(), body(b"data")).await.map(drop)));
    assert!(h.objects.head_object(&cx(), read(&bucket, "o", Method::Kms)).await.is_ok(), "HEAD shows no body");
    h.kms.enable(&user, &cmk.id).await.unwrap();
    assert_eq!(h.get(&bucket, "o", Method::Kms).await.unwrap(), b"data");
}
