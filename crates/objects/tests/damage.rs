//! An adversary who can read and write everything at rest, checksums included: whatever is changed, swapped, repeated,
//! dropped or cut is an error, never other data.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use bytes::Bytes;
use store::{Change, Table, Transaction};
use support::*;

const SEALED: [Method; 4] = [Method::Obs, Method::Kms, Method::KmsBucketKey, Method::Customer(1)];

fn rows(h: &Harness, table: Table) -> Vec<(Bytes, Bytes)> {
    let mut rows = Vec::new();
    h.meta
        .snapshot()
        .scan(table, &[], None, &mut |k, v| {
            rows.push((Bytes::copy_from_slice(k), Bytes::copy_from_slice(v)));
            true
        })
        .unwrap();
    rows
}

async fn set(h: &Harness, table: Table, key: &Bytes, value: Bytes) {
    let mut tx = Transaction::new();
    tx.changes.push(Change::Put(table, key.clone(), value));
    h.meta.commit(tx).await.unwrap();
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut changed = bytes.to_vec();
    changed[at] ^= 0x01;
    changed.into()
}

/// Every byte of the version's record and of its sealed body, each in turn. The row checksums of the store are
/// correct: only the record's own authentication stands between the change and the reader.
#[tokio::test]
async fn every_flipped_byte_of_a_small_sealed_object_is_an_error() {
    for method in SEALED {
        let h = Harness::new().await;
        let bucket = h.bucket("bucket").await;
        h.put(&bucket, "o", method, b"the body").await;
        for table in [Table::Current, Table::Inline] {
            let (key, value) = rows(&h, table).remove(0);
            for at in 0..value.len() {
                set(&h, table, &key, flipped(&value, at)).await;
                let got = h.get(&bucket, "o", method).await;
                assert!(
                    got.is_err(),
                    "{method:?}: byte {at} of {table:?} was flipped and {:?} came back",
                    got.unwrap()
                );
            }
            set(&h, table, &key, value).await;
        }
        assert_eq!(h.get(&bucket, "o", method).await.unwrap(), b"the body");
    }
}

#[tokio::test]
async fn every_flipped_byte_of_a_plain_body_is_an_error() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"the body").await;
    let (key, value) = rows(&h, Table::Inline).remove(0);
    for at in 0..value.len() {
        set(&h, Table::Inline, &key, flipped(&value, at)).await;
        assert!(h.get(&bucket, "o", Method::Plain).await.is_err(), "byte {at}");
    }
}

/// Bodies of two objects swapped, records swapped, both swapped, a record moved to another name or bucket.
#[tokio::test]
async fn nothing_can_be_swapped_or_moved() {
    for method in SEALED {
        let h = Harness::new().await;
        let (a, b) = (h.bucket("bucket-a").await, h.bucket("bucket-b").await);
        h.put(&a, "one", method, b"first body").await;
        h.put(&a, "two", method, b"other body").await;
        h.put(&b, "one", method, b"third body").await;
        let bodies = rows(&h, Table::Inline);
        for (key, value) in &bodies {
            for (_, other) in bodies.iter().filter(|(k, _)| k != key) {
                set(&h, Table::Inline, key, other.clone()).await;
                let results =
                    [h.get(&a, "one", method).await, h.get(&a, "two", method).await, h.get(&b, "one", method).await];
                assert_eq!(results.iter().filter(|r| r.is_err()).count(), 1, "{method:?}: a swapped body");
            }
            set(&h, Table::Inline, key, value.clone()).await;
        }
        let records = rows(&h, Table::Current);
        for (key, value) in &records {
            for (_, other) in records.iter().filter(|(k, _)| k != key) {
                set(&h, Table::Current, key, other.clone()).await;
                let results =
                    [h.get(&a, "one", method).await, h.get(&a, "two", method).await, h.get(&b, "one", method).await];
                assert_eq!(results.iter().filter(|r| r.is_err()).count(), 1, "{method:?}: a swapped record");
            }
            set(&h, Table::Current, key, value.clone()).await;
        }
    }
}

/// Files: flipped at segment boundaries, truncated, extended, segments swapped or repeated.
#[tokio::test]
async fn sealed_files_are_read_whole_or_not_at_all() {
    const SEGMENT: usize = 65_536 + 16;
    for method in SEALED {
        let h = Harness::new().await;
        let bucket = h.bucket("bucket").await;
        let data = pattern(3 * 65_536 + 100);
        h.put(&bucket, "o", method, &data).await;
        until(|| h.files().iter().all(|f| !f.to_string_lossy().contains("pending"))).await;
        let file = h.files().into_iter().find(|f| f.metadata().unwrap().len() > 100_000).unwrap();
        let sealed = std::fs::read(&file).unwrap();
        assert_eq!(sealed.len(), data.len() + 4 * 16);
        let edges = (0..4)
            .flat_map(|i| [i * SEGMENT, i * SEGMENT + 65_535])
            .chain([sealed.len() - 1])
            .filter(|at| *at < sealed.len());
        let mut faults: Vec<(String, Vec<u8>)> = edges
            .map(|at| {
                let mut changed = sealed.clone();
                changed[at] ^= 0x80;
                (format!("flipped at {at}"), changed)
            })
            .collect();
        for i in 1..4 {
            faults.push((format!("cut before segment {i}"), sealed[..i * SEGMENT].to_vec()));
        }
        faults.push(("cut by a byte".into(), sealed[..sealed.len() - 1].to_vec()));
        faults.push(("extended".into(), [&sealed[..], &sealed[..SEGMENT]].concat()));
        faults.push(("empty".into(), Vec::new()));
        let (one, two) = (&sealed[..SEGMENT], &sealed[SEGMENT..2 * SEGMENT]);
        faults.push(("swapped segments".into(), [two, one, &sealed[2 * SEGMENT..]].concat()));
        faults.push(("repeated segment".into(), [one, one, &sealed[2 * SEGMENT..]].concat()));
        for (fault, bytes) in faults {
            std::fs::write(&file, &bytes).unwrap();
            let outcome = h.objects.get_object(&cx(), read(&bucket, "o", method)).await;
            // What was released before the fault shows must be a true prefix.
            let mut released = Vec::new();
            let failed = match outcome {
                Err(_) => true,
                Ok(outcome) => {
                    let mut body = outcome.body;
                    loop {
                        match body.next().await {
                            Ok(Some(piece)) => released.extend_from_slice(&piece),
                            Ok(None) => break false,
                            Err(_) => break true,
                        }
                    }
                }
            };
            assert!(failed, "{method:?}: {fault}: read to the end");
            assert!(data.starts_with(&released), "{method:?}: {fault}: released something else");
        }
        std::fs::write(&file, &sealed).unwrap();
        assert_eq!(h.get(&bucket, "o", method).await.unwrap(), data);
    }
}
