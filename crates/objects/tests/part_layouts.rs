//! An adversary at the parts of one object: its layout made anew with parts dropped, moved, repeated or taken from another
//! object, and the sealed bytes of two of its parts exchanged. Sizes and numbers stay as the record gives them where that
//! can be, and checksums of rows are correct: only the record's code over the layout, and the keys of each part's own
//! stream, stand between the change and the reader.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use bytes::Bytes;
use model::codec::{Reader, Writer};
use model::{BucketName, PartNumber, RangeSpec};
use store::{Table, Transaction};
use strongroom_objects::api::*;
use support::*;

const SEALED: [Method; 4] = [Method::Obs, Method::Kms, Method::KmsBucketKey, Method::Customer(1)];
/// Two parts that are files of two segments, and two that are rows.
const LENGTHS: [usize; 4] = [70_000, 70_000, 900, 900];

/// A part of a layout, as it is stored.
#[derive(Clone, PartialEq)]
struct Part {
    number: u16,
    stream: [u8; 16],
    blob: [u8; 16],
    inline: bool,
    plain_bytes: u64,
    digests: Vec<u8>,
}

fn parse(layout: &[u8]) -> Vec<Part> {
    let (format, mut r) = Reader::open(layout).unwrap();
    assert_eq!(format, 1);
    let mut parts = Vec::new();
    for _ in 0..r.u16().unwrap() {
        parts.push(Part {
            number: r.u16().unwrap(),
            stream: r.array().unwrap(),
            blob: r.array().unwrap(),
            inline: r.bool().unwrap(),
            plain_bytes: r.u64().unwrap(),
            digests: r.bytes().unwrap().to_vec(),
        });
    }
    r.finish().unwrap();
    parts
}

fn layout_of(parts: &[Part]) -> Bytes {
    let mut w = Writer::new(1);
    w.u16(parts.len() as u16);
    for part in parts {
        w.u16(part.number).raw(&part.stream).raw(&part.blob).bool(part.inline).u64(part.plain_bytes);
        w.bytes(&part.digests);
    }
    w.finish().into()
}

fn data(seed: u8) -> Vec<Vec<u8>> {
    let part = |(at, len): (usize, &usize)| pattern(*len).iter().map(|byte| byte ^ seed ^ at as u8).collect();
    LENGTHS.iter().enumerate().map(part).collect()
}

