//! The room that documents of requests share. Each is bounded (`Limits::list_document_bytes_max`), and so are all that are
//! held at the same time, or as many clients as there are connections could fill the memory with lists of parts. A
//! request that finds no room waits; its body stays on the wire meanwhile.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes lent to documents.
pub(crate) struct DocumentRoom {
    free: Arc<Semaphore>,
    bytes: usize,
}

impl DocumentRoom {
    /// Room for so many bytes (`Limits::documents_bytes_max`).
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(bytes)), bytes }
    }

    /// Room for a document of the announced length, or of `bytes_max` if nothing is announced. Those who wait are served
    /// in the order they came. Who asks for more than there is gets all of it, alone. `None` never comes: the room is
    /// not closed.
    pub(crate) async fn take(&self, announced: Option<u64>, bytes_max: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(bytes_max).min(self.bytes);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Arc::clone(&self.free).acquire_many_owned(bytes).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn documents_beyond_the_room_wait_for_it() {
        let room = DocumentRoom::new(10);
        let take = |announced, max| room.take(announced, max).now_or_never().flatten();
        let first = take(Some(6), 8).unwrap();
        assert!(take(Some(6), 8).is_none(), "six and six are more than ten");
        assert!(take(None, 8).is_none(), "what announces nothing may be as long as it may be");
        let second = take(Some(4), 8).unwrap();
        drop(first);
        assert!(take(Some(6), 8).is_some());
        assert!(take(Some(100), 100).is_none());
        drop(second);
        assert!(take(Some(100), 100).is_some(), "too large for the room: alone in it");
    }
}
