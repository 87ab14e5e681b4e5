//! The blob seam: sealed bytes without names.

use crate::StoreFault;
use model::BlobId;

/// Sealed bytes under ids. Methods block: call them from a blocking thread.
///
/// A blob's life: *open* while a [`BlobWriter`] exists; *pending* after [`BlobWriter::finish`], its bytes on stable
/// storage; *confirmed* after [`BlobStore::confirm`], which follows the metadata commit that refers to it. A crash
/// leaves open blobs (removed at the next start) and pending ones, which the owner of the metadata confirms or deletes.
///
/// Guarantees, checked by one conformance suite: what `finish` acknowledged is readable, byte for byte, after a crash;
/// pending and confirmed blobs read alike; deleting does not disturb readers already open.
pub trait BlobStore: Send + Sync + 'static {
    /// Begins a blob. The id must be fresh.
    fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, StoreFault>;

    /// Opens a pending or confirmed blob; `None` when there is none.
    fn open(&self, id: BlobId) -> Result<Option<Box<dyn BlobReader>>, StoreFault>;

    /// Marks a pending blob as referred to. Idempotent; not itself synchronised.
    fn confirm(&self, id: BlobId) -> Result<(), StoreFault>;

    /// Removes a pending or confirmed blob; it need not exist.
    fn delete(&self, id: BlobId) -> Result<(), StoreFault>;

    /// Every pending blob: what a crash may have left without an owner.
    fn pending(&self) -> Result<Vec<BlobId>, StoreFault>;

    /// Calls `visit` with the id and the length in bytes of every confirmed blob.
    fn each(&self, visit: &mut dyn FnMut(BlobId, u64)) -> Result<(), StoreFault>;
}

/// Writes one blob, front to back. Dropping it unfinished leaves nothing behind.
pub trait BlobWriter: Send {
    /// Appends `len` bytes: `fill` writes them straight into the writer's own buffer, so that a sealer's output is not
    /// copied again. `len` is at most [`Self::fill_len_max`].
    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), StoreFault>;

    /// Largest `len` that [`Self::append`] takes; at least 72 KiB.
    fn fill_len_max(&self) -> usize;

    /// Makes the bytes durable and the blob pending; returns its length in bytes.
    fn finish(self: Box<Self>) -> Result<u64, StoreFault>;
}

/// Reads one blob at any offset.
pub trait BlobReader: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether the blob holds no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `out` from `offset`; a blob that ends before is [`StoreFault::Corrupt`].
    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreFault>;
}
