//! The committer against an engine that stops where the test wants it to: grouping, failures and shutdown are decided by
//! channels, not by chance.

use super::*;
use crate::engine::memory::MemoryEngine;
use crate::engine::{EngineStore, View, Write};
use crate::{Expectation, MetaStore, Table};
use bytes::Bytes;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// An engine in memory whose `apply` reports the size of its batch, then waits to be told its outcome.
struct Gated {
    inner: MemoryEngine,
    entered: SyncSender<usize>,
    outcome: Mutex<Receiver<Outcome>>,
    room: Mutex<Room>,
    /// How often it was asked to make room.
    relieved: AtomicU32,
}

enum Outcome {
    Apply,
    Full,
    Fail,
    Panic,
}

impl Engine for Gated {
    fn view(&self) -> Box<dyn View> {
        self.inner.view()
    }

    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault> {
        self.entered.send(batch.len()).unwrap();
        match self.outcome.lock().unwrap().recv().unwrap() {
            Outcome::Apply => self.inner.apply(batch),
            Outcome::Full => Err(ApplyFault::Full),
            Outcome::Fail => Err(ApplyFault::Failed("the disk is gone".to_owned())),
            Outcome::Panic => panic!("an assertion of the engine"),
        }
    }

    fn room(&self) -> Room {
        *self.room.lock().unwrap()
    }

    fn relieve(&self) -> Room {
        self.relieved.fetch_add(1, Ordering::Relaxed);
        self.room()
    }
}

struct Gate {
    entered: Receiver<usize>,
    outcome: SyncSender<Outcome>,
}

impl Gate {
    /// Waits for a batch and decides it; returns how many rows it had.
    fn decide(&self, outcome: Outcome) -> usize {
        let rows = self.entered.recv().unwrap();
        self.outcome.send(outcome).unwrap();
        rows
    }
}

fn gated() -> (EngineStore<Gated>, Gate) {
    // Room for more than any test sends, so that a store dropped in mid-test does not wait for the test.
    let (entered, entered_rx) = sync_channel(10_000);
    let (outcome, outcome_rx) = sync_channel(10_000);
    let inner = MemoryEngine::default();
    let room = Mutex::new(Room::Everything);
    let engine = Gated { inner, entered, outcome: Mutex::new(outcome_rx), room, relieved: AtomicU32::new(0) };
    (EngineStore::over(engine).unwrap(), Gate { entered: entered_rx, outcome })
}

fn put(n: u32) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.put(Table::Current, n.to_be_bytes().to_vec(), Bytes::new());
    transaction
}

