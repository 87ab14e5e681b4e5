//! What is particular to blobs in files: what a start finds and does, who may read them, what they cost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use model::BlobId;
use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strongroom_store::engine::files::FileBlobs;
use strongroom_store::{BlobStore, StoreFault};
use testkit::SeededEntropy;
use testkit::conformance::blob;

fn id(n: u64) -> BlobId {
    BlobId::random(&SeededEntropy::new(n))
}

fn shard(dir: &Path, id: BlobId) -> PathBuf {
    dir.join(&id.to_hex()[..2]).join(id.to_hex())
}

/// Every file and directory below `dir`, relative to it.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(dir).unwrap().to_owned());
            if path.is_dir() {
                dirs.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_start_removes_open_blobs_and_keeps_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(dir.path()).unwrap();
    let mut open = store.create(id(1)).unwrap();
    for _ in 0..5 {
        open.append(65_552, &mut |out| out.fill(1)).unwrap();
    }
    blob::write(&store, id(2), b"pending", 7);
    blob::write(&store, id(3), b"confirmed", 7);
    store.confirm(id(3)).unwrap();
    // As a process ends that is killed: without its destructors.
    std::mem::forget(open);
    assert!(dir.path().join("open").join(id(1).to_hex()).exists());

    let store = FileBlobs::open(dir.path()).unwrap();
    assert!(!dir.path().join("open").join(id(1).to_hex()).exists());
    assert_eq!(blob::read(&store, id(1)), None);
    assert_eq!(store.pending(), Ok(vec![id(2)]));
    assert_eq!(blob::read(&store, id(2)).as_deref(), Some(&b"pending"[..]));
    assert_eq!(blob::read(&store, id(3)).as_deref(), Some(&b"confirmed"[..]));
    assert!(shard(dir.path(), id(3)).exists());
}

#[test]
fn nobody_else_may_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(dir.path()).unwrap();
    blob::write(&store, id(1), b"pending", 7);
    blob::write(&store, id(2), b"confirmed", 7);
    store.confirm(id(2)).unwrap();
    let tree = tree(dir.path());
    assert_eq!(tree.len(), 5, "open, pending, a shard and two blobs: {tree:?}");
    for path in tree {
        let found = std::fs::metadata(dir.path().join(&path)).unwrap();
        let mode = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, mode, "{}", path.display());
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(dir.path()).unwrap();
    blob::write(&store, id(1), b"x", 1);
    store.confirm(id(1)).unwrap();
    let strangers = ["open/note", "pending/note", "note", "pending/ABCDEF00112233445566778899aabbcc"];
    for stranger in strangers {
        std::fs::write(dir.path().join(stranger), "x").unwrap();
    }
    let beside = shard(dir.path(), id(1)).with_file_name("note");
    std::fs::write(&beside, "x").unwrap();

    let store = FileBlobs::open(dir.path()).unwrap();
    assert_eq!(store.pending(), Ok(vec![]));
    let mut seen = Vec::new();
    store.each(&mut |id, len| seen.push((id, len))).unwrap();
    assert_eq!(seen, [(id(1), 1)]);
    assert!(strangers.iter().all(|stranger| dir.path().join(stranger).exists()) && beside.exists());
}

#[test]
fn a_blob_cut_on_the_disk_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(dir.path()).unwrap();
    blob::write(&store, id(1), &blob::content(1, 10_000), 10_000);
    let reader = store.open(id(1)).unwrap().unwrap();
    let path = dir.path().join("pending").join(id(1).to_hex());
    OpenOptions::new().write(true).open(path).unwrap().set_len(5_000).unwrap();
    let mut out = [0; 1_000];
    assert_eq!(reader.read_at(4_000, &mut out), Ok(()));
    assert!(matches!(reader.read_at(4_001, &mut out), Err(StoreFault::Corrupt(_))));
    assert_eq!(store.open(id(1)).unwrap().unwrap().len(), 5_000);
}

#[test]
fn a_blob_costs_two_synchronisations_and_confirming_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileBlobs::open(dir.path()).unwrap();
    for n in 1..=10 {
        blob::write(&store, id(n), &blob::content(n, 400_000), 65_552);
        store.confirm(id(n)).unwrap();
        assert_eq!((store.counters().commits_total(), store.counters().syncs_total()), (n, 2 * n));
    }
}

#[test]
fn blobs_on_a_file_system_in_memory() {
    let Ok(root) = tempfile::tempdir_in("/dev/shm") else { return println!("skipped: no /dev/shm") };
    blob::run(&|| {
        let dir = tempfile::tempdir_in(root.path()).unwrap().keep();
        Arc::new(FileBlobs::open(&dir).unwrap()) as Arc<dyn BlobStore>
    });
}
