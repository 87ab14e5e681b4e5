//! Writing one blob: past the page cache where the file system lets us, in aligned pieces out of a borrowed buffer.

use super::buffer::{ALIGN_BYTES, BUFFER_BYTES, Buffer, FILL_BYTES_MAX};
use super::{Dirs, io_fault};
use crate::space::{Disk, Room};
use crate::{BlobWriter, Counters, StoreFault};
use model::BlobId;
use rustix::fs::{AtFlags, OFlags, fcntl_getfl, fcntl_setfl, fdatasync, fsync, ftruncate, renameat, unlinkat};
use rustix::io::{Errno, pwrite};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// An open blob: a file in `open/`, removed again unless it is finished.
pub(super) struct FileWriter {
    id: BlobId,
    file: OwnedFd,
    /// Whether the file is written past the page cache, in whole blocks.
    direct: bool,
    buffer: Buffer,
    /// Bytes in the buffer.
    held: usize,
    /// Bytes in the file: a multiple of [`ALIGN_BYTES`] until the last write.
    written: u64,
    failed: Option<StoreFault>,
    finished: bool,
    dirs: Arc<Dirs>,
    disk: Disk,
    counters: Arc<Counters>,
}

impl FileWriter {
    pub(super) fn new(
        id: BlobId,
        file: OwnedFd,
        direct: bool,
        buffer: Buffer,
        dirs: Arc<Dirs>,
        disk: Disk,
        counters: Arc<Counters>,
    ) -> Self {
        Self { id, file, direct, buffer, held: 0, written: 0, failed: None, finished: false, dirs, disk, counters }
    }

    /// Remembers a failure: a blob with a hole must never be finished.
    fn note<T>(&mut self, result: Result<T, StoreFault>) -> Result<T, StoreFault> {
        if let Err(fault) = &result
            && self.failed.is_none()
        {
            self.failed = Some(fault.clone());
            self.counters.add_faults(1);
        }
        result
    }

    fn check(&self) -> Result<(), StoreFault> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Writes the whole blocks held and moves the remainder to the front.
    fn flush_blocks(&mut self) -> Result<(), StoreFault> {
        if self.disk.room() < Room::Everything {
            return Err(StoreFault::Full);
        }
        let whole = self.held - self.held % ALIGN_BYTES;
        self.write(whole)?;
        let held = self.held;
        self.buffer.bytes().copy_within(whole..held, 0);
        self.held -= whole;
        Ok(())
    }

    /// Writes the first `len` bytes of the buffer at the end of the file.
    fn write(&mut self, len: usize) -> Result<(), StoreFault> {
        let mut done = 0;
        while done < len {
            let at = self.written + done as u64;
            match pwrite(&self.file, &self.buffer.bytes()[done..len], at) {
                Ok(0) => return Err(StoreFault::Unavailable(format!("blob {}: wrote nothing", self.id))),
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                Err(Errno::INVAL) if self.direct => self.leave_direct_mode()?,
                Err(e) => return Err(io_fault("write blob", self.id, e)),
            }
            if self.direct && !done.is_multiple_of(ALIGN_BYTES) {
                // A short write that ends within a block: the rest cannot be written past the page cache.
                self.leave_direct_mode()?;
            }
        }
        self.written += len as u64;
        Ok(())
    }

    fn leave_direct_mode(&mut self) -> Result<(), StoreFault> {
        let fault = |e| io_fault("change mode of blob", self.id, e);
        let flags = fcntl_getfl(&self.file).map_err(fault)?;
        fcntl_setfl(&self.file, flags - OFlags::DIRECT).map_err(fault)?;
        self.direct = false;
        Ok(())
    }

    /// Writes what is left; a direct write is filled up to a whole block and the file cut to its length.
    fn write_tail(&mut self) -> Result<(), StoreFault> {
        let len = self.written + self.held as u64;
        let tail = if self.direct { self.held.next_multiple_of(ALIGN_BYTES) } else { self.held };
        let held = self.held;
        self.buffer.bytes()[held..tail].fill(0);
        self.write(tail)?;
        if self.written != len {
            ftruncate(&self.file, len).map_err(|e| io_fault("cut blob", self.id, e))?;
            self.written = len;
        }
        self.held = 0;
        Ok(())
    }

    /// Data first, then the name: a pending blob is always whole.
    fn publish(&mut self) -> Result<(), StoreFault> {
        fdatasync(&self.file).map_err(|e| io_fault("synchronise blob", self.id, e))?;
        self.counters.add_syncs(1);
        let name = self.id.to_hex();
        renameat(&self.dirs.open, &name, &self.dirs.pending, &name)
            .map_err(|e| io_fault("publish blob", self.id, e))?;
        self.finished = true;
        if let Err(e) = fsync(&self.dirs.pending) {
            // Without this the name may be gone after a crash. Not acknowledged, so it must not stay either.
            let _ = unlinkat(&self.dirs.pending, &name, AtFlags::empty());
            return Err(io_fault("publish blob", self.id, e));
        }
        self.counters.add_syncs(1);
        Ok(())
    }
}

impl BlobWriter for FileWriter {
    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), StoreFault> {
        self.check()?;
        if len > FILL_BYTES_MAX {
            return Err(StoreFault::Unavailable(format!("{len} bytes at once, {FILL_BYTES_MAX} are the limit")));
        }
        if self.held + len > BUFFER_BYTES {
            let flushed = self.flush_blocks();
            self.note(flushed)?;
        }
        let held = self.held;
        fill(&mut self.buffer.bytes()[held..held + len]);
        self.held += len;
        Ok(())
    }

    fn fill_len_max(&self) -> usize {
        FILL_BYTES_MAX
    }

    fn finish(mut self: Box<Self>) -> Result<u64, StoreFault> {
        self.check()?;
        let published = self.write_tail().and_then(|()| self.publish());
        self.note(published)?;
        self.counters.add_commits(1);
        Ok(self.written)
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if !self.finished
            && let Err(e) = unlinkat(&self.dirs.open, self.id.to_hex(), AtFlags::empty())
        {
            // The next start removes it.
            tracing::warn!(blob = %self.id, error = %e, "an unfinished blob could not be removed");
        }
    }
}
