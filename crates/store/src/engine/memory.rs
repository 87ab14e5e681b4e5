//! The engine that keeps everything in memory: for tests, and the plainest statement of what an engine does.

use super::{ApplyFault, Engine, EngineStore, View, Write, prefix_end, scan_start};
use crate::{MetaStore, StoreFault, Table};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

type Rows = BTreeMap<(Table, Bytes), Bytes>;

/// All rows in one ordered map. A view shares the map; the first batch after a view copies it.
#[derive(Default)]
pub struct MemoryEngine {
    rows: Mutex<Arc<Rows>>,
}

/// A [`MetaStore`] in memory, durable as long as it lives.
pub type MemoryStore = EngineStore<MemoryEngine>;

impl MemoryStore {
    /// An empty store.
    ///
    /// # Panics
    ///
    /// When the operating system refuses the committer's thread.
    #[expect(
        clippy::new_without_default,
        clippy::expect_used,
        reason = "for tests, where a missing thread ends the test"
    )]
    pub fn new() -> Self {
        Self::over(MemoryEngine::default()).expect("a thread for the committer")
    }

    /// An empty store behind the seam.
    pub fn shared() -> Arc<dyn MetaStore> {
        Arc::new(Self::new())
    }
}

impl MemoryEngine {
    fn current(&self) -> Arc<Rows> {
        Arc::clone(&self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine for MemoryEngine {
    fn view(&self) -> Box<dyn View> {
        Box::new(MemoryView(self.current()))
    }

    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = Arc::make_mut(&mut rows);
        for (table, key, row) in batch {
            match row {
                Some(stored) => rows.insert((*table, key.clone()), stored.clone()),
                None => rows.remove(&(*table, key.clone())),
            };
        }
        Ok(())
    }
}

struct MemoryView(Arc<Rows>);

impl View for MemoryView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreFault> {
        Ok(self.0.get(&(table, Bytes::copy_from_slice(key))).cloned())
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault> {
        let start = (table, Bytes::copy_from_slice(scan_start(prefix, from)));
        let end = prefix_end(prefix).map(Bytes::from);
        for ((t, key), stored) in self.0.range((Bound::Included(start), Bound::Unbounded)) {
            if *t != table || end.as_ref().is_some_and(|end| key >= end) || !visit(key, stored) {
                break;
            }
        }
        Ok(())
    }
}
