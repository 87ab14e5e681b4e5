//! The embedded engine: fjall 3, a log-structured merge tree, one keyspace per table. Why this one, and how it is kept
//! from losing acknowledged commits in silence: docs/decisions/0001-embedded-engine.md.
//!
//! fjall gives up for good after its first failed write, be it only a table it found no room for. A full disk must not
//! end a server, so the engine is then closed and opened again, which replays its journal; the number in the last seal
//! tells whether the batch in hand was part of it.

mod journal;
mod live;
mod manifests;
mod seal;
mod view;

use super::acknowledged::Acknowledged;
use super::{ApplyFault, BrokenView, Engine, EngineStore, View, Write};
use crate::StoreFault;
use crate::space::{MetaDisk, Room};
use live::Live;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use view::{FjallView, fault};

/// How long reopening waits for readers to let go of the old state.
const READERS_WAIT: Duration = Duration::from_secs(20);

/// fjall behind the engine seam.
pub struct FjallEngine {
    state: RwLock<State>,
    /// Number of the last batch.
    number: AtomicU64,
    acknowledged: Acknowledged,
    dir: PathBuf,
    disk: MetaDisk,
    gone: (Sender<()>, Mutex<Receiver<()>>),
}

enum State {
    Open(Arc<Live>),
    /// Reopening failed; each read says why.
    Closed(StoreFault),
}

/// The [`crate::MetaStore`] a server uses by default.
pub type FjallStore = EngineStore<FjallEngine>;

impl FjallStore {
    /// Opens or creates the store in `dir`, which belongs to it alone. The caller holds the [`crate::DirLock`] of the
    /// data directory.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Unavailable`] when the directory cannot be used, [`StoreFault::Full`] when a new store finds no
    /// room, [`StoreFault::Corrupt`] when files are damaged or an acknowledged commit is missing.
    pub fn open(dir: &Path) -> Result<Self, StoreFault> {
        Self::over(FjallEngine::open(dir, MetaDisk::of)?)
    }

    /// As [`FjallStore::open`], and keeps room for deletions in the file `reserve` beside the engine's own
    /// (docs/formats/store.md, "Room"). On a full disk that room is given up before anything is opened.
    ///
    /// # Errors
    ///
    /// As [`FjallStore::open`].
    pub fn open_with_reserve(dir: &Path) -> Result<Self, StoreFault> {
        Self::over(FjallEngine::open(dir, |dir| MetaDisk::with_reserve(dir, dir.join("reserve")))?)
    }

    /// Writes all tables out of memory and waits until it is done, for tests of what is then on the disk.
    #[doc(hidden)]
    pub fn write_out(&self) -> Result<(), StoreFault> {
        self.engine().live()?.write_out().map_err(fault)
    }
}

impl FjallEngine {
    fn open(dir: &Path, disk: impl FnOnce(&Path) -> MetaDisk) -> Result<Self, StoreFault> {
        let inner = dir.join("fjall");
        let unusable = |e: std::io::Error| StoreFault::Unavailable(format!("`{}`: {e}", dir.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        let disk = disk(dir);
        let fresh = !inner.try_exists().map_err(unusable)?;
        let (acknowledged, last_acknowledged) = Acknowledged::open(dir, fresh)?;
        if last_acknowledged == 0 && !fresh && !inner.join("version").try_exists().map_err(unusable)? {
            // A crash while it was being created: nothing was ever stored.
            std::fs::remove_dir_all(&inner).map_err(unusable)?;
        }
        let (gone, readers_gone) = channel();
        let (live, number) = Live::open(&inner, last_acknowledged, gone.clone())?;
        acknowledged.note(number);
        Ok(Self {
            state: RwLock::new(State::Open(Arc::new(live))),
            number: AtomicU64::new(number),
            acknowledged,
            dir: inner,
            disk,
            gone: (gone, Mutex::new(readers_gone)),
        })
    }

    fn live(&self) -> Result<Arc<Live>, StoreFault> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(live) => Ok(Arc::clone(live)),
            State::Closed(fault) => Err(fault.clone()),
        }
    }

    /// Closes the database and opens it again. Returns the number of the last batch then found.
    fn reopen(&self) -> Result<u64, StoreFault> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let reopening = State::Closed(StoreFault::Unavailable("the metadata engine is being reopened".to_owned()));
        if let State::Open(live) = std::mem::replace(&mut *state, reopening) {
            let readers = Arc::downgrade(&live);
            drop(live);
            let gone = self.gone.1.lock().unwrap_or_else(PoisonError::into_inner);
            if gone.recv_timeout(READERS_WAIT).is_err()
                && let Some(live) = readers.upgrade()
            {
                *state = State::Open(live);
                return Err(StoreFault::Unavailable("readers did not let go of the metadata engine".to_owned()));
            }
        }
        let opened = Live::open(&self.dir, self.number.load(Ordering::Relaxed), self.gone.0.clone());
        let (live, number) = opened.inspect_err(|fault| *state = State::Closed(fault.clone()))?;
        *state = State::Open(Arc::new(live));
        tracing::info!(number, "the metadata engine was reopened");
        Ok(number)
    }

    fn commit(&self, batch: &[Write], number: u64) -> Result<(), Refused> {
        let live = self.live().map_err(|fault| Refused::Failed(fault.to_string()))?;
        live.commit(batch, number, &self.acknowledged).map_err(|error| match error {
            // Said before anything is written: an earlier failure, most likely in the background.
            fjall::Error::Poisoned => Refused::Poisoned,
            error => match fault(error) {
                StoreFault::Full => Refused::CutShort,
                other => Refused::Failed(other.to_string()),
            },
        })
    }
}

/// Why fjall did not take a batch.
enum Refused {
    /// It takes no more since it failed before; nothing of this batch was written.
    Poisoned,
    /// The disk was full in the middle of it.
    CutShort,
    Failed(String),
}

impl Engine for FjallEngine {
    fn view(&self) -> Box<dyn View> {
        match self.live() {
            Ok(live) => Box::new(FjallView::new(live)),
            Err(fault) => Box::new(BrokenView(fault)),
        }
    }

    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault> {
        let number = self.number.load(Ordering::Relaxed) + 1;
        let mut outcome = self.commit(batch, number);
        if matches!(outcome, Err(Refused::Poisoned)) {
            let frees_room = batch.iter().any(|(_, _, row)| row.is_none());
            if self.room() < Room::Transactions && !frees_room {
                // It would fail again. Reading goes on as it is. What frees room is worth opening the engine for.
                return Err(ApplyFault::Full);
            }
            tracing::warn!("the metadata engine failed in the background; reopening it");
            self.reopen().map_err(|fault| ApplyFault::Failed(fault.to_string()))?;
            outcome = self.commit(batch, number);
        }
        match outcome {
            Ok(()) => {
                self.number.store(number, Ordering::Relaxed);
                Ok(())
            }
            Err(Refused::CutShort) => match self.reopen() {
                Ok(last) if last < number => Err(ApplyFault::Full),
                // All of it is in the journal, but whether on the disk nobody can tell any more.
                Ok(_) => Err(ApplyFault::Failed("the disk was full while a commit was synchronised".to_owned())),
                Err(fault) => Err(ApplyFault::Failed(fault.to_string())),
            },
            Err(Refused::Poisoned) => Err(ApplyFault::Failed("the metadata engine keeps failing".to_owned())),
            Err(Refused::Failed(why)) => Err(ApplyFault::Failed(why)),
        }
    }

    fn room(&self) -> Room {
        self.disk.room()
    }

    fn relieve(&self) -> Room {
        self.disk.relieve()
    }
}
