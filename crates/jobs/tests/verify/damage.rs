//! Each kind of damage, one at a time: it is found, named, and nothing else is.

use crate::setup::*;
use bytes::Bytes;
use objects::inspect::FindingKind as Kind;
use std::fs;
use store::Table;
use strongroom_jobs::verify::Options;

fn flipped(value: &Bytes, at: usize) -> Bytes {
    let mut bytes = value.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}

/// One object of each kind that matters, small enough to be looked at often.
async fn small(method: Method) -> Dir {
    let dir = Dir::new().await;
    dir.put("o", method, true, &pattern(LARGE)).await;
    dir.put("other", method, true, b"another").await;
    dir.settle().await;
    dir
}

async fn expect(dir: &Dir, what: &str, wanted: &[(Kind, Option<&str>)]) {
    let tally = dir.verify().await;
    let wanted: Vec<_> = wanted.iter().map(|(kind, object)| (*kind, object.map(str::to_owned))).collect();
    assert_eq!(found(&tally), wanted, "{what}: {:#?}", tally.findings);
}

#[tokio::test]
async fn a_blob_that_was_changed_cut_extended_swapped_or_taken_away() {
    for method in [Method::Plain, Method::Obs, Method::Kms, Method::BucketKey] {
        let dir = Dir::new().await;
        dir.put("a", method, false, &pattern(LARGE)).await;
        dir.put("b", method, false, &pattern(LARGE)).await;
        dir.settle().await;
        let files = dir.blobs();
        let (one, two) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
        let mut changed = one.clone();
        changed[70_000] ^= 0x80;
        fs::write(&files[0], &changed).unwrap();
        let tally = dir.verify().await;
        assert_eq!(tally.kinds, [(Kind::BodyDamaged, 1)].into(), "{method:?}");
        assert!(tally.findings[0].detail.contains("segments 1 of 4"), "{}", tally.findings[0].detail);
        assert!(tally.findings[0].at.contains(files[0].file_name().unwrap().to_str().unwrap()));
        assert_eq!((tally.all().verified, tally.all().wrong), (1, 1), "the other one is sound");

        for bytes in [&one[..one.len() - 1], &[&one[..], &[0]].concat(), &[]] {
            fs::write(&files[0], bytes).unwrap();
            assert_eq!(dir.verify().await.kinds, [(Kind::BodyLength, 1)].into(), "{method:?}");
            let structure = dir.verify_with(false, Options::default()).await;
            assert_eq!(structure.kinds, [(Kind::BodyLength, 1)].into(), "also without keys");
        }
        fs::write(&files[0], &two).unwrap();
        fs::write(&files[1], &one).unwrap();
        let swapped = dir.verify().await;
        assert_eq!(swapped.kinds, [(Kind::BodyDamaged, 2)].into(), "{method:?}: swapped");
        fs::write(&files[0], &one).unwrap();
        fs::remove_file(&files[1]).unwrap();
        assert_eq!(dir.verify().await.kinds, [(Kind::BodyMissing, 1)].into(), "{method:?}");
        fs::write(&files[1], &two).unwrap();
        expect(&dir, "as it was", &[]).await;
    }
}

#[tokio::test]
async fn what_does_not_belong_among_the_blobs() {
    let dir = small(Method::Obs).await;
    let blobs = dir.dir.path().join("blobs");
    fs::create_dir_all(blobs.join("77")).unwrap();
    fs::write(blobs.join("77").join("7".repeat(32)), "nobody's").unwrap();
    fs::write(blobs.join("77/README"), "hello").unwrap();
    fs::write(blobs.join("open").join("8".repeat(32)), "unfinished").unwrap();
    let tally = dir.verify().await;
    assert_eq!(tally.kinds, [(Kind::OrphanFile, 1), (Kind::ForeignFile, 1)].into());
    assert!(tally.findings.iter().any(|f| f.at.ends_with("77/README")));
    assert!(tally.findings.iter().any(|f| f.at.ends_with(&"7".repeat(32)) && f.detail.contains("8 bytes")));
    assert_eq!(tally.references.unwrap().files_unfinished, 1, "what a crash leaves is no finding");
    assert!(blobs.join("open").join("8".repeat(32)).exists(), "and stays where it is");
}

