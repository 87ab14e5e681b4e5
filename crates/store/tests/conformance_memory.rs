//! The in-memory engines keep the promises of their seams.

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
