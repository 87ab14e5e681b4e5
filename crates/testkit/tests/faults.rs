//! The faulty stores fail as they say and are otherwise the store below.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use model::{BlobId, Clock, Timestamp};
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::engine::memory_blobs::MemoryBlobs;
use store::{BlobStore, CommitError, MetaStore, StoreFault, Table, Transaction};
use strongroom_testkit::conformance::{blob, meta};
use strongroom_testkit::{BlobStage, FaultyBlobs, FaultyMeta, TestClock, block_on};

const FULL: CommitError = CommitError::Fault(StoreFault::Full);

fn put(store: &dyn MetaStore, key: &'static str) -> Result<(), CommitError> {
    let mut transaction = Transaction::new();
    transaction.put(Table::Current, key, "");
    block_on(store.commit(transaction))
}

fn keys(store: &dyn MetaStore) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let visit = &mut |key: &[u8], _: &[u8]| {
        keys.push(key.to_vec());
        true
    };
    store.snapshot().scan(Table::Current, b"", None, visit).unwrap();
    keys
}

#[test]
fn without_faults_the_wrappers_conform() {
    meta::run(&|| FaultyMeta::over(MemoryStore::shared()) as Arc<dyn MetaStore>);
    blob::run(&|| FaultyBlobs::over(Arc::new(MemoryBlobs::new())) as Arc<dyn BlobStore>);
}

#[test]
fn commits_fail_after_their_countdown_and_are_not_applied() {
    let store = FaultyMeta::over(MemoryStore::shared());
    store.fail_commits_after(1, StoreFault::Full);
    assert_eq!(put(&*store, "a"), Ok(()));
    assert_eq!(put(&*store, "b"), Err(FULL));
    assert_eq!(put(&*store, "c"), Err(FULL));
    store.heal();
    assert_eq!(put(&*store, "d"), Ok(()));
    assert_eq!(keys(&*store), [b"a", b"d"]);
}

#[test]
fn a_lost_answer_hides_a_commit_that_was_applied() {
    let store = FaultyMeta::over(MemoryStore::shared());
    store.lose_answers_after(0);
    assert!(matches!(put(&*store, "a"), Err(CommitError::Fault(StoreFault::Unavailable(_)))));
    assert_eq!(keys(&*store), [b"a"]);
}

#[test]
fn reads_fail_by_table() {
    let store = FaultyMeta::over(MemoryStore::shared());
    put(&*store, "a").unwrap();
    let fault = StoreFault::Corrupt("a row".to_owned());
    store.fail_reads(Some(Table::Current), fault.clone());
    let snapshot = store.snapshot();
    assert_eq!(snapshot.get(Table::Current, b"a"), Err(fault));
    assert_eq!(snapshot.get(Table::Versions, b"a"), Ok(None));
    store.heal();
    assert!(snapshot.get(Table::Current, b"a").unwrap().is_some());
}

#[test]
fn blobs_fail_at_the_chosen_stage() {
    use BlobStage::{Append, Confirm, Create, Delete, Finish, Open, Read};
    let id = BlobId::from_bytes([1; 16]);
    for stage in [Create, Append, Finish, Confirm, Open, Read, Delete] {
        let store = FaultyBlobs::over(Arc::new(MemoryBlobs::new()));
        store.fail_after(stage, 0, StoreFault::Full);
        let life = || {
            let mut writer = store.create(id).map_err(|_| Create)?;
            writer.append(1, &mut |out| out.fill(1)).map_err(|_| Append)?;
            writer.finish().map_err(|_| Finish)?;
            store.confirm(id).map_err(|_| Confirm)?;
            let reader = store.open(id).map_err(|_| Open)?.unwrap();
            reader.read_at(0, &mut [0]).map_err(|_| Read)?;
            store.delete(id).map_err(|_| Delete)
        };
        assert_eq!(life(), Err(stage));
        if !matches!(stage, Confirm | Open | Read | Delete) {
            assert_eq!(store.pending(), Ok(vec![]), "nothing is left after {stage:?} failed");
        }
        store.heal();
        store.delete(id).unwrap();
        assert_eq!(life(), Ok(()));
    }
}

#[test]
fn the_clock_moves_when_told() {
    let clock = TestClock::default();
    clock.advance_millis(1_500);
    assert_eq!(clock.now().as_millis(), TestClock::START_MILLIS + 1_500);
    clock.set(Timestamp::from_secs(7));
    assert_eq!(clock.now(), Timestamp::from_secs(7));
}
