//! The embedded engine: fjall 3, a log-structured merge tree, one keyspace per table. Why this one, and how it is kept
//! from losing acknowledged commits in silence: docs/decisions/0001-embedded-engine.md.

mod journal;
mod manifests;
mod seal;

use super::acknowledged::Acknowledged;
use super::{ApplyFault, Engine, EngineStore, KEY_BYTES_MAX, View, Write, prefix_end, scan_start};
use crate::space::{Disk, Room};
use crate::{StoreFault, Table, checksum};
use bytes::Bytes;
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch, PersistMode,
    Readable,
};
use seal::{Seal, Sealer};
use std::fs::DirBuilder;
use std::ops::Bound;
use std::os::unix::fs::DirBuilderExt;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

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
    seals: Keyspace,
    /// Number of the last batch.
    number: AtomicU64,
    /// What readers see. Taken between batches, because fjall's own "now" moves while a batch is being applied whenever
    /// a table happens to be written out meanwhile, and would show half of it.
    current: RwLock<fjall::Snapshot>,
    acknowledged: Acknowledged,
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
    /// [`StoreFault::Unavailable`] when the directory cannot be used, [`StoreFault::Full`] when a new store finds no
    /// room, [`StoreFault::Corrupt`] when files are damaged or an acknowledged commit is missing.
    pub fn open(dir: &Path) -> Result<Self, StoreFault> {
        Self::over(FjallEngine::open(dir)?)
    }

    /// Writes all tables out of memory and waits until it is done, for tests of what is then on the disk.
    #[doc(hidden)]
    pub fn write_out(&self) -> Result<(), StoreFault> {
        let engine = self.engine();
        engine.keyspaces.iter().chain([&engine.seals]).try_for_each(|k| k.rotate_memtable_and_wait()).map_err(fault)
    }
}

impl FjallEngine {
    fn open(dir: &Path) -> Result<Self, StoreFault> {
        let inner = dir.join("fjall");
        let unusable = |e: std::io::Error| StoreFault::Unavailable(format!("`{}`: {e}", dir.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
        let fresh = !inner.try_exists().map_err(unusable)?;
        let (acknowledged, last_acknowledged) = Acknowledged::open(dir, fresh)?;
        if last_acknowledged == 0 && !fresh && !inner.join("version").try_exists().map_err(unusable)? {
            // A crash while it was being created: nothing was ever stored.
            std::fs::remove_dir_all(&inner).map_err(unusable)?;
        }
        let in_journal = if inner.try_exists().map_err(unusable)? {
            manifests::verify(&inner)?;
            journal::verify(&inner, last_acknowledged)?
        } else {
            None
        };

        // fjall asserts what it believes about its files; where they are damaged that is a panic.
        let (database, keyspaces, seals) = catch_unwind(|| Self::open_database(&inner))
            .unwrap_or_else(|_| Err(StoreFault::Corrupt(format!("`{}`: the engine panicked", inner.display()))))?;
        let current = database.snapshot();
        let last = current.get(&seals, seal::KEY).map_err(fault)?;
        let number = match last {
            Some(value) => Seal::decode(&value).map(|seal| seal.number),
            None => Some(0),
        };
        let number = number.ok_or_else(|| StoreFault::Corrupt("the seal of the last commit".to_owned()))?;
        if in_journal.is_some_and(|n| n != number) || number < last_acknowledged {
            return Err(StoreFault::Corrupt(format!(
                "commit {last_acknowledged} was acknowledged, the store ends at {number}"
            )));
        }
        acknowledged.note(number);
        let (number, current, disk) = (AtomicU64::new(number), RwLock::new(current), Disk::of(dir));
        Ok(Self { database, keyspaces, seals, number, current, acknowledged, disk })
    }

    fn open_database(dir: &Path) -> Result<(Database, Arc<[Keyspace]>, Keyspace), StoreFault> {
        let database = Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNALS_BYTES_MAX)
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            .worker_threads(2)
            .open()
            .map_err(fault)?;
        let keyspaces = Table::ALL
            .iter()
            .map(|table| database.keyspace(table.name(), || options(*table)).map_err(fault))
            .collect::<Result<_, _>>()?;
        let seals = database.keyspace(seal::KEYSPACE, seal_options).map_err(fault)?;
        Ok((database, keyspaces, seals))
    }

    fn snapshot(&self) -> fjall::Snapshot {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn seal_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(MEMTABLE_BYTES)
}

fn options(table: Table) -> KeyspaceCreateOptions {
    let options = KeyspaceCreateOptions::default().manual_journal_persist(true);
    match table {
        Table::Inline => {
            let apart = KvSeparationOptions::default()
                .separation_threshold(INLINE_SEPARATION_BYTES)
                .compression(CompressionType::None);
            options.max_memtable_size(MEMTABLE_BYTES_INLINE).with_kv_separation(Some(apart))
        }
        Table::Current | Table::Versions | Table::Parts => options.max_memtable_size(MEMTABLE_BYTES_BUSY),
        _ => options.max_memtable_size(MEMTABLE_BYTES),
    }
}

impl Engine for FjallEngine {
    fn view(&self) -> Box<dyn View> {
        Box::new(FjallView { snapshot: self.snapshot(), keyspaces: Arc::clone(&self.keyspaces) })
    }

    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault> {
        let number = self.number.load(Ordering::Relaxed) + 1;
        let mut writes = OwnedWriteBatch::with_capacity(self.database.clone(), batch.len() + 1)
            .durability(Some(PersistMode::SyncData));
        let mut sealer = Sealer::new();
        for (table, key, row) in batch {
            let keyspace = &self.keyspaces[usize::from(table.id())];
            match row {
                Some(stored) => {
                    sealer.item(keyspace.id(), 0, key, stored);
                    writes.insert(keyspace, &key[..], &stored[..]);
                }
                None => {
                    sealer.item(keyspace.id(), 1, key, &[]);
                    writes.remove(keyspace, &key[..]);
                }
            }
        }
        let seal = sealer.seal(number, self.snapshot().seqno());
        writes.insert(&self.seals, &seal::KEY[..], &seal.encode()[..]);
        // fjall refuses all writes after one has failed: what reached its journal is then only known at the next start.
        writes.commit().map_err(|e| ApplyFault::Failed(e.to_string()))?;
        self.acknowledged.note(number);
        self.number.store(number, Ordering::Relaxed);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = self.database.snapshot();
        Ok(())
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
