//! Blobs in memory: for tests.

use crate::{BlobReader, BlobStore, BlobWriter, StoreFault};
use bytes::Bytes;
use model::BlobId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Largest piece written at a time; the same as the file engine's, so that tests meet the same borders.
const FILL_BYTES_MAX: usize = 128 << 10;

struct Held {
    bytes: Bytes,
    confirmed: bool,
}

/// A [`BlobStore`] in memory.
#[derive(Default)]
pub struct MemoryBlobs {
    blobs: Arc<Mutex<BTreeMap<[u8; 16], Held>>>,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 16], Held>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlobStore for MemoryBlobs {
    fn create(&self, id: BlobId) -> Result<Box<dyn BlobWriter>, StoreFault> {
        if self.lock().contains_key(id.as_bytes()) {
            return Err(StoreFault::Unavailable(format!("blob {id} exists already")));
        }
        Ok(Box::new(MemoryWriter { id, bytes: Vec::new(), blobs: Arc::clone(&self.blobs) }))
    }

    fn open(&self, id: BlobId) -> Result<Option<Box<dyn BlobReader>>, StoreFault> {
        let found = self.lock().get(id.as_bytes()).map(|held| held.bytes.clone());
        Ok(found.map(|bytes| Box::new(MemoryReader(bytes)) as Box<dyn BlobReader>))
    }

    fn confirm(&self, id: BlobId) -> Result<(), StoreFault> {
        match self.lock().get_mut(id.as_bytes()) {
            Some(held) => {
                held.confirmed = true;
                Ok(())
            }
            None => Err(StoreFault::Unavailable(format!("blob {id} does not exist"))),
        }
    }

    fn delete(&self, id: BlobId) -> Result<(), StoreFault> {
        self.lock().remove(id.as_bytes());
        Ok(())
    }

    fn pending(&self) -> Result<Vec<BlobId>, StoreFault> {
        Ok(self.lock().iter().filter(|(_, held)| !held.confirmed).map(|(id, _)| BlobId::from_bytes(*id)).collect())
    }

    fn each(&self, visit: &mut dyn FnMut(BlobId, u64)) -> Result<(), StoreFault> {
        let confirmed: Vec<_> =
            self.lock().iter().filter(|(_, held)| held.confirmed).map(|(id, held)| (*id, held.bytes.len())).collect();
        for (id, len) in confirmed {
            visit(BlobId::from_bytes(id), len as u64);
        }
        Ok(())
    }
}

struct MemoryWriter {
    id: BlobId,
    bytes: Vec<u8>,
    blobs: Arc<Mutex<BTreeMap<[u8; 16], Held>>>,
}

impl BlobWriter for MemoryWriter {
    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), StoreFault> {
        if len > FILL_BYTES_MAX {
            return Err(StoreFault::Unavailable(format!("{len} bytes at once, {FILL_BYTES_MAX} are the limit")));
        }
        let start = self.bytes.len();
        self.bytes.resize(start + len, 0);
        fill(&mut self.bytes[start..]);
        Ok(())
    }

    fn fill_len_max(&self) -> usize {
        FILL_BYTES_MAX
    }

    fn finish(self: Box<Self>) -> Result<u64, StoreFault> {
        let len = self.bytes.len() as u64;
        let held = Held { bytes: Bytes::from(self.bytes), confirmed: false };
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(*self.id.as_bytes(), held);
        Ok(len)
    }
}

struct MemoryReader(Bytes);

impl BlobReader for MemoryReader {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreFault> {
        let found = usize::try_from(offset).ok().and_then(|start| self.0.get(start..start.checked_add(out.len())?));
        match found {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(StoreFault::Corrupt(format!("blob ends before {offset} + {}", out.len()))),
        }
    }
}
