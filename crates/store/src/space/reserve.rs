//! The reserve: a file of real blocks beside the metadata. It holds nothing; its blocks are room that nobody else on the
//! disk can take. Given up, it is a file of no length.

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Written in pieces of this size where blocks cannot be allocated without writing.
const PIECE_BYTES: usize = 64 << 10;

/// Unit of a file's allocated size, whatever the file system's blocks (stat(2)).
const STAT_BLOCK_BYTES: u64 = 512;

/// See the module. Only the committer's thread takes it and gives it up.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: AtomicBool,
    /// The disk said that it had room and then gave none, for a quota perhaps: not tried again before the next start.
    refused: AtomicBool,
}

impl Reserve {
    /// The reserve in this file, of `bytes` when it is held. Held is one that is there in full.
    pub(super) fn find(path: PathBuf, bytes: u64) -> Self {
        // A copy of a data directory may have a hole in its place.
        let is_held = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() == bytes && is_real(&m));
        Self { path, bytes, held: AtomicBool::new(is_held), refused: AtomicBool::new(false) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether it is to be taken once there is room.
    pub(super) fn is_missing(&self) -> bool {
        !self.is_held() && !self.refused.load(Ordering::Relaxed)
    }

    /// Takes the blocks.
    pub(super) fn take(&self) {
        match self.allocate() {
            Ok(()) => {
                tracing::debug!(bytes = self.bytes, "room for deletions is reserved");
                self.held.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::warn!(%error, file = %self.path.display(), "no room can be reserved for deletions");
                self.refused.store(true, Ordering::Relaxed);
                // A part of it is room that somebody can use.
                if let Ok(file) = self.open(false) {
                    let _ = file.set_len(0);
                }
            }
        }
    }

    /// Gives the blocks back to the disk, for good before this returns: some file systems hand freed blocks out only
    /// after that.
    pub(super) fn give_up(&self) {
        let given = self.open(false).and_then(|file| {
            file.set_len(0)?;
            file.sync_all()
        });
        match given {
            Ok(()) => tracing::warn!(bytes = self.bytes, "the disk is full: the reserve is given up for deletions"),
            // Whoever removed the file has made its room free.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(%error, file = %self.path.display(), "the reserve cannot be given up");
                return;
            }
        }
        self.held.store(false, Ordering::Relaxed);
    }

    fn open(&self, create: bool) -> io::Result<File> {
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
        OpenOptions::new()
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_follow)
            .open(&self.path)
    }

    fn allocate(&self) -> io::Result<()> {
        let file = self.open(true)?;
        // A reserve of another size: the disk has grown or shrunk.
        file.set_len(0)?;
        match fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Ok(()) if is_real(&file.metadata()?) => Ok(()),
            // Not offered here, or only said to be done.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.fill(&file),
            Err(e) => Err(e.into()),
        }
    }

    /// Writes bytes that no file system can leave out or compress.
    fn fill(&self, mut file: &File) -> io::Result<()> {
        let mut state = self.bytes;
        let mut left = self.bytes;
        while left > 0 {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            while piece.len() < PIECE_BYTES {
                // SplitMix64: every piece is another.
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                piece.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
            }
            let len = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            file.write_all(&piece[..len])?;
            left -= len as u64;
        }
        file.sync_all()
    }
}

/// Whether all of a file is on blocks of its own.
fn is_real(file: &std::fs::Metadata) -> bool {
    file.blocks().saturating_mul(STAT_BLOCK_BYTES) >= file.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: u64 = 300_000;

    #[test]
    fn is_real_blocks_until_it_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reserve");
        let reserve = Reserve::find(path.clone(), BYTES);
        assert!(!reserve.is_held(), "there is none yet");
        reserve.take();
        let file = std::fs::metadata(&path).unwrap();
        assert!(reserve.is_held() && file.len() == BYTES && file.blocks() * STAT_BLOCK_BYTES >= BYTES, "{file:?}");
        assert_eq!(file.mode() & 0o777, 0o600);
        assert!(Reserve::find(path.clone(), BYTES).is_held(), "the next start finds it");
        assert!(!Reserve::find(path.clone(), BYTES + 1).is_held(), "of another size");

        reserve.give_up();
        let file = std::fs::metadata(&path).unwrap();
        assert_eq!((file.len(), file.blocks(), reserve.is_held()), (0, 0, false));
        reserve.take();
        assert!(reserve.is_held());
        std::fs::remove_file(&path).unwrap();
        reserve.give_up();
        assert!(!reserve.is_held(), "removed by the operator: there is nothing left to give up");
    }

    #[test]
    fn a_hole_is_no_reserve() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reserve");
        File::create(&path).unwrap().set_len(BYTES).unwrap();
        let reserve = Reserve::find(path.clone(), BYTES);
        assert!(!reserve.is_held());
        reserve.take();
        assert!(reserve.is_held() && is_real(&std::fs::metadata(&path).unwrap()));
    }

    #[test]
    fn what_is_written_where_nothing_can_be_allocated_is_real_too() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::find(dir.path().join("reserve"), BYTES);
        reserve.fill(&reserve.open(true).unwrap()).unwrap();
        let bytes = std::fs::read(&reserve.path).unwrap();
        assert_eq!(bytes.len() as u64, BYTES);
        let (first, second) = (&bytes[..PIECE_BYTES], &bytes[PIECE_BYTES..2 * PIECE_BYTES]);
        assert!(first != second && first.iter().any(|b| *b != first[0]));
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("reserve"), dir.path().join("other"));
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        let reserve = Reserve::find(path, BYTES);
        reserve.take();
        assert!(!reserve.is_held() && !reserve.is_missing(), "not tried over and over");
        assert_eq!(std::fs::read(&other).unwrap(), b"precious");
    }
}
