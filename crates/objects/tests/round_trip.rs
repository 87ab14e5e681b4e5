//! What was put comes back, in every method, at the sizes where segments, batches and the inline threshold change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use model::{PartNumber, RangeSpec};
use proptest::prelude::*;
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;

const SIZES: [usize; 10] =
    [0, 1, 32 * 1024, 32 * 1024 + 1, 65_535, 65_536, 65_537, 262_144, 262_145, 5 * 1024 * 1024 + 1];

#[tokio::test]
async fn every_method_at_every_edge() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for method in Method::ALL {
        for size in SIZES {
            let data = pattern(size);
            let put = h.put(&bucket, "o", method, &data).await;
            assert_eq!(put.size, size as u64);
            assert_eq!(h.get(&bucket, "o", method).await.unwrap(), data, "{method:?} {size}");
            let head = h.objects.head_object(&cx(), read(&bucket, "o", method)).await.unwrap();
            assert_eq!((head.size, head.etag), (size as u64, put.etag));
            assert_eq!(head.encryption, put.encryption);
            let page = list(&h, &bucket).await;
            assert_eq!(page.objects[0].etag, put.etag, "{method:?}: list and put agree");
            assert_eq!(page.objects[0].size, size as u64);
            let plain_md5 = matches!(method, Method::Plain | Method::Obs);
            assert_eq!(put.etag.md5 == crypto::md5(&data), plain_md5, "{method:?}: ETag");
        }
    }
}

async fn list(h: &Harness, bucket: &model::BucketName) -> ObjectPage {
    let request =
        ListObjects { bucket: bucket.clone(), prefix: String::new(), delimiter: None, after: None, max: 1000 };
    h.objects.list_objects(&cx(), request).await.unwrap()
}

#[tokio::test]
async fn everything_opens_after_a_restart_with_cold_caches() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for (i, method) in Method::ALL.into_iter().enumerate() {
        h.put(&bucket, &format!("small{i}"), method, b"small").await;
        h.put(&bucket, &format!("large{i}"), method, &pattern(100_000)).await;
    }
    h.restart().await;
    for (i, method) in Method::ALL.into_iter().enumerate() {
        assert_eq!(h.get(&bucket, &format!("small{i}"), method).await.unwrap(), b"small");
        assert_eq!(h.get(&bucket, &format!("large{i}"), method).await.unwrap(), pattern(100_000));
    }
}

#[tokio::test]
async fn the_same_bytes_twice_give_unrelated_ciphertext() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for method in [Method::Kms, Method::KmsBucketKey, Method::Customer(1)] {
        let first = h.put(&bucket, "o", method, b"same").await;
        let second = h.put(&bucket, "o", method, b"same").await;
        assert_ne!(first.etag, second.etag, "{method:?}");
    }
}

#[tokio::test]
async fn replaced_and_deleted_bodies_leave_the_disk() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Kms, &pattern(100_000)).await;
    h.put(&bucket, "o", Method::Kms, &pattern(200_000)).await;
    until(|| h.bodies() == 1).await;
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    until(|| h.bodies() == 0).await;
    assert!(matches!(h.get(&bucket, "o", Method::Kms).await, Err(Fail::NoSuchKey { .. })));
}

#[tokio::test]
async fn a_reader_finishes_what_it_began_though_the_object_is_replaced() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let parts: Vec<Vec<u8>> = (0..3).map(|i| vec![i; 400_000]).collect();
    multipart(&h, &bucket, "o", Method::KmsBucketKey, &parts).await;
    let outcome = h.objects.get_object(&cx(), read(&bucket, "o", Method::Plain)).await.unwrap();
    h.put(&bucket, "o", Method::Plain, b"new").await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(drain(outcome.body).await.unwrap(), parts.concat());
    until(|| h.bodies() == 0).await;
}