#[tokio::test]
async fn a_record_that_was_changed_moved_or_copied() {
    for method in [Method::Obs, Method::Kms, Method::BucketKey] {
        let dir = small(method).await;
        let (key, value) = dir.row_of("o");
        // The code ends before the option of the ACL and the count of the tags: five bytes.
        dir.set(Table::Current, &key, Some(flipped(&value, value.len() - 6))).await;
        expect(&dir, "code", &[(Kind::RecordForged, Some("o"))]).await;
        dir.set(Table::Current, &key, Some(flipped(&value, 0))).await;
        let tally = dir.verify().await;
        assert!(tally.kinds.contains_key(&Kind::RecordDamaged), "{:?}", tally.kinds);
        assert!(tally.kinds.contains_key(&Kind::OrphanFile), "what it held is named: {:?}", tally.kinds);
        dir.set(Table::Current, &key, Some(value.clone())).await;

        // The other object's record in its place: everything is wrong with it.
        let (_, other) = dir.row_of("other");
        dir.set(Table::Current, &key, Some(other)).await;
        let tally = dir.verify().await;
        assert!(tally.kinds.contains_key(&Kind::RecordForged) || tally.kinds.contains_key(&Kind::KeyDamaged));
        assert!(tally.kinds.contains_key(&Kind::BodyShared), "{:?}", tally.kinds);
    }
}

#[tokio::test]
async fn the_wrapped_keys_of_an_envelope() {
    for (method, kind) in
        [(Method::Obs, Kind::KeyDamaged), (Method::Kms, Kind::KeyDamaged), (Method::BucketKey, Kind::KeyDamaged)]
    {
        let dir = small(method).await;
        let (key, value) = dir.row_of("o");
        // The wrapped DEK ends the envelope, before what tells where the body is.
        let stream_and_rest = value.len() - 200;
        let mut hit = false;
        for at in (60..stream_and_rest).rev().take(400) {
            dir.set(Table::Current, &key, Some(flipped(&value, at))).await;
            let tally = dir.verify().await;
            assert!(tally.findings_total() > 0, "{method:?}: byte {at} of the record");
            hit |= tally.kinds.contains_key(&kind);
            if hit {
                break;
            }
        }
        assert!(hit, "{method:?}");
    }
}

#[tokio::test]
async fn the_layout_of_parts() {
    let dir = Dir::full().await;
    for object in ["Obs/aes/parts", "Kms/sm4/parts", "BucketKey/aes/parts"] {
        // Format, kind and version id of the record, then the uid under which the layout is.
        let key = dir.row_of(object).1.slice(3..19);
        let value = dir.rows(Table::Layouts).into_iter().find(|(row, _)| *row == key).unwrap().1;
        dir.set(Table::Layouts, &key, None).await;
        let tally = dir.verify().await;
        assert!(tally.kinds.contains_key(&Kind::LayoutWrong), "{:?}", tally.kinds);
        assert!(tally.kinds.contains_key(&Kind::OrphanFile) && tally.kinds.contains_key(&Kind::OrphanRow));
        dir.set(Table::Layouts, &key, Some(flipped(&value, value.len() - 1))).await;
        assert!(dir.verify().await.findings_total() > 0);
        dir.set(Table::Layouts, &key, Some(value)).await;
    }
    let (key, value) = dir.rows(Table::Layouts).remove(0);
    let stray = Bytes::from(vec![0xee; 16]);
    dir.set(Table::Layouts, &stray, Some(value)).await;
    assert_eq!(dir.verify().await.kinds, [(Kind::OrphanRow, 1)].into());
    assert_ne!(key, stray);
}

#[tokio::test]
async fn small_bodies_and_references() {
    let dir = small(Method::Kms).await;
    let (key, value) = dir.rows(Table::Inline).remove(0);
    dir.set(Table::Inline, &key, Some(flipped(&value, 3))).await;
    expect(&dir, "a small body", &[(Kind::BodyDamaged, Some("other"))]).await;
    dir.set(Table::Inline, &key, None).await;
    expect(&dir, "no small body", &[(Kind::BodyMissing, Some("other"))]).await;
    dir.set(Table::Inline, &key, Some(value.clone())).await;
    let stray = Bytes::from(vec![0x11; 16]);
    dir.set(Table::Inline, &stray, Some(value)).await;
    expect(&dir, "a stray row", &[(Kind::OrphanRow, None)]).await;
    dir.set(Table::Inline, &stray, None).await;

    let (key, value) = dir.rows(Table::BlobRefs).remove(0);
    dir.set(Table::BlobRefs, &key, None).await;
    expect(&dir, "no reference", &[(Kind::ReferenceMissing, Some("o"))]).await;
    dir.set(Table::BlobRefs, &key, Some(value.clone())).await;
    dir.set(Table::BlobRefs, &stray, Some(value)).await;
    expect(&dir, "a stray reference", &[(Kind::OrphanRow, None)]).await;
}

