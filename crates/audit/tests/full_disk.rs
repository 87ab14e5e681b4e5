//! A disk without room: nobody is told that an event is on the log, nothing half-written stays, and it recovers by itself.
//! Needs the right to mount a file system; without it each test says so and ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod support;

use std::sync::Arc;
use strongroom_audit::{AuditTrail, LogConfig};
use support::*;
use testkit::{SmallDisk, TestClock};

#[test]
fn a_full_disk_refuses_and_is_forgotten_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let (dir, clock) = (disk.path().join("audit"), Arc::new(TestClock::default()));
    let log = open(config(&dir), &clock);
    record(&log, 0).unwrap();
    disk.leave_free(0);
    assert!(!log.is_refusing(), "nothing is known of it yet");
    // What is left in the last page of the segment is used up first.
    let written = (1..100).take_while(|n| record(&log, *n).is_ok()).count();
    assert!(written < 60, "{written} events on a full disk");
    assert!(record(&log, 100).is_err() && record(&log, 101).is_err());
    assert_eq!((log.counters().refused_total(), log.is_refusing()), (3, true));
    let report = verified(&dir);
    assert!(report.is_sound() && report.torn_bytes == 0, "no part of a line stays: {report:?}");
    assert_eq!(report.events, written as u64 + 1);
    disk.free_all();
    record(&log, 200).unwrap();
    assert!(!log.is_refusing(), "known at once when it goes on");
    log.close();
    let report = verified(&dir);
    assert!(report.is_sound() && report.closed, "{report:?}");
    assert_eq!((report.events, report.missing_events), (written as u64 + 2, 3), "the gap is on the log");
}

#[test]
fn where_the_log_is_not_required_use_goes_on_and_the_gap_is_told() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let (dir, clock) = (disk.path().join("audit"), Arc::new(TestClock::default()));
    let log = open(LogConfig { required: false, ..config(&dir) }, &clock);
    disk.leave_free(0);
    (1..=100).for_each(|n| record(&log, n).unwrap());
    let lost = log.counters().lost_total();
    assert!(lost > 40 && log.counters().refused_total() == 0, "{lost}");
    assert!(log.counters().is_failing() && !log.is_refusing());
    disk.free_all();
    record(&log, 200).unwrap();
    log.close();
    let report = verified(&dir);
    assert_eq!((report.is_sound(), report.missing_events, report.events), (true, lost, 101 - lost));
}

#[test]
fn a_full_disk_at_the_start_does_not_keep_the_log_from_being_opened() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let (dir, clock) = (disk.path().join("audit"), Arc::new(TestClock::default()));
    let log = open(config(&dir), &clock);
    // A page that is almost full, so that the first checkpoint of the next start has no room in it.
    while std::fs::metadata(dir.join("00000001.log")).unwrap().len() % 4096 < 2700 {
        record(&log, 0).unwrap();
    }
    log.close();
    let events = log.counters().events_total();
    drop(log);
    disk.leave_free(0);
    let log = open(config(&dir), &clock);
    let _ = record(&log, 1);
    assert!(record(&log, 2).is_err());
    disk.free_all();
    record(&log, 3).unwrap();
    log.close();
    let report = verified(&dir);
    assert!(report.is_sound() && report.events > events, "{report:?}");
}
