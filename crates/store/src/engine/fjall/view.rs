//! Reading from a fjall snapshot, and sorting fjall's errors.

use super::live::Live;
use crate::engine::{KEY_BYTES_MAX, View, prefix_end, scan_start};
use crate::{StoreFault, Table, checksum};
use bytes::Bytes;
use fjall::{Readable, Snapshot};
use std::ops::Bound;
use std::sync::Arc;

/// A snapshot, and the database it belongs to.
pub(super) struct FjallView {
    snapshot: Snapshot,
    live: Arc<Live>,
}

impl FjallView {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { snapshot: live.snapshot(), live }
    }
}

impl View for FjallView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreFault> {
        if key.len() > KEY_BYTES_MAX {
            // fjall panics on a key that it could not hold.
            return Ok(None);
        }
        let found = self.snapshot.get(self.live.keyspace(table), key).map_err(|e| read_fault(e, table, key))?;
        Ok(found.map(|slice| Bytes::copy_from_slice(&slice)))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault> {
        if prefix.len() > KEY_BYTES_MAX {
            return Ok(());
        }
        let start = scan_start(prefix, from);
        let end = prefix_end(prefix);
        // fjall panics on a bound that it could not hold as a key. No key lies between such a bound and its longest
        // prefix that is one, except that prefix itself.
        let (start, first) = match start.get(..KEY_BYTES_MAX) {
            Some(cut) if start.len() > KEY_BYTES_MAX => (cut, Bound::Excluded(cut)),
            _ => (start, Bound::Included(start)),
        };
        if end.as_deref().is_some_and(|end| start >= end) {
            return Ok(());
        }
        let last = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        for entry in self.snapshot.range::<&[u8], _>(self.live.keyspace(table), (first, last)) {
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

/// Sorts fjall's errors: what an exhausted disk causes, what a damaged file causes, and the rest.
pub(super) fn fault(error: fjall::Error) -> StoreFault {
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
