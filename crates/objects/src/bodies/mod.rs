//! Moving bodies: from a request into sealed streams, and from sealed streams into a response, in bounded memory.

mod epoch;
mod fetch;
mod retire;
mod send;
mod store;

pub(crate) use epoch::{ReadEpochs, ReadLease};
pub(crate) use fetch::spans;
pub(crate) use retire::{Housekeeper, Removal, Upkeep, recover};
pub(crate) use send::{CopyBody, ObjectBody};
pub(crate) use store::{BodyStore, NewStream};

/// Largest plaintext that lives in the metadata commit, in bytes: such a body costs no file and no second
/// synchronisation.
pub(crate) const INLINE_BYTES_MAX: usize = 32 * 1024;

/// Plaintext handed to a blocking thread at a time, in bytes: large against the hand-over (some microseconds), small
/// against the memory budget of a stream (1 MiB).
pub(crate) const BATCH_BYTES: usize = 128 * 1024;

/// Segments opened at a time.
pub(crate) const BATCH_SEGMENTS: u64 = 4;
