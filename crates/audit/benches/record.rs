//! What an event costs: its line alone, and on the log with one and with 32 writers, synchronised and handed to the kernel.
//!
//! `cargo bench -p strongroom-audit`. Nothing is asserted: figures of a shared machine prove nothing alone.
//! The log is written below `TMPDIR`; set it to a directory of the disk in question.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up has nothing to say")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Instant;
use strongroom_audit::{AuditTrail, LogConfig, SyncMode};
use support::{TestSigner, config, event};
use testkit::{SeededEntropy, TestClock};

const ROUNDS: usize = 5;

/// Best time of the rounds, in seconds.
fn best(mut round: impl FnMut() -> f64) -> f64 {
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn log(name: &str, sync: SyncMode, writers: u64, events: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let seconds = best(|| {
        let dir = tempfile::tempdir().unwrap();
        let settings = LogConfig { sync, ..config(dir.path()) };
        let clock = Arc::new(TestClock::default());
        let log =
            strongroom_audit::AuditLog::open(settings, TestSigner::new(1), clock, &SeededEntropy::new(1)).unwrap();
        let log = Arc::new(log);
        let start = Instant::now();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..writers)
                .map(|_| {
                    let log = Arc::clone(&log);
                    tokio::spawn(async move {
                        for n in 0..events / writers {
                            log.record(event(n)).await.unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        start.elapsed().as_secs_f64()
    });
    let each = seconds / events as f64;
    println!("{name:<44} {:>9.0} events/s {:>9.1} us each", 1.0 / each, each * 1e6 * writers as f64);
}

fn main() {
    log("written, 1 writer", SyncMode::Written, 1, 20_000);
    log("written, 32 writers", SyncMode::Written, 32, 64_000);
    log("each, 1 writer", SyncMode::Each, 1, 500);
    log("each, 32 writers", SyncMode::Each, 32, 6_400);
}
