//! Multipart uploads where something else happens at the same time, and what a completion promises.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use model::{BucketName, PartNumber, RangeSpec, Timestamp, UploadId};
use sse::{ChecksumAlgorithm, ChecksumValue, Checksummer};
use std::sync::Arc;
use store::{Expectation, MetaStore, Table, Transaction};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;

async fn create(h: &Harness, bucket: &BucketName, checksum: Option<(ChecksumAlgorithm, Option<bool>)>) -> UploadId {
    let request = CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: Method::KmsBucketKey.headers(),
        checksum,
        acl: None,
        tags: Vec::new(),
    };
    h.objects.create_upload(&cx(), request).await.unwrap().upload
}

fn part(bucket: &BucketName, upload: UploadId, number: u64) -> UploadPart {
    let part = PartNumber::new(number).unwrap();
    UploadPart { bucket: bucket.clone(), name: name("o"), upload, part, encryption: Method::Plain.customer().into() }
}

fn complete(bucket: &BucketName, upload: UploadId, parts: Vec<CompletedPart>) -> CompleteUpload {
    CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts,
        customer: Method::Plain.customer(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    }
}

async fn send(h: &Harness, bucket: &BucketName, upload: UploadId, number: u64, data: &[u8]) -> CompletedPart {
    let outcome = h.objects.upload_part(&cx(), part(bucket, upload, number), body(data)).await.unwrap();
    let checksum = outcome.checksum.map(|c| c.value);
    CompletedPart { part: PartNumber::new(number).unwrap(), etag: outcome.etag.to_string(), checksum }
}

fn rows(meta: &Arc<dyn MetaStore>, table: Table) -> usize {
    let mut rows = 0;
    meta.snapshot()
        .scan(table, &[], None, &mut |_, _| {
            rows += 1;
            true
        })
        .unwrap();
    rows
}

/// Small parts live in the metadata store: they too outlive a reader that has begun.
#[tokio::test]
async fn a_reader_finishes_small_parts_though_the_object_is_deleted() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let upload = create(&h, &bucket, None).await;
    let data = [pattern(1_000_000), pattern(1000), pattern(10)];
    let mut parts = Vec::new();
    for (i, data) in data.iter().enumerate() {
        parts.push(send(&h, &bucket, upload, i as u64 + 1, data).await);
    }
    h.objects.complete_upload(&cx(), complete(&bucket, upload, parts)).await.unwrap();
    let outcome = h.objects.get_object(&cx(), read(&bucket, "o", Method::Plain)).await.unwrap();
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(drain(outcome.body).await.unwrap(), data.concat());
    until(|| h.bodies() == 0 && rows(&h.meta, Table::Inline) == 0 && rows(&h.meta, Table::BlobGc) == 0).await;
}

/// Parts that land while their upload is aborted, or that a completion does not name, leave nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parts_that_come_while_an_upload_ends_are_not_left_behind() {
    let h = Arc::new(Harness::new().await);
    let bucket = h.bucket("bucket").await;
    for round in 0..20 {
        let upload = create(&h, &bucket, None).await;
        let named = send(&h, &bucket, upload, 100, b"named").await;
        let tasks: Vec<_> = (1..=8)
            .map(|i| {
                let (h, bucket) = (Arc::clone(&h), bucket.clone());
                let size = if i % 2 == 0 { 100_000 } else { 100 };
                tokio::spawn(async move {
                    let sent = h.objects.upload_part(&cx(), part(&bucket, upload, i), body(&pattern(size))).await;
                    assert!(matches!(sent, Ok(_) | Err(Fail::NoSuchUpload)), "{sent:?}");
                })
            })
            .collect();
        if round % 2 == 0 {
            h.objects.abort_upload(&cx(), &bucket, &name("o"), upload).await.unwrap();
        } else {
            h.objects.complete_upload(&cx(), complete(&bucket, upload, vec![named])).await.unwrap();
        }
        for task in tasks {
            task.await.unwrap();
        }
    }
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    let clean = || {
        let tables = [Table::Parts, Table::Inline, Table::BlobRefs, Table::BlobGc];
        h.bodies() == 0 && tables.iter().all(|t| rows(&h.meta, *t) == 0)
    };
    until(clean).await;
}

