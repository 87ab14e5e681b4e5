//! The file engine keeps the promises of the blob seam.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

use std::sync::Arc;
use strongroom_store::BlobStore;
use strongroom_store::engine::files::FileBlobs;

#[test]
fn blobs() {
    let root = tempfile::tempdir().unwrap();
    let fresh = || {
        let dir = tempfile::tempdir_in(root.path()).unwrap().keep();
        Arc::new(FileBlobs::open(&dir).unwrap()) as Arc<dyn BlobStore>
    };
    testkit::conformance::blob::run(&fresh);
}
