//! The log as its users see it: a trail. One thread writes for everybody who waits, so that 32 of them cost one
//! synchronisation of the disk where each would have paid its own.

use crate::open::OpenError;
use crate::signature::CheckpointSigner;
use crate::writer::{Means, Writer};
use crate::{
    AuditCounters, AuditFault, AuditTrail, BATCH_EVENTS_MAX, Event, LogConfig, Mark, QUEUE_EVENTS_MAX, record,
};
use async_trait::async_trait;
use model::{Clock, Entropy};
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
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<AuditCounters>,
    required: bool,
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
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || run(writer, &waiting))?;
        let places = Arc::new(Semaphore::new(QUEUE_EVENTS_MAX));
        Ok(Self { queue, places, thread: Mutex::new(Some(thread)), counters, required })
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
        (Submission { queue: self.queue.clone(), content: Some((members, answer)) }, answered)
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
}

/// An event on its way into the queue. Dropped on its way, it is handed over all the same: what it tells of has happened.
struct Submission {
    queue: Sender<Message>,
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
        self.send(None);
    }
}

fn run(mut writer: Writer, waiting: &Receiver<Message>) {
    loop {
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
