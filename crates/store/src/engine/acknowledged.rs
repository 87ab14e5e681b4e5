//! The number of the last commit that was acknowledged, in a small file beside the engine's own. An engine that finds the
//! end of its log unreadable takes it for a write that a crash cut short, and goes back to the commit before; if that
//! write had been acknowledged, only somebody outside the log can tell. This file is that somebody: on opening, an engine
//! whose last commit is older than the number here is refused.
//!
//! The file is written after each commit has been synchronised and is not itself synchronised until the store is closed:
//! it can fall behind, never run ahead. Killing the process loses nothing of it. A power failure may lose what the kernel
//! had not yet written (30 s by default on Linux), so within that window, and only there, a damaged end of the log and a
//! write cut short cannot be told apart.
//!
//! Layout (docs/formats/store.md): two slots of 512 bytes, commit `n` in slot `n mod 2`; a slot is
//! `number u64 BE ‖ CRC32C u32 BE of those 8 bytes`, the rest zero. A torn write spoils one slot at most.

use crate::StoreFault;
use crate::checksum::low_bits;
use crc_fast::{CrcAlgorithm, checksum};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const SLOT_BYTES: usize = 512;
const NUMBER_BYTES: usize = 12;

/// The file, and the highest number it holds.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
}

impl Acknowledged {
    /// Opens the file in `dir` and reads the highest number; creates it, at 0, when `fresh` says there is no store yet.
    ///
    /// A file that is there although there is no store bears witness against a fresh start: a store that was moved away
    /// or not mounted is missing, not new. Only one that says 0, or that a crash left unfinished, is begun again.
    pub(super) fn open(dir: &Path, fresh: bool) -> Result<(Self, u64), StoreFault> {
        let path = dir.join("acknowledged");
        let fault = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => StoreFault::Corrupt(format!("`{}` is missing", path.display())),
            io::ErrorKind::StorageFull => StoreFault::Full,
            _ => StoreFault::Unavailable(format!("`{}`: {e}", path.display())),
        };
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(fresh).truncate(false).mode(0o600).open(&path).map_err(fault)?;
        let read = |at: usize| {
            let mut bytes = [0; NUMBER_BYTES];
            file.read_exact_at(&mut bytes, at as u64).ok()?;
            let (number, _) = bytes.split_first_chunk::<8>()?;
            (bytes == slot(u64::from_be_bytes(*number))).then_some(u64::from_be_bytes(*number))
        };
        let highest = read(0).max(read(SLOT_BYTES));
        let finished = file.metadata().map_err(fault)?.len() >= 2 * SLOT_BYTES as u64;
        if fresh && finished && highest != Some(0) {
            let (shown, number) = (dir.display(), highest.unwrap_or_default());
            let what =
                format!("`{shown}` has acknowledged commits (the last is {number}), and `{shown}/fjall` is missing");
            return Err(StoreFault::Corrupt(format!("{what}: put it back, or restore a backup")));
        }
        if fresh {
            file.write_all_at(&[0; 2 * SLOT_BYTES], 0).map_err(fault)?;
            file.write_all_at(&slot(0), 0).map_err(fault)?;
            file.sync_all().map_err(fault)?;
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(fault)?;
            return Ok((Self { file }, 0));
        }
        match highest {
            Some(highest) => Ok((Self { file }, highest)),
            None => Err(StoreFault::Corrupt(format!("`{}` holds no valid number", path.display()))),
        }
    }

    /// Notes that commit `number` is acknowledged.
    pub(super) fn note(&self, number: u64) {
        let at = if number.is_multiple_of(2) { 0 } else { SLOT_BYTES as u64 };
        if let Err(e) = self.file.write_all_at(&slot(number), at) {
            // The commit itself is safe; what is lost is a witness.
            tracing::warn!(error = %e, "the number of the last commit could not be noted");
        }
    }
}

impl Drop for Acknowledged {
    fn drop(&mut self) {
        if let Err(e) = self.file.sync_data() {
            tracing::warn!(error = %e, "the number of the last commit could not be synchronised");
        }
    }
}

fn slot(number: u64) -> [u8; NUMBER_BYTES] {
    let mut bytes = [0; NUMBER_BYTES];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    let crc = low_bits(checksum(CrcAlgorithm::Crc32Iscsi, &bytes[..8]));
    bytes[8..].copy_from_slice(&crc.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_valid_number_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (file, number) = Acknowledged::open(dir.path(), true).unwrap();
        assert_eq!(number, 0);
        file.note(1);
        assert_eq!(Acknowledged::open(dir.path(), false).unwrap().1, 1);
        file.note(2);
        assert_eq!(Acknowledged::open(dir.path(), false).unwrap().1, 2);

        let path = dir.path().join("acknowledged");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[7] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Acknowledged::open(dir.path(), false).unwrap().1, 1, "one spoilt slot is no number");
        bytes[SLOT_BYTES + 9] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(Acknowledged::open(dir.path(), false), Err(StoreFault::Corrupt(_))));
    }

    #[test]
    fn a_store_that_is_missing_is_not_a_fresh_one() {
        let dir = tempfile::tempdir().unwrap();
        let (file, _) = Acknowledged::open(dir.path(), true).unwrap();
        assert_eq!(Acknowledged::open(dir.path(), true).unwrap().1, 0, "nothing was acknowledged yet");
        file.note(7);
        assert!(matches!(Acknowledged::open(dir.path(), true), Err(StoreFault::Corrupt(_))));
        assert_eq!(Acknowledged::open(dir.path(), false).unwrap().1, 7, "and the number still stands");
        std::fs::write(dir.path().join("acknowledged"), [0; 100]).unwrap();
        assert_eq!(Acknowledged::open(dir.path(), true).unwrap().1, 0, "a crash while it was being created");
    }

    #[test]
    fn a_missing_file_beside_a_store_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Acknowledged::open(dir.path(), false), Err(StoreFault::Corrupt(_))));
    }
}