/// What a crash leaves of an aborted upload goes at the next start.
#[tokio::test]
async fn parts_of_an_ended_upload_go_at_the_next_start() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let upload = create(&h, &bucket, None).await;
    send(&h, &bucket, upload, 1, &pattern(100_000)).await;
    send(&h, &bucket, upload, 2, b"small").await;
    // The abort's commit, and then nothing more.
    let mut tx = Transaction::new();
    let mut key = Vec::new();
    h.meta
        .snapshot()
        .scan(Table::Uploads, &[], None, &mut |k, _| {
            key = k.to_vec();
            false
        })
        .unwrap();
    tx.expect(Expectation::Present(Table::Uploads, key.clone().into()));
    tx.delete(Table::Uploads, key).put(Table::BlobGc, upload.as_bytes().to_vec(), vec![2]);
    h.meta.commit(tx).await.unwrap();
    h.restart().await;
    assert_eq!((h.bodies(), rows(&h.meta, Table::Parts), rows(&h.meta, Table::Inline)), (0, 0, 0));
    assert_eq!(rows(&h.meta, Table::BlobGc), 0);
}

fn crc32(data: &[u8]) -> ChecksumValue {
    let mut sum = Checksummer::new(ChecksumAlgorithm::Crc32);
    sum.update(data);
    sum.finish()
}

#[tokio::test]
async fn what_a_completion_promises_is_checked() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let wrong = || crc32(b"something else");
    for composite in [true, false] {
        let upload = create(&h, &bucket, Some((ChecksumAlgorithm::Crc32, Some(!composite)))).await;
        let parts = vec![send(&h, &bucket, upload, 1, b"one").await, send(&h, &bucket, upload, 2, b"two").await];
        let right =
            if composite { crc32(&[crc32(b"one").bytes(), crc32(b"two").bytes()].concat()) } else { crc32(b"onetwo") };
        let refused = |spoil: fn(&mut CompleteUpload)| {
            let mut request = complete(&bucket, upload, parts.clone());
            spoil(&mut request);
            request
        };
        let spoilt = [
            refused(|r| r.object_size = Some(7)),
            refused(|r| r.checksum_parts = Some(7)),
            refused(|r| r.parts[0].etag = "0".repeat(32)),
            refused(|r| r.parts.swap(0, 1)),
            CompleteUpload { checksum: Some(wrong()), ..complete(&bucket, upload, parts.clone()) },
            CompleteUpload { checksum_composite: Some(!composite), ..complete(&bucket, upload, parts.clone()) },
        ];
        for request in spoilt {
            assert!(h.objects.complete_upload(&cx(), request).await.is_err(), "composite: {composite}");
        }
        let request = CompleteUpload {
            checksum: Some(right.clone()),
            checksum_parts: composite.then_some(2),
            checksum_composite: Some(composite),
            object_size: Some(6),
            ..complete(&bucket, upload, parts)
        };
        let outcome = h.objects.complete_upload(&cx(), request).await.unwrap();
        assert_eq!(outcome.checksum, Some(StoredChecksum { value: right, composite_parts: composite.then_some(2) }));
    }
}

/// A resumed download never splices two versions.
#[tokio::test]
async fn if_range_gives_the_whole_of_another_version() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let put = h.put(&bucket, "o", Method::Obs, b"0123456789").await;
    let date = put.last_modified;
    for (if_range, partial) in [
        (IfRange::ETag(put.etag.to_string()), true),
        (IfRange::ETag("0".repeat(32)), false),
        (IfRange::Date(date), true),
        (IfRange::Date(Timestamp::from_secs(date.as_secs() - 1)), false),
        (IfRange::Never, false),
    ] {
        let range = Some(RangeSpec::From(5));
        let request = ReadObject { range, if_range: Some(if_range), ..read(&bucket, "o", Method::Obs) };
        let outcome = h.objects.get_object(&cx(), request).await.unwrap();
        assert_eq!(outcome.info.partial, partial);
        assert_eq!(drain(outcome.body).await.unwrap(), if partial { &b"56789"[..] } else { b"0123456789" });
    }
}

