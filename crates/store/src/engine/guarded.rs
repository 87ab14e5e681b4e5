//! [`EngineStore`]: an engine with what every engine needs around it, a committer before it and row checksums over it.

use super::committer::Committer;
use super::{Engine, View};
use crate::{
    CommitFuture, Counters, MetaStore, ReadError, Snapshot, StoreFault, Surveyed, Table, Transaction, checksum,
};
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

    fn survey(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Surveyed<'_>) -> bool,
    ) -> Result<(), ReadError> {
        self.0.scan(table, prefix, from, &mut |key, stored| visit(key, checksum::verify(table, key, stored)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{fjall::FjallStore, memory::MemoryStore, redb::RedbStore};
    use super::*;
    use crate::{CommitError, Expectation};

    fn commit<E: Engine>(store: &EngineStore<E>, transaction: Transaction) -> Result<(), CommitError> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.commit(transaction))
    }

    /// Rows that the engine keeps faithfully and that are wrong: only their own checksum can tell.
    fn damaged_rows_are_refused<E: Engine>(store: &EngineStore<E>) {
        const T: Table = Table::Current;
        let mut transaction = Transaction::new();
        transaction.put(T, "a", "first").put(T, "b", "second").put(T, "c", "third").put(Table::Versions, "b", "other");
        commit(store, transaction).unwrap();

        let stored = |table, key: &[u8]| store.engine().view().get(table, key).unwrap().unwrap();
        let mut flipped = stored(T, b"b").to_vec();
        flipped[0] ^= 1;
        let wrong = [
            ("a bit flipped", Bytes::from(flipped)),
            ("another row's value", stored(T, b"c")),
            ("the same row's value in another table", stored(Table::Versions, b"b")),
            ("cut to nothing", Bytes::new()),
            ("cut by one byte", stored(T, b"b").slice(1..)),
        ];
        let damage = StoreFault::Corrupt("row 62 of table current".to_owned());
        for (what, stored) in wrong {
            store.engine().apply(&[(T, Bytes::from_static(b"b"), Some(stored))]).unwrap();
            let snapshot = store.snapshot();
            assert_eq!(snapshot.get(T, b"b"), Err(damage.clone()), "{what}");
            let mut seen = Vec::new();
            let scanned = snapshot.scan(T, b"", None, &mut |key, _| {
                seen.push(key.to_vec());
                true
            });
            assert_eq!((scanned, seen), (Err(damage.clone()), vec![b"a".to_vec()]), "{what}");
            assert_eq!(snapshot.get(T, b"c").unwrap().as_deref(), Some(&b"third"[..]), "others are read");
            let mut surveyed = Vec::new();
            let went = snapshot.survey(T, b"", None, &mut |key, value| {
                surveyed.push((key.to_vec(), value.is_ok()));
                true
            });
            let all = [(b"a".to_vec(), true), (b"b".to_vec(), false), (b"c".to_vec(), true)];
            assert_eq!((went, &surveyed[..]), (Ok(()), &all[..]), "{what}: a survey goes on behind it");

            let key = Bytes::from_static(b"b");
            for expectation in [Expectation::Absent(T, key.clone()), Expectation::Present(T, key.clone())] {
                let mut transaction = Transaction::new();
                transaction.expect(expectation).put(T, "d", "");
                assert_eq!(commit(store, transaction), Err(damage.clone().into()), "{what}");
            }
        }
        assert_eq!(store.snapshot().get(T, b"d"), Ok(None));
        let mut mended = Transaction::new();
        mended.put(T, "b", "mended");
        commit(store, mended).unwrap();
        assert_eq!(store.snapshot().get(T, b"b").unwrap().as_deref(), Some(&b"mended"[..]));
    }

    #[test]
    fn every_engine_refuses_damaged_rows() {
        let dir = tempfile::tempdir().unwrap();
        damaged_rows_are_refused(&MemoryStore::new());
        damaged_rows_are_refused(&FjallStore::open(&dir.path().join("meta")).unwrap());
        damaged_rows_are_refused(&RedbStore::open(&dir.path().join("meta.redb")).unwrap());
    }
}
