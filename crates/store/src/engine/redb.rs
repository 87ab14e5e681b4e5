//! The drop-in alternative to fjall: redb 4, a copy-on-write B-tree in one file. Better reads and the simplest recovery,
//! two to three times the cost per commit (docs/decisions/0001-embedded-engine.md, which also says what of bit rot and of a
//! full disk it handles less well).

use super::{ApplyFault, BrokenView, Engine, EngineStore, View, Write, prefix_end, scan_start};
use crate::space::{MetaDisk, Room};
use crate::{StoreFault, Table};
use bytes::Bytes;
use redb::{Database, ReadTransaction, ReadableDatabase, TableDefinition, TableError};
use std::ops::Bound;
use std::path::Path;

/// Memory for cached pages.
const CACHE_BYTES: usize = 64 << 20;

/// redb behind the engine seam.
pub struct RedbEngine {
    database: Database,
    disk: MetaDisk,
}

/// A [`crate::MetaStore`] in one redb file.
pub type RedbStore = EngineStore<RedbEngine>;

impl RedbStore {
    /// Opens or creates the store in `file`.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Unavailable`] when the file cannot be used, [`StoreFault::Corrupt`] when it is damaged.
    pub fn open(file: &Path) -> Result<Self, StoreFault> {
        Self::open_on(file, MetaDisk::of(dir_of(file)))
    }

    /// As [`RedbStore::open`], and keeps room for deletions in a file beside it, `<file>.reserve`
    /// (docs/formats/store.md, "Room").
    ///
    /// # Errors
    ///
    /// As [`RedbStore::open`].
    pub fn open_with_reserve(file: &Path) -> Result<Self, StoreFault> {
        let mut reserve = file.as_os_str().to_owned();
        reserve.push(".reserve");
        Self::open_on(file, MetaDisk::with_reserve(dir_of(file), reserve.into()))
    }

    fn open_on(file: &Path, disk: MetaDisk) -> Result<Self, StoreFault> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(file).map_err(|e| fault(e.into()))?;
        Self::over(RedbEngine { database, disk })
    }
}

fn dir_of(file: &Path) -> &Path {
    file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

const fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

impl RedbEngine {
    fn write(&self, batch: &[Write]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        // The batch is in table order: each table is opened once.
        let mut rest = batch;
        while let Some((table, _, _)) = rest.first() {
            let len = rest.iter().take_while(|(t, _, _)| t == table).count();
            let mut rows = transaction.open_table(definition(*table))?;
            for (_, key, row) in &rest[..len] {
                match row {
                    Some(stored) => drop(rows.insert(&key[..], &stored[..])?),
                    None => drop(rows.remove(&key[..])?),
                }
            }
            rest = &rest[len..];
        }
        // Durability::Immediate is redb's default: the commit returns when it is on stable storage.
        transaction.commit()?;
        Ok(())
    }
}

impl Engine for RedbEngine {
    fn view(&self) -> Box<dyn View> {
        match self.database.begin_read() {
            Ok(transaction) => Box::new(RedbView(transaction)),
            Err(e) => Box::new(BrokenView(fault(e.into()))),
        }
    }

    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault> {
        // redb refuses everything after its first failed write, a full disk included; a full disk is met before, by
        // `room`. Whether the failed transaction counts is known when the file is opened again.
        self.write(batch).map_err(|e| ApplyFault::Failed(fault(e).to_string()))
    }

    fn room(&self) -> Room {
        self.disk.room()
    }

    fn relieve(&self) -> Room {
        self.disk.relieve()
    }
}

struct RedbView(ReadTransaction);

impl RedbView {
    fn visit_range(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), redb::Error> {
        let start = scan_start(prefix, from);
        let end = prefix_end(prefix);
        if end.as_deref().is_some_and(|end| start >= end) {
            return Ok(());
        }
        let rows = match self.0.open_table(definition(table)) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        let range = (Bound::Included(start), end.as_deref().map_or(Bound::Unbounded, Bound::Excluded));
        for entry in rows.range::<&[u8]>(range)? {
            let (key, stored) = entry?;
            if !visit(key.value(), stored.value()) {
                break;
            }
        }
        Ok(())
    }

    fn find(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, redb::Error> {
        match self.0.open_table(definition(table)) {
            Ok(rows) => Ok(rows.get(key)?.map(|stored| Bytes::copy_from_slice(stored.value()))),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl View for RedbView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreFault> {
        self.find(table, key).map_err(fault)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault> {
        self.visit_range(table, prefix, from, visit).map_err(fault)
    }
}

fn fault(error: redb::Error) -> StoreFault {
    match &error {
        redb::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => StoreFault::Full,
        redb::Error::Corrupted(what) => StoreFault::Corrupt(what.clone()),
        _ => StoreFault::Unavailable(error.to_string()),
    }
}