/// A body that comes byte by byte is the same body.
#[tokio::test]
async fn small_pieces_make_the_same_body() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let data = pattern(100_000);
    let request = PutObject {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: Method::Kms.headers(),
        expectation: WriteExpectation::default(),
        acl: None,
        tags: Vec::new(),
    };
    h.objects.put_object(&cx(), request, body_in_pieces(&data, 1)).await.unwrap();
    assert_eq!(h.get(&bucket, "o", Method::Kms).await.unwrap(), data);
}

/// A client whose answer was lost sends its completion again.
#[tokio::test]
async fn a_repeated_completion_is_answered_as_the_first() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let upload = create(&h, &bucket, None).await;
    let parts = vec![send(&h, &bucket, upload, 1, b"one").await, send(&h, &bucket, upload, 2, b"two").await];
    let request = || complete(&bucket, upload, parts.clone());
    let gone = |r: Result<(), Fail>| matches!(r, Err(Fail::NoSuchUpload));
    let first = h.objects.complete_upload(&cx(), request()).await.unwrap();
    h.objects.authorize_complete(&cx(), &bucket, &name("o"), upload).await.unwrap();
    let again = h.objects.complete_upload(&cx(), request()).await.unwrap();
    assert_eq!((again.etag, again.size, again.last_modified), (first.etag, first.size, first.last_modified));
    assert_eq!(again.encryption, first.encryption);
    let mut renamed = parts.clone();
    renamed[1].etag = "0".repeat(32);
    let swapped = vec![parts[1].clone(), parts[0].clone()];
    for other_parts in [parts[..1].to_vec(), renamed, swapped] {
        let other_parts = complete(&bucket, upload, other_parts);
        assert!(gone(h.objects.complete_upload(&cx(), other_parts).await.map(drop)));
    }
    // Another object under the name is not what the upload made.
    h.put(&bucket, "o", Method::Plain, b"new").await;
    assert!(gone(h.objects.complete_upload(&cx(), request()).await.map(drop)));
    assert!(gone(h.objects.authorize_complete(&cx(), &bucket, &name("o"), upload).await));
    let aborted = create(&h, &bucket, None).await;
    h.objects.abort_upload(&cx(), &bucket, &name("o"), aborted).await.unwrap();
    assert!(gone(h.objects.complete_upload(&cx(), complete(&bucket, aborted, parts)).await.map(drop)));
}

/// In S3 a bucket's unfinished uploads end with it, however many, unless it holds an object.
#[tokio::test]
async fn uploads_end_with_their_bucket_and_stay_with_one_that_is_kept() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let other = h.bucket("other").await;
    let mut s3 = cx();
    s3.rules.delete_bucket_aborts_uploads = true;
    let kept = create(&h, &other, None).await;
    let first = create(&h, &bucket, None).await;
    send(&h, &bucket, first, 1, b"part").await;
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let refused = h.objects.delete_bucket(&s3, &bucket).await;
    assert!(matches!(refused, Err(Fail::BucketNotEmpty(_))));
    send(&h, &bucket, first, 2, b"part").await;
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    for _ in 0..100 {
        create(&h, &bucket, None).await;
    }
    assert!(matches!(h.objects.delete_bucket(&cx(), &bucket).await, Err(Fail::BucketNotEmpty(_))), "OBS keeps it");
    h.objects.delete_bucket(&s3, &bucket).await.unwrap();
    assert!(matches!(h.objects.head_bucket(&cx(), &bucket).await, Err(Fail::NoSuchBucket)));
    assert_eq!(rows(&h.meta, Table::Uploads), 1);
    send(&h, &other, kept, 1, b"part").await;
}
