//! `kill -9` in the middle of commits, again and again on the same directory: what was acknowledged is there, nothing is
//! there by half, and the same holds for blobs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod common;

use model::BlobId;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use strongroom_store::engine::files::FileBlobs;
use strongroom_store::engine::fjall::FjallStore;
use strongroom_store::engine::redb::RedbStore;
use strongroom_store::{BlobStore, DirLock, MetaStore, Table, Transaction};
use testkit::SeededEntropy;
use testkit::conformance::blob;

const ROUNDS: u64 = 10;
const WRITERS: u64 = 4;
const TABLES: [Table; 3] = [Table::Current, Table::Versions, Table::Inline];

/// What the child is told: `engine directory first-number`.
const CHILD: &str = "STRONGROOM_CRASH_CHILD";

fn open(engine: &str, dir: &Path) -> Arc<dyn MetaStore> {
    match engine {
        "fjall" => Arc::new(FjallStore::open(&dir.join("meta")).unwrap()),
        "redb" => Arc::new(RedbStore::open(&dir.join("meta.redb")).unwrap()),
        other => panic!("no engine {other}"),
    }
}

/// The value of row `n` in a table: different for each, up to 8 KiB, so that batches span pages.
fn value(table: Table, n: u64) -> Vec<u8> {
    blob::content(n * 64 + u64::from(table.id()), usize::try_from(n * 997 % 8_192).unwrap())
}

fn blob_id(n: u64) -> BlobId {
    BlobId::random(&SeededEntropy::new(n))
}

fn blob_content(n: u64) -> Vec<u8> {
    blob::content(n, usize::try_from(n * 7_919 % 300_000).unwrap())
}

/// Writes until it is killed: each transaction sets the same number in three tables and counts up a fourth row; every
/// eighth number is also a blob. A line on standard output is an acknowledgement.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let [engine, dir, first] = order.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{order}") };
    let dir = Path::new(dir);
    let _lock = DirLock::acquire(dir).unwrap();
    let store = open(engine, dir);
    let blobs = FileBlobs::open(&dir.join("blobs")).unwrap();
    let next = AtomicU64::new(first.parse().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n.is_multiple_of(8) {
                        blob::write(&blobs, blob_id(n), &blob_content(n), 65_552);
                        if n.is_multiple_of(16) {
                            blobs.confirm(blob_id(n)).unwrap();
                        }
                        acknowledge(&format!("b {n}"));
                    }
                    let mut transaction = Transaction::new();
                    for table in TABLES {
                        transaction.put(table, n.to_be_bytes().to_vec(), value(table, n));
                    }
                    testkit::block_on(store.commit(transaction)).unwrap();
                    acknowledge(&format!("m {n}"));
                }
            });
        }
    });
}

fn acknowledge(line: &str) {
    // Past the harness's own buffers: a line is there or not.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

/// Runs the child until `lines` acknowledgements have been read, then kills it; returns all that were printed.
fn run_and_kill(engine: &str, dir: &Path, first: u64, lines: u64) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, format!("{engine} {} {first}", dir.display()));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut acknowledged = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("m ") || line.starts_with("b ") {
            acknowledged.push(line);
        }
        if acknowledged.len() as u64 >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(killed, "the child ended by itself");
    acknowledged
}

fn kill_and_recover(engine: &str) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path();
    let entropy = SeededEntropy::new(99);
    let (mut rows, mut blobs) = (BTreeSet::new(), BTreeSet::new());
    let mut first = 1;
    for round in 0..ROUNDS {
        for line in run_and_kill(engine, dir, first, 20 + entropy.below(150)) {
            let n: u64 = line[2..].parse().unwrap();
            let set = if line.starts_with('m') { &mut rows } else { &mut blobs };
            assert!(set.insert(n), "{line} twice");
        }
        let lock = DirLock::acquire(dir).unwrap();
        let store = open(engine, dir);
        check_rows(&*store, &rows, round);
        check_blobs(&FileBlobs::open(&dir.join("blobs")).unwrap(), &blobs, round);
        drop((store, lock));
        first = rows.iter().chain(&blobs).max().unwrap() + WRITERS + 1;
    }
    println!("{engine}: {} commits and {} blobs acknowledged in {ROUNDS} rounds", rows.len(), blobs.len());
}

fn check_rows(store: &dyn MetaStore, acknowledged: &BTreeSet<u64>, round: u64) {
    let snapshot = store.snapshot();
    let present = TABLES.map(|table| {
        let mut numbers = BTreeSet::new();
        let scanned = snapshot.scan(table, b"", None, &mut |key, found| {
            let n = u64::from_be_bytes(key.try_into().unwrap());
            assert!(found == value(table, n), "round {round}: value {n} of {table:?}");
            numbers.insert(n)
        });
        scanned.unwrap();
        numbers
    });
    assert_eq!(present[0], present[1], "round {round}: a transaction by half");
    assert_eq!(present[0], present[2], "round {round}: a transaction by half");
    let lost: Vec<_> = acknowledged.difference(&present[0]).collect();
    assert!(lost.is_empty(), "round {round}: lost {lost:?}");
    // At most what each writer was about when it was killed, in every round so far.
    let unacknowledged = present[0].difference(acknowledged).count() as u64;
    assert!(unacknowledged <= WRITERS * (round + 1), "{unacknowledged} rows nobody was told of");
}

fn check_blobs(blobs: &FileBlobs, acknowledged: &BTreeSet<u64>, round: u64) {
    for n in acknowledged {
        assert!(
            blob::read(blobs, blob_id(*n)).is_some_and(|found| found == blob_content(*n)),
            "round {round}: blob {n}"
        );
    }
    let mut confirmed = 0;
    blobs.each(&mut |_, _| confirmed += 1).unwrap();
    let all = confirmed + blobs.pending().unwrap().len() as u64;
    assert!(all - acknowledged.len() as u64 <= WRITERS * (round + 1), "round {round}: {all} blobs");
}

#[test]
fn fjall_keeps_what_it_acknowledged() {
    kill_and_recover("fjall");
}

#[test]
fn redb_keeps_what_it_acknowledged() {
    kill_and_recover("redb");
}
