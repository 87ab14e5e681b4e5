//! One thread per store commits for everybody. It takes a waiting transaction and all others that wait, judges each in
//! turn by the engine's state and the changes accepted before it, applies what was accepted as one durable batch, and
//! answers all of them. So 32 writers cost one synchronisation of the disk where each would have paid its own
//! (docs/decisions/0001-embedded-engine.md), and expectations need no locks: nobody else writes.

use super::overlay::Overlay;
use super::{ApplyFault, Engine, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::space::Room;
use crate::{Change, CommitError, Counters, StoreFault, Transaction};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Most transactions that share one batch.
const BATCH_TRANSACTIONS_MAX: usize = 256;

/// Size of keys and values at which a batch is closed. Bounds the engine's write and the memory it takes.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Transactions waiting at a time; the future of one more waits for its place.
const QUEUE_TRANSACTIONS_MAX: usize = 1024;

/// A transaction up to this size is still taken when little room is left.
const SMALL_TRANSACTION_BYTES_MAX: usize = 8 << 10;

const _: () = assert!(BATCH_TRANSACTIONS_MAX < QUEUE_TRANSACTIONS_MAX, "a full batch must be able to gather");

type Answer = Result<(), CommitError>;

enum Message {
    Commit(Waiting),
    Close,
}

struct Waiting {
    transaction: Transaction,
    answer: oneshot::Sender<Answer>,
    /// Its place in the queue, given back when it is answered.
    place: Option<OwnedSemaphorePermit>,
}

/// The committer's near end. Dropping it commits what waits, then ends the thread.
pub(super) struct Committer {
    queue: Sender<Message>,
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start<E: Engine>(engine: Arc<E>, counters: Arc<Counters>) -> Result<Self, StoreFault> {
        let (queue, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || Worker { engine, counters, failed: None }.run(&waiting))
            .map_err(|e| StoreFault::Unavailable(format!("cannot start the committer thread: {e}")))?;
        Ok(Self { queue, places: Arc::new(Semaphore::new(QUEUE_TRANSACTIONS_MAX)), thread: Some(thread) })
    }

    /// Hands a transaction over. It is in the queue before this returns unless the queue is full; then the future waits
    /// for a place, and a future dropped while it waits hands the transaction over all the same.
    pub(super) fn commit(&self, transaction: Transaction) -> crate::CommitFuture {
        let (answer, answered) = oneshot::channel();
        let mut submission = Submission { queue: self.queue.clone(), content: Some((transaction, answer)) };
        let places = Arc::clone(&self.places);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            submission.submit(Some(place));
        }
        Box::pin(async move {
            if submission.content.is_some() {
                // The semaphore is never closed.
                let place = places.acquire_owned().await.ok();
                submission.submit(place);
            }
            answered.await.unwrap_or_else(|_| Err(closed().into()))
        })
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        let _ = self.queue.send(Message::Close);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committer thread panicked");
        }
    }
}

/// A transaction on its way into the queue.
struct Submission {
    queue: Sender<Message>,
    content: Option<(Transaction, oneshot::Sender<Answer>)>,
}

impl Submission {
    fn submit(&mut self, place: Option<OwnedSemaphorePermit>) {
        if let Some((transaction, answer)) = self.content.take() {
            // When the thread has ended the answer's sender is dropped here, which reads as "closed" at the other end.
            let _ = self.queue.send(Message::Commit(Waiting { transaction, answer, place }));
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        self.submit(None);
    }
}

fn closed() -> StoreFault {
    StoreFault::Unavailable("the store is shutting down".to_owned())
}

/// The far end: what runs on the thread.
struct Worker<E> {
    engine: Arc<E>,
    counters: Arc<Counters>,
    /// Why the engine takes no more batches.
    failed: Option<String>,
}

impl<E: Engine> Worker<E> {
    fn run(mut self, waiting: &Receiver<Message>) {
        let mut open = true;
        while open {
            let Ok(Message::Commit(first)) = waiting.recv() else { break };
            open = self.gather_and_commit(first, waiting);
        }
        // Closing: what was handed over before is still committed, whatever comes later finds the queue gone.
        while let Ok(message) = waiting.try_recv() {
            if let Message::Commit(first) = message {
                self.gather_and_commit(first, waiting);
            }
        }
    }

