//! A store that waits, fails or goes on without end where a test says so.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use store::engine::memory::MemoryStore;
use store::{Change, CommitError, CommitFuture, MetaStore, ReadError, Snapshot, StoreFault, Table, Transaction};

/// Called with each commit about a current version.
type Hook = Box<dyn Fn() + Send + Sync>;

/// What is held up.
#[derive(Default)]
pub struct Gate {
    /// Walks over the index of CMKs do not begin.
    shut: Mutex<bool>,
    opened: Condvar,
    /// They begin again at their end.
    pub endless: AtomicBool,
    walking: AtomicUsize,
    most: AtomicUsize,
    /// What is written of jobs is written, and not answered.
    pub jobs_unanswered: AtomicBool,
    /// Nothing can be written of jobs.
    pub jobs_unwritten: AtomicBool,
    /// That a job is done never reaches the disk.
    pub done_lost: AtomicBool,
    /// It was tried.
    pub done_tried: AtomicBool,
    /// Nothing is written of current versions.
    pub current_held: AtomicBool,
    pub on_current: Mutex<Option<Hook>>,
}

impl Gate {
    pub fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    /// Walks under way.
    pub fn walking(&self) -> usize {
        self.walking.load(Ordering::SeqCst)
    }

    /// The most that were under way at a time.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub async fn until(&self, walking: usize) {
        while self.walking() != walking {
            tokio::task::yield_now().await;
        }
    }
}

/// Opens everything at the end of a test: a thread that waits would keep it from ending.
pub struct Opens(pub Arc<Gate>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.endless.store(false, Ordering::SeqCst);
        self.0.shut(false);
    }
}

pub struct Gated {
    inner: Arc<dyn MetaStore>,
    gate: Arc<Gate>,
}

/// A store in memory with a gate, which is open.
pub fn gated() -> (Arc<dyn MetaStore>, Arc<Gate>, Opens) {
    let gate = Arc::new(Gate::default());
    let store = Gated { inner: Arc::new(MemoryStore::new()), gate: gate.clone() };
    (Arc::new(store), gate.clone(), Opens(gate))
}

struct View {
    inner: Box<dyn Snapshot>,
    gate: Arc<Gate>,
}

impl Snapshot for View {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<bytes::Bytes>, ReadError> {
        self.inner.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        if table != Table::CmkDependents {
            return self.inner.scan(table, prefix, from, visit);
        }
        let gate = &self.gate;
        let walking = gate.walking.fetch_add(1, Ordering::SeqCst) + 1;
        gate.most.fetch_max(walking, Ordering::SeqCst);
        drop(gate.opened.wait_while(gate.shut.lock().unwrap(), |shut| *shut).unwrap());
        let mut goes_on = true;
        let walked = loop {
            let walked = self.inner.scan(table, prefix, from, &mut |key, value| {
                goes_on = visit(key, value);
                goes_on
            });
            if walked.is_err() || !goes_on || !gate.endless.load(Ordering::SeqCst) {
                break walked;
            }
        };
        gate.walking.fetch_sub(1, Ordering::SeqCst);
        walked
    }
}

impl MetaStore for Gated {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(View { inner: self.inner.snapshot(), gate: self.gate.clone() })
    }

    fn commit(&self, transaction: Transaction) -> CommitFuture {
        let (gate, inner) = (self.gate.clone(), self.inner.clone());
        let row_of = |table: Table| {
            transaction.changes.iter().find_map(|change| match change {
                Change::Put(of, _, row) if *of == table => Some(row.clone()),
                _ => None,
            })
        };
        let job = row_of(Table::Jobs);
        if job.is_some() && gate.jobs_unwritten.load(Ordering::SeqCst) {
            return Box::pin(async { Err(CommitError::Fault(StoreFault::Unavailable("a test".to_owned()))) });
        }
        // The state stands third.
        if job.as_ref().is_some_and(|row| row[2] == 5) && gate.done_lost.load(Ordering::SeqCst) {
            gate.done_tried.store(true, Ordering::SeqCst);
            return Box::pin(std::future::pending());
        }
        let of_current = row_of(Table::Current).is_some();
        if let Some(hook) = gate.on_current.lock().unwrap().as_ref().filter(|_| of_current) {
            hook();
        }
        Box::pin(async move {
            while of_current && gate.current_held.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            let written = inner.commit(transaction).await;
            while job.is_some() && gate.jobs_unanswered.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            written
        })
    }
}
