//! The redb engine keeps the promises of the metadata seam.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod common;

use std::sync::Arc;
use strongroom_store::MetaStore;
use strongroom_store::engine::redb::RedbStore;

#[test]
fn meta() {
    let root = common::tempdir();
    let fresh = || {
        let dir = tempfile::tempdir_in(root.path()).unwrap().keep();
        Arc::new(RedbStore::open(&dir.join("meta.redb")).unwrap()) as Arc<dyn MetaStore>
    };
    testkit::conformance::meta::run(&fresh);
}
