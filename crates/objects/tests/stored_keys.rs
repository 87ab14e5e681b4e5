//! What lies at rest of keys is as long as it claims and no two are alike: rows are taken apart by their documents
//! (docs/formats/record.md, envelope.md, bucket-keys.md, kms-records.md), not by the code that wrote them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use bytes::Bytes;
use model::PartNumber;
use sse::EncryptionHeaders;
use std::collections::HashSet;
use store::Table;
use strongroom_objects::api::*;
use support::*;

/// Salt, ciphertext and auth tag, commitment.
const WRAP_BYTES: usize = 32 + 48 + 32;

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

/// Reads fields off the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = self.u32() as usize;
        self.take(count)
    }

    fn end(&self) {
        assert!(self.0.is_empty(), "{} bytes behind the last field", self.0.len());
    }
}

/// What of a version's record matters here.
struct Record<'a> {
    envelope: &'a [u8],
    /// The stream uid of a body in one stream.
    stream: Option<&'a [u8]>,
    code: Option<&'a [u8]>,
}

fn record(row: &[u8]) -> Record<'_> {
    let mut r = Fields(row);
    assert_eq!((r.u8(), r.u8(), r.u8()), (2, 0, 0), "format 2, an object, its null version");
    r.take(16 + 8);
    r.bytes();
    r.take(8);
    let flag = r.u8();
    r.take(16 * usize::from(flag));
    let flag = r.u8();
    r.take(4 * usize::from(flag));
    for _ in 0..7 {
        if r.u8() == 1 {
            r.bytes();
        }
    }
    assert_eq!(r.u32(), 0, "user metadata");
    let envelope = r.bytes();
    let stream = (r.u8() == 0).then(|| {
        let uid = r.take(16);
        r.take(16 + 1 + 8);
        uid
    });
    let flag = r.u8();
    r.take(2 * usize::from(flag));
    if r.u8() == 1 {
        r.bytes();
    }
    let code = (r.u8() == 1).then(|| r.take(32));
    assert_eq!((r.u8(), r.u32()), (0, 0), "no ACL, no tags");
    r.end();
    Record { envelope, stream, code }
}

/// What a stored key says of itself, and the bytes that are secret or fresh.
#[derive(Debug, PartialEq)]
struct Stored<'a> {
    method: u8,
    suite: u8,
    /// Algorithm id and CMK version of what the CMK wrapped.
    by_cmk: Option<(u8, u32)>,
    wraps: Vec<&'a [u8]>,
}

/// Bytes that a CMK wrapped: the magic `SK`, format, algorithm, CMK uid, version, wrap.
fn by_cmk(blob: &[u8]) -> ((u8, u32), &[u8]) {
    assert_eq!(blob.len(), 136);
    let mut r = Fields(blob);
    assert_eq!((r.take(2), r.u8()), (&b"SK"[..], 1));
    let algorithm = r.u8();
    r.take(16);
    ((algorithm, r.u32()), r.take(WRAP_BYTES))
}

fn stored(envelope: &[u8]) -> Stored<'_> {
    let mut r = Fields(envelope);
    assert_eq!(r.u8(), 1, "format");
    let (method, suite) = (r.u8(), r.u8());
    let mut stored = Stored { method, suite, by_cmk: None, wraps: Vec::new() };
    match method {
        0 => {}
        1 | 3 => stored.wraps.push(r.take(WRAP_BYTES)),
        2 => {
            assert_eq!(r.u8(), 1, "provider");
            for _ in 0..3 {
                r.bytes();
            }
            r.take(16);
            for _ in 0..r.u16() {
                r.bytes();
                r.bytes();
            }
            let through = r.u8();
            if through == 1 {
                r.take(16);
            }
            let (by, wrap) = by_cmk(r.bytes());
            stored.by_cmk = Some(by);
            stored.wraps.push(wrap);
            if through == 1 {
                stored.wraps.push(r.take(WRAP_BYTES));
            }
        }
        other => panic!("method {other}"),
    }
    r.end();
    stored
}

fn headers(method: Method, sm4: bool, key: Option<&str>) -> EncryptionHeaders {
    let mut headers = method.headers();
    if method != Method::Plain {
        headers.data_encryption = Some(if sm4 { "SM4" } else { "AES256" }.into());
    }
    if headers.method.as_deref() == Some("aws:kms") {
        headers.key_id = key.map(str::to_owned);
    }
    headers
}

async fn write(h: &Harness, bucket: &model::BucketName, object: &str, encryption: EncryptionHeaders, data: &[u8]) {
    let request = PutObject {
        bucket: bucket.clone(),
        name: name(object),
        headers: ObjectHeaders::default(),
        encryption,
        expectation: WriteExpectation::default(),
        acl: None,
        tags: Vec::new(),
    };
    h.objects.put_object(&cx(), request, body(data)).await.unwrap();
}

async fn sm4_cmk(h: &Harness) -> String {
    let user = sse::KeyUser {
        principal: root(),
        access_key: None,
        via: "kms",
        request_id: "test".into(),
        conditions: Default::default(),
    };
    let create = kms::CreateCmk { spec: kms::KeySpec::Sm4, ..Default::default() };
    h.kms.create(&user, create).await.unwrap().id.to_arn()
}