async fn multipart(
    h: &Harness,
    bucket: &model::BucketName,
    object: &str,
    method: Method,
    parts: &[Vec<u8>],
) -> WriteOutcome {
    let create = CreateUpload {
        bucket: bucket.clone(),
        name: name(object),
        headers: ObjectHeaders::default(),
        encryption: method.headers(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let upload = h.objects.create_upload(&cx(), create).await.unwrap().upload;
    let mut named = Vec::new();
    // Sent in reverse and each twice: neither order nor repetition may matter.
    for (i, data) in parts.iter().enumerate().rev().chain(parts.iter().enumerate()) {
        let part = PartNumber::new(i as u64 * 3 + 1).unwrap();
        let request = UploadPart {
            bucket: bucket.clone(),
            name: name(object),
            upload,
            part,
            encryption: method.customer().into(),
        };
        let etag = h.objects.upload_part(&cx(), request, body(data)).await.unwrap().etag;
        named.retain(|p: &CompletedPart| p.part != part);
        named.push(CompletedPart { part, etag: etag.to_string(), checksum: None });
    }
    named.sort_by_key(|p| p.part);
    let request = CompleteUpload {
        bucket: bucket.clone(),
        name: name(object),
        upload,
        parts: named,
        customer: method.customer(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    h.objects.complete_upload(&cx(), request).await.unwrap()
}

#[tokio::test]
async fn an_upload_under_a_customer_key_completes_without_it_and_is_authenticated_all_the_same() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let method = Method::Customer(1);
    let create = CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: method.headers(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let upload = h.objects.create_upload(&cx(), create).await.unwrap().upload;
    let part = PartNumber::new(1).unwrap();
    let part_request = |method: Method| {
        let encryption = method.customer().into();
        UploadPart { bucket: bucket.clone(), name: name("o"), upload, part, encryption }
    };
    let refused = |r: Result<WriteOutcome, Fail>| matches!(r, Err(Fail::Encryption(_)));
    assert!(refused(h.objects.upload_part(&cx(), part_request(Method::Plain), body(b"x")).await));
    assert!(refused(h.objects.upload_part(&cx(), part_request(Method::Customer(2)), body(b"x")).await));
    let etag = h.objects.upload_part(&cx(), part_request(method), body(b"data")).await.unwrap().etag;
    let complete = |customer| CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts: vec![CompletedPart { part, etag: etag.to_string(), checksum: None }],
        customer,
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    assert!(refused(h.objects.complete_upload(&cx(), complete(Method::Customer(2).customer())).await));
    h.objects.complete_upload(&cx(), complete(Method::Plain.customer())).await.unwrap();
    assert_eq!(h.get(&bucket, "o", method).await.unwrap(), b"data");
    assert!(matches!(h.get(&bucket, "o", Method::Customer(2)).await, Err(Fail::Encryption(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_part_layouts_and_ranges_read_as_a_plain_slice(
        sizes in proptest::collection::vec(0usize..200_000, 1..5),
        ranges in proptest::collection::vec((0u64..500_000, 0u64..300_000), 1..6),
        method in 0usize..Method::ALL.len(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let h = Harness::new().await;
            let bucket = h.bucket("bucket").await;
            let method = Method::ALL[method];
            let parts: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, n)| pattern(n + i).split_off(i)).collect();
            let put = multipart(&h, &bucket, "o", method, &parts).await;
            let whole = parts.concat();
            prop_assert_eq!(put.etag.parts, Some(parts.len() as u32));
            prop_assert_eq!(&h.get(&bucket, "o", method).await.unwrap(), &whole);
            for (start, length) in ranges {
                let got = h.get_range(&bucket, "o", method, Some(RangeSpec::FromTo(start, start + length))).await;
                if start >= whole.len() as u64 {
                    prop_assert!(matches!(got, Err(Fail::InvalidRange { .. })), "beyond the end");
                } else {
                    let end = (start + length + 1).min(whole.len() as u64);
                    prop_assert_eq!(got.unwrap(), &whole[start as usize..end as usize]);
                }
            }
            let mut offset = 0;
            for (i, part) in parts.iter().enumerate() {
                let request = ReadObject { part: PartNumber::new(i as u64 + 1), ..read(&bucket, "o", method) };
                let outcome = h.objects.get_object(&cx(), request).await.unwrap();
                prop_assert_eq!(outcome.info.start, offset as u64);
                prop_assert_eq!(&drain(outcome.body).await.unwrap(), part);
                offset += part.len();
            }
            Ok(())
        })?;
    }
}
