//! An opened fjall database: verified, opened, read from and written to. What happens when it fails is decided above, in
//! [`super::FjallEngine`].

use super::super::acknowledged::Acknowledged;
use super::seal::{self, Seal, Sealer};
use super::view::fault;
use super::{journal, manifests};
use crate::engine::Write;
use crate::{StoreFault, Table};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, OwnedWriteBatch, PersistMode,
    Readable, Snapshot,
};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{PoisonError, RwLock};

/// Memory for cached blocks, all tables together.
const CACHE_BYTES: u64 = 32 << 20;

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

/// Threads that write tables out and merge them: one that is always there for writing out.
const WORKERS: usize = 2;

/// An open database. Dropping the last reference closes it and says so on `gone`.
pub(super) struct Live {
    /// What readers see. Taken between batches, because fjall's own "now" moves while a batch is being applied whenever
    /// a table happens to be written out meanwhile, and would show half of it.
    current: RwLock<Snapshot>,
    keyspaces: Vec<Keyspace>,
    seals: Keyspace,
    database: Database,
    // Dropped last, when everything above has let go of the files.
    _gone: Gone,
}

struct Gone(Sender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        // Nobody waits when the store is being closed.
        let _ = self.0.send(());
    }
}

impl Live {
    /// Verifies and opens the database in `dir`, creating it when there is none. Also returns the number of its last
    /// batch, which is at least `acknowledged`.
    pub(super) fn open(dir: &Path, acknowledged: u64, gone: Sender<()>) -> Result<(Self, u64), StoreFault> {
        let exists = dir.try_exists().map_err(|e| StoreFault::Unavailable(format!("`{}`: {e}", dir.display())))?;
        let in_journal = if exists {
            manifests::verify(dir)?;
            journal::verify(dir, acknowledged)?
        } else {
            None
        };
        // fjall asserts what it believes about its files; where they are damaged that is a panic.
        let (database, keyspaces, seals) = catch_unwind(|| open_database(dir))
            .unwrap_or_else(|_| Err(StoreFault::Corrupt(format!("`{}`: the engine panicked", dir.display()))))?;
        let current = database.snapshot();
        let number = match current.get(&seals, seal::KEY).map_err(fault)? {
            Some(value) => Seal::decode(&value).map(|seal| seal.number),
            None => Some(0),
        };
        let number = number.ok_or_else(|| StoreFault::Corrupt("the seal of the last commit".to_owned()))?;
        if in_journal.is_some_and(|n| n != number) || number < acknowledged {
            return Err(StoreFault::Corrupt(format!(
                "commit {acknowledged} was acknowledged, the store ends at {number}"
            )));
        }
        Ok((Self { current: RwLock::new(current), keyspaces, seals, database, _gone: Gone(gone) }, number))
    }

    /// The state after the last batch.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keyspace(&self, table: Table) -> &Keyspace {
        &self.keyspaces[usize::from(table.id())]
    }

    /// Applies batch `number` durably, notes that it is to be acknowledged, and shows it to readers.
    pub(super) fn commit(&self, batch: &[Write], number: u64, acknowledged: &Acknowledged) -> fjall::Result<()> {
        let mut writes = OwnedWriteBatch::with_capacity(self.database.clone(), batch.len() + 1)
            .durability(Some(PersistMode::SyncData));
        let mut sealer = Sealer::new();
        for (table, key, row) in batch {
            let keyspace = self.keyspace(*table);
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
        writes.commit()?;
        acknowledged.note(number);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = self.database.snapshot();
        Ok(())
    }

    /// Writes all tables out of memory.
    pub(super) fn write_out(&self) -> fjall::Result<()> {
        self.keyspaces.iter().chain([&self.seals]).try_for_each(|keyspace| keyspace.rotate_memtable_and_wait())
    }
}

fn open_database(dir: &Path) -> Result<(Database, Vec<Keyspace>, Keyspace), StoreFault> {
    let database = Database::builder(dir)
        .cache_size(CACHE_BYTES)
        .max_journaling_size(JOURNALS_BYTES_MAX)
        // Bodies are sealed and records are small: compressing them costs time and saves nothing.
        .journal_compression(CompressionType::None)
        .manual_journal_persist(true)
        .worker_threads(WORKERS)
        .open()
        .map_err(fault)?;
    let keyspaces = Table::ALL
        .iter()
        .map(|table| database.keyspace(table.name(), || options(*table)).map_err(fault))
        .collect::<Result<_, _>>()?;
    let seals = database.keyspace(seal::KEYSPACE, || common_options(MEMTABLE_BYTES)).map_err(fault)?;
    Ok((database, keyspaces, seals))
}

fn options(table: Table) -> KeyspaceCreateOptions {
    match table {
        Table::Inline => {
            let apart = KvSeparationOptions::default()
                .separation_threshold(INLINE_SEPARATION_BYTES)
                .compression(CompressionType::None);
            common_options(MEMTABLE_BYTES_INLINE).with_kv_separation(Some(apart))
        }
        Table::Current | Table::Versions | Table::Parts => common_options(MEMTABLE_BYTES_BUSY),
        _ => common_options(MEMTABLE_BYTES),
    }
}

fn common_options(memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(memtable_bytes)
}
