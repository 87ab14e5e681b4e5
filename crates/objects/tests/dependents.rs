//! What needs which CMK: the index says what a scan of all records says, whatever was done; and what is counted from it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use bytes::Bytes;
use kms::{CmkId, KeyImpact};
use model::{BucketName, PartNumber, UploadId};
use proptest::prelude::*;
use sse::{BucketEncryption, DefaultMethod, EncryptionHeaders};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{CommitError, MetaStore, Snapshot, StoreFault, Table, Transaction};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::*;

async fn new_cmk(h: &Harness) -> CmkId {
    h.kms.create(&operator(), kms::CreateCmk::default()).await.unwrap().id
}

/// Every row of the index.
fn index(meta: &Arc<dyn MetaStore>) -> BTreeMap<Bytes, Bytes> {
    let mut rows = BTreeMap::new();
    meta.snapshot()
        .scan(Table::CmkDependents, &[], None, &mut |key, value| {
            rows.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
            true
        })
        .unwrap();
    rows
}

const MARK: &[u8] = b"cmk_dependents";

/// The index as a scan of all records makes it: as if the data had been written without one.
async fn scanned(h: &mut Harness) -> BTreeMap<Bytes, Bytes> {
    let mut tx = Transaction::new();
    tx.delete(Table::System, MARK);
    tx.put(Table::CmkDependents, &b"a row that nobody needs"[..], &b""[..]);
    h.meta.commit(tx).await.unwrap();
    h.restart().await;
    index(&h.meta)
}

fn under(cmk: Option<&CmkId>, bucket_key: bool) -> EncryptionHeaders {
    EncryptionHeaders {
        method: cmk.map(|_| "aws:kms".into()),
        key_id: cmk.map(CmkId::to_arn),
        bucket_key_enabled: cmk.map(|_| bucket_key.to_string()),
        ..EncryptionHeaders::default()
    }
}

async fn put(h: &Harness, bucket: &BucketName, object: &str, encryption: EncryptionHeaders, data: &[u8]) {
    h.put_with(bucket, object, encryption, data).await.unwrap();
}

