//! The log as its users see it: a trail. One thread writes for everybody who waits, so that 32 of them cost one
//! synchronisation of the disk where each would have paid its own.

use crate::open::OpenError;
use crate::signature::CheckpointSigner;
use crate::writer::{Means, Writer};
use crate::{
    ABANDONED_EVENTS_MAX, AuditCounters, AuditFault, AuditTrail, BATCH_EVENTS_MAX, Event, LogConfig, Mark,
    QUEUE_EVENTS_MAX, record,
};
use async_trait::async_trait;
use model::{Clock, Entropy};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Size of lines at which a batch is closed.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Longest wait of the thread before it looks at the clock again: the clock may be set.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(60);

/// A log that is open.
pub struct AuditLog {
    queue: Sender<Message>,
    places: Arc<Semaphore>,
    abandoned: Abandoned,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<AuditCounters>,
    required: bool,
}

/// Where the events go whose callers went away before there was a place for them.
#[derive(Clone)]
struct Abandoned {
    /// Nobody can be made to wait for these places: when none is free, the event is counted and no more.
    places: Arc<Semaphore>,
    /// Events for which there was none, since the log was last told.
    missing: Arc<AtomicU64>,
}

impl Abandoned {
    fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(ABANDONED_EVENTS_MAX)), missing: Arc::default() }
    }
}

enum Message {
    Record(Waiting),
    Close,
}

type Answer = oneshot::Sender<Result<(), AuditFault>>;

struct Waiting {
    /// The members of the event's line.
    members: Vec<u8>,
    answer: Answer,
    /// Its place in the queue, given back when it is answered.
    place: Option<OwnedSemaphorePermit>,
}

impl AuditLog {
    /// Opens the log of a directory, or begins one, and starts its thread. Verifies the tail first.
    ///
    /// # Errors
    /// [`OpenError`] when the log is missing, damaged or older than its head, or cannot be read.
    pub fn open(
        config: LogConfig,
        signer: Arc<dyn CheckpointSigner>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, OpenError> {
        let counters = Arc::new(AuditCounters::default());
        let required = config.required;
        let means = Means { config, signer, clock, counters: Arc::clone(&counters) };
        let writer = Writer::open(means, entropy)?;
        let (queue, waiting) = channel();
        let abandoned = Abandoned::new();
        let missing = Arc::clone(&abandoned.missing);
        let thread =
            std::thread::Builder::new().name("audit".to_owned()).spawn(move || run(writer, &waiting, &missing))?;
        let places = Arc::new(Semaphore::new(QUEUE_EVENTS_MAX));
        Ok(Self { queue, places, abandoned, thread: Mutex::new(Some(thread)), counters, required })
    }

    /// What the log counts.
    pub fn counters(&self) -> &Arc<AuditCounters> {
        &self.counters
    }

    /// The newest line that is on the log and named by its head.
    pub fn head(&self) -> Mark {
        self.counters.head()
    }

    /// Writes what waits, then ends the log as it should end. Later events are refused. Blocks until it is done; further
    /// calls do nothing.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.queue.send(Message::Close);
            if thread.join().is_err() {
                tracing::error!("the audit log's thread panicked");
            }
        }
    }

    fn submit(&self, members: Vec<u8>) -> (Submission, oneshot::Receiver<Result<(), AuditFault>>) {
        let (answer, answered) = oneshot::channel();
        let (queue, abandoned) = (self.queue.clone(), self.abandoned.clone());
        (Submission { queue, abandoned, content: Some((members, answer)) }, answered)
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl AuditTrail for AuditLog {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        let (mut submission, answered) = self.submit(record::members(&event));
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        submission.send(place);
        match answered.await {
            Ok(answer) => answer,
            Err(_) if self.required => Err(AuditFault("the log is closed".to_owned())),
            Err(_) => Ok(()),
        }
    }

    fn is_refusing(&self) -> bool {
        self.required && self.counters.is_failing()
    }
}

/// An event on its way into the queue. Dropped on its way, it is handed over all the same: what it tells of has happened.
/// Of those no more than [`ABANDONED_EVENTS_MAX`] are kept; the log says how many are missing.
struct Submission {
    queue: Sender<Message>,
    abandoned: Abandoned,
    content: Option<(Vec<u8>, Answer)>,
}

