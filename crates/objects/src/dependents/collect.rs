//! Rows of bucket keys that nothing is sealed under any more: their objects were deleted, written anew or rewrapped.

use super::build::is_complete;
use crate::service::ObjectService;
use bytes::Bytes;
use model::BucketKeyId;
use sse::{BucketKeyRemoval, SseError};
use store::{StoreFault, Table};

/// Rows that are looked at in one view of the store.
const PAGE_ROWS: usize = 256;

impl ObjectService {
    /// Removes the row of each bucket key that the index says nothing needs, once no write can have taken it any more. Asks
    /// no right: what goes opens nothing. How many went.
    ///
    /// # Errors
    /// What the store could not do; [`StoreFault::Unavailable`] as long as the index is not complete. A row that cannot be
    /// read is left for whoever looks into the damage.
    pub async fn collect_bucket_keys(&self) -> Result<u64, StoreFault> {
        let (mut after, mut removed): (Option<Bytes>, u64) = (None, 0);
        loop {
            let from = after.take();
            let page = store::read(&self.meta, move |snapshot| {
                if !is_complete(snapshot)? {
                    let why = "the index of what needs which CMK is not complete";
                    return Err(StoreFault::Unavailable(why.to_owned()));
                }
                let mut rows = Vec::with_capacity(PAGE_ROWS);
                let from = from.map(|last| [&last[..], &[0]].concat());
                snapshot.scan(Table::BucketKeys, b"", from.as_deref(), &mut |key, _| {
                    rows.push(Bytes::copy_from_slice(key));
                    rows.len() < PAGE_ROWS
                })?;
                Ok(rows)
            });
            let rows = page.await?;
            for key in &rows {
                let Ok(id) = <[u8; 16]>::try_from(&key[..]) else { continue };
                match self.sse.remove_unused_bucket_key(BucketKeyId::from_bytes(id)).await {
                    Ok(BucketKeyRemoval::Removed) => removed += 1,
                    Ok(BucketKeyRemoval::Needed | BucketKeyRemoval::Young | BucketKeyRemoval::Gone) => {}
                    Err(SseError::Damaged) => {}
                    Err(error) => return Err(StoreFault::Unavailable(error.to_string())),
                }
            }
            if rows.len() < PAGE_ROWS {
                return Ok(removed);
            }
            after = rows.into_iter().next_back();
        }
    }
}
