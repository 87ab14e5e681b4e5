//! The log's format, held by files: `vectors/audit` is a log as format version 1 writes it.
//!
//! To write it anew after a change of format: `STRONGROOM_WRITE_GOLDEN=1 cargo test -p strongroom-audit --test golden`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod support;

use model::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strongroom_audit::{AuditTrail, Event, EventKind, LogConfig, ObjectNamed, Outcome, Who};
use support::*;
use testkit::{TestClock, block_on};

const FILES: [&str; 4] = ["00000001.log", "00000002.log", "head", "public-key"];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/audit")
}

/// The same log in every run: clock, randomness and key are the tests' own.
fn write(dir: &Path) {
    let clock = Arc::new(TestClock::default());
    let log = open(LogConfig { segment_bytes_max: 2400, ..config(dir) }, &clock);
    record(&log, 1).unwrap();
    let access = Event {
        time: Timestamp::from_millis(1_709_209_815_007),
        kind: EventKind::ObjectAccess,
        operation: "GetObject",
        via: "obs",
        who: Who { principal: "anonymous".to_owned(), ..Who::default() },
        key: None,
        object: Some(ObjectNamed {
            bucket: "bucket".to_owned(),
            object: "\"tab\t\\ü\u{7f}".to_owned(),
            version: Some("null".to_owned()),
            method: "sse-kms",
            bucket_key: Some("ab".repeat(16)),
        }),
        context: Vec::new(),
        outcome: Outcome::Ok,
        error: None,
        details: vec![("status", "200".to_owned())],
        ..event(2)
    };
    block_on(log.record(access)).unwrap();
    clock.advance_millis(5 * 60 * 1000);
    record(&log, 3).unwrap();
    log.close();
}

#[test]
fn the_log_is_written_as_the_golden_files_say() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    if std::env::var_os("STRONGROOM_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(vectors()).unwrap();
        for name in FILES {
            fs::copy(dir.path().join(name), vectors().join(name)).unwrap();
        }
    }
    for name in FILES {
        let (written, golden) = (fs::read(dir.path().join(name)).unwrap(), fs::read(vectors().join(name)).unwrap());
        assert_eq!(String::from_utf8(written), String::from_utf8(golden), "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), FILES.len());
}

#[test]
fn the_golden_files_verify_and_are_gone_on_with() {
    let report = verified(&vectors());
    assert!(report.is_sound() && report.closed && report.events == 3, "{report:?}");
    let dir = tempfile::tempdir().unwrap();
    copy(&vectors(), dir.path());
    let log = open(config(dir.path()), &Arc::new(TestClock::default()));
    record(&log, 4).unwrap();
    log.close();
    assert_eq!((verified(dir.path()).is_sound(), verified(dir.path()).events), (true, 4));
}