/// CVE-2021-3979: a key that claimed 256 bits and had fewer. Every method, cipher and kind of CMK.
#[tokio::test]
async fn stored_keys_are_as_long_as_they_claim_and_name_their_algorithm() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let sm4_cmk = sm4_cmk(&h).await;
    for (method, code, wraps) in [
        (Method::Plain, 0, 0),
        (Method::Obs, 1, 1),
        (Method::Kms, 2, 1),
        (Method::KmsBucketKey, 2, 2),
        (Method::Customer(1), 3, 1),
    ] {
        for sm4 in [false, true] {
            for key in [None, Some(sm4_cmk.as_str())] {
                write(&h, &bucket, "o", headers(method, sm4, key), b"the body").await;
                let (_, row) = rows(&h, Table::Current).remove(0);
                let record = record(&row);
                let stored = stored(record.envelope);
                let suite = if method == Method::Plain { 0 } else { 1 + u8::from(sm4) };
                assert_eq!((stored.method, stored.suite, stored.wraps.len()), (code, suite, wraps), "{method:?}");
                // The CMK's kind decides how it wraps, the data cipher nothing of it.
                let algorithm = if key.is_some() { 2 } else { 1 };
                assert_eq!(stored.by_cmk, (code == 2).then_some((algorithm, 1)), "{method:?} {key:?}");
                assert_eq!(record.code.is_some(), method != Method::Plain, "a sealed object's record has its code");
                for wrap in stored.wraps {
                    looks_random(wrap);
                }
            }
        }
    }
    let keys = rows(&h, Table::BucketKeys);
    assert!(keys.len() >= 2, "of each CMK at least one");
    for (id, row) in &keys {
        assert_eq!(id.len(), 16);
        let mut r = Fields(row);
        assert_eq!(r.u8(), 1);
        r.take(16 + 16 + 32 + 8);
        let ((algorithm, version), wrap) = by_cmk(r.bytes());
        assert!(matches!(algorithm, 1 | 2) && version == 1);
        looks_random(wrap);
        r.end();
    }
}

/// No stretch of a wrap is left as it was allocated: a short key would leave zeros.
fn looks_random(wrap: &[u8]) {
    assert_eq!(wrap.len(), WRAP_BYTES);
    for piece in wrap.chunks(16) {
        let distinct: HashSet<_> = piece.iter().collect();
        assert!(distinct.len() > 6, "{piece:02x?}");
    }
}

/// Two objects never share a wrap's salt, a wrapped DEK or a stream uid, whatever they have in common.
#[tokio::test]
async fn no_two_stored_keys_are_alike() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let (mut salts, mut sealed, mut streams, mut codes) = Default::default();
    let fresh = |set: &mut HashSet<Vec<u8>>, bytes: &[u8]| assert!(set.insert(bytes.to_vec()), "{bytes:02x?}");
    let mut bucket_keys = HashSet::new();
    for round in 0..40 {
        for method in [Method::Obs, Method::Kms, Method::KmsBucketKey, Method::Customer(1)] {
            // The same bytes under the same name by the same requester.
            write(&h, &bucket, "o", headers(method, round % 2 == 1, None), b"the body").await;
            let (_, row) = rows(&h, Table::Current).remove(0);
            let record = record(&row);
            let mut wraps = stored(record.envelope).wraps;
            if method == Method::KmsBucketKey {
                bucket_keys.insert(wraps.remove(0).to_vec());
            }
            for wrap in wraps {
                fresh(&mut salts, &wrap[..32]);
                fresh(&mut sealed, &wrap[32..]);
            }
            fresh(&mut streams, record.stream.unwrap());
            fresh(&mut codes, record.code.unwrap());
        }
    }
    assert_eq!(bucket_keys.len(), 1, "a bucket key is there to be shared");
}

/// A segment's key comes from DEK and stream uid, its nonce from its place in the stream. So no key and nonce meet twice
/// while no stream uid comes twice: not over 10,000 parts, parts sent again, sent at the same time, or left behind.
#[tokio::test]
async fn no_stream_of_an_upload_has_another_one_s_identity() {
    const PARTS: u64 = 10_000;
    for sm4 in [false, true] {
        let h = Harness::new().await;
        let bucket = h.bucket("bucket").await;
        let create = CreateUpload {
            bucket: bucket.clone(),
            name: name("o"),
            headers: ObjectHeaders::default(),
            encryption: headers(Method::KmsBucketKey, sm4, None),
            checksum: None,
            acl: None,
            tags: Vec::new(),
        };
        let upload = h.objects.create_upload(&cx(), create).await.unwrap().upload;
        let (mut streams, mut blobs) = (HashSet::new(), HashSet::new());
        let send = |number| {
            let part = PartNumber::new(number).unwrap();
            let customer = Method::Plain.customer();
            let request =
                UploadPart { bucket: bucket.clone(), name: name("o"), upload, part, encryption: customer.into() };
            let objects = h.objects.clone();
            async move { objects.upload_part(&cx(), request, body(b"the same bytes in each")).await.unwrap() }
        };
        let mut seen = |wanted: usize| {
            for (key, row) in rows(&h, Table::Parts) {
                let mut r = Fields(&row);
                assert_eq!(r.u8(), 1, "format");
                streams.insert((key.clone(), r.take(16).to_vec()));
                blobs.insert(r.take(16).to_vec());
            }
            let uids: HashSet<_> = streams.iter().map(|(_, uid)| uid).collect();
            assert_eq!((uids.len(), blobs.len()), (wanted, wanted));
        };
        for number in 1..=PARTS {
            send(number).await;
        }
        seen(PARTS as usize);
        // Again, each beside another one.
        for number in (1..=200).step_by(2) {
            tokio::join!(send(number), send(number + 1));
        }
        seen(PARTS as usize + 200);
        // The same part by several at once: one of them stays.
        tokio::join!(send(1), send(1), send(1));
        seen(PARTS as usize + 201);
    }
}
