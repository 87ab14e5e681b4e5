//! A metadata store for whoever only looks: what is handed this cannot change a row, whatever it would like to.

use crate::{CommitError, CommitFuture, MetaStore, Snapshot, StoreFault, Transaction};
use std::sync::Arc;

/// Reads from the store below it and refuses every commit.
pub struct ReadOnly(Arc<dyn MetaStore>);

impl ReadOnly {
    /// Over a store.
    pub fn over(store: Arc<dyn MetaStore>) -> Arc<dyn MetaStore> {
        Arc::new(Self(store))
    }
}

impl MetaStore for ReadOnly {
    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.0.snapshot()
    }

    fn commit(&self, _: Transaction) -> CommitFuture {
        let refused = StoreFault::Unavailable("the store is open for reading alone".to_owned());
        Box::pin(std::future::ready(Err(CommitError::Fault(refused))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;
    use crate::engine::memory::MemoryStore;

    #[tokio::test]
    async fn rows_are_read_and_none_is_written() {
        let below = MemoryStore::shared();
        let mut tx = Transaction::new();
        tx.put(Table::System, "a", "1");
        below.commit(tx.clone()).await.unwrap();
        let store = ReadOnly::over(Arc::clone(&below));
        tx.put(Table::System, "b", "2");
        assert!(matches!(store.commit(tx).await, Err(CommitError::Fault(StoreFault::Unavailable(_)))));
        assert_eq!(store.snapshot().get(Table::System, b"a").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(below.snapshot().get(Table::System, b"b"), Ok(None));
    }
}