fn wait(future: crate::CommitFuture) -> Answer {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn has(store: &EngineStore<Gated>, n: u32) -> bool {
    store.snapshot().get(Table::Current, &n.to_be_bytes()).unwrap().is_some()
}

#[test]
fn transactions_that_wait_together_share_one_synchronisation() {
    let (store, gate) = gated();
    let first = store.commit(put(0));
    // The thread has entered `apply` with the first one; everything else must wait behind it.
    assert_eq!(gate.entered.recv().unwrap(), 1);
    let others: Vec<_> = (1..=100).map(|n| store.commit(put(n))).collect();
    gate.outcome.send(Outcome::Apply).unwrap();
    assert_eq!(gate.decide(Outcome::Apply), 100);
    assert_eq!(wait(first), Ok(()));
    assert!(others.into_iter().all(|other| wait(other) == Ok(())));
    assert_eq!((store.counters().commits_total(), store.counters().syncs_total()), (101, 2));
}

#[test]
fn a_batch_is_bounded() {
    let (store, gate) = gated();
    let first = store.commit(put(0));
    assert_eq!(gate.entered.recv().unwrap(), 1);
    let many: Vec<_> = (1..=300).map(|n| store.commit(put(n))).collect();
    let mut large = Transaction::new();
    large.put(Table::Current, "large", vec![0; BATCH_BYTES_MAX]);
    let large = store.commit(large);
    let last = store.commit(put(301));
    gate.outcome.send(Outcome::Apply).unwrap();
    assert_eq!(gate.decide(Outcome::Apply), BATCH_TRANSACTIONS_MAX);
    assert_eq!(gate.decide(Outcome::Apply), 300 - BATCH_TRANSACTIONS_MAX + 1, "closed by the large one");
    assert_eq!(gate.decide(Outcome::Apply), 1);
    assert!([first, large, last].into_iter().chain(many).all(|f| wait(f) == Ok(())));
}

#[test]
fn a_conflict_within_a_batch_harms_only_its_own_transaction() {
    let (store, gate) = gated();
    let first = store.commit(put(0));
    assert_eq!(gate.entered.recv().unwrap(), 1);
    let key = |n: u32| Bytes::copy_from_slice(&n.to_be_bytes());
    let (before, mut refused, mut seen) = (put(1), put(2), put(3));
    refused.expect(Expectation::Absent(Table::Current, key(9))).expect(Expectation::Absent(Table::Current, key(1)));
    seen.expect(Expectation::Present(Table::Current, key(1))).delete(Table::Current, key(1));
    let futures = [before, refused, seen, put(4)].map(|t| store.commit(t));
    gate.outcome.send(Outcome::Apply).unwrap();
    assert_eq!(gate.decide(Outcome::Apply), 3, "rows 1 (removed again), 3 and 4");
    assert_eq!(wait(first), Ok(()));
    assert_eq!(futures.map(wait), [Ok(()), Err(CommitError::Conflict(1)), Ok(()), Ok(())]);
    assert_eq!([1, 2, 3, 4].map(|n| has(&store, n)), [false, false, true, true]);
    assert_eq!(store.counters().conflicts_total(), 1);
}

#[test]
fn a_full_disk_refuses_the_batch_and_then_recovers() {
    let (store, gate) = gated();
    let refused = store.commit(put(1));
    assert_eq!(gate.decide(Outcome::Full), 1);
    assert_eq!(wait(refused), Err(StoreFault::Full.into()));
    let taken = store.commit(put(2));
    assert_eq!(gate.decide(Outcome::Apply), 1);
    assert_eq!(wait(taken), Ok(()));
    assert_eq!([1, 2].map(|n| has(&store, n)), [false, true]);
    assert_eq!(store.counters().syncs_total(), 1);
}

#[test]
fn a_refusal_that_rests_on_a_lost_batch_is_not_given() {
    let (store, gate) = gated();
    let first = store.commit(put(0));
    assert_eq!(gate.entered.recv().unwrap(), 1);
    let winner = store.commit(put(1));
    let mut loser = put(1);
    loser.expect(Expectation::Absent(Table::Current, Bytes::copy_from_slice(&1_u32.to_be_bytes())));
    let loser = store.commit(loser);
    gate.outcome.send(Outcome::Apply).unwrap();
    gate.decide(Outcome::Full);
    assert_eq!(wait(first), Ok(()));
    assert_eq!([winner, loser].map(wait), [Err(StoreFault::Full.into()), Err(StoreFault::Full.into())]);
}

#[test]
fn a_failed_engine_takes_no_further_commit() {
    for (outcome, why) in [(Outcome::Fail, "the disk is gone"), (Outcome::Panic, "the engine panicked")] {
        let (store, gate) = gated();
        let failed = store.commit(put(1));
        gate.decide(outcome);
        let unavailable = Err(StoreFault::Unavailable(why.to_owned()).into());
        assert_eq!(wait(failed), unavailable);
        assert_eq!(wait(store.commit(put(2))), unavailable, "without asking the engine");
        assert!(gate.entered.try_recv().is_err());
        assert!(!has(&store, 1), "reading goes on");
        assert_eq!(store.counters().faults_total(), 2);
    }
}

#[test]
fn little_room_is_kept_for_small_transactions_and_less_for_deletions() {
    let (store, gate) = gated();
    let deletion = |values: usize| {
        let mut transaction = Transaction::freeing_room();
        transaction.delete(Table::Inline, "body").put(Table::BlobGc, "body", vec![0; values]);
        transaction
    };
    let large = || {
        let mut transaction = put(1);
        transaction.put(Table::Inline, "body", vec![0; SMALL_TRANSACTION_BYTES_MAX]);
        transaction
    };
    let full = Err(CommitError::Fault(StoreFault::Full));
    *store.engine().room.lock().unwrap() = Room::SmallTransactions;
    assert_eq!(wait(store.commit(large())), full);
    let small = store.commit(put(2));
    gate.decide(Outcome::Apply);
    assert_eq!(wait(small), Ok(()));

    *store.engine().room.lock().unwrap() = Room::Deletions;
    assert_eq!(wait(store.commit(put(3))), full);
    assert_eq!(store.engine().relieved.load(Ordering::Relaxed), 0, "nothing is given up for what is refused");
    let deleted = store.commit(deletion(SMALL_TRANSACTION_BYTES_MAX));
    gate.decide(Outcome::Apply);
    assert_eq!(wait(deleted), Ok(()), "whatever its size");
    assert_eq!(store.engine().relieved.load(Ordering::Relaxed), 1);

    *store.engine().room.lock().unwrap() = Room::None;
    assert_eq!(wait(store.commit(put(3))), full);
    assert_eq!(wait(store.commit(deletion(1))), full);
    assert_eq!(wait(store.commit(Transaction::new())), Ok(()), "nothing needs no room");

    *store.engine().room.lock().unwrap() = Room::Transactions;
    let large = store.commit(large());
    gate.decide(Outcome::Apply);
    assert_eq!(wait(large), Ok(()));
}

#[test]
fn dropping_the_store_commits_what_waits() {
    let (store, gate) = gated();
    let engine = Arc::clone(store.engine());
    let first = store.commit(put(0));
    assert_eq!(gate.entered.recv().unwrap(), 1);
    let waiting: Vec<_> = (1..=300).map(|n| store.commit(put(n))).collect();
    for _ in 0..3 {
        gate.outcome.send(Outcome::Apply).unwrap();
    }
    drop(store);
    assert_eq!(wait(first), Ok(()));
    assert!(waiting.into_iter().all(|f| wait(f) == Ok(())));
    let view = engine.view();
    assert!((0..=300_u32).all(|n| view.get(Table::Current, &n.to_be_bytes()).unwrap().is_some()));
}

#[test]
fn a_future_outlives_the_store() {
    let (store, gate) = gated();
    let places = store.committer().places.clone();
    // Without a place in the queue the future still holds its transaction when the store goes.
    let all = places.try_acquire_many(u32::try_from(QUEUE_TRANSACTIONS_MAX).unwrap()).unwrap();
    let late = store.commit(put(1));
    drop(all);
    drop(store);
    assert_eq!(wait(late), Err(closed().into()));
    assert!(gate.entered.try_recv().is_err(), "and nothing was applied");
}

#[test]
fn a_full_queue_holds_further_transactions_back() {
    let (store, gate) = gated();
    let places = store.committer().places.clone();
    let all = places.try_acquire_many(u32::try_from(QUEUE_TRANSACTIONS_MAX).unwrap()).unwrap();
    let held_back = store.commit(put(1));
    assert!(gate.entered.try_recv().is_err());
    drop(all);
    gate.outcome.send(Outcome::Apply).unwrap();
    assert_eq!(wait(held_back), Ok(()));
    assert_eq!(places.available_permits(), QUEUE_TRANSACTIONS_MAX, "the place is given back with the answer");
}
