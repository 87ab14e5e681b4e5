//! Measures what the decisions in docs/decisions rest on: blobs past the page cache against blobs through it, and commits
//! per second by number of writers. `cargo run --release -p strongroom-store --example measure -- DIR`

#![allow(clippy::unwrap_used, reason = "a tool for developers; a failure ends it")]

use model::BlobId;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use strongroom_store::engine::files::FileBlobs;
use strongroom_store::engine::fjall::FjallStore;
use strongroom_store::engine::redb::RedbStore;
use strongroom_store::{BlobStore, Counters, MetaStore, Table, Transaction};
use testkit::SeededEntropy;

const PIECE_BYTES: usize = 65_552;
const MIB: usize = 1 << 20;

fn main() {
    let dir = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(dir).unwrap();
    blobs(dir.path());
    let fjall = FjallStore::open(&dir.path().join("meta")).unwrap();
    commits("fjall", &fjall, &fjall.counters());
    let redb = RedbStore::open(&dir.path().join("meta.redb")).unwrap();
    commits("redb", &redb, &redb.counters());
}

/// CPU time of the process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn report(what: &str, bytes: usize, times: usize, start: (Instant, Duration)) {
    let (wall, cpu) = (start.0.elapsed().as_secs_f64(), (cpu() - start.1).as_secs_f64());
    let gib = (bytes * times) as f64 / 1e9;
    println!(
        "{what:40} {:8.1} blobs/s {:6.2} GB/s {:6.2} GB per CPU second",
        times as f64 / wall,
        gib / wall,
        gib / cpu
    );
}

fn blobs(dir: &Path) {
    let store = FileBlobs::open(&dir.join("blobs")).unwrap();
    let entropy = SeededEntropy::new(1);
    let piece = vec![7; PIECE_BYTES];
    for (bytes, times) in [(64 << 10, 500), (MIB, 200), (64 * MIB, 12)] {
        for _ in 0..2 {
            let start = (Instant::now(), cpu());
            let mut ids = Vec::new();
            for _ in 0..times {
                let id = BlobId::random(&entropy);
                let mut writer = store.create(id).unwrap();
                let mut left = bytes;
                while left > 0 {
                    let len = left.min(PIECE_BYTES);
                    writer.append(len, &mut |out| out.copy_from_slice(&piece[..len])).unwrap();
                    left -= len;
                }
                writer.finish().unwrap();
                ids.push(id);
            }
            report(&format!("{} KiB past the page cache", bytes >> 10), bytes, times, start);
            ids.into_iter().for_each(|id| store.delete(id).unwrap());

            let buffered = dir.join("buffered");
            std::fs::create_dir_all(&buffered).unwrap();
            let directory = File::open(&buffered).unwrap();
            let start = (Instant::now(), cpu());
            for n in 0..times {
                let (open, done) = (buffered.join(format!("open{n}")), buffered.join(format!("done{n}")));
                let mut file = File::create(&open).unwrap();
                let mut left = bytes;
                while left > 0 {
                    let len = left.min(PIECE_BYTES);
                    file.write_all(&piece[..len]).unwrap();
                    left -= len;
                }
                file.sync_data().unwrap();
                std::fs::rename(open, done).unwrap();
                directory.sync_all().unwrap();
            }
            report(&format!("{} KiB through the page cache", bytes >> 10), bytes, times, start);
            std::fs::remove_dir_all(buffered).unwrap();
        }
    }
}

fn commits(engine: &str, store: &dyn MetaStore, counters: &Counters) {
    for writers in [1, 32] {
        let (commits, syncs) = (counters.commits_total(), counters.syncs_total());
        let start = (Instant::now(), cpu());
        let end = start.0 + Duration::from_secs(3);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let write = |w: u64| async move {
                let entropy = SeededEntropy::new(w);
                while Instant::now() < end {
                    let mut transaction = Transaction::new();
                    transaction.put(Table::Current, entropy.below(u64::MAX).to_be_bytes().repeat(8), vec![1; 300]);
                    store.commit(transaction).await.unwrap();
                }
            };
            let mut all: Vec<_> = (0..writers).map(|w| Box::pin(write(w))).collect();
            std::future::poll_fn(|cx| {
                all.retain_mut(|one| std::future::Future::poll(one.as_mut(), cx).is_pending());
                if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        });
        let done = counters.commits_total() - commits;
        let (wall, cpu) = (start.0.elapsed().as_secs_f64(), (cpu() - start.1).as_secs_f64());
        println!(
            "{engine}, {writers} writers: {:8.0} commits/s, {:5.1} per synchronisation, {:5.1} µs CPU each",
            done as f64 / wall,
            done as f64 / (counters.syncs_total() - syncs) as f64,
            cpu / done as f64 * 1e6
        );
    }
}
