//! A page of a table. Bounded by rows and by bytes; a damaged row is told and passed.

use super::{Finding, FindingKind, Inspector};
use bytes::Bytes;
use store::{ReadError, StoreFault, Table};

/// Most rows of a page.
const ROWS_MAX: usize = 256;
/// A page ends after the row with which it holds more bytes than this.
const BYTES_MAX: usize = 4 << 20;

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

    /// Whether a row is there, damaged or not.
    pub(crate) fn has(&self, table: Table, key: &[u8]) -> Result<bool, ReadError> {
        match self.get(table, key) {
            Ok(found) => Ok(found.is_some()),
            Err(StoreFault::Corrupt(_)) => Ok(true),
            Err(fault) => Err(fault),
        }
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