impl Submission {
    fn send(&mut self, place: Option<OwnedSemaphorePermit>) {
        if let Some((members, answer)) = self.content.take() {
            // When the thread has ended the answer's sender is dropped here, which reads as "closed" at the other end.
            let _ = self.queue.send(Message::Record(Waiting { members, answer, place }));
        }
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        if self.content.is_none() {
            return;
        }
        match Arc::clone(&self.abandoned.places).try_acquire_owned() {
            Ok(place) => self.send(Some(place)),
            Err(_) => {
                self.abandoned.missing.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn run(mut writer: Writer, waiting: &Receiver<Message>, missing: &AtomicU64) {
    loop {
        writer.abandoned(missing.swap(0, Ordering::Relaxed));
        let due = Duration::from_millis(writer.checkpoint_due_millis().max(1)).min(LOOK_AT_CLOCK);
        let mut closing = false;
        match waiting.recv_timeout(due) {
            Ok(Message::Record(first)) => closing = !gather(&mut writer, first, waiting),
            Err(RecvTimeoutError::Timeout) => {
                // A checkpoint, if one is due. An error was told when it began, and is tried again.
                let _ = writer.commit(&[]);
                writer.settle(true);
            }
            Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => closing = true,
        }
        if closing {
            break;
        }
    }
    // What was handed over before is still written; whatever comes later finds the queue gone.
    while let Ok(message) = waiting.try_recv() {
        if let Message::Record(first) = message {
            gather(&mut writer, first, waiting);
        }
    }
    writer.abandoned(missing.swap(0, Ordering::Relaxed));
    if let Err(error) = writer.close() {
        tracing::error!(%error, "the audit log could not be ended as it should");
    }
}

/// Writes `first` together with what waits behind it. Returns `false` when it met the request to close.
fn gather(writer: &mut Writer, first: Waiting, waiting: &Receiver<Message>) -> bool {
    let mut size = first.members.len();
    let (mut events, mut answers) = (vec![first.members], vec![(first.answer, first.place)]);
    let (mut open, mut idle) = (true, false);
    while events.len() < BATCH_EVENTS_MAX && size < BATCH_BYTES_MAX {
        match waiting.try_recv() {
            Ok(Message::Record(next)) => {
                size += next.members.len();
                events.push(next.members);
                answers.push((next.answer, next.place));
            }
            Ok(Message::Close) => {
                open = false;
                break;
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                idle = true;
                break;
            }
        }
    }
    let outcome = writer.commit(&events);
    let answer = match outcome {
        Err(error) if writer.required() => Err(AuditFault(error.to_string())),
        _ => Ok(()),
    };
    for (waiting, place) in answers {
        drop(place);
        // Nobody may be waiting any more; the event stands all the same.
        let _ = waiting.send(answer.clone());
    }
    writer.settle(idle);
    open
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test reports by panicking")]
mod tests {
    use super::*;
    use crate::testing::TestSigner;
    use crate::{VerifyOptions, verify};
    use testkit::{SeededEntropy, TestClock};

    #[test]
    fn of_callers_that_go_away_so_many_events_are_kept_and_the_rest_is_counted_on_the_log() {
        let (queue, waiting) = channel();
        let abandoned = Abandoned::new();
        for _ in 0..ABANDONED_EVENTS_MAX + 3 {
            let content = Some((b"\"type\":\"event\"".to_vec(), oneshot::channel().0));
            drop(Submission { queue: queue.clone(), abandoned: abandoned.clone(), content });
        }
        assert_eq!(waiting.try_iter().count(), ABANDONED_EVENTS_MAX);
        assert_eq!(abandoned.missing.load(Ordering::Relaxed), 3);
        assert_eq!(abandoned.places.available_permits(), ABANDONED_EVENTS_MAX, "places are given back with the events");

        let dir = tempfile::tempdir().unwrap();
        let counters = Arc::new(AuditCounters::default());
        let means = Means {
            config: LogConfig::new(dir.path().join("log")),
            signer: Arc::new(TestSigner::new(1)),
            clock: Arc::new(TestClock::default()),
            counters: Arc::clone(&counters),
        };
        let writer = Writer::open(means, &SeededEntropy::new(1)).unwrap();
        drop(queue);
        run(writer, &waiting, &abandoned.missing);
        let report = verify(&dir.path().join("log"), VerifyOptions::default(), &mut |_| ()).unwrap();
        assert!(report.is_sound() && report.closed, "{report:?}");
        assert_eq!((report.missing_events, counters.lost_total(), counters.refused_total()), (3, 3, 0));
    }
}
