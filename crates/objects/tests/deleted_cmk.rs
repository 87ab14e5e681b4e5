//! A CMK that is really gone: what it sealed cannot be read or added to any more, whether or not its material has been
//! removed already, and everything that needs no key goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use kms::{CmkId, KmsError};
use model::BucketName;
use sse::{EncryptionHeaders, SseError};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;

const DAY_MILLIS: u64 = 86_400_000;

async fn put(h: &Harness, bucket: &BucketName, object: &str, cmk: &CmkId, bucket_key: bool) -> Result<(), Fail> {
    let encryption = EncryptionHeaders {
        method: Some("aws:kms".into()),
        key_id: Some(cmk.to_arn()),
        bucket_key_enabled: Some(bucket_key.to_string()),
        ..EncryptionHeaders::default()
    };
    h.put_with(bucket, object, encryption, &pattern(2000)).await.map(drop)
}

async fn refuses(h: &Harness, bucket: &BucketName, cmk: &CmkId, is_it: fn(&SseError) -> bool, when: &str) {
    for (object, bucket_key) in [("direct", false), ("bucket-key", true)] {
        for (what, result) in [
            ("read", h.get(bucket, object, Method::Kms).await.map(drop)),
            ("write", put(h, bucket, "new", cmk, bucket_key).await),
        ] {
            let Err(Fail::Encryption(error)) = &result else { panic!("{what} {object}, {when}: {result:?}") };
            assert!(is_it(error), "{what} {object}, {when}: {error:?}");
        }
    }
}

/// What needs no key goes on.
async fn works(h: &Harness, bucket: &BucketName, objects: &[&str], when: &str) {
    for object in objects {
        let found = h.objects.head_object(&cx(), read(bucket, object, Method::Kms)).await;
        assert!(found.is_ok(), "HEAD {object}, {when}");
    }
    let list = ListObjects { bucket: bucket.clone(), prefix: String::new(), delimiter: None, after: None, max: 10 };
    assert_eq!(h.objects.list_objects(&cx(), list).await.unwrap().objects.len(), objects.len(), "{when}");
    assert_eq!(h.get(bucket, "plain", Method::Plain).await.unwrap(), pattern(2000), "{when}");
}

#[tokio::test]
async fn what_a_deleted_cmk_sealed_stays_sealed_and_the_rest_goes_on() {
    let mut h = Harness::new().await;
    h.kms.set_dependents(h.objects.dependents());
    let cmk = h.kms.create(&operator(), kms::CreateCmk::default()).await.unwrap().id;
    let bucket = h.bucket("bucket").await;
    for (object, bucket_key) in [("direct", false), ("direct-2", false), ("bucket-key", true), ("bucket-key-2", true)] {
        put(&h, &bucket, object, &cmk, bucket_key).await.unwrap();
        // What is unwrapped is in the caches.
        assert_eq!(h.get(&bucket, object, Method::Kms).await.unwrap(), pattern(2000));
    }
    h.put(&bucket, "plain", Method::Plain, &pattern(2000)).await;
    let all = ["bucket-key", "bucket-key-2", "direct", "direct-2", "plain"];

    let unforced = h.kms.schedule_deletion(&operator(), &cmk, 7, false).await;
    assert!(matches!(unforced, Err(KmsError::InUse(_))), "{unforced:?}");
    h.kms.schedule_deletion(&operator(), &cmk, 7, true).await.unwrap();
    h.clock.advance_millis(7 * DAY_MILLIS - 1);
    refuses(&h, &bucket, &cmk, |e| matches!(e, SseError::KeyPendingDeletion), "in the last millisecond").await;
    works(&h, &bucket, &all, "in the last millisecond").await;

    h.clock.advance_millis(1);
    refuses(&h, &bucket, &cmk, |e| matches!(e, SseError::KeyNotFound), "due, and its rows are there").await;
    works(&h, &bucket, &all, "due").await;
    h.objects.delete_object(&cx(), &bucket, &name("direct-2"), None).await.unwrap();
    assert_eq!(h.kms.cancel_deletion(&operator(), &cmk).await, Err(KmsError::NotFound), "there is no way back");

    assert_eq!(h.kms.purge_due().await, Ok(vec![cmk.clone()]));
    let left = ["bucket-key", "bucket-key-2", "direct", "plain"];
    for when in ["its material is gone", "after a restart"] {
        refuses(&h, &bucket, &cmk, |e| matches!(e, SseError::KeyNotFound), when).await;
        works(&h, &bucket, &left, when).await;
        h.restart().await;
    }
    for object in left {
        h.objects.delete_object(&cx(), &bucket, &name(object), None).await.unwrap();
    }
    assert!(h.objects.head_object(&cx(), read(&bucket, "direct", Method::Kms)).await.is_err());
}
