//! A page of a table. Bounded by rows and by bytes; a damaged row is told and passed.

use super::{Finding, FindingKind, Inspector, row_name};
use crate::dependents;
use bytes::Bytes;
use store::{ReadError, StoreFault, Table};

/// Most rows of a page.
const ROWS_MAX: usize = 256;
/// A page ends after the row with which it holds more bytes than this.
const BYTES_MAX: usize = 4 << 20;

/// Tables of which every row is met, and its damage told, by another part of a walk over a whole store.
///
/// INVARIANT: whatever is not named here is read by [`Inspector::rows_alone`], so a new table is read from its first day.
const MET_ELSEWHERE: [Table; 12] = [
    Table::Buckets,
    Table::BucketUids,
    Table::Current,
    Table::Versions,
    Table::Layouts,
    Table::Inline,
    Table::Uploads,
    Table::Parts,
    Table::BlobRefs,
    Table::BlobGc,
    Table::BucketKeys,
    Table::CmkDependents,
];

/// Some of what is looked at, and where to go on.
pub struct Page<T> {
    /// Things, or what is wrong in their place.
    pub items: Vec<Result<T, Finding>>,
    /// The key after which the next page begins; `None` at the end.
    pub next: Option<Vec<u8>>,
}

/// Rows of a table.
pub(crate) struct Rows {
    pub(crate) rows: Vec<(Bytes, Result<Bytes, String>)>,
    pub(crate) next: Option<Vec<u8>>,
    /// Why the table could not be read on.
    pub(crate) broken: Option<Finding>,
}

impl Inspector {
    /// A page of rows whose keys begin with `prefix` and follow `after`.
    pub(crate) fn rows(&self, table: Table, prefix: &[u8], after: Option<&[u8]>) -> Rows {
        let from = after.map(|key| [key, &[0]].concat());
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let scanned = self.meta.snapshot().survey(table, prefix, from.as_deref(), &mut |key, value| {
            let value = match value {
                Ok(value) => Ok(Bytes::copy_from_slice(value)),
                Err(_) => Err("the row does not match its checksum".to_owned()),
            };
            bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
            rows.push((Bytes::copy_from_slice(key), value));
            rows.len() < ROWS_MAX && bytes < BYTES_MAX
        });
        let full = rows.len() >= ROWS_MAX || bytes >= BYTES_MAX;
        let last = || rows.last().map(|(key, _)| key.to_vec());
        match scanned {
            Ok(()) => {
                let next = if full { last() } else { None };
                Rows { rows, next, broken: None }
            }
            Err(fault) => {
                let behind = rows.last().map_or_else(String::new, |(key, _): &(Bytes, _)| {
                    format!(" behind {}", data_encoding::HEXLOWER.encode(&key[..key.len().min(24)]))
                });
                let detail = format!("cannot be read on{behind}: {fault}");
                let broken = Finding::at(FindingKind::StoreDamaged, format!("table {}", table.name()), detail);
                Rows { rows, next: None, broken: Some(broken) }
            }
        }
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.meta.snapshot().get(table, key)
    }

    /// The tables whose rows nothing else of a walk reads: keys of the server, identities, counts, jobs.
    pub fn tables_alone() -> impl Iterator<Item = Table> {
        Table::ALL.iter().copied().filter(|table| !MET_ELSEWHERE.contains(table))
    }

    /// A page of rows that are read and compared with their checksums, from behind the key `after`. What they mean is for
    /// others.
    pub fn rows_alone(&self, table: Table, after: Option<&[u8]>) -> Page<()> {
        let Rows { rows, next, broken } = self.rows(table, &[], after);
        // That row is told where it is asked how far the index is.
        let told = |key: &[u8]| table == Table::System && key == dependents::PROGRESS_ROW;
        let damaged = |key: &[u8], why| Finding::at(FindingKind::RecordDamaged, row_name(table, key), why);
        let mut items: Vec<_> = rows
            .into_iter()
            .filter(|(key, _)| !told(key))
            .map(|(key, value)| value.map(drop).map_err(|why| damaged(&key, why)))
            .collect();
        items.extend(broken.map(Err));
        Page { items, next }
    }

    /// The keys of all object versions, for a count and a choice among them; of one bucket if `prefix` is its uid.
    ///
    /// # Errors
    /// Where the table cannot be read on.
    pub fn version_keys(&self, prefix: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<(), StoreFault> {
        self.meta.snapshot().survey(Table::Current, prefix, None, &mut |key, _| {
            visit(key);
            true
        })
    }
}
