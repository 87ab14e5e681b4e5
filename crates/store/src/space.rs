//! Room on the disk, asked before it is used up. A store that runs into the end of the disk in the middle of its own
//! bookkeeping cannot even delete; so bodies stop first, then large transactions, then small ones, and what the engine
//! needs to write its tables out remains.

use rustix::fs::statvfs;
use std::path::{Path, PathBuf};

/// Room kept back for the engine itself on a large disk.
const RESERVE_BYTES_MAX: u64 = 256 << 20;

/// On a small disk the reserve is this fraction of it: one part in ...
const RESERVE_FRACTION: u64 = 20;

/// What the room left on the disk allows, from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// Nothing.
    None,
    /// Transactions small enough to note a deletion.
    SmallTransactions,
    /// Any transaction.
    Transactions,
    /// Everything, blobs too.
    Everything,
}

/// The disk a directory lies on.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    dir: PathBuf,
}

impl Disk {
    pub(crate) fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// What may still be written. A disk that cannot be asked is taken to have room: the write itself will tell.
    pub(crate) fn room(&self) -> Room {
        match statvfs(&self.dir) {
            Ok(s) => room(s.f_bavail.saturating_mul(s.f_frsize), s.f_blocks.saturating_mul(s.f_frsize)),
            Err(_) => Room::Everything,
        }
    }
}

fn room(available_bytes: u64, disk_bytes: u64) -> Room {
    let reserve = (disk_bytes / RESERVE_FRACTION).min(RESERVE_BYTES_MAX);
    match available_bytes {
        n if n < reserve => Room::None,
        n if n < 2 * reserve => Room::SmallTransactions,
        n if n < 3 * reserve => Room::Transactions,
        _ => Room::Everything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_stop_before_records_and_records_before_deletions() {
        const GIB: u64 = 1 << 30;
        assert_eq!(room(GIB, 100 * GIB), Room::Everything);
        assert_eq!(room(700 << 20, 100 * GIB), Room::Transactions);
        assert_eq!(room(300 << 20, 100 * GIB), Room::SmallTransactions);
        assert_eq!(room(200 << 20, 100 * GIB), Room::None);
        assert_eq!(room(2 << 20, 8 << 20), Room::Everything, "a small disk keeps a small reserve");
        assert_eq!(room(0, 0), Room::Everything, "a file system without a size is not limited by us");
    }
}
