//! What bucket keys save: requests to the KMS for each million objects written, with and without them, and what that means
//! in time where the key provider takes 5 ms for a call. Through the real service, over a store in memory.
//!
//! ```text
//! cargo bench -p strongroom-sse --bench bucket_keys [-- OBJECTS REQUESTERS BUCKETS WRITERS]
//! ```
//!
//! The clock of the bucket keys stands still, so that a run is one life of each: R requesters in B buckets take R × B
//! requests, and as many again for each life that begins in a longer run (docs/operations.md, "Bucket keys"). Calls to the
//! provider are counted where it is asked.

#![allow(
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "shared with the tests, which use all of it"
)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a benchmark reports by printing")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../tests/bucket_keys/audit_log.rs"]
mod audit_log;
#[path = "../tests/bucket_keys/setup.rs"]
mod setup;

use setup::{Room, user};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use strongroom_sse::{EtagRule, WantedDigests};
use testkit::SeededEntropy;

const CALL: Duration = Duration::from_millis(5);
const BODY: [u8; 4096] = [7; 4096];

/// What is written, and by how many at once.
struct Load {
    objects: u64,
    requesters: u8,
    buckets: u8,
    writers: u64,
}

/// What it took.
struct Took {
    requests: u64,
    calls: u64,
    seconds: f64,
}

fn main() {
    // `cargo test --benches` builds and runs this too, and does not say `--bench`.
    let mut objects = if std::env::args().any(|arg| arg == "--bench") { 100_000 } else { 1_000 };
    let mut given = std::env::args().skip(1).filter_map(|arg| arg.parse::<u64>().ok());
    objects = given.next().unwrap_or(objects);
    let few = |n: Option<u64>, otherwise: u8| n.map_or(otherwise, |n| u8::try_from(n.clamp(1, 255)).unwrap());
    let (requesters, buckets) = (few(given.next(), 10), few(given.next(), 10));
    let load = Load { objects, requesters, buckets, writers: given.next().unwrap_or(64).max(1) };
    println!(
        "{objects} objects of {} bytes from {requesters} requesters in {buckets} buckets, {} at once, {} ms a call",
        BODY.len(),
        load.writers,
        CALL.as_millis()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let through = runtime.block_on(measure(&load, true));
    let direct = runtime.block_on(measure(&load, false));
    for (name, took) in [("with bucket keys", &through), ("without bucket keys", &direct)] {
        println!(
            "{name:<20} {:>9} requests to the KMS {:>9} per million PUTs {:>9} calls to the provider {:>9.2} s",
            took.requests,
            took.requests * 1_000_000 / objects.max(1),
            took.calls,
            took.seconds
        );
    }
    println!("without : with       {:>9.1} x the time", direct.seconds / through.seconds);
}

async fn measure(load: &Load, bucket_key: bool) -> Took {
    let room = Arc::new(Room::new().await);
    let asked = |room: &Room| room.provider.wraps.load(Ordering::SeqCst) + room.provider.unwraps.load(Ordering::SeqCst);
    let (requests, calls) = (room.calls().0, asked(&room));
    *room.provider.pause.lock().unwrap() = Some(CALL);
    let users: Arc<Vec<_>> = Arc::new((0..load.requesters).map(user).collect());
    let next = Arc::new(AtomicU64::new(0));
    let (objects, requesters, buckets) = (load.objects, u64::from(load.requesters), u64::from(load.buckets));
    let began = Instant::now();
    let writers: Vec<_> = (0..load.writers)
        .map(|_| {
            let (room, users, next) = (Arc::clone(&room), Arc::clone(&users), Arc::clone(&next));
            tokio::spawn(async move {
                let entropy = SeededEntropy::new(1);
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= objects {
                        return;
                    }
                    let user = &users[usize::try_from(n % requesters).unwrap()];
                    let bucket = u8::try_from(n / requesters % buckets).unwrap();
                    let keys = room.keys(&room.cmk, user, bucket, n, bucket_key).await.unwrap();
                    let mut sealer = keys.sealer(&entropy, EtagRule::PlaintextMd5, WantedDigests::default());
                    let mut sealed = Vec::with_capacity(2 * BODY.len());
                    assert!(sealer.write(&BODY, &mut sealed).is_ok() && sealer.finish(&mut sealed).is_ok());
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    Took { requests: room.calls().0 - requests, calls: asked(&room) - calls, seconds }
}
