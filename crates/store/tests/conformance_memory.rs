//! The in-memory engines keep the promises of their seams.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::sync::Arc;
use strongroom_store::engine::memory::MemoryStore;
use strongroom_store::engine::memory_blobs::MemoryBlobs;

#[test]
fn meta() {
    testkit::conformance::meta::run(&MemoryStore::shared);
}

#[test]
fn blobs() {
    testkit::conformance::blob::run(&|| Arc::new(MemoryBlobs::new()));
}
