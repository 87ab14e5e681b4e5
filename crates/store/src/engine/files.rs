//! Blobs as files, one each. The directory a file lies in is the stage of its life, so a large PUT needs no intent row
//! and no second commit (docs/decisions/0002-pending-blobs-instead-of-intent-rows.md):
//!
//! ```text
//! open/<32 hex>      being written; removed at the next start
//! pending/<32 hex>   finished and durable; no metadata commit is known to refer to it yet
//! <2 hex>/<32 hex>   confirmed, under the first two digits of its id
//! ```
//!
//! File names are made from ids of ours alone, never from anything a client sent.

mod buffer;
mod look;
mod writer;

pub use look::{BlobFiles, FoundFile, Stage};

use crate::space::{Disk, Room};
use crate::{BlobReader, BlobStore, BlobWriter, Counters, StoreFault};
use buffer::BufferPool;
use model::BlobId;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, fsync, mkdirat, open, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::{DirBuilder, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;
use std::sync::Arc;
use writer::FileWriter;

const DIR_MODE: Mode = Mode::RWXU;
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Handles on the directories of [`FileBlobs`].
struct Dirs {
    blobs: OwnedFd,
    open: OwnedFd,
    pending: OwnedFd,
}

/// The [`BlobStore`] that keeps each blob in a file.
pub struct FileBlobs {
    dirs: Arc<Dirs>,
    disk: Disk,
    buffers: Arc<BufferPool>,
    counters: Arc<Counters>,
}

impl FileBlobs {
    /// Opens or creates the store in `dir`, which belongs to it alone, and removes blobs left unfinished. The caller holds
    /// the [`crate::DirLock`] of the data directory.
    ///
    /// # Errors
    ///
    /// [`StoreFault::Unavailable`] when the directory cannot be used, [`StoreFault::Full`] when it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, StoreFault> {
        let fault = |e| dir_fault("open the blob directory", e);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| fault(Errno::from_io_error(&e).unwrap_or(Errno::IO)))?;
        // The operator may have put the directory elsewhere behind a link; below it there are none.
        let blobs = open(dir, dir_flags() - OFlags::NOFOLLOW, Mode::empty()).map_err(fault)?;
        let dirs = Dirs {
            open: enter(&blobs, "open").map_err(fault)?,
            pending: enter(&blobs, "pending").map_err(fault)?,
            blobs,
        };
        for id in ids_in(&dirs.open).map_err(fault)? {
            unlinkat(&dirs.open, id.to_hex(), AtFlags::empty()).map_err(fault)?;
        }
        fsync(&dirs.blobs).map_err(fault)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let parent = open(parent, dir_flags() - OFlags::NOFOLLOW, Mode::empty()).map_err(fault)?;
            fsync(&parent).map_err(fault)?;
        }
        Ok(Self { dirs: Arc::new(dirs), disk: Disk::of(dir), buffers: Arc::default(), counters: Arc::default() })
    }

    /// What this store has done: blobs finished and disk synchronisations.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    fn exists(&self, id: BlobId) -> Result<bool, StoreFault> {
        for found in [
            statat(&self.dirs.pending, id.to_hex(), AtFlags::empty()),
            statat(&self.dirs.blobs, shard(id), AtFlags::empty()),
        ] {
            match found {
                Ok(_) => return Ok(true),
                Err(Errno::NOENT) => {}
                Err(e) => return Err(io_fault("look up blob", id, e)),
            }
        }
        Ok(false)
    }

    /// Creates the file, past the page cache when the file system offers it.
    fn create_file(&self, id: BlobId) -> Result<(OwnedFd, bool), StoreFault> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = id.to_hex();
        match openat(&self.dirs.open, &name, flags | OFlags::DIRECT, FILE_MODE) {
            Ok(file) => return Ok((file, true)),
            // The file system has no direct mode. Some create the file before they say so.
            Err(Errno::INVAL) => drop(unlinkat(&self.dirs.open, &name, AtFlags::empty())),
            Err(e) => return Err(io_fault("create blob", id, e)),
        }
        let file = openat(&self.dirs.open, &name, flags, FILE_MODE).map_err(|e| io_fault("create blob", id, e))?;
        Ok((file, false))
    }

    /// Renames a pending blob into its shard.
    fn move_to_shard(&self, id: BlobId) -> Result<(), Errno> {
        renameat(&self.dirs.pending, id.to_hex(), &self.dirs.blobs, shard(id))
    }
}

impl BlobStore for FileBlobs {
    fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, StoreFault> {
        if self.disk.room() < Room::Everything {
            return Err(StoreFault::Full);
        }
        if self.exists(id)? {
            return Err(StoreFault::Unavailable(format!("blob {id} exists already")));
        }
        let (file, direct) = self.create_file(id)?;
        let (dirs, disk, counters) = (Arc::clone(&self.dirs), self.disk.clone(), Arc::clone(&self.counters));
        Ok(Box::new(FileWriter::new(id, file, direct, self.buffers.take(), dirs, disk, counters)))
    }

