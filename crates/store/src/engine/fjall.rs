//! The embedded engine: fjall 3, a log-structured merge tree, one keyspace per table. Why this one, and how it is kept
//! from losing acknowledged commits in silence: docs/decisions/0001-embedded-engine.md.

use super::{ApplyFault, Engine, EngineStore, KEY_BYTES_MAX, View, Write, prefix_end, scan_start};
use crate::space::{Disk, Room};
use crate::{StoreFault, Table, checksum};
use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// Memory for cached blocks, all tables together.
const CACHE_BYTES: u64 = 48 << 20;

/// Memory a table may gather before it is written out. Two of them can exist for a table while one is being written.
const MEMTABLE_BYTES: u64 = 4 << 20;

/// As [`MEMTABLE_BYTES`], for the tables that grow with each object.
const MEMTABLE_BYTES_BUSY: u64 = 8 << 20;

/// As [`MEMTABLE_BYTES`], for [`Table::Inline`], whose rows are bodies.
const MEMTABLE_BYTES_INLINE: u64 = 16 << 20;

/// Values of [`Table::Inline`] from this size on are kept apart from the tree, so that compaction does not rewrite them.
const INLINE_SEPARATION_BYTES: u32 = 1 << 10;

/// Size at which journals make the engine write tables out.
const JOURNALS_BYTES_MAX: u64 = 128 << 20;

/// fjall behind the [`Engine`] seam.
pub struct FjallEngine {
    database: Database,
    keyspaces: Arc<[Keyspace]>,
    disk: Disk,
}

/// The [`crate::MetaStore`] a server uses by default.
pub type FjallStore = EngineStore<FjallEngine>;

impl FjallStore {
    /// Opens or creates the store in `dir`, which belongs to it alone. The caller holds the [`crate::DirLock`] of the
    /// data directory.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Unavailable`] when the directory cannot be used, [`StoreFault::Corrupt`] when its files are damaged.
    pub fn open(dir: &Path) -> Result<Self, StoreFault> {
        Self::over(FjallEngine::open(dir)?)
    }
}

impl FjallEngine {
    fn open(dir: &Path) -> Result<Self, StoreFault> {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNALS_BYTES_MAX)
            .journal_compression(fjall::CompressionType::None)
            .manual_journal_persist(true)
            .worker_threads(2)
            .open()
            .map_err(fault)?;
        let keyspaces = Table::ALL
            .iter()
            .map(|table| database.keyspace(table.name(), || options(*table)).map_err(fault))
            .collect::<Result<_, _>>()?;
        Ok(Self { database, keyspaces, disk: Disk::of(dir) })
    }
}

fn options(table: Table) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default().manual_journal_persist(true);
    match table {
        Table::Inline => {
            let apart = KvSeparationOptions::default()
                .separation_threshold(INLINE_SEPARATION_BYTES)
                .compression(fjall::CompressionType::None);
            options.max_memtable_size(MEMTABLE_BYTES_INLINE).with_kv_separation(Some(apart))
        }
        Table::Current | Table::Versions | Table::Parts => options.max_memtable_size(MEMTABLE_BYTES_BUSY),
        _ => options.max_memtable_size(MEMTABLE_BYTES),
    }
}

impl Engine for FjallEngine {
    fn view(&self) -> Box<dyn View> {
        Box::new(FjallView { snapshot: self.database.snapshot(), keyspaces: Arc::clone(&self.keyspaces) })
    }

    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault> {
        let mut writes = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), batch.len())
            .durability(Some(PersistMode::SyncData));
        for (table, key, row) in batch {
            let keyspace = &self.keyspaces[usize::from(table.id())];
            match row {
                Some(stored) => writes.insert(keyspace, &key[..], &stored[..]),
                None => writes.remove(keyspace, &key[..]),
            }
        }
        // fjall refuses all writes after one has failed: what reached its journal is then only known at the next start.
        writes.commit().map_err(|e| ApplyFault::Failed(e.to_string()))
    }

    fn room(&self) -> Room {
        self.disk.room()
    }
}

struct FjallView {
    snapshot: fjall::Snapshot,
    keyspaces: Arc<[Keyspace]>,
}

impl View for FjallView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreFault> {
        if key.len() > KEY_BYTES_MAX {
            // fjall panics on a key that it could not hold.
            return Ok(None);
        }
        let found = self.snapshot.get(&self.keyspaces[usize::from(table.id())], key);
        let found = found.map_err(|e| read_fault(e, table, key))?;
        Ok(found.map(|slice| Bytes::copy_from_slice(&slice)))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault> {
        let start = scan_start(prefix, from);
        let end = prefix_end(prefix);
        // fjall panics on bounds that it could not hold as keys. No key lies between such a bound and its longest
        // prefix that is one, except that prefix itself.
        let (start, included) = match start.get(..KEY_BYTES_MAX) {
            Some(cut) if start.len() > KEY_BYTES_MAX => (cut, false),
            _ => (start, true),
        };
        if prefix.len() > KEY_BYTES_MAX {
            return Ok(());
        }
        if end.as_deref().is_some_and(|end| start >= end) {
            return Ok(());
        }
        let first = if included { Bound::Included(start) } else { Bound::Excluded(start) };
        let range = (first, end.as_deref().map_or(Bound::Unbounded, Bound::Excluded));
        for entry in self.snapshot.range::<&[u8], _>(&self.keyspaces[usize::from(table.id())], range) {
            let (key, stored) = entry.into_inner().map_err(|e| read_fault(e, table, start))?;
            if !visit(&key, &stored) {
                break;
            }
        }
        Ok(())
    }
}

fn read_fault(error: fjall::Error, table: Table, key: &[u8]) -> StoreFault {
    match fault(error) {
        StoreFault::Corrupt(what) => {
            StoreFault::Corrupt(format!("table {} at {}: {what}", table.name(), checksum::hex_prefix(key)))
        }
        other => other,
    }
}

/// Sorts fjall's errors: what a damaged file causes, what an exhausted disk causes, and the rest.
fn fault(error: fjall::Error) -> StoreFault {
    use fjall::{Error, LsmError};
    match &error {
        Error::Io(e) | Error::Storage(LsmError::Io(e)) => match e.kind() {
            std::io::ErrorKind::StorageFull => StoreFault::Full,
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData => StoreFault::Corrupt(e.to_string()),
            _ => StoreFault::Unavailable(e.to_string()),
        },
        Error::Poisoned | Error::Locked | Error::KeyspaceDeleted => StoreFault::Unavailable(error.to_string()),
        _ => StoreFault::Corrupt(error.to_string()),
    }
}
