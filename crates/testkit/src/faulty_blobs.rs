//! A blob store that fails when it is told to, at a chosen stage of a blob's life.

use crate::countdown::Countdown;
use model::BlobId;
use std::sync::Arc;
use store::{BlobReader, BlobStore, BlobWriter, StoreFault};

/// Where in a blob's life a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobStage {
    /// `create`.
    Create,
    /// `append`, before the bytes are taken.
    Append,
    /// `finish`: nothing is pending afterwards.
    Finish,
    /// `confirm`: the blob stays pending.
    Confirm,
    /// `delete`: the blob stays.
    Delete,
    /// `open` of a reader.
    Open,
    /// `read_at`.
    Read,
}

const STAGES: usize = BlobStage::Read as usize + 1;

type Faults = Arc<[Countdown; STAGES]>;

/// A [`BlobStore`] over another, with faults. They last until [`FaultyBlobs::heal`].
pub struct FaultyBlobs {
    inner: Arc<dyn BlobStore>,
    faults: Faults,
}

impl FaultyBlobs {
    /// Without faults yet.
    pub fn over(inner: Arc<dyn BlobStore>) -> Arc<Self> {
        Arc::new(Self { inner, faults: Arc::default() })
    }

    /// Lets `passes` operations of a stage through, counted over all blobs; each one after that fails with `fault`.
    pub fn fail_after(&self, stage: BlobStage, passes: u64, fault: StoreFault) {
        self.faults[stage as usize].set(passes, fault);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.faults.iter().for_each(Countdown::clear);
    }

    fn pass(&self, stage: BlobStage) -> Result<(), StoreFault> {
        self.faults[stage as usize].pass()
    }
}

impl BlobStore for FaultyBlobs {
    fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, StoreFault> {
        self.pass(BlobStage::Create)?;
        let inner = self.inner.create(id)?;
        Ok(Box::new(FaultyWriter { inner, faults: Arc::clone(&self.faults) }))
    }

    fn open(&self, id: BlobId) -> Result<Option<Box<dyn BlobReader>>, StoreFault> {
        self.pass(BlobStage::Open)?;
        let found = self.inner.open(id)?;
        Ok(found.map(|inner| Box::new(FaultyReader { inner, faults: Arc::clone(&self.faults) }) as Box<dyn BlobReader>))
    }

    fn confirm(&self, id: BlobId) -> Result<(), StoreFault> {
        self.pass(BlobStage::Confirm)?;
        self.inner.confirm(id)
    }

    fn delete(&self, id: BlobId) -> Result<(), StoreFault> {
        self.pass(BlobStage::Delete)?;
        self.inner.delete(id)
    }

    fn pending(&self) -> Result<Vec<BlobId>, StoreFault> {
        self.inner.pending()
    }

    fn each(&self, visit: &mut dyn FnMut(BlobId, u64)) -> Result<(), StoreFault> {
        self.inner.each(visit)
    }
}

struct FaultyWriter {
    inner: Box<dyn BlobWriter>,
    faults: Faults,
}

impl BlobWriter for FaultyWriter {
    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), StoreFault> {
        self.faults[BlobStage::Append as usize].pass()?;
        self.inner.append(len, fill)
    }

    fn fill_len_max(&self) -> usize {
        self.inner.fill_len_max()
    }

    fn finish(self: Box<Self>) -> Result<u64, StoreFault> {
        self.faults[BlobStage::Finish as usize].pass()?;
        self.inner.finish()
    }
}

struct FaultyReader {
    inner: Box<dyn BlobReader>,
    faults: Faults,
}

impl BlobReader for FaultyReader {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreFault> {
        self.faults[BlobStage::Read as usize].pass()?;
        self.inner.read_at(offset, out)
    }
}
