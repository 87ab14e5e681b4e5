//! Copies between all methods, conditional writes, digests that do not match, and stores that fail.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use sse::{AppliedEncryption, ChecksumAlgorithm, Checksummer, SseError};
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::{MetaStore, StoreFault, Table};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;
use testkit::FaultyMeta;

const SOURCES: [Method; 6] =
    [Method::Plain, Method::Obs, Method::Kms, Method::KmsBucketKey, Method::Customer(1), Method::Customer(2)];

fn copy(bucket: &model::BucketName, from: &str, source: Method, to: &str, target: Method) -> CopyObject {
    CopyObject {
        source: CopySource {
            bucket: bucket.clone(),
            name: name(from),
            version: None,
            preconditions: Preconditions::default(),
            customer: source.customer(),
            range: None,
        },
        bucket: bucket.clone(),
        name: name(to),
        replace_headers: None,
        website_redirect: None,
        encryption: target.headers(),
        checksum_algorithm: None,
        expectation: WriteExpectation::default(),
        acl: None,
        tags: CopyTags::Default,
    }
}

#[tokio::test]
async fn copies_between_all_methods_carry_nothing_of_the_source() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for size in [0, 10, 100_000] {
        let data = pattern(size);
        for source in SOURCES {
            h.put(&bucket, "from", source, &data).await;
            for target in SOURCES {
                let outcome = h.objects.copy_object(&cx(), copy(&bucket, "from", source, "to", target)).await.unwrap();
                assert_eq!(h.get(&bucket, "to", target).await.unwrap(), data, "{source:?} to {target:?}");
                let shown = outcome.write.encryption;
                match target {
                    Method::Plain => assert_eq!(shown, AppliedEncryption::None),
                    Method::Obs => assert_eq!(shown, AppliedEncryption::Obs { cipher: sse::DataCipher::Aes256Gcm }),
                    Method::Kms => assert!(matches!(shown, AppliedEncryption::Kms { bucket_key: false, .. })),
                    Method::KmsBucketKey => assert!(matches!(shown, AppliedEncryption::Kms { bucket_key: true, .. })),
                    Method::Customer(_) => assert!(matches!(shown, AppliedEncryption::Customer { .. })),
                }
                if let (Method::Customer(_), Method::Customer(2)) = (source, target) {
                    let other = h.get(&bucket, "to", Method::Customer(1)).await;
                    assert!(matches!(other, Err(Fail::Encryption(SseError::CustomerKeyWrong))));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_copy_needs_the_key_of_its_source() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "sealed", Method::Customer(1), b"data").await;
    h.put(&bucket, "plain", Method::Plain, b"data").await;
    let error = |r: Result<CopyOutcome, Fail>| match r {
        Err(Fail::Encryption(error)) => error,
        other => panic!("{other:?}"),
    };
    let attempt = |from: &str, source| h.objects.copy_object(&CX, copy(&bucket, from, source, "to", Method::Plain));
    static CX: std::sync::LazyLock<RequestContext> = std::sync::LazyLock::new(cx);
    assert_eq!(error(attempt("sealed", Method::Plain).await), SseError::CustomerKeyMissing);
    assert_eq!(error(attempt("sealed", Method::Customer(2)).await), SseError::CustomerKeyWrong);
    assert_eq!(error(attempt("plain", Method::Customer(1)).await), SseError::CustomerKeyUnexpected);
    assert!(matches!(h.get(&bucket, "to", Method::Plain).await, Err(Fail::NoSuchKey { .. })), "nothing was written");
}

#[tokio::test]
async fn a_copy_onto_itself_changes_the_method_or_is_refused() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let same = h.objects.copy_object(&cx(), copy(&bucket, "o", Method::Plain, "o", Method::Plain)).await;
    assert!(matches!(same, Err(Fail::InvalidRequest(_))));
    let mut at = Method::Plain;
    for next in [Method::Obs, Method::Kms, Method::KmsBucketKey, Method::Customer(1), Method::Customer(2)] {
        h.objects.copy_object(&cx(), copy(&bucket, "o", at, "o", next)).await.unwrap();
        assert_eq!(h.get(&bucket, "o", next).await.unwrap(), b"data");
        at = next;
    }
    // Sealed under a CMK, copied onto itself without headers into a bucket without default: plain in S3 ...
    h.put(&bucket, "k", Method::Kms, b"data").await;
    h.objects.copy_object(&cx(), copy(&bucket, "k", Method::Plain, "k", Method::Plain)).await.unwrap();
    let head = h.objects.head_object(&cx(), read(&bucket, "k", Method::Plain)).await.unwrap();
    assert_eq!(head.encryption, AppliedEncryption::None);
    // ... and still sealed in OBS, where only the metadata is replaced.
    let mut obs = cx();
    obs.rules.self_copy_keeps_method = true;
    h.put(&bucket, "k", Method::Kms, b"data").await;
    let mut request = copy(&bucket, "k", Method::Plain, "k", Method::Plain);
    request.replace_headers = Some(ObjectHeaders { content_type: Some("text/x".into()), ..Default::default() });
    h.objects.copy_object(&obs, request).await.unwrap();
    let head = h.objects.head_object(&cx(), read(&bucket, "k", Method::Plain)).await.unwrap();
    assert!(matches!(head.encryption, AppliedEncryption::Kms { .. }));
    assert_eq!(head.headers.content_type.as_deref(), Some("text/x"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_who_expect_absence_exactly_one_wins() {
    let h = Arc::new(Harness::new().await);
    let bucket = h.bucket("bucket").await;
    let tasks: Vec<_> = (0..16u8)
        .map(|i| {
            let (h, bucket) = (Arc::clone(&h), bucket.clone());
            tokio::spawn(async move {
                let request = PutObject {
                    bucket,
                    name: name("o"),
                    headers: ObjectHeaders::default(),
                    encryption: Method::Kms.headers(),
                    expectation: WriteExpectation { absent: true, etag: None },
                    acl: None,
                    tags: Vec::new(),
                };
                (i, h.objects.put_object(&cx(), request, body(&vec![i; 50_000])).await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (i, Ok(_)) => winners.push(i),
            (_, Err(Fail::PreconditionFailed | Fail::ConditionalConflict)) => {}
            (_, Err(other)) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(h.get(&bucket, "o", Method::Kms).await.unwrap(), vec![winners[0]; 50_000]);
    until(|| h.bodies() == 1).await;
}

#[tokio::test]
async fn a_digest_that_does_not_match_commits_nothing() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for size in [10, 100_000] {
        let data = pattern(size);
        let mut checksum = Checksummer::new(ChecksumAlgorithm::Crc32c);
        checksum.update(b"something else");
        let wrong: [fn(&mut RequestBody); 4] = [
            |b| b.content_md5 = Some([0; 16]),
            |b| b.content_sha256 = Some([0; 32]),
            |b| b.length = Some(11),
            |b| b.trailing_algorithm = Some(ChecksumAlgorithm::Crc32),
        ];
        for spoil in wrong {
            let mut spoiled = body(&data);
            spoil(&mut spoiled);
            assert!(put(&h, &bucket, spoiled).await.is_err());
        }
        let mut spoiled = body(&data);
        spoiled.checksum = Some(checksum.finish());
        assert!(matches!(put(&h, &bucket, spoiled).await, Err(Fail::BadDigest(_))));
        let mut right = body(&data);
        right.content_md5 = Some(crypto::md5(&data));
        right.content_sha256 = Some(crypto::sha256(&data));
        put(&h, &bucket, right).await.unwrap();
        h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    }
    until(|| h.bodies() == 0).await;
}

async fn put(h: &Harness, bucket: &model::BucketName, body: RequestBody) -> Result<WriteOutcome, Fail> {
    let request = PutObject {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: Method::Kms.headers(),
        expectation: WriteExpectation::default(),
        acl: None,
        tags: Vec::new(),
    };
    h.objects.put_object(&cx(), request, body).await
}

/// A full disk: the write is refused, what was there stays, nothing is left behind, and it recovers by itself.
#[tokio::test]
async fn a_full_store_refuses_and_recovers() {
    let faulty = FaultyMeta::over(Arc::new(MemoryStore::new()));
    let h = Harness::over(Arc::<FaultyMeta>::clone(&faulty) as Arc<dyn MetaStore>).await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Kms, b"old").await;
    faulty.fail_commits_after(0, StoreFault::Full);
    for size in [10, 100_000] {
        let refused = h.try_put(&bucket, "o", Method::Kms, &pattern(size)).await;
        assert!(matches!(refused, Err(Fail::Store(StoreFault::Full))), "{refused:?}");
    }
    assert_eq!(h.get(&bucket, "o", Method::Kms).await.unwrap(), b"old");
    faulty.heal();
    h.put(&bucket, "o", Method::Kms, b"new").await;
    assert_eq!(h.get(&bucket, "o", Method::Kms).await.unwrap(), b"new");
}

/// What a crash leaves between the blob and the commit that refers to it goes at the next start.
#[tokio::test]
async fn a_blob_without_owner_goes_at_the_next_start() {
    let faulty = FaultyMeta::over(Arc::new(MemoryStore::new()));
    let mut h = Harness::over(Arc::<FaultyMeta>::clone(&faulty) as Arc<dyn MetaStore>).await;
    let bucket = h.bucket("bucket").await;
    faulty.fail_commits_after(0, StoreFault::Unavailable("crash".into()));
    h.try_put(&bucket, "o", Method::Plain, &pattern(100_000)).await.unwrap_err();
    assert_eq!(h.bodies(), 1, "the outcome of the commit was unknown");
    faulty.heal();
    h.restart().await;
    assert_eq!(h.bodies(), 0);
}

#[tokio::test]
async fn a_bucket_made_again_under_the_same_name_does_not_open_the_old_ones_objects() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::KmsBucketKey, b"old").await;
    let record = h.meta.snapshot();
    let mut rows = Vec::new();
    for table in [Table::Current, Table::Inline] {
        record
            .scan(table, &[], None, &mut |k, v| {
                rows.push((table, k.to_vec(), v.to_vec()));
                true
            })
            .unwrap();
    }
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    h.objects.delete_bucket(&cx(), &bucket).await.unwrap();
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "probe", Method::Plain, b"x").await;
    let mut uid = Vec::new();
    h.meta
        .snapshot()
        .scan(Table::Current, &[], None, &mut |k, _| {
            uid = k[..16].to_vec();
            false
        })
        .unwrap();
    // An adversary puts the old object's rows under the new bucket's uid.
    let mut tx = store::Transaction::new();
    for (table, key, value) in rows {
        let key = if table == Table::Current { [&uid[..], &key[16..]].concat() } else { key };
        tx.put(table, key, value);
    }
    h.meta.commit(tx).await.unwrap();
    assert!(matches!(h.get(&bucket, "o", Method::Plain).await, Err(Fail::Encryption(SseError::Damaged))));
}

#[tokio::test]
async fn a_bucket_with_content_is_not_deleted() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"x").await;
    assert!(matches!(h.objects.delete_bucket(&cx(), &bucket).await, Err(Fail::BucketNotEmpty("objects"))));
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    let create = CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: Method::Plain.headers(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let upload = h.objects.create_upload(&cx(), create).await.unwrap().upload;
    let kept = h.objects.delete_bucket(&cx(), &bucket).await;
    assert!(matches!(kept, Err(Fail::BucketNotEmpty("unfinished multipart uploads"))));
    h.objects.abort_upload(&cx(), &bucket, &name("o"), upload).await.unwrap();
    h.objects.delete_bucket(&cx(), &bucket).await.unwrap();
    assert!(matches!(h.try_put(&bucket, "o", Method::Plain, b"x").await, Err(Fail::NoSuchBucket)));
}

#[tokio::test]
async fn nobody_but_the_owner_gets_in() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"x").await;
    let mut stranger = cx();
    for principal in [
        policy::Principal::Anonymous,
        policy::Principal::root(
            model::AccountId::parse("ffff").unwrap(),
            model::AccountNumber::parse("999").unwrap(),
            "stranger",
        ),
    ] {
        stranger.principal = principal;
        let o = &h.objects;
        assert!(matches!(o.head_bucket(&stranger, &bucket).await, Err(Fail::AccessDenied)));
        assert!(matches!(
            o.get_object(&stranger, read(&bucket, "o", Method::Plain)).await.map(drop),
            Err(Fail::AccessDenied)
        ));
        // Whether an object exists does not show.
        assert!(matches!(
            o.head_object(&stranger, read(&bucket, "none", Method::Plain)).await,
            Err(Fail::AccessDenied)
        ));
        assert!(matches!(o.delete_object(&stranger, &bucket, &name("o"), None).await, Err(Fail::AccessDenied)));
        assert!(matches!(o.delete_bucket(&stranger, &bucket).await, Err(Fail::AccessDenied)));
    }
    assert_eq!(h.get(&bucket, "o", Method::Plain).await.unwrap(), b"x");
}

/// Conditions and ranges that do not hold tell nothing to a wrong customer key, also for an empty object.
#[tokio::test]
async fn a_wrong_customer_key_comes_before_conditions_and_ranges() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for size in [0, 10] {
        h.put(&bucket, "o", Method::Customer(1), &pattern(size)).await;
        let wrong = Method::Customer(2);
        let refused = |r: Result<(), Fail>| matches!(r, Err(Fail::Encryption(SseError::CustomerKeyWrong)));
        let range = ReadObject { range: Some(model::RangeSpec::From(100)), ..read(&bucket, "o", wrong) };
        assert!(refused(h.objects.get_object(&cx(), range).await.map(drop)));
        let preconditions = Preconditions { if_match: Some(vec!["other".into()]), ..Default::default() };
        let condition = ReadObject { preconditions, ..read(&bucket, "o", wrong) };
        assert!(refused(h.objects.get_object(&cx(), condition).await.map(drop)));
        assert!(refused(h.objects.head_object(&cx(), read(&bucket, "o", wrong)).await.map(drop)));
        let right = ReadObject { range: Some(model::RangeSpec::From(100)), ..read(&bucket, "o", Method::Customer(1)) };
        assert!(matches!(h.objects.get_object(&cx(), right).await.map(drop), Err(Fail::InvalidRange { .. })));
    }
}
