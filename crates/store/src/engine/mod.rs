//! The engines behind the seams. What all metadata engines share — group commit, expectations, row checksums, counters —
//! is written once, in the committer and [`EngineStore`]; an engine itself only gets, scans and applies a batch, and so
//! stays small enough to be swapped.

mod acknowledged;
mod committer;
pub mod files;
pub mod fjall;
mod guarded;
pub mod memory;
pub mod memory_blobs;
mod overlay;
pub mod redb;

pub use guarded::EngineStore;

use crate::space::Room;
use crate::{StoreFault, Table};
use bytes::Bytes;

// INVARIANT: table numbers are dense, so an engine may keep its handles in an array indexed by `Table::id`.
const _: () = {
    let mut i = 0;
    while i < Table::ALL.len() {
        assert!(Table::ALL[i].id() as usize == i, "table numbers must be dense and in order");
        i += 1;
    }
};

/// Longest key in bytes. fjall stores key lengths in 16 bits.
pub const KEY_BYTES_MAX: usize = 65_535;

/// Longest value in bytes. Larger things are blobs.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// The final state of one row touched by a batch: its stored bytes (with checksum), or `None` when it is removed.
pub(crate) type Write = (Table, Bytes, Option<Bytes>);

/// Why a batch was not applied.
#[derive(Debug)]
pub(crate) enum ApplyFault {
    /// Nothing was changed, and the engine goes on.
    Full,
    /// The outcome is unknown; the engine takes no further batch.
    Failed(String),
}

/// A state of the engine that does not change.
pub(crate) trait View: Send {
    /// The stored bytes of a row.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreFault>;

    /// Rows whose keys begin with `prefix` and are ≥ `from`, in order, until `visit` returns `false`.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault>;
}

/// What the committer asks of an engine.
pub(crate) trait Engine: Send + Sync + 'static {
    /// A view of everything applied so far. Cheap.
    fn view(&self) -> Box<dyn View>;

    /// Applies a batch, all or nothing; durable on return. Each row occurs at most once. Only the committer's thread
    /// calls this.
    fn apply(&self, batch: &[Write]) -> Result<(), ApplyFault>;

    /// What the disk still has room for.
    fn room(&self) -> Room {
        Room::Everything
    }

    /// Makes room for transactions that free some, if it can. Returns what there is room for then. Only the committer's
    /// thread calls this.
    fn relieve(&self) -> Room {
        self.room()
    }
}

/// Stands for a view that could not be opened: each read says why.
pub(crate) struct BrokenView(pub(crate) StoreFault);

impl View for BrokenView {
    fn get(&self, _: Table, _: &[u8]) -> Result<Option<Bytes>, StoreFault> {
        Err(self.0.clone())
    }

    fn scan(
        &self,
        _: Table,
        _: &[u8],
        _: Option<&[u8]>,
        _: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreFault> {
        Err(self.0.clone())
    }
}

/// The smallest key greater than every key beginning with `prefix`; `None` when there is none.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|b| *b != 0xff)?;
    let mut end = prefix[..=keep].to_vec();
    end[keep] += 1;
    Some(end)
}

/// Where a scan begins: at the prefix, or at `from` when that is later.
pub(crate) fn scan_start<'a>(prefix: &'a [u8], from: Option<&'a [u8]>) -> &'a [u8] {
    match from {
        Some(from) if from > prefix => from,
        _ => prefix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends() {
        assert_eq!(prefix_end(b""), None);
        assert_eq!(prefix_end(b"\xff\xff"), None);
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(b"a\xff"), Some(b"b".to_vec()));
    }
}
