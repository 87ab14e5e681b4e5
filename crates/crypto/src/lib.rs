//! Keys by role, the key tree, wrap and unwrap, segment streams and digests. No I/O, no async.

mod checksum;

pub use checksum::{ChecksumAlgorithm, ChecksumValue};