async fn write(h: &Harness, bucket: &BucketName, object: &str, (method, sm4): (Method, bool), parts: &[Vec<u8>]) {
    let mut encryption = method.headers();
    encryption.data_encryption = Some("SM4".to_owned()).filter(|_| sm4);
    let create = CreateUpload {
        bucket: bucket.clone(),
        name: name(object),
        headers: ObjectHeaders::default(),
        encryption,
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let upload = h.objects.create_upload(&cx(), create).await.unwrap().upload;
    let mut named = Vec::new();
    for (at, data) in parts.iter().enumerate() {
        let part = PartNumber::new(at as u64 + 1).unwrap();
        let encryption = method.customer().into();
        let request = UploadPart { bucket: bucket.clone(), name: name(object), upload, part, encryption };
        let etag = h.objects.upload_part(&cx(), request, body(data)).await.unwrap().etag;
        named.push(CompletedPart { part, etag: etag.to_string(), checksum: None });
    }
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
    h.objects.complete_upload(&cx(), request).await.unwrap();
}

fn rows(h: &Harness, table: Table) -> Vec<(Bytes, Bytes)> {
    let mut rows = Vec::new();
    let all = &mut |key: &[u8], value: &[u8]| {
        rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
        true
    };
    h.meta.snapshot().scan(table, &[], None, all).unwrap();
    rows
}

async fn set(h: &Harness, table: Table, key: &Bytes, value: Bytes) {
    let mut tx = Transaction::new();
    tx.put(table, key.clone(), value);
    h.meta.commit(tx).await.unwrap();
}

/// The row of an object's layout: it lies under the uid that the object's record begins with.
fn layout_row(h: &Harness, object: &str) -> (Bytes, Bytes) {
    let current = rows(h, Table::Current);
    let (_, record) = current.iter().find(|(key, _)| &key[16..] == object.as_bytes()).unwrap();
    let uid = record.slice(3..19);
    rows(h, Table::Layouts).into_iter().find(|(key, _)| *key == uid).unwrap()
}

/// Layouts that are wrong, and what is wrong with them. `own` and `other` are of two objects alike in every length.
fn wrong(own: &[Part], other: &[Part]) -> Vec<(String, Vec<Part>)> {
    let mut all = Vec::new();
    let mut layout = |what: String, change: &dyn Fn(&mut Vec<Part>)| {
        let mut parts = own.to_vec();
        change(&mut parts);
        assert!(parts != own, "{what}");
        all.push((what, parts));
    };
    for at in 0..own.len() {
        layout(format!("part {at} dropped"), &|parts| drop(parts.remove(at)));
        layout(format!("part {at} twice"), &|parts| parts.insert(at, own[at].clone()));
        layout(format!("part {at} of the other object"), &|parts| parts[at] = other[at].clone());
        layout(format!("bytes of part {at} of the other object"), &|parts| parts[at].blob = other[at].blob);
        layout(format!("digests of part {at} of the other object"), &|parts| {
            parts[at].digests = other[at].digests.clone()
        });
        layout(format!("part {at} under another number"), &|parts| parts[at].number += 100);
        layout(format!("part {at} a byte shorter"), &|parts| parts[at].plain_bytes -= 1);
        layout(format!("part {at} said to be kept elsewhere"), &|parts| parts[at].inline ^= true);
    }
    for (a, b) in [(0, 1), (2, 3)] {
        layout(format!("parts {a} and {b} exchanged"), &|parts| parts.swap(a, b));
        layout(format!("parts {a} and {b} exchanged, numbers kept"), &|parts| {
            parts.swap(a, b);
            (parts[a].number, parts[b].number) = (own[a].number, own[b].number);
        });
        layout(format!("bytes of parts {a} and {b} exchanged"), &|parts| {
            (parts[a].blob, parts[b].blob) = (own[b].blob, own[a].blob);
        });
        layout(format!("streams of parts {a} and {b} exchanged"), &|parts| {
            (parts[a].stream, parts[b].stream) = (own[b].stream, own[a].stream);
        });
        layout(format!("part {a} in the place of part {b} too"), &|parts| {
            parts[b] = Part { number: own[b].number, ..own[a].clone() };
        });
    }
    layout("in reverse".to_owned(), &|parts| parts.reverse());
    layout("of the other object".to_owned(), &|parts| *parts = other.to_vec());
    layout("of no part".to_owned(), &|parts| parts.clear());
    all
}

/// Not even a range that needs none of the changed parts is read: the layout is authenticated before a byte is.
#[tokio::test]
async fn parts_dropped_moved_repeated_or_spliced_are_an_error() {
    for method in SEALED {
        for sm4 in [false, true] {
            let h = Harness::new().await;
            let bucket = h.bucket("bucket").await;
            write(&h, &bucket, "own", (method, sm4), &data(0x11)).await;
            write(&h, &bucket, "other", (method, sm4), &data(0x77)).await;
            let (key, before) = layout_row(&h, "own");
            let (own, other) = (parse(&before), parse(&layout_row(&h, "other").1));
            assert_eq!(layout_of(&own), before, "the layout is made anew as it was");
            assert_eq!(own.iter().map(|part| part.inline).collect::<Vec<_>>(), [false, false, true, true]);
            for (what, parts) in wrong(&own, &other) {
                set(&h, Table::Layouts, &key, layout_of(&parts)).await;
                let got = h.get(&bucket, "own", method).await;
                assert!(got.is_err(), "{method:?}, sm4 {sm4}: {what}: {} bytes", got.unwrap().len());
                for range in [RangeSpec::FromTo(0, 0), RangeSpec::FromTo(140_900, 140_900), RangeSpec::Last(1)] {
                    let got = h.get_range(&bucket, "own", method, Some(range)).await;
                    assert!(got.is_err(), "{method:?}, sm4 {sm4}: {what}: {range:?}");
                }
            }
            set(&h, Table::Layouts, &key, before).await;
            assert_eq!(h.get(&bucket, "own", method).await.unwrap(), data(0x11).concat());
        }
    }
}

#[tokio::test]
async fn every_flipped_byte_of_a_layout_is_an_error() {
    for method in SEALED {
        let h = Harness::new().await;
        let bucket = h.bucket("bucket").await;
        write(&h, &bucket, "own", (method, false), &data(0)).await;
        let (key, layout) = layout_row(&h, "own");
        for at in 0..layout.len() {
            let mut changed = layout.to_vec();
            changed[at] ^= 0x01;
            set(&h, Table::Layouts, &key, changed.into()).await;
            assert!(h.get(&bucket, "own", method).await.is_err(), "{method:?}: byte {at} of the layout");
            let range = Some(RangeSpec::FromTo(0, 0));
            assert!(h.get_range(&bucket, "own", method, range).await.is_err(), "{method:?}: byte {at}, a range");
        }
    }
}

/// The sealed bytes themselves are exchanged, under a layout that is right: of one object, of one length, under one DEK.
#[tokio::test]
async fn sealed_bytes_of_two_parts_of_one_object_are_not_interchangeable() {
    for method in SEALED {
        for sm4 in [false, true] {
            let h = Harness::new().await;
            let bucket = h.bucket("bucket").await;
            let parts = data(0x2d);
            write(&h, &bucket, "own", (method, sm4), &parts).await;
            until(|| h.files().iter().all(|file| !file.to_string_lossy().contains("pending"))).await;
            let own = parse(&layout_row(&h, "own").1);
            let file = |part: &Part| {
                let name = data_encoding::HEXLOWER.encode(&part.blob);
                h.files().into_iter().find(|path| path.ends_with(&name)).unwrap()
            };
            let (one, two) = (file(&own[0]), file(&own[1]));
            let sealed = (std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
            assert_eq!(sealed.0.len(), sealed.1.len());
            std::fs::write(&one, &sealed.1).unwrap();
            std::fs::write(&two, &sealed.0).unwrap();
            refused(&h, &bucket, method, 0, "files exchanged").await;
            refused(&h, &bucket, method, 70_000, "files exchanged").await;
            let rest = h.get_range(&bucket, "own", method, Some(RangeSpec::FromTo(140_000, 141_799))).await.unwrap();
            assert_eq!(rest, parts[2..].concat(), "what was not touched is read");
            std::fs::write(&two, &sealed.1).unwrap();
            refused(&h, &bucket, method, 0, "a file repeated").await;
            std::fs::write(&one, &sealed.0).unwrap();

            let (three, four) = (Bytes::copy_from_slice(&own[2].blob), Bytes::copy_from_slice(&own[3].blob));
            let row = |key: &Bytes| rows(&h, Table::Inline).into_iter().find(|(k, _)| k == key).unwrap().1;
            let sealed = (row(&three), row(&four));
            set(&h, Table::Inline, &three, sealed.1.clone()).await;
            set(&h, Table::Inline, &four, sealed.0.clone()).await;
            refused(&h, &bucket, method, 140_000, "rows exchanged").await;
            refused(&h, &bucket, method, 140_900, "rows exchanged").await;
            set(&h, Table::Inline, &three, sealed.0).await;
            set(&h, Table::Inline, &four, sealed.1).await;
            assert_eq!(h.get(&bucket, "own", method).await.unwrap(), parts.concat(), "{method:?}: as it was");
        }
    }
}

/// The whole, and one byte at `at`.
async fn refused(h: &Harness, bucket: &BucketName, method: Method, at: u64, what: &str) {
    assert!(h.get(bucket, "own", method).await.is_err(), "{method:?}: {what}: read to the end");
    let range = Some(RangeSpec::FromTo(at, at));
    assert!(h.get_range(bucket, "own", method, range).await.is_err(), "{method:?}: {what}: byte {at}");
}
