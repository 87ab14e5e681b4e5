//! The log through its life: events, checkpoints, segments, retention, crashes, and what it refuses to go on with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod support;

use std::fs;
use std::sync::Arc;
use strongroom_audit::{Entries, Kind, LogConfig, OpenError, SyncMode, VerifyOptions, verify};
use support::*;
use testkit::TestClock;

fn values(dir: &std::path::Path) -> Vec<serde_json::Value> {
    let mut entries = Entries::open(dir).unwrap();
    std::iter::from_fn(|| entries.next_line().unwrap()).map(|e| serde_json::from_slice(&e.raw).unwrap()).collect()
}

fn reasons(dir: &std::path::Path) -> Vec<String> {
    values(dir).iter().filter_map(|line| line["reason"].as_str().map(str::to_owned)).collect()
}

fn damage(result: Result<strongroom_audit::AuditLog, OpenError>) -> Kind {
    match result {
        Err(OpenError::Damaged { kind, .. }) => kind,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the log was opened"),
    }
}

#[test]
fn events_stand_on_the_log_when_record_returns_and_the_chain_goes_on_after_a_restart() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(config(dir.path()), &clock);
    for n in 1..=3 {
        record(&log, n).unwrap();
        assert_eq!(values(dir.path()).last().unwrap()["request_id"], format!("request-{n}"));
    }
    assert_eq!((log.head().seq, log.counters().events_total()), (4, 3));
    log.close();
    assert!(record(&log, 4).is_err(), "a closed log takes nothing");
    let log = open(config(dir.path()), &clock);
    record(&log, 5).unwrap();
    drop(log);
    let report = verified(dir.path());
    assert!(report.is_sound() && report.closed, "{report:?}");
    assert_eq!((report.events, report.checkpoints, report.last.seq), (4, 4, 8));
    assert_eq!(reasons(dir.path()), ["begin", "stop", "start", "stop"]);
    let all = values(dir.path());
    assert!(all.iter().zip(1..).all(|(line, seq)| line["seq"] == seq));
    assert!(all.windows(2).all(|pair| pair[1]["prev"] == pair[0]["hash"]));
}

#[test]
fn many_writers_share_writes_and_none_is_missing() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = Arc::new(open(config(dir.path()), &clock));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || (0..20).for_each(|n| record(&log, writer * 100 + n).unwrap()))
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(log.counters().events_total(), 320);
    assert!(log.counters().batches_total() < 320, "16 at a time, and never two in one batch");
    log.close();
    let all = values(dir.path());
    for writer in 0..16 {
        let own: Vec<u64> = all
            .iter()
            .filter_map(|line| line["request_id"].as_str()?.strip_prefix("request-")?.parse().ok())
            .filter(|n| n / 100 == writer)
            .collect();
        assert_eq!(own, (0..20).map(|n| writer * 100 + n).collect::<Vec<u64>>(), "in the order of its calls");
    }
    assert!(verified(dir.path()).is_sound());
}

#[test]
fn checkpoints_come_by_events_and_by_time() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(LogConfig { checkpoint_events: 2, ..config(dir.path()) }, &clock);
    (0..4).for_each(|n| record(&log, n).unwrap());
    clock.advance_millis(5 * 60 * 1000);
    record(&log, 4).unwrap();
    log.close();
    assert_eq!(reasons(dir.path()), ["begin", "events", "events", "time", "stop"]);
    assert!(verified(dir.path()).is_sound());
}

#[test]
fn segments_end_by_size_and_age_and_retention_says_what_it_removes() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let kept = 1000;
    let small = LogConfig { segment_bytes_max: 3000, retention_millis: Some(kept), ..config(dir.path()) };
    let log = open(small.clone(), &clock);
    (0..12).for_each(|n| record(&log, n).unwrap());
    log.close();
    let before = verified(dir.path());
    assert!(before.is_sound() && before.segments >= 3 && before.events == 12, "{before:?}");
    clock.advance_millis(kept + 1);
    let log = open(small.clone(), &clock);
    let last = before.segments;
    assert!(!dir.path().join("00000001.log").exists() && dir.path().join(format!("{last:08}.log")).exists());
    assert_eq!(reasons(dir.path()).last().unwrap(), "retention");
    log.close();
    let after = verified(dir.path());
    assert!(after.is_sound() && after.first.unwrap().seq > 1, "{after:?}");

    let by_age = LogConfig { segment_age_millis_max: 60_000, ..config(dir.path()) };
    let log = open(by_age, &clock);
    clock.advance_millis(60_000);
    record(&log, 20).unwrap();
    log.close();
    assert!(dir.path().join(format!("{:08}.log", last + 1)).exists());
    assert!(verified(dir.path()).is_sound());

    // Whatever the server did not remove itself is missed.
    fs::remove_file(dir.path().join(format!("{last:08}.log"))).unwrap();
    assert_eq!(verified(dir.path()).findings[0].kind, Kind::MissingSegment);
}