    fn open(&self, id: BlobId) -> Result<Option<Box<dyn BlobReader>>, StoreFault> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // A blob may be confirmed between the first look and the second; then the third finds it.
        for (dir, name) in
            [(&self.dirs.blobs, shard(id)), (&self.dirs.pending, id.to_hex()), (&self.dirs.blobs, shard(id))]
        {
            match openat(dir, name, flags, Mode::empty()) {
                Ok(file) => {
                    return FileReader::new(id, file).map(|reader| Some(Box::new(reader) as Box<dyn BlobReader>));
                }
                Err(Errno::NOENT) => {}
                Err(e) => return Err(io_fault("open blob", id, e)),
            }
        }
        Ok(None)
    }

    fn confirm(&self, id: BlobId) -> Result<(), StoreFault> {
        let moved = self.move_to_shard(id).or_else(|e| {
            if e != Errno::NOENT || statat(&self.dirs.blobs, shard(id), AtFlags::empty()).is_ok() {
                return if e == Errno::NOENT { Ok(()) } else { Err(e) };
            }
            // The shard's first blob: the directory must be durable before a name is moved into it.
            match mkdirat(&self.dirs.blobs, shard_dir(id), DIR_MODE) {
                Ok(()) => fsync(&self.dirs.blobs)?,
                Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            self.move_to_shard(id)
        });
        moved.map_err(|e| io_fault("confirm blob", id, e))
    }

    fn delete(&self, id: BlobId) -> Result<(), StoreFault> {
        // Pending first: a blob being confirmed meanwhile moves from the first place to the second.
        for (dir, name) in [(&self.dirs.pending, id.to_hex()), (&self.dirs.blobs, shard(id))] {
            match unlinkat(dir, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(io_fault("delete blob", id, e)),
            }
        }
        Ok(())
    }

    fn pending(&self) -> Result<Vec<BlobId>, StoreFault> {
        ids_in(&self.dirs.pending).map_err(|e| dir_fault("list pending blobs", e))
    }

    fn each(&self, visit: &mut dyn FnMut(BlobId, u64)) -> Result<(), StoreFault> {
        for first_byte in 0..=u8::MAX {
            let name = format!("{first_byte:02x}");
            let dir = match openat(&self.dirs.blobs, &name, dir_flags(), Mode::empty()) {
                Ok(dir) => dir,
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(dir_fault("list blobs", e)),
            };
            for id in ids_in(&dir).map_err(|e| dir_fault("list blobs", e))? {
                match statat(&dir, id.to_hex(), AtFlags::empty()) {
                    Ok(found) => visit(id, u64::try_from(found.st_size).unwrap_or(0)),
                    // Deleted since the directory was read.
                    Err(Errno::NOENT) => {}
                    Err(e) => return Err(io_fault("look up blob", id, e)),
                }
            }
        }
        Ok(())
    }
}

/// Reads through the page cache: what has just been written and read again is often asked for once more.
struct FileReader {
    id: BlobId,
    file: File,
    len: u64,
}

impl FileReader {
    fn new(id: BlobId, file: OwnedFd) -> Result<Self, StoreFault> {
        let file = File::from(file);
        let len = file.metadata().map_err(|e| StoreFault::Unavailable(format!("look up blob {id}: {e}")))?.len();
        Ok(Self { id, file, len })
    }
}

impl BlobReader for FileReader {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreFault> {
        let too_short = || StoreFault::Corrupt(format!("blob {} ends before {offset} + {}", self.id, out.len()));
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            return Err(too_short());
        }
        match self.file.read_exact_at(out, offset) {
            Ok(()) => Ok(()),
            // Cut since it was opened.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(StoreFault::Corrupt(format!("blob {} was cut at or after {offset}", self.id)))
            }
            Err(e) => Err(StoreFault::Unavailable(format!("read blob {}: {e}", self.id))),
        }
    }
}

fn dir_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Opens a directory, making it when it is missing.
fn enter(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    match mkdirat(parent, name, DIR_MODE) {
        Ok(()) | Err(Errno::EXIST) => openat(parent, name, dir_flags(), Mode::empty()),
        Err(e) => Err(e),
    }
}

fn shard_dir(id: BlobId) -> String {
    format!("{:02x}", id.as_bytes()[0])
}

fn shard(id: BlobId) -> String {
    format!("{}/{}", shard_dir(id), id.to_hex())
}

/// The blobs in a directory. Names that are no ids are not ours and are left alone.
fn ids_in(dir: &OwnedFd) -> Result<Vec<BlobId>, Errno> {
    let mut ids = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().to_str()
            && let Some(id) = BlobId::parse_hex(name)
            && id.to_hex() == name
        {
            ids.push(id);
        }
    }
    Ok(ids)
}

fn dir_fault(what: &str, errno: Errno) -> StoreFault {
    match errno {
        Errno::NOSPC | Errno::DQUOT => StoreFault::Full,
        e => StoreFault::Unavailable(format!("{what}: {e}")),
    }
}

fn io_fault(what: &str, id: BlobId, errno: Errno) -> StoreFault {
    dir_fault(&format!("{what} {id}"), errno)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::SmallDisk;

    /// With no room kept back, so that the disk itself is what refuses.
    #[test]
    fn a_write_that_finds_no_room_leaves_nothing() {
        let Some(small) = SmallDisk::mount(4) else { return };
        let mut store = FileBlobs::open(small.path()).unwrap();
        store.disk = Disk::of(Path::new("/"));
        for n in 1..=3 {
            let mut writer = store.create(BlobId::from_bytes([n; 16])).unwrap();
            let fault = loop {
                if let Err(fault) = writer.append(65_552, &mut |out| out.fill(n)) {
                    break fault;
                }
            };
            assert_eq!(fault, StoreFault::Full);
            assert_eq!(writer.append(1, &mut |_| panic!("taken after a failure")), Err(StoreFault::Full));
            assert_eq!(writer.finish(), Err(StoreFault::Full), "a blob with a hole is never finished");
            assert_eq!(std::fs::read_dir(small.path().join("open")).unwrap().count(), 0);
            assert_eq!(store.pending(), Ok(vec![]));
        }
        assert_eq!(store.counters().faults_total(), 3);
        let mut writer = store.create(BlobId::from_bytes([9; 16])).unwrap();
        writer.append(65_552, &mut |out| out.fill(9)).unwrap();
        assert_eq!(writer.finish(), Ok(65_552), "the room is back");
    }
}
