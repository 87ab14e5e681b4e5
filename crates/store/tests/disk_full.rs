//! A full disk refuses, loses nothing, leaves nothing half-written, and is forgotten when room is made. Needs the right to
//! mount a file system, here or in a namespace; without it each test says so and ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use bytes::Bytes;
use model::BlobId;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use strongroom_store::engine::files::FileBlobs;
use strongroom_store::engine::fjall::FjallStore;
use strongroom_store::engine::redb::RedbStore;
use strongroom_store::{BlobStore, CommitError, MetaStore, StoreFault, Table, Transaction};
use testkit::conformance::blob;
use testkit::{SeededEntropy, SmallDisk, block_on};

const FULL: Result<(), CommitError> = Err(CommitError::Fault(StoreFault::Full));

fn put(store: &dyn MetaStore, n: u32, len: usize) -> Result<(), CommitError> {
    let mut transaction = Transaction::new();
    transaction.put(Table::Inline, n.to_be_bytes().to_vec(), vec![n as u8; len]);
    block_on(store.commit(transaction))
}

fn delete(store: &dyn MetaStore, n: u32) -> Result<(), CommitError> {
    let mut transaction = Transaction::freeing_room();
    transaction.delete(Table::Inline, n.to_be_bytes().to_vec());
    block_on(store.commit(transaction))
}

fn found(store: &dyn MetaStore, n: u32) -> Option<Bytes> {
    store.snapshot().get(Table::Inline, &n.to_be_bytes()).unwrap()
}

fn count(store: &dyn MetaStore) -> u32 {
    let mut rows = 0;
    let scanned = store.snapshot().scan(Table::Inline, b"", None, &mut |_, _| {
        rows += 1;
        true
    });
    scanned.unwrap();
    rows
}

fn files_below(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn blobs() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let store = FileBlobs::open(disk.path()).unwrap();
    let id = |n| BlobId::random(&SeededEntropy::new(n));
    let bytes = blob::content(1, 1 << 20);
    let write = |n| {
        let mut writer = store.create(id(n))?;
        for piece in bytes.chunks(65_552) {
            writer.append(piece.len(), &mut |out| out.copy_from_slice(piece))?;
        }
        writer.finish()
    };
    let mut n = 0;
    let fault = loop {
        match write(n) {
            Ok(len) => assert_eq!(len, 1 << 20),
            Err(fault) => break fault,
        }
        n += 1;
        assert!(n < 16, "16 blobs of 1 MiB on a disk of 16 MiB");
    };
    assert_eq!(fault, StoreFault::Full);
    assert!(n >= 12, "only {n} MiB of 16 were given out");
    assert_eq!(files_below(&disk.path().join("open")), 0, "nothing is left behind");
    assert_eq!(store.pending().unwrap().len() as u64, n);
    assert!((0..n).all(|n| blob::read(&store, id(n)).unwrap() == bytes));

    store.delete(id(0)).unwrap();
    store.delete(id(1)).unwrap();
    store.delete(id(2)).unwrap();
    assert_eq!(write(0), Ok(1 << 20), "room was made");
}

/// From plenty of room to none in steps, and back: bodies stop first, and deletions not even when the last block is gone.
fn fill_and_free(store: &dyn MetaStore, disk: &SmallDisk, reserve: &Path) {
    let reserved = || std::fs::metadata(reserve).unwrap().blocks() * 512;
    assert_eq!(reserved(), 5 << 20, "a twentieth of the disk, of real blocks");
    for n in 10..500 {
        assert_eq!(put(store, n, 100), Ok(()));
    }
    assert_eq!(put(store, 1, 20_000), Ok(()));
    assert_eq!(put(store, 2, 20_000), Ok(()));

    // Beside the reserve, 15 of 100 MiB are kept back in three steps of 5 MiB.
    disk.leave_free(8 << 20);
    assert_eq!(put(store, 3, 20_000), FULL, "a body");
    assert_eq!(put(store, 4, 100), Ok(()), "a small record");
    assert_eq!(delete(store, 1), Ok(()), "a deletion");
    assert_eq!(reserved(), 5 << 20);
    disk.leave_free(4096);
    assert_eq!(put(store, 5, 100), FULL, "a small record");
    assert_eq!(found(store, 2).unwrap().len(), 20_000, "reading goes on");
    assert_eq!(delete(store, 2), Ok(()), "a deletion");
    assert_eq!(found(store, 2), None);
    assert_eq!(reserved(), 0, "the reserve was given up for it");
    assert_eq!(put(store, 5, 100), FULL, "what was given up is for deletions");
    for n in 10..500 {
        assert_eq!(delete(store, n), Ok(()), "and for many of them: {n}");
    }
    assert_eq!(put(store, 5, 100), FULL);

    disk.free_all();
    assert_eq!(put(store, 3, 20_000), Ok(()));
    assert_eq!(reserved(), 5 << 20, "it is taken again");
    let present: Vec<_> = (0..500).filter(|n| found(store, *n).is_some()).collect();
    assert_eq!(present, [3, 4]);
}

/// Without a reserve the last blocks are for deletions; when those are gone too, everything is refused and nothing lost.
fn end_without_reserve(store: &dyn MetaStore, disk: &SmallDisk) {
    assert_eq!(put(store, 1, 20_000), Ok(()));
    assert_eq!(put(store, 2, 20_000), Ok(()));
    disk.leave_free(3 << 20);
    assert_eq!(put(store, 3, 100), FULL, "a small record");
    assert_eq!(delete(store, 1), Ok(()), "a deletion");
    disk.leave_free(0);
    assert_eq!(delete(store, 2), FULL);
    assert_eq!(found(store, 2).unwrap().len(), 20_000, "reading goes on");
    disk.free_all();
    assert_eq!(delete(store, 2), Ok(()));
    assert_eq!(count(store), 0);
}