#[test]
fn retention_goes_on_where_a_segment_is_missing_damaged_or_not_of_this_log() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let name = |n: u64| dir.path().join(format!("{n:08}.log"));
    let small = LogConfig { segment_bytes_max: 3000, ..config(dir.path()) };
    let log = open(small.clone(), &clock);
    (0..24).for_each(|n| record(&log, n).unwrap());
    log.close();
    let last = verified(dir.path()).segments;
    assert!(last >= 6, "{last}");
    fs::remove_file(name(2)).unwrap();
    let mut damaged = fs::read(name(4)).unwrap();
    damaged[20] ^= 1;
    fs::write(name(4), damaged).unwrap();
    clock.advance_millis(1001);
    let kept = LogConfig { retention_millis: Some(1000), ..small };
    open(kept.clone(), &clock).close();
    assert!((1..last).all(|n| !name(n).exists()) && name(last).exists());
    assert!(verified(dir.path()).is_sound(), "{:?}", verified(dir.path()));

    // A file of another log is no end for what is before it, and goes when its number's time is over.
    let other = tempfile::tempdir().unwrap();
    let later = Arc::new(TestClock::default());
    later.advance_millis(1_000_000_000);
    open(config(other.path()), &later).close();
    fs::copy(other.path().join("00000001.log"), name(2)).unwrap();
    fs::write(name(1), b"stray").unwrap();
    open(kept, &clock).close();
    assert!(!name(1).exists() && !name(2).exists() && verified(dir.path()).is_sound());
}

#[test]
fn a_directory_open_to_others_or_a_file_that_is_a_link_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (outer, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let dir = outer.path().join("log");
    open(config(&dir), &clock).close();
    for mode in [0o750, 0o701, 0o720] {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
        let refused = try_open(LogConfig::new(dir.clone()), &clock, SEED).err().unwrap().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    let elsewhere = outer.path().join("elsewhere");
    for file in ["head", "00000001.log"] {
        fs::rename(dir.join(file), &elsewhere).unwrap();
        symlink(&elsewhere, dir.join(file)).unwrap();
        assert!(matches!(try_open(config(&dir), &clock, SEED), Err(OpenError::Io(_))), "{file}");
        fs::rename(&elsewhere, dir.join(file)).unwrap();
    }
    open(config(&dir), &clock).close();
}

#[test]
fn every_image_a_crash_may_leave_verifies_and_is_gone_on_with() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(LogConfig { segment_bytes_max: 4000, ..config(dir.path()) }, &clock);
    let out = tempfile::tempdir().unwrap();
    for n in 0..12 {
        // The log before this event, and with the event and without its head.
        let (before, cut) = (out.path().join(format!("{n}")), out.path().join(format!("{n}-cut")));
        copy(dir.path(), &before);
        record(&log, n).unwrap();
        copy(dir.path(), &cut);
        fs::copy(before.join("head"), cut.join("head")).unwrap();
        for image in [&before, &cut] {
            let report = verified(image);
            assert!(report.is_sound() && !report.closed, "{n}: {report:?}");
        }
        let torn = out.path().join(format!("{n}-torn"));
        copy(&cut, &torn);
        let newest = fs::read_dir(&torn).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some()).max();
        let newest = newest.unwrap();
        let bytes = fs::read(&newest).unwrap();
        let last = lines(&newest).last().unwrap().len();
        if bytes.len() > last {
            fs::write(&newest, &bytes[..bytes.len() - last / 2]).unwrap();
            let report = verified(&torn);
            assert!(report.is_sound() && report.torn_bytes > 0, "{n}: {report:?}");
        }
        for image in [before, cut, torn] {
            let again = open(config(&image), &clock);
            record(&again, 100).unwrap();
            again.close();
            let report = verified(&image);
            assert!(report.is_sound() && report.closed, "{}: {report:?}", image.display());
        }
    }
}

#[test]
fn lines_that_no_head_named_are_named_by_the_next_start() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(config(dir.path()), &clock);
    record(&log, 1).unwrap();
    let head = fs::read(dir.path().join("head")).unwrap();
    record(&log, 2).unwrap();
    let image = tempfile::tempdir().unwrap();
    copy(dir.path(), image.path());
    fs::write(image.path().join("head"), head).unwrap();
    assert_eq!(verified(image.path()).tail_lines, 1);
    open(config(image.path()), &clock).close();
    let report = verified(image.path());
    assert!(report.is_sound());
    assert_eq!((report.unsigned, report.tail_lines), (vec![(3, 3)], 0));
}

