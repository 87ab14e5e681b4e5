//! Where bytes rest. Two seams: [`MetaStore`] keeps small ordered records, [`BlobStore`] keeps sealed bytes without
//! names. This room never sees a key in the clear and does not know what the bytes it keeps mean.

mod blob;
mod checksum;
mod counters;
pub mod engine;
mod lock;
mod meta;
pub mod metering;
mod read_only;
mod space;
mod tables;

pub use blob::{BlobReader, BlobStore, BlobWriter};
pub use counters::Counters;
pub use lock::{DirLock, LockError};
pub use meta::{
    Change, CommitError, CommitFuture, Expectation, MetaStore, ReadError, Row, Snapshot, StoreFault, Surveyed,
    Transaction, read,
};
pub use read_only::ReadOnly;
pub use tables::Table;
