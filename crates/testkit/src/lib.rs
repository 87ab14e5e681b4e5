//! Test harness: engines that fail on purpose, conformance suites, a seeded clock and entropy.
//!
//! For tests only, and therefore free to panic: whatever goes wrong in here is a failed test.

#![expect(clippy::expect_used, clippy::panic, reason = "a harness reports by panicking")]

mod clock;
pub mod conformance;
mod countdown;
mod entropy;
mod faulty_blobs;
mod faulty_meta;
mod small_disk;

pub use clock::TestClock;
pub use entropy::SeededEntropy;
pub use faulty_blobs::{BlobStage, FaultyBlobs};
pub use faulty_meta::FaultyMeta;
pub use small_disk::SmallDisk;

use std::future::Future;

/// Runs a future on a runtime of its own: for tests that are otherwise synchronous.
///
/// # Panics
///
/// When no runtime can be built, or within another runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a test runtime").block_on(future)
}