async fn begin(h: &Harness, bucket: &BucketName, object: &str, encryption: EncryptionHeaders) -> UploadId {
    let request = CreateUpload {
        bucket: bucket.clone(),
        name: name(object),
        headers: ObjectHeaders::default(),
        encryption,
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    h.objects.create_upload(&cx(), request).await.unwrap().upload
}

async fn complete(h: &Harness, bucket: &BucketName, object: &str, upload: UploadId, data: &[u8]) {
    let part = PartNumber::new(1).unwrap();
    let customer = Method::Plain.customer();
    let sent = UploadPart { bucket: bucket.clone(), name: name(object), upload, part, encryption: customer.into() };
    let sent = h.objects.upload_part(&cx(), sent, body(data)).await.unwrap();
    let request = CompleteUpload {
        bucket: bucket.clone(),
        name: name(object),
        upload,
        parts: vec![CompletedPart { part, etag: sent.etag.to_string(), checksum: sent.checksum.map(|c| c.value) }],
        customer: Method::Plain.customer(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    h.objects.complete_upload(&cx(), request).await.unwrap();
}

async fn copy(
    h: &Harness,
    bucket: &BucketName,
    from: &str,
    to: &str,
    encryption: EncryptionHeaders,
) -> Result<(), Fail> {
    let request = CopyObject {
        bucket: bucket.clone(),
        name: name(to),
        source: CopySource {
            bucket: bucket.clone(),
            name: name(from),
            version: None,
            range: None,
            preconditions: Preconditions::default(),
            customer: Method::Plain.customer(),
        },
        replace_headers: None,
        website_redirect: None,
        encryption,
        checksum_algorithm: None,
        expectation: WriteExpectation::default(),
        acl: None,
        tags: CopyTags::Default,
    };
    h.objects.copy_object(&cx(), request).await.map(drop)
}

async fn impact(h: &Harness, cmk: &CmkId) -> KeyImpact {
    h.objects.dependents().impact(cmk, None).await.unwrap()
}

#[tokio::test]
async fn what_needs_a_cmk_is_counted() {
    let mut h = Harness::new().await;
    let (one, other) = (new_cmk(&h).await, new_cmk(&h).await);
    let (bucket, second) = (h.bucket("bucket").await, h.bucket("second").await);
    assert!(impact(&h, &one).await.is_none());

    put(&h, &bucket, "direct", under(Some(&one), false), &pattern(10)).await;
    put(&h, &bucket, "by-bucket-key", under(Some(&one), true), &pattern(100)).await;
    put(&h, &bucket, "by-the-same", under(Some(&one), true), &pattern(1000)).await;
    put(&h, &second, "large", under(Some(&one), true), &pattern(200_000)).await;
    put(&h, &second, "other", under(Some(&other), false), &pattern(5)).await;
    put(&h, &second, "plain", under(None, false), &pattern(7)).await;
    let upload = begin(&h, &second, "upload", under(Some(&one), false)).await;
    let all = |objects, bytes, uploads, bucket_keys| KeyImpact {
        objects,
        bytes,
        uploads,
        bucket_keys,
        bucket_defaults: Vec::new(),
        buckets: vec!["bucket".into(), "second".into()],
        ..KeyImpact::default()
    };
    assert_eq!(impact(&h, &one).await, all(4, 201_110, 1, 2));
    assert_eq!(
        impact(&h, &other).await.to_string(),
        "1 objects (5 bytes), 0 uploads, 0 bucket keys and 0 bucket defaults in 1 buckets"
    );

    // By version: what was wrapped before the rotation needs the first one.
    h.kms.rotate(&operator(), &one).await.unwrap();
    put(&h, &bucket, "after", under(Some(&one), false), &pattern(3)).await;
    let dependents = h.objects.dependents();
    assert_eq!(dependents.impact(&one, Some(1)).await.unwrap(), all(4, 201_110, 1, 2));
    let second_version = dependents.impact(&one, Some(2)).await.unwrap();
    assert_eq!((second_version.objects, second_version.bytes, second_version.bucket_keys), (1, 3, 0));
    assert!(dependents.impact(&one, Some(3)).await.unwrap().is_none());

    // An upload that ends with an object counts as the object then.
    complete(&h, &second, "upload", upload, &pattern(50)).await;
    assert_eq!(impact(&h, &one).await, all(6, 201_163, 0, 2));
    // Overwritten and deleted objects need nothing any more; the bucket key they shared is still needed by one.
    put(&h, &bucket, "by-bucket-key", under(None, false), &pattern(1)).await;
    put(&h, &bucket, "direct", under(Some(&other), false), &pattern(1)).await;
    assert_eq!(impact(&h, &one).await, all(4, 201_053, 0, 2));
    for (bucket, object) in [(&bucket, "by-the-same"), (&bucket, "after"), (&second, "upload")] {
        h.objects.delete_object(&cx(), bucket, &name(object), None).await.unwrap();
    }
    let left = impact(&h, &one).await;
    assert_eq!((left.objects, left.bytes, left.uploads, left.bucket_keys), (1, 200_000, 0, 1));
    assert_eq!(left.buckets, ["second"]);
    // Nothing of this is in memory only.
    h.restart().await;
    assert_eq!(impact(&h, &one).await, left);
    h.objects.delete_object(&cx(), &second, &name("large"), None).await.unwrap();
    assert!(impact(&h, &one).await.is_none(), "a bucket key that nothing is sealed under needs no CMK");
}

/// A bucket key that is rewrapped takes all its objects along; what is sealed without one stays with its version. The
/// objects open as before, also after the table of bucket keys is lost.
#[tokio::test]
async fn objects_through_a_bucket_key_need_the_version_of_its_row() {
    let mut h = Harness::new().await;
    let cmk = new_cmk(&h).await;
    let bucket = h.bucket("bucket").await;
    put(&h, &bucket, "direct", under(Some(&cmk), false), &pattern(10)).await;
    for object in ["a", "b", "c"] {
        put(&h, &bucket, object, under(Some(&cmk), true), &pattern(100)).await;
    }
    h.kms.rotate(&operator(), &cmk).await.unwrap();
    put(&h, &bucket, "later", under(Some(&cmk), true), &pattern(1000)).await;
    let needs = async |h: &Harness, version| {
        let found = h.objects.dependents().impact(&cmk, Some(version)).await.unwrap();
        (found.objects, found.bytes, found.bucket_keys)
    };
    assert_eq!((needs(&h, 1).await, needs(&h, 2).await), ((4, 310, 1), (1, 1000, 1)));
    let keys: Vec<_> = index(&h.meta)
        .iter()
        .map(|(key, value)| sse::Dependent::decode(key, value).unwrap())
        .filter(|row| row.kind == sse::DependentKind::BucketKey)
        .collect();
    for key in &keys {
        h.sse.rewrap_bucket_key(key.bucket_key.unwrap(), None, &bucket, &operator()).await.unwrap();
    }
    assert_eq!((needs(&h, 1).await, needs(&h, 2).await), ((1, 10, 0), (4, 1300, 2)));
    let kept = index(&h.meta);
    assert_eq!(scanned(&mut h).await, kept, "what a rewrap writes into the index is what a scan finds");
    for _ in 0..2 {
        for object in ["a", "b", "c", "later"] {
            h.get(&bucket, object, Method::KmsBucketKey).await.unwrap();
        }
        let mut tx = Transaction::new();
        for key in &keys {
            tx.delete(Table::BucketKeys, key.id.to_vec());
        }
        h.meta.commit(tx).await.unwrap();
        h.restart().await;
    }
}

#[tokio::test]
async fn bucket_defaults_that_lead_to_the_cmk_count() {
    let h = Harness::new().await;
    let (one, other) = (new_cmk(&h).await, new_cmk(&h).await);
    h.kms.create_alias(&operator(), "alias/mine", &one).await.unwrap();
    for (bucket, key_ref) in [
        ("by-arn", Some(one.to_arn())),
        ("by-id", Some(one.uid.to_uuid())),
        ("by-obs-form", Some(one.to_obs())),
        ("by-alias", Some("alias/mine".to_owned())),
        ("other", Some(other.to_arn())),
        ("of-nobody", Some("alias/none".to_owned())),
        ("default-key", None),
    ] {
        let bucket = h.bucket(bucket).await;
        let default = BucketEncryption {
            method: DefaultMethod::Kms,
            key_ref,
            project_id: None,
            data_encryption: None,
            bucket_key: None,
            rotation_days: None,
        };
        h.objects.put_bucket_encryption(&cx(), &bucket, default).await.unwrap();
    }
    let found = impact(&h, &one).await;
    assert_eq!(found.bucket_defaults, ["by-alias", "by-arn", "by-id", "by-obs-form"]);
    assert_eq!(found.buckets, found.bucket_defaults);
    assert!(!found.is_none());
    h.kms.update_alias(&operator(), "alias/mine", &other).await.unwrap();
    assert_eq!(impact(&h, &one).await.bucket_defaults, ["by-arn", "by-id", "by-obs-form"]);
    assert_eq!(impact(&h, &other).await.bucket_defaults, ["by-alias", "other"]);
}

#[tokio::test]
async fn aborted_uploads_and_deleted_buckets_leave_no_row() {
    let mut h = Harness::new().await;
    let cmk = new_cmk(&h).await;
    let bucket = h.bucket("bucket").await;
    let upload = begin(&h, &bucket, "o", under(Some(&cmk), false)).await;
    begin(&h, &bucket, "p\0q", under(Some(&cmk), true)).await;
    assert_eq!(impact(&h, &cmk).await.uploads, 2);
    h.objects.abort_upload(&cx(), &bucket, &name("o"), upload).await.unwrap();
    assert_eq!(impact(&h, &cmk).await.uploads, 1);
    let mut aborting = cx();
    aborting.rules.delete_bucket_aborts_uploads = true;
    h.objects.delete_bucket(&aborting, &bucket).await.unwrap();
    assert!(impact(&h, &cmk).await.is_none());
    let kept = index(&h.meta);
    assert_eq!(scanned(&mut h).await, kept);
}

#[tokio::test]
async fn a_damaged_object_that_is_replaced_leaves_a_row_until_the_next_start() {
    let mut h = Harness::new().await;
    let cmk = new_cmk(&h).await;
    let bucket = h.bucket("bucket").await;
    put(&h, &bucket, "o", under(Some(&cmk), false), &pattern(9)).await;
    damage(&h.meta, "o").await;
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    assert_eq!(impact(&h, &cmk).await.objects, 1, "in doubt it counts");
    h.restart().await;
    assert!(impact(&h, &cmk).await.is_none());
}

/// Has the record of an object hold what cannot be read.
async fn damage(meta: &Arc<dyn MetaStore>, object: &str) {
    let mut row = None;
    meta.snapshot()
        .scan(Table::Current, &[], None, &mut |key, _| {
            row = key.ends_with(object.as_bytes()).then(|| Bytes::copy_from_slice(key));
            row.is_none()
        })
        .unwrap();
    let mut tx = Transaction::new();
    tx.put(Table::Current, row.unwrap(), &b"not a record"[..]);
    meta.commit(tx).await.unwrap();
}

/// What is damaged while the index is half built does not make it pass for complete.
#[tokio::test]
async fn an_unfinished_index_stays_unfinished_when_a_damaged_object_is_replaced() {
    let mut h = Harness::new().await;
    h.kms.set_dependents(h.objects.dependents());
    let cmk = new_cmk(&h).await;
    let bucket = h.bucket("bucket").await;
    for object in ["needed", "damaged"] {
        put(&h, &bucket, object, under(Some(&cmk), false), &pattern(9)).await;
    }
    // Building stopped among the uploads, and what it had entered of the versions is not there.
    let mut tx = Transaction::new();
    for row in index(&h.meta).into_keys() {
        tx.delete(Table::CmkDependents, row);
    }
    tx.put(Table::System, MARK, &[1, 2, 0, 0, 0, 0][..]);
    h.meta.commit(tx).await.unwrap();
    damage(&h.meta, "damaged").await;
    h.objects.delete_object(&cx(), &bucket, &name("damaged"), None).await.unwrap();
    h.objects.dependents().impact(&cmk, None).await.unwrap_err();
    let uncounted = h.kms.schedule_deletion(&operator(), &cmk, 7, false).await;
    assert!(matches!(uncounted, Err(kms::KmsError::Unavailable(_))), "{uncounted:?}");
    // The next start begins from nothing, whatever was entered before.
    h.restart().await;
    assert_eq!(impact(&h, &cmk).await.objects, 1);
}

/// The KMS keeps a CMK that is needed, and one of which nobody can tell.
#[tokio::test]
async fn a_deletion_waits_for_what_needs_the_cmk() {
    let h = Harness::new().await;
    h.kms.set_dependents(h.objects.dependents());
    let cmk = new_cmk(&h).await;
    let bucket = h.bucket("bucket").await;
    put(&h, &bucket, "o", under(Some(&cmk), true), &pattern(9)).await;
    let refused = h.kms.schedule_deletion(&operator(), &cmk, 7, false).await;
    let Err(kms::KmsError::InUse(why)) = refused else { panic!("{refused:?}") };
    assert_eq!((why.objects, why.bytes, why.bucket_keys, why.buckets), (1, 9, 1, vec!["bucket".to_owned()]));
    h.objects.delete_object(&cx(), &bucket, &name("o"), None).await.unwrap();
    let mut tx = Transaction::new();
    tx.delete(Table::System, MARK);
    h.meta.commit(tx).await.unwrap();
    let uncounted = h.kms.schedule_deletion(&operator(), &cmk, 7, false).await;
    assert!(matches!(uncounted, Err(kms::KmsError::Unavailable(_))), "{uncounted:?}");
    h.objects.dependents().impact(&cmk, None).await.unwrap_err();
}

/// A store that stops committing after some transactions.
struct Stops {
    inner: Arc<dyn MetaStore>,
    left: std::sync::atomic::AtomicUsize,
}

impl MetaStore for Stops {
    fn commit(&self, tx: Transaction) -> store::CommitFuture {
        use std::sync::atomic::Ordering::Relaxed;
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
            return Box::pin(async { Err(CommitError::Fault(StoreFault::Full)) });
        }
        self.inner.commit(tx)
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.inner.snapshot()
    }
}

/// Building goes on where a stop interrupted it; until it has come to its end nothing is counted.
#[tokio::test]
async fn an_index_that_is_half_built_is_built_to_its_end() {
    let mut h = Harness::new().await;
    let cmk = new_cmk(&h).await;
    let bucket = h.bucket("bucket").await;
    // More than one round has room for.
    for i in 0..1100 {
        put(&h, &bucket, &format!("o{i}"), under(Some(&cmk), true), b"x").await;
    }
    let whole = index(&h.meta);
    let mut tx = Transaction::new();
    tx.delete(Table::System, MARK);
    h.meta.commit(tx).await.unwrap();
    // One round clears, a second one begins anew; the third does not come.
    let real = Arc::clone(&h.meta);
    let stops = Arc::new(Stops { inner: Arc::clone(&real), left: 3.into() });
    h.meta = stops;
    h.restart().await;
    h.objects.dependents().impact(&cmk, None).await.unwrap_err();
    let half = index(&real);
    assert!(!half.is_empty() && half.len() < whole.len(), "{} of {}", half.len(), whole.len());
    h.meta = real;
    h.restart().await;
    assert_eq!(index(&h.meta), whole);
    assert_eq!(impact(&h, &cmk).await.objects, 1100);
}

#[derive(Clone, Debug)]
enum Do {
    Put(usize, usize, bool),
    Copy(usize, usize, usize),
    Delete(usize),
    Begin(usize, usize, bool),
    Complete(usize),
    Abort(usize),
    Tag(usize),
    Wait,
}

fn operations() -> impl Strategy<Value = Vec<Do>> {
    let one = prop_oneof![
        4 => (0..4usize, 0..3usize, any::<bool>()).prop_map(|(o, k, b)| Do::Put(o, k, b)),
        2 => (0..4usize, 0..4usize, 0..3usize).prop_map(|(a, b, k)| Do::Copy(a, b, k)),
        2 => (0..4usize).prop_map(Do::Delete),
        2 => (0..4usize, 0..3usize, any::<bool>()).prop_map(|(o, k, b)| Do::Begin(o, k, b)),
        2 => (0..4usize).prop_map(Do::Complete),
        1 => (0..4usize).prop_map(Do::Abort),
        1 => (0..4usize).prop_map(Do::Tag),
        1 => Just(Do::Wait),
    ];
    prop::collection::vec(one, 1..25)
}

async fn perform(h: &Harness, bucket: &BucketName, operations: &[Do]) {
    const NAMES: [&str; 4] = ["a", "a/b", "\0", "zoë"];
    let cmks = [None, Some(new_cmk(h).await), Some(new_cmk(h).await)];
    let mut uploads: Vec<(usize, UploadId)> = Vec::new();
    for operation in operations {
        match *operation {
            Do::Put(o, k, b) => put(h, bucket, NAMES[o], under(cmks[k].as_ref(), b), &pattern(o * 40_000)).await,
            Do::Copy(from, to, k) => {
                let _ = copy(h, bucket, NAMES[from], NAMES[to], under(cmks[k].as_ref(), true)).await;
            }
            Do::Delete(o) => {
                h.objects.delete_object(&cx(), bucket, &name(NAMES[o]), None).await.unwrap();
            }
            Do::Begin(o, k, b) => uploads.push((o, begin(h, bucket, NAMES[o], under(cmks[k].as_ref(), b)).await)),
            Do::Complete(i) if i < uploads.len() => {
                let (o, upload) = uploads.remove(i);
                complete(h, bucket, NAMES[o], upload, &pattern(100)).await;
            }
            Do::Abort(i) if i < uploads.len() => {
                let (o, upload) = uploads.remove(i);
                h.objects.abort_upload(&cx(), bucket, &name(NAMES[o]), upload).await.unwrap();
            }
            Do::Tag(o) => {
                let tags = vec![("k".to_owned(), "v".to_owned())];
                let _ = h.objects.put_object_tags(&cx(), bucket, &name(NAMES[o]), None, tags).await;
            }
            // Long enough for the next write to get a bucket key of its own.
            Do::Wait => h.clock.advance_millis(200_000),
            Do::Complete(_) | Do::Abort(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_is_what_a_scan_of_all_records_finds(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (kept, scanned) = runtime.block_on(async {
            let mut h = Harness::new().await;
            let bucket = h.bucket("bucket").await;
            perform(&h, &bucket, &operations).await;
            (index(&h.meta), scanned(&mut h).await)
        });
        prop_assert_eq!(kept, scanned);
    }
}

/// Rows of bucket keys are removed when their last object is gone and no write can have taken them any more; more rows than
/// are looked at in one view, and not before the index can say what needs them.
#[tokio::test]
async fn bucket_keys_go_when_nothing_needs_them() {
    let h = Harness::new().await;
    let (bucket, cmk) = (h.bucket("bucket").await, new_cmk(&h).await);
    let day = 24 * 60 * 60 * 1000;
    let rows = || {
        let mut rows = 0;
        let count = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            true
        };
        h.meta.snapshot().scan(Table::BucketKeys, b"", None, count).unwrap();
        rows
    };
    for n in 0..300 {
        put(&h, &bucket, &n.to_string(), under(Some(&cmk), true), b"data").await;
        // Each through a key of its own.
        h.clock.advance_millis(180_001);
    }
    for n in 0..299 {
        h.objects.delete_object(&cx(), &bucket, &name(&n.to_string()), None).await.unwrap();
    }
    assert_eq!((h.objects.collect_bucket_keys().await.unwrap(), rows()), (0, 300), "a write may still be under way");
    h.clock.advance_millis(day);
    let mark = h.meta.snapshot().get(Table::System, MARK).unwrap().unwrap();
    let set = async |value: Option<Bytes>| {
        let mut tx = Transaction::new();
        match value {
            Some(value) => tx.put(Table::System, MARK, value),
            None => tx.delete(Table::System, MARK),
        };
        h.meta.commit(tx).await.unwrap();
    };
    set(None).await;
    assert!(h.objects.collect_bucket_keys().await.is_err(), "an index that leaves rows out tells nothing");
    assert_eq!(rows(), 300);
    set(Some(mark)).await;
    assert_eq!((h.objects.collect_bucket_keys().await.unwrap(), rows()), (299, 1));
    assert_eq!(index(&h.meta).len(), 2, "the object's row and its bucket key's");
    h.objects.delete_object(&cx(), &bucket, &name("299"), None).await.unwrap();
    assert_eq!((h.objects.collect_bucket_keys().await.unwrap(), rows(), index(&h.meta).len()), (1, 0, 0));
}