#[test]
fn fjall_stops_in_time_and_goes_on() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    let dir = disk.path().join("meta");
    fill_and_free(&FjallStore::open_with_reserve(&dir).unwrap(), &disk, &dir.join("reserve"));
}

#[test]
fn fjall_without_reserve() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    end_without_reserve(&FjallStore::open(&disk.path().join("meta")).unwrap(), &disk);
}

/// A server that is started on a full disk opens its store with what the reserve gives.
#[test]
fn fjall_opens_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    let dir = disk.path().join("meta");
    let store = FjallStore::open_with_reserve(&dir).unwrap();
    for n in 0..20 {
        assert_eq!(put(&store, n, 1_000), Ok(()));
    }
    drop(store);
    disk.leave_free(0);
    let store = FjallStore::open_with_reserve(&dir).unwrap();
    assert_eq!(count(&store), 20);
    assert_eq!(put(&store, 20, 100), FULL);
    for n in 0..20 {
        assert_eq!(delete(&store, n), Ok(()));
    }
    drop(store);
    // The reserve is gone now: its room is what is left.
    let store = FjallStore::open_with_reserve(&dir).unwrap();
    assert_eq!((count(&store), put(&store, 20, 100)), (0, FULL));
    disk.free_all();
    assert_eq!(put(&store, 20, 100), Ok(()));
    assert_eq!(std::fs::metadata(dir.join("reserve")).unwrap().len(), 5 << 20);
}

/// A table found no room in the background, after which fjall takes nothing more: a deletion is worth opening it anew.
#[test]
fn fjall_deletes_after_a_table_that_found_no_room() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    let store = FjallStore::open_with_reserve(&disk.path().join("meta")).unwrap();
    let mut rows: Vec<u32> = (0..15).collect();
    for n in &rows {
        assert_eq!(put(&store, *n, 1 << 20), Ok(()));
    }
    // Enough for the rows that make the table too large for memory, too little for the table.
    disk.leave_free(14 << 20);
    rows.extend((1_000..1_200).take_while(|n| put(&store, *n, 100_000).is_ok()));
    assert!(rows.len() < 215, "200 × 100 kB into 14 MiB");
    disk.leave_free(4096);
    assert_eq!(put(&store, 20, 100), FULL);
    for n in rows {
        assert_eq!(delete(&store, n), Ok(()), "{n}");
    }
    assert_eq!(count(&store), 0);
    disk.free_all();
    assert_eq!(put(&store, 20, 1 << 20), Ok(()));
    assert_eq!(count(&store), 1);
}

#[test]
fn redb_stops_in_time_and_goes_on() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    let file = disk.path().join("meta.redb");
    fill_and_free(&RedbStore::open_with_reserve(&file).unwrap(), &disk, &disk.path().join("meta.redb.reserve"));
}

#[test]
fn redb_without_reserve() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    end_without_reserve(&RedbStore::open(&disk.path().join("meta.redb")).unwrap(), &disk);
}

/// The disk ends in the middle of a write, because the transaction is larger than what is kept back.
#[test]
fn fjall_recovers_from_a_commit_cut_short() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    let dir = disk.path().join("meta");
    let store = FjallStore::open(&dir).unwrap();
    for n in 0..20 {
        assert_eq!(put(&store, n, 1_000), Ok(()));
    }
    for _ in 0..3 {
        disk.leave_free(12 << 20);
        // A reader that is there before is served to its end.
        let snapshot = store.snapshot();
        let mut transaction = Transaction::new();
        transaction.put(Table::Inline, "too large", vec![1; 14 << 20]);
        let too_large = store.commit(transaction);
        assert_eq!(snapshot.get(Table::Inline, &7_u32.to_be_bytes()).unwrap().unwrap().len(), 1_000);
        drop(snapshot);
        assert_eq!(block_on(too_large), FULL);
        assert_eq!(count(&store), 20, "all of it or nothing");
        assert_eq!(put(&store, 20, 1_000), Ok(()), "what fits is taken");
        assert_eq!(delete(&store, 20), Ok(()));
        disk.free_all();
    }
    assert_eq!(put(&store, 100, 14 << 20), Ok(()));
    drop(store);
    assert_eq!(count(&FjallStore::open(&dir).unwrap()), 21);
}

/// The disk ends while a table is written out in the background, long after its rows were acknowledged.
#[test]
fn fjall_recovers_from_a_table_that_found_no_room() {
    let Some(disk) = SmallDisk::mount(100) else { return };
    let dir = disk.path().join("meta");
    let store = FjallStore::open(&dir).unwrap();
    let mut rows = 0;
    // Just below the size at which the table is written out.
    while rows < 15 {
        assert_eq!(put(&store, rows, 1 << 20), Ok(()));
        rows += 1;
    }
    disk.leave_free(14 << 20);
    let mut refused = 0;
    for n in 0..200 {
        match put(&store, 1_000 + n, 100_000) {
            Ok(()) => rows += 1,
            full => {
                assert_eq!(full, FULL);
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "200 × 100 kB into 14 MiB");
    assert_eq!(count(&store), rows, "acknowledged rows are there, refused ones are not");

    disk.free_all();
    for n in 0..20 {
        assert_eq!(put(&store, 2_000 + n, 1 << 20), Ok(()));
        rows += 1;
    }
    assert_eq!(count(&store), rows);
    drop(store);
    assert_eq!(count(&FjallStore::open(&dir).unwrap()), rows);
}