#[test]
fn a_log_that_is_older_than_its_head_missing_or_changed_is_not_gone_on_with() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(config(dir.path()), &clock);
    (0..3).for_each(|n| record(&log, n).unwrap());
    assert!(matches!(try_open(config(dir.path()), &clock, SEED), Err(OpenError::InUse)), "one writer at a time");
    log.close();
    let segment = dir.path().join("00000001.log");
    let whole = fs::read(&segment).unwrap();
    let all = lines(&segment);
    let good_head = fs::read(dir.path().join("head")).unwrap();
    let exists = || LogConfig { must_exist: true, ..config(dir.path()) };
    let tamper: [(&str, Kind, Vec<u8>); 4] = [
        ("cut", Kind::Truncated, all[..all.len() - 1].concat()),
        ("cut in a line", Kind::Truncated, whole[..whole.len() - 10].to_vec()),
        ("changed", Kind::Changed, whole.iter().enumerate().map(|(n, b)| if n == 400 { b ^ 1 } else { *b }).collect()),
        ("line removed", Kind::Removed, [&all[..2], &all[3..]].concat().concat()),
    ];
    for (name, kind, bytes) in tamper {
        fs::write(&segment, bytes).unwrap();
        assert_eq!(damage(try_open(exists(), &clock, SEED)), kind, "{name}");
        assert_eq!(verified(dir.path()).findings[0].kind, kind, "{name}");
    }
    fs::write(&segment, &whole).unwrap();
    assert_eq!(damage(try_open(exists(), &clock, 2)), Kind::BadHead, "another directory's key");
    fs::remove_file(dir.path().join("head")).unwrap();
    assert_eq!(damage(try_open(exists(), &clock, SEED)), Kind::BadHead);
    fs::write(dir.path().join("head"), &good_head).unwrap();
    fs::remove_file(&segment).unwrap();
    assert_eq!(damage(try_open(exists(), &clock, SEED)), Kind::Truncated);
    fs::remove_file(dir.path().join("head")).unwrap();
    assert!(matches!(try_open(exists(), &clock, SEED), Err(OpenError::Missing)));
}

#[test]
fn an_accepted_loss_stays_to_be_seen_and_what_follows_is_verified() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(config(dir.path()), &clock);
    (0..5).for_each(|n| record(&log, n).unwrap());
    log.close();
    let segment = dir.path().join("00000001.log");
    let all = lines(&segment);
    fs::write(&segment, all[..4].concat()).unwrap();
    let accepting = || LogConfig { must_exist: true, accept_loss: true, ..config(dir.path()) };
    let log = open(accepting(), &clock);
    record(&log, 9).unwrap();
    log.close();
    assert_eq!(lines(&segment), all[..4], "what is there stays as it is");
    let report = verified(dir.path());
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!((report.findings[0].kind, report.findings[0].seq), (Kind::Lost, Some(5)));
    assert_eq!(report.last.seq, 10, "begin 8, event 9, stop 10: numbers of lines that are gone are not used again");
    // Accepting once is enough, and tampering with what follows is found.
    open(config(dir.path()), &clock).close();
    let second = dir.path().join("00000002.log");
    let mut bytes = fs::read(&second).unwrap();
    let at = bytes.len() - 300;
    bytes[at] ^= 1;
    fs::write(&second, bytes).unwrap();
    assert_eq!(verified(dir.path()).findings.len(), 2);

    for name in ["00000001.log", "00000002.log", "head"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let log = open(accepting(), &clock);
    record(&log, 1).unwrap();
    log.close();
    assert_eq!(verified(dir.path()).findings[0].kind, Kind::Lost, "a log that was begun anew says so");
}

#[test]
fn an_old_copy_is_found_by_a_head_kept_elsewhere() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(config(dir.path()), &clock);
    record(&log, 1).unwrap();
    let old = tempfile::tempdir().unwrap();
    copy(dir.path(), old.path());
    record(&log, 2).unwrap();
    let noted = log.head();
    let (shown, _) = strongroom_audit::head(dir.path(), Some(key())).unwrap();
    assert_eq!(shown, noted);
    let expecting = |dir: &std::path::Path, mark| {
        let options = VerifyOptions { public_key: Some(key()), expect_head: Some(mark) };
        verify(dir, options, &mut |_| ()).unwrap().findings.first().map(|finding| finding.kind)
    };
    assert!(verified(old.path()).is_sound(), "nothing in it tells that it is old");
    assert_eq!(expecting(old.path(), noted), Some(Kind::UnexpectedHead));
    assert_eq!(expecting(dir.path(), noted), None);
    record(&log, 3).unwrap();
    assert_eq!(expecting(dir.path(), noted), None, "the line stays");
    let other = strongroom_audit::Mark { seq: noted.seq, hash: [0; 32] };
    assert_eq!(expecting(dir.path(), other), Some(Kind::UnexpectedHead));
}

#[test]
fn with_sync_written_the_disk_is_synchronised_at_checkpoints_only() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let log = open(LogConfig { sync: SyncMode::Written, ..config(dir.path()) }, &clock);
    let before = log.counters().syncs_total();
    (0..20).for_each(|n| record(&log, n).unwrap());
    assert_eq!(log.counters().syncs_total(), before);
    assert_eq!(values(dir.path()).len(), 21, "and all of it is in the file");
    log.close();
    assert!(log.counters().syncs_total() > before && verified(dir.path()).is_sound());
}
