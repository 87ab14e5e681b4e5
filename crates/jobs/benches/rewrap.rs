//! How many objects a rewrap job does per second, over the store in memory and over the real one on the disk under the
//! system's directory for temporary files:
//!
//! ```text
//! cargo bench -p strongroom-jobs --bench rewrap [-- OBJECTS]
//! ```
//!
//! Direct wraps are done one by one; what goes through one bucket key is done with one row, whatever their number. Before, all
//! that needs the CMK is counted from the index, as `strongroom kms impact` does.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark reports by printing")]

#[path = "../tests/support/mod.rs"]
mod support;

use jobs::rewrap::{JobState, RewrapWish};
use std::sync::Arc;
use std::time::Instant;
use store::MetaStore;
use store::engine::fjall::FjallStore;
use store::engine::memory::MemoryStore;
use strongroom_jobs as jobs;
use support::*;

fn main() {
    // `cargo test --benches` builds and runs this too: it is given no number then.
    let objects: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next_back().unwrap_or(200);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        measure("in memory", Arc::new(MemoryStore::new()), objects).await;
        let dir = tempfile::tempdir().unwrap();
        measure("on disk", Arc::new(FjallStore::open(dir.path()).unwrap()), objects).await;
    });
}

async fn measure(label: &str, meta: Arc<dyn MetaStore>, objects: u64) {
    let w = Arc::new(World::over(meta).await);
    let (bucket, cmk, other) = (w.bucket("bucket").await, w.cmk().await, w.cmk().await);
    let mut writers = Vec::new();
    for writer in 0..32 {
        let (w, bucket, cmk) = (Arc::clone(&w), bucket.clone(), cmk.clone());
        writers.push(tokio::spawn(async move {
            for i in (writer..objects).step_by(32) {
                w.put(&bucket, &format!("direct/{i}"), &How::Kms(cmk.clone()), b"x").await;
                w.put(&bucket, &format!("through/{i}"), &How::BucketKey(cmk.clone()), b"x").await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let began = Instant::now();
    let (needing, _, _) = w.needs(&cmk, None).await;
    println!(
        "{label}: what needs the CMK, {needing} objects, counted in {:.1} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    w.rotate(&cmk).await;
    report(label, "newest version", &w, of(&cmk)).await;
    report(label, "another CMK", &w, RewrapWish { to: Some(other.to_arn()), ..of(&cmk) }).await;
}

async fn report(label: &str, what: &str, w: &World, wish: RewrapWish) {
    let began = Instant::now();
    let job = w.rewrap(wish).await.record;
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!((job.state, job.counts.failed), (JobState::Done, 0));
    let (objects, served) = (job.counts.objects, job.totals.served);
    println!(
        "{label}, onto {what}: {objects} objects and {} bucket keys (in place of {served} objects) in {seconds:.2} s: \
         {:.0} objects/s",
        job.counts.bucket_keys,
        objects as f64 / seconds
    );
}
