//! [`EngineStore`]: an engine with what every engine needs around it, a committer before it and row checksums over it.

use super::committer::Committer;
use super::{Engine, View};
use crate::{CommitFuture, Counters, MetaStore, ReadError, Snapshot, StoreFault, Table, Transaction, checksum};
use bytes::Bytes;
use std::sync::Arc;

/// A [`MetaStore`] made of an engine. Dropping it commits what waits and closes the engine.
pub struct EngineStore<E> {
    // Field order matters: the committer's thread ends before the engine is let go.
    committer: Committer,
    engine: Arc<E>,
    counters: Arc<Counters>,
}

#[expect(private_bounds, reason = "engines are made by this crate alone; the seam for others is MetaStore")]
impl<E: Engine> EngineStore<E> {
    pub(crate) fn over(engine: E) -> Result<Self, StoreFault> {
        let engine = Arc::new(engine);
        let counters = Arc::new(Counters::default());
        let committer = Committer::start(Arc::clone(&engine), Arc::clone(&counters))?;
        Ok(Self { committer, engine, counters })
    }

    pub(super) fn engine(&self) -> &Arc<E> {
        &self.engine
    }

    #[cfg(test)]
    pub(super) fn committer(&self) -> &Committer {
        &self.committer
    }

    /// What this store has done.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }
}

impl<E: Engine> MetaStore for EngineStore<E> {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        Box::new(Checked(self.engine.view()))
    }

    fn commit(&self, transaction: Transaction) -> CommitFuture {
        self.committer.commit(transaction)
    }
}

/// A view whose rows are verified before they are shown.
struct Checked(Box<dyn View>);

impl Snapshot for Checked {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let stored = self.0.get(table, key)?;
        stored.map(|stored| checksum::verify_bytes(table, key, stored)).transpose()
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        let mut damaged = None;
        self.0.scan(table, prefix, from, &mut |key, stored| match checksum::verify(table, key, stored) {
            Ok(value) => visit(key, value),
            Err(fault) => {
                damaged = Some(fault);
                false
            }
        })?;
        damaged.map_or(Ok(()), Err)
    }
}
