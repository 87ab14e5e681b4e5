//! What was acknowledged is there after reopening, and what is missing is noticed: fjall's journal cut, damaged, deleted
//! or put back to an older state (docs/decisions/0001-embedded-engine.md).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod common;

use common::{Image, put, rows};
use std::path::Path;
use strongroom_store::engine::fjall::FjallStore;
use strongroom_store::{MetaStore, StoreFault, Table, Transaction};

const T: Table = Table::Current;

/// A store with `n` commits, closed.
fn store_with(dir: &Path, n: u32) -> Image {
    let store = FjallStore::open(dir).unwrap();
    for i in 0..n {
        put(&store, T, i.to_be_bytes(), format!("value {i}"));
    }
    drop(store);
    Image::of(dir)
}

fn keys(dir: &Path) -> Result<Vec<u32>, StoreFault> {
    let store = FjallStore::open(dir)?;
    let keys = rows(&store).into_iter().map(|(_, key, _)| u32::from_be_bytes(key.try_into().unwrap()));
    Ok(keys.collect())
}

#[test]
fn commits_survive_reopening_again_and_again() {
    let dir = common::tempdir();
    for i in 0..5_u32 {
        assert_eq!(keys(dir.path()), Ok((0..i).collect()));
        let store = FjallStore::open(dir.path()).unwrap();
        put(&store, T, i.to_be_bytes(), b"");
        assert_eq!(store.counters().syncs_total(), 1);
    }
}

#[test]
fn deletes_survive_reopening() {
    let dir = common::tempdir();
    store_with(dir.path(), 3);
    let store = FjallStore::open(dir.path()).unwrap();
    let mut transaction = Transaction::new();
    transaction.delete(T, 1_u32.to_be_bytes().to_vec());
    testkit::block_on(store.commit(transaction)).unwrap();
    drop(store);
    assert_eq!(keys(dir.path()), Ok(vec![0, 2]));
}

/// The journal cut anywhere within its last batch: whether that batch was acknowledged decides between repair and
/// refusal.
#[test]
fn a_torn_end_is_repaired_only_when_it_was_not_acknowledged() {
    let dir = common::tempdir();
    let before = store_with(dir.path(), 5);
    put(&FjallStore::open(dir.path()).unwrap(), T, 5_u32.to_be_bytes(), "value 5");
    let after = Image::of(dir.path());
    let (start, end) = (before.file("0.jnl").bytes.len(), after.file("0.jnl").bytes.len());

    for cut in [start + 1, start + 14, (start + end) / 2, end - 1] {
        let mut torn = after.clone();
        torn.file_mut("0.jnl").bytes.truncate(cut);
        torn.restore(dir.path());
        let refused = keys(dir.path()).unwrap_err();
        assert!(matches!(refused, StoreFault::Corrupt(_)), "acknowledged, cut at {cut}: {refused}");

        torn.file_mut("acknowledged").bytes.clone_from(&before.file("acknowledged").bytes);
        torn.restore(dir.path());
        assert_eq!(keys(dir.path()), Ok((0..5).collect()), "not acknowledged, cut at {cut}");
        // The repaired store takes commits, and these are found again.
        put(&FjallStore::open(dir.path()).unwrap(), T, 9_u32.to_be_bytes(), "");
        assert_eq!(keys(dir.path()), Ok(vec![0, 1, 2, 3, 4, 9]));
    }

    // The middle of the last batch never reached the disk, its end did: as a crash may leave a batch of several pages.
    let mut holed = after;
    holed.file_mut("0.jnl").bytes[start + 20..end - 60].fill(0);
    holed.file_mut("acknowledged").bytes.clone_from(&before.file("acknowledged").bytes);
    holed.restore(dir.path());
    assert_eq!(keys(dir.path()), Ok((0..5).collect()));
}

#[test]
fn a_commit_that_reached_the_journal_unacknowledged_is_kept_whole() {
    let dir = common::tempdir();
    let before = store_with(dir.path(), 5);
    put(&FjallStore::open(dir.path()).unwrap(), T, 5_u32.to_be_bytes(), "value 5");
    let mut after = Image::of(dir.path());
    after.file_mut("acknowledged").bytes.clone_from(&before.file("acknowledged").bytes);
    after.restore(dir.path());
    assert_eq!(keys(dir.path()), Ok((0..6).collect()));
    // From now on it is part of what may not be lost.
    let mut lost = Image::of(dir.path());
    lost.file_mut("0.jnl").bytes.clone_from(&before.file("0.jnl").bytes);
    lost.restore(dir.path());
    assert!(matches!(keys(dir.path()), Err(StoreFault::Corrupt(_))));
}

#[test]
fn an_older_state_is_refused() {
    let dir = common::tempdir();
    let old = store_with(dir.path(), 3);
    put(&FjallStore::open(dir.path()).unwrap(), T, 3_u32.to_be_bytes(), "");
    let mut mixed = Image::of(dir.path());
    mixed.file_mut("0.jnl").bytes.clone_from(&old.file("0.jnl").bytes);
    mixed.restore(dir.path());
    let Err(StoreFault::Corrupt(why)) = keys(dir.path()) else { panic!("not refused") };
    assert_eq!(why, "commit 4 was acknowledged, the store ends at 3");
}

#[test]
fn missing_files_are_noticed() {
    for name in ["0.jnl", "version", "acknowledged"] {
        let dir = common::tempdir();
        let mut image = store_with(dir.path(), 3);
        image.files.retain(|file| !file.path.ends_with(name));
        image.restore(dir.path());
        assert!(keys(dir.path()).is_err(), "{name} deleted");
    }
}

#[test]
fn a_crash_while_the_store_is_created_is_forgotten() {
    let dir = common::tempdir();
    let image = store_with(dir.path(), 0);
    for keep in 0..image.files.len() {
        let mut part = image.clone();
        part.files.retain(|file| {
            // What a crash leaves is a beginning: the marker is written last.
            let place = image.files.iter().position(|f| f.path == file.path).unwrap();
            file.path.ends_with("acknowledged") || place < keep && !file.path.ends_with("version")
        });
        part.restore(dir.path());
        assert_eq!(keys(dir.path()), Ok(vec![]), "{keep} files");
        image.restore(dir.path());
    }
}

/// Sequence numbers order the batches and stand outside fjall's checksum: exchanged, an old value would win silently.
#[test]
fn batches_out_of_order_are_refused() {
    let dir = common::tempdir();
    let store = FjallStore::open(dir.path()).unwrap();
    for value in ["first", "second", "third"] {
        put(&store, T, "key", value);
    }
    drop(store);
    let image = Image::of(dir.path());
    let journal = &image.file("0.jnl").bytes;
    // Entry 1 begins a batch: tag, count of items (two), sequence number.
    let starts: Vec<_> = (0..journal.len() - 13).filter(|i| journal[*i..*i + 5] == [1, 2, 0, 0, 0]).collect();
    assert_eq!(starts.len(), 3);
    for start in starts {
        for bit in (0..64).step_by(3) {
            let mut damaged = image.clone();
            damaged.file_mut("0.jnl").bytes[start + 5 + bit / 8] ^= 1 << (bit % 8);
            damaged.restore(dir.path());
            match FjallStore::open(dir.path()) {
                Err(StoreFault::Corrupt(_)) => {}
                Err(e) => panic!("{e}"),
                // The last batch may move up: it stays the last.
                Ok(store) => assert_eq!(rows(&store)[0].2, b"third", "bit {bit} of the batch at {start}"),
            }
        }
    }
}