#[tokio::test]
async fn bucket_keys_and_the_index() {
    let dir = small(Method::BucketKey).await;
    let (key, value) = dir.rows(Table::BucketKeys).remove(0);
    dir.set(Table::BucketKeys, &key, Some(flipped(&value, value.len() - 1))).await;
    let tally = dir.verify().await;
    assert_eq!(tally.kinds, [(Kind::KeyDamaged, 1), (Kind::BucketKeyRow, 2)].into(), "the copies still open both");
    dir.set(Table::BucketKeys, &key, None).await;
    let tally = dir.verify().await;
    assert_eq!(tally.kinds, [(Kind::BucketKeyRow, 2), (Kind::IndexExtra, 1)].into());
    dir.set(Table::BucketKeys, &key, Some(value)).await;

    for (key, value) in dir.rows(Table::CmkDependents) {
        dir.set(Table::CmkDependents, &key, None).await;
        assert_eq!(dir.verify().await.kinds, [(Kind::IndexMissing, 1)].into());
        // A byte of the version: the row is of the right thing, and says something else.
        dir.set(Table::CmkDependents, &key, Some(flipped(&value, 4))).await;
        let tally = dir.verify().await;
        assert_eq!(tally.kinds.keys().copied().collect::<Vec<_>>(), [Kind::IndexWrong], "{:?}", tally.findings);
        dir.set(Table::CmkDependents, &key, Some(value.clone())).await;
        let mut elsewhere = key.to_vec();
        elsewhere[64] ^= 1;
        dir.set(Table::CmkDependents, &elsewhere.clone().into(), Some(value)).await;
        assert_eq!(dir.verify().await.kinds, [(Kind::IndexExtra, 1)].into());
        dir.set(Table::CmkDependents, &elsewhere.into(), None).await;
    }
    expect(&dir, "as it was", &[]).await;
}

#[tokio::test]
async fn buckets_uploads_and_keys_of_the_server() {
    let dir = Dir::full().await;
    let (key, value) = dir.rows(Table::BucketUids).remove(0);
    dir.set(Table::BucketUids, &key, None).await;
    assert_eq!(dir.verify().await.kinds, [(Kind::BucketMissing, 1)].into());
    dir.set(Table::BucketUids, &key, Some(value)).await;

    let (key, value) = dir.rows(Table::Buckets).remove(0);
    dir.set(Table::Buckets, &key, None).await;
    let tally = dir.verify().await;
    assert_eq!(tally.kinds, [(Kind::BucketMissing, 36 + 1 + 1)].into(), "objects, the upload, the uid");
    dir.set(Table::Buckets, &key, Some(value)).await;

    let (key, value) = dir.rows(Table::Parts).remove(0);
    dir.set(Table::Parts, &key, Some(flipped(&value, 2))).await;
    assert!(dir.verify().await.findings_total() > 0, "the stream's uid of a part");
    dir.set(Table::Parts, &key, Some(value)).await;
    let (key, value) = dir.rows(Table::Uploads).remove(0);
    dir.set(Table::Uploads, &key, None).await;
    let tally = dir.verify().await;
    assert_eq!(tally.kinds, [(Kind::IndexExtra, 1), (Kind::OrphanRow, 1)].into(), "its parts are told once");
    dir.set(Table::Uploads, &key, Some(value)).await;

    let obs = dir.rows(Table::InternalKeys).into_iter().find(|(key, _)| key.len() > 16).unwrap();
    dir.set(Table::InternalKeys, &obs.0, None).await;
    let tally = dir.verify().await;
    assert_eq!(tally.kinds, [(Kind::KeyDamaged, 8)].into(), "objects under SSE-OBS cannot be opened");
    assert!(dir.rows(Table::InternalKeys).iter().all(|(key, _)| *key != obs.0), "and no new key was made");
}

/// The search for orphans, with memory for one id: every range is walked, and the findings are the same.
#[tokio::test]
async fn orphans_are_found_with_little_memory() {
    let dir = Dir::full().await;
    let few = Options { references_held: 1, ..Options::default() };
    let tally = dir.verify_with(false, few.clone()).await;
    assert_eq!((tally.findings_total(), tally.references.unwrap().files), (0, 29));
    for n in [0u8, 0x7f, 0xff] {
        dir.set(Table::Inline, &Bytes::from(vec![n; 16]), Some(Bytes::from_static(b"x"))).await;
    }
    assert_eq!(dir.verify_with(false, few).await.kinds, [(Kind::OrphanRow, 3)].into());
}
