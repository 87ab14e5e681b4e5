//! Room on the disk, asked before it is used up. A store that runs into the end of the disk in the middle of its own
//! bookkeeping cannot even delete; so bodies stop first, then large transactions, then small ones, and what the engine
//! needs to write its tables out remains. When somebody else fills the disk to its last block, the [`Reserve`] is given
//! up for deletions.

mod reserve;

use reserve::Reserve;
use rustix::fs::statvfs;
use std::path::{Path, PathBuf};

/// Most room between two of the levels below, on a large disk.
const STEP_BYTES_MAX: u64 = 256 << 20;

/// On a small disk the step is this fraction of it: one part in ...
const STEP_FRACTION: u64 = 20;

/// Largest reserve: what all tables in memory take when they are written out, and the journal of some hundred thousand
/// deletions.
const RESERVE_BYTES_MAX: u64 = 64 << 20;

/// With less than this part of the reserve's size left on the disk, one part in ..., and no reserve, nothing is begun
/// that would be cut short.
const FLOOR_FRACTION: u64 = 8;

// INVARIANT: the reserve is no larger than a step, so that taking it again never closes a level that it was taken at.
const _: () = assert!(RESERVE_BYTES_MAX <= STEP_BYTES_MAX, "the reserve fits between two levels");

/// What the room left on the disk allows, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Room {
    /// Nothing.
    None,
    /// Transactions that free room.
    Deletions,
    /// Transactions that are small.
    SmallTransactions,
    /// Any transaction.
    Transactions,
    /// Everything, blobs too.
    Everything,
}

/// How much of a disk is left.
#[derive(Clone, Copy, Debug)]
struct Space {
    available_bytes: u64,
    disk_bytes: u64,
}

impl Space {
    fn step_bytes(self) -> u64 {
        (self.disk_bytes / STEP_FRACTION).min(STEP_BYTES_MAX)
    }

    fn reserve_bytes(self) -> u64 {
        self.step_bytes().min(RESERVE_BYTES_MAX)
    }

    /// What may be written while the reserve of a store lies on this disk, `missing_bytes` of which are to be taken again
    /// before anything but a deletion counts on them.
    fn room(self, reserve_is_held: bool, missing_bytes: u64) -> Room {
        let step = self.step_bytes();
        match self.available_bytes.saturating_sub(missing_bytes) {
            n if n >= 3 * step => Room::Everything,
            n if n >= 2 * step => Room::Transactions,
            n if n >= step => Room::SmallTransactions,
            _ if reserve_is_held || self.available_bytes >= self.reserve_bytes() / FLOOR_FRACTION => Room::Deletions,
            _ => Room::None,
        }
    }
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
        self.space().map_or(Room::Everything, |space| space.room(false, 0))
    }

    fn space(&self) -> Option<Space> {
        let s = statvfs(&self.dir).ok()?;
        Some(Space {
            available_bytes: s.f_bavail.saturating_mul(s.f_frsize),
            disk_bytes: s.f_blocks.saturating_mul(s.f_frsize),
        })
    }
}

/// The disk that metadata lies on, with the reserve kept there, if one is.
#[derive(Debug)]
pub(crate) struct MetaDisk {
    disk: Disk,
    reserve: Option<Reserve>,
}

impl MetaDisk {
    /// Without a reserve.
    pub(crate) fn of(dir: &Path) -> Self {
        Self { disk: Disk::of(dir), reserve: None }
    }

    /// With a reserve in `file`, which lies in `dir`. One that is there is kept, or given up at once when the disk is too
    /// full to start on; one that is not is taken as soon as there is room.
    pub(crate) fn with_reserve(dir: &Path, file: PathBuf) -> Self {
        let disk = Disk::of(dir);
        let space = disk.space().filter(|space| space.reserve_bytes() > 0);
        let reserve = space.map(|space| {
            let reserve = Reserve::find(file, space.reserve_bytes());
            if reserve.is_held() && space.room(false, 0) == Room::None {
                reserve.give_up();
            }
            reserve
        });
        let this = Self { disk, reserve };
        this.room();
        this
    }

    /// What may still be written. Takes the reserve again when there is room for it.
    pub(crate) fn room(&self) -> Room {
        let Some(mut space) = self.disk.space() else { return Room::Everything };
        let Some(reserve) = &self.reserve else { return space.room(false, 0) };
        if reserve.is_missing() && space.available_bytes >= reserve.bytes().saturating_add(space.step_bytes()) {
            reserve.take();
            space = self.disk.space().unwrap_or(space);
        }
        let missing_bytes = if reserve.is_missing() { reserve.bytes() } else { 0 };
        space.room(reserve.is_held(), missing_bytes)
    }

    /// Makes room for a transaction that frees some: gives the reserve up when the disk has less left than that. Returns
    /// what may be written then.
    pub(crate) fn relieve(&self) -> Room {
        if let (Some(space), Some(reserve)) = (self.disk.space(), &self.reserve)
            && reserve.is_held()
            && space.available_bytes < reserve.bytes()
        {
            reserve.give_up();
        }
        self.room()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn room(available_bytes: u64, disk_bytes: u64) -> Room {
        Space { available_bytes, disk_bytes }.room(false, 0)
    }

    #[test]
    fn bodies_stop_before_records_and_records_before_deletions() {
        assert_eq!(room(GIB, 100 * GIB), Room::Everything);
        assert_eq!(room(700 << 20, 100 * GIB), Room::Transactions);
        assert_eq!(room(300 << 20, 100 * GIB), Room::SmallTransactions);
        assert_eq!(room(200 << 20, 100 * GIB), Room::Deletions);
        assert_eq!(room(7 << 20, 100 * GIB), Room::None);
        assert_eq!(room(2 << 20, 8 << 20), Room::Everything, "a small disk has small steps");
        assert_eq!(room(0, 0), Room::Everything, "a file system without a size is not limited by us");
    }

    #[test]
    fn a_reserve_that_was_given_up_is_room_for_deletions_alone() {
        let reserve = RESERVE_BYTES_MAX;
        let space = |available_bytes| Space { available_bytes, disk_bytes: 100 * GIB };
        assert_eq!(space(0).room(true, 0), Room::Deletions, "there is something to give up");
        assert_eq!(space(reserve).room(false, reserve), Room::Deletions);
        assert_eq!(space(STEP_BYTES_MAX + reserve - 1).room(false, reserve), Room::Deletions);
        assert_eq!(space(STEP_BYTES_MAX + reserve).room(false, reserve), Room::SmallTransactions);
        assert_eq!(space(STEP_BYTES_MAX).room(true, 0), Room::SmallTransactions, "the same, once it is taken again");
        assert_eq!(space(0).room(false, reserve), Room::None);
    }
}