    /// Commits `first` together with what waits behind it. Returns `false` when it met the request to close.
    fn gather_and_commit(&mut self, first: Waiting, waiting: &Receiver<Message>) -> bool {
        let mut bytes = size_bytes(&first.transaction);
        let mut group = vec![first];
        let mut open = true;
        while group.len() < BATCH_TRANSACTIONS_MAX && bytes < BATCH_BYTES_MAX {
            match waiting.try_recv() {
                Ok(Message::Commit(next)) => {
                    bytes += size_bytes(&next.transaction);
                    group.push(next);
                }
                Ok(Message::Close) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        self.commit_group(group);
        open
    }

    fn commit_group(&mut self, group: Vec<Waiting>) {
        let mut verdicts = Vec::with_capacity(group.len());
        let mut transactions = Vec::with_capacity(group.len());
        let mut answers = Vec::with_capacity(group.len());
        for Waiting { transaction, answer, place } in group {
            transactions.push(transaction);
            answers.push((answer, place));
        }
        let outcome = match &self.failed {
            Some(why) => Err(ApplyFault::Failed(why.clone())),
            // A panic below (an engine's assertion on damaged data) must not leave every later commit without an answer.
            None => catch_unwind(AssertUnwindSafe(|| self.judge_and_apply(transactions, &mut verdicts)))
                .unwrap_or_else(|_| Err(ApplyFault::Failed("the engine panicked".to_owned()))),
        };
        let fault = match outcome {
            Ok(()) => None,
            Err(ApplyFault::Full) => Some(StoreFault::Full),
            Err(ApplyFault::Failed(why)) => {
                if self.failed.is_none() {
                    tracing::error!(%why, "the metadata engine failed; no further commit is taken");
                    self.failed = Some(why.clone());
                }
                Some(StoreFault::Unavailable(why))
            }
        };
        verdicts.resize(answers.len(), Ok(()));
        for ((answer, place), verdict) in answers.into_iter().zip(verdicts) {
            // A refusal may rest on changes of the same batch: when those were not applied, neither is it given.
            let verdict = fault.clone().map_or(verdict, |fault| Err(fault.into()));
            match &verdict {
                Ok(()) => self.counters.add_commits(1),
                Err(CommitError::Conflict(_)) => self.counters.add_conflicts(1),
                Err(CommitError::Fault(_)) => self.counters.add_faults(1),
            }
            drop(place);
            // Nobody may be waiting any more; the commit stands all the same.
            let _ = answer.send(verdict);
        }
    }

    fn judge_and_apply(&self, transactions: Vec<Transaction>, verdicts: &mut Vec<Answer>) -> Result<(), ApplyFault> {
        let mut room = self.engine.room();
        if room < Room::SmallTransactions && transactions.iter().any(|transaction| transaction.frees_room) {
            room = self.engine.relieve();
        }
        let mut overlay = Overlay::new(self.engine.view());
        for transaction in transactions {
            let verdict = judge(&overlay, &transaction, room);
            if verdict.is_ok() {
                overlay.accept(transaction.changes);
            }
            verdicts.push(verdict);
        }
        let batch = overlay.into_batch();
        if batch.is_empty() {
            return Ok(());
        }
        self.engine.apply(&batch)?;
        self.counters.add_syncs(1);
        Ok(())
    }
}

fn judge(overlay: &Overlay, transaction: &Transaction, room: Room) -> Answer {
    for change in &transaction.changes {
        check_bounds(change)?;
    }
    if let Some(unmet) = overlay.first_unmet(&transaction.expectations)? {
        return Err(CommitError::Conflict(unmet));
    }
    let needed = match size_bytes(transaction) {
        0 => Room::None,
        _ if transaction.frees_room => Room::Deletions,
        1..=SMALL_TRANSACTION_BYTES_MAX => Room::SmallTransactions,
        _ => Room::Transactions,
    };
    if room < needed { Err(StoreFault::Full.into()) } else { Ok(()) }
}

/// Keys and values an engine cannot hold are refused here, where the answer is an error and not an engine's panic.
fn check_bounds(change: &Change) -> Answer {
    let (table, key, value_len) = match change {
        Change::Put(table, key, value) => (table, key, value.len()),
        Change::Delete(table, key) => (table, key, 0),
    };
    if key.is_empty() || key.len() > KEY_BYTES_MAX || value_len > VALUE_BYTES_MAX {
        let sizes = format!("key of {} bytes, value of {value_len} bytes", key.len());
        return Err(StoreFault::Unavailable(format!("row out of bounds in table {}: {sizes}", table.name())).into());
    }
    Ok(())
}

fn size_bytes(transaction: &Transaction) -> usize {
    let change = |change: &Change| match change {
        Change::Put(_, key, value) => key.len() + value.len(),
        Change::Delete(_, key) => key.len(),
    };
    transaction.changes.iter().map(change).sum()
}

#[cfg(test)]
mod tests;
