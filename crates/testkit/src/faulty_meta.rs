//! A metadata store that fails when it is told to.
//!
//! The fault model: a commit fails before it is applied (disk full, engine down), or is applied and its answer lost, which
//! a caller must treat as "outcome unknown"; a read finds a table that cannot be read, or a single row that does not match
//! its checksum. Faults last until [`FaultyMeta::heal`]. Damage that goes unnoticed is not modelled here: the row checksums
//! are the engine's to test.

use crate::countdown::Countdown;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use store::{CommitError, CommitFuture, MetaStore, ReadError, Snapshot, StoreFault, Surveyed, Table, Transaction};

/// Which reads fail, and how.
type Damage = Arc<Mutex<Vec<Fault>>>;

struct Fault {
    /// No table means every table.
    table: Option<Table>,
    /// No key means every row, and that the table cannot be read at all.
    key: Option<Bytes>,
    fault: StoreFault,
}

/// A [`MetaStore`] over another, with faults.
pub struct FaultyMeta {
    inner: Arc<dyn MetaStore>,
    commits: Countdown,
    answers: Countdown,
    damage: Damage,
}

impl FaultyMeta {
    /// Without faults yet.
    pub fn over(inner: Arc<dyn MetaStore>) -> Arc<Self> {
        Arc::new(Self { inner, commits: Countdown::default(), answers: Countdown::default(), damage: Arc::default() })
    }

    /// Lets `passes` commits through; each one after that fails with `fault` and is not applied.
    pub fn fail_commits_after(&self, passes: u64, fault: StoreFault) {
        self.commits.set(passes, fault);
    }

    /// Lets `passes` commits through; each one after that is applied but answered as `Unavailable`.
    pub fn lose_answers_after(&self, passes: u64) {
        self.answers.set(passes, StoreFault::Unavailable("the answer was lost".to_owned()));
    }

    /// Fails every read of `table`, or of all tables, with `fault`. Snapshots taken before fail too.
    ///
    /// # Panics
    ///
    /// When a test thread panicked while it used this store.
    pub fn fail_reads(&self, table: Option<Table>, fault: StoreFault) {
        self.damage.lock().expect("a test thread panicked").push(Fault { table, key: None, fault });
    }

    /// Makes a row one that does not match its checksum, as an engine shows such a row: it is damaged where it is asked for,
    /// ends a scan, and is told and passed by a survey.
    ///
    /// # Panics
    ///
    /// When a test thread panicked while it used this store.
    pub fn damage_row(&self, table: Table, key: &[u8]) {
        let fault = StoreFault::Corrupt(format!("a row of table {}", table.name()));
        let key = Some(Bytes::copy_from_slice(key));
        self.damage.lock().expect("a test thread panicked").push(Fault { table: Some(table), key, fault });
    }

    /// Ends all faults.
    ///
    /// # Panics
    ///
    /// When a test thread panicked while it used this store.
    pub fn heal(&self) {
        self.commits.clear();
        self.answers.clear();
        self.damage.lock().expect("a test thread panicked").clear();
    }
}

impl MetaStore for FaultyMeta {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(FaultySnapshot { inner: self.inner.snapshot(), damage: Arc::clone(&self.damage) })
    }

    fn commit(&self, transaction: Transaction) -> CommitFuture {
        if let Err(fault) = self.commits.pass() {
            return Box::pin(async move { Err(CommitError::Fault(fault)) });
        }
        let answer = self.answers.pass();
        let applied = self.inner.commit(transaction);
        Box::pin(async move {
            let result = applied.await;
            // A conflict is known even when the answer to a success would be lost.
            if result.is_ok() { answer.map_err(CommitError::Fault) } else { result }
        })
    }
}

struct FaultySnapshot {
    inner: Box<dyn Snapshot>,
    damage: Damage,
}

impl FaultySnapshot {
    fn check(&self, table: Table, key: Option<&[u8]>) -> Result<(), StoreFault> {
        let damage = self.damage.lock().expect("a test thread panicked");
        let hit = damage.iter().find(|fault| {
            fault.table.is_none_or(|of| of == table) && fault.key.as_deref().is_none_or(|of| Some(of) == key)
        });
        hit.map_or(Ok(()), |fault| Err(fault.fault.clone()))
    }
}

impl Snapshot for FaultySnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.check(table, Some(key))?;
        self.inner.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        let mut damaged = None;
        self.survey(table, prefix, from, &mut |key, value| match value {
            Ok(value) => visit(key, value),
            Err(fault) => {
                damaged = Some(fault);
                false
            }
        })?;
        damaged.map_or(Ok(()), Err)
    }

    fn survey(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Surveyed<'_>) -> bool,
    ) -> Result<(), ReadError> {
        self.check(table, None)?;
        self.inner.survey(table, prefix, from, &mut |key, value| visit(key, self.check(table, Some(key)).and(value)))
    }
}
