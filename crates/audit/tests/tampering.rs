//! Every kind of tampering with a log is found, whoever does it, as long as they have not the signing key.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

mod support;

use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use strongroom_audit::{Kind, LogConfig, Report, VerifyOptions, verify};
use support::*;
use tempfile::TempDir;
use testkit::TestClock;

type Files = BTreeMap<String, Vec<u8>>;

/// A log of three segments, ended as it should.
static WHOLE: LazyLock<Files> = LazyLock::new(|| written(SEED, true));
/// The same, cut off under way.
static CUT_OFF: LazyLock<Files> = LazyLock::new(|| written(SEED, false));

const SEGMENTS: [&str; 3] = ["00000001.log", "00000002.log", "00000003.log"];

fn written(seed: u8, ends: bool) -> Files {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let settings = LogConfig { segment_bytes_max: 3000, checkpoint_events: 2, ..config(dir.path()) };
    let log = try_open(settings, &clock, seed).unwrap_or_else(|error| panic!("{error}"));
    (0..7).for_each(|n| record(&log, n).unwrap());
    if ends {
        log.close();
    }
    let files = read(dir.path());
    assert_eq!(files.keys().filter(|name| name.ends_with(".log")).count(), 3, "{:?}", files.keys());
    files
}

fn read(dir: &Path) -> Files {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

/// A directory to write logs to, over and over.
struct Bench(TempDir, RefCell<Files>);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), RefCell::default())
    }

    fn report(&self, files: &Files) -> Report {
        let mut there = self.1.replace(files.clone());
        for (name, content) in files {
            if there.remove(name).as_ref() != Some(content) {
                fs::write(self.0.path().join(name), content).unwrap();
            }
        }
        for name in there.keys() {
            fs::remove_file(self.0.path().join(name)).unwrap();
        }
        let options = VerifyOptions { public_key: Some(key()), expect_head: None };
        verify(self.0.path(), options, &mut |_| ()).unwrap()
    }

    /// What is found first: kind, file and line.
    fn found(&self, files: &Files) -> Option<(Kind, String, u64)> {
        self.report(files).findings.into_iter().next().map(|found| (found.kind, found.file, found.line))
    }

    fn kind(&self, files: &Files) -> Option<Kind> {
        self.found(files).map(|(kind, ..)| kind)
    }
}

fn with(files: &Files, name: &str, content: Vec<u8>) -> Files {
    let mut files = files.clone();
    files.insert(name.to_owned(), content);
    files
}

fn lines_of(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

#[test]
fn what_was_written_is_sound() {
    let bench = Bench::new();
    for files in [&*WHOLE, &*CUT_OFF] {
        let report = bench.report(files);
        assert!(report.is_sound() && report.events == 7 && report.tail_lines == 0, "{report:?}");
    }
}

#[test]
fn every_byte_that_is_changed_is_found() {
    let bench = Bench::new();
    for (files, step) in [(&*WHOLE, 1), (&*CUT_OFF, 7)] {
        for (name, content) in files.iter().filter(|(name, _)| *name != "public-key") {
            let padding = |at: usize| name == "head" && at % 4096 > 600 && at % 512 != 511;
            for at in (0..content.len()).rev().step_by(step).filter(|at| !padding(*at)) {
                let mut changed = content.clone();
                changed[at] ^= 1;
                let found = bench.found(&with(files, name, changed));
                let line = content[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
                match found {
                    None => panic!("byte {at} of {name}"),
                    Some((_, file, _)) if name == "head" => assert_eq!(file, "head", "byte {at}"),
                    // A line end that is changed joins two lines.
                    Some((_, file, found)) => assert_eq!((file, found), (name.clone(), line), "byte {at} of {name}"),
                }
            }
        }
    }
}

#[test]
fn every_line_that_is_removed_copied_or_moved_is_found() {
    let bench = Bench::new();
    for name in SEGMENTS {
        let content = &WHOLE[name];
        let all = lines_of(content);
        for at in 0..all.len() {
            let mut removed = all.clone();
            removed.remove(at);
            let kind = bench.kind(&with(&WHOLE, name, removed.concat()));
            let expected = match () {
                () if at + 1 < all.len() => &[Kind::Removed][..],
                () => &[Kind::Truncated],
            };
            assert!(kind.is_some_and(|kind| expected.contains(&kind)), "line {at} of {name} removed: {kind:?}");

            let mut copied = all.clone();
            copied.insert(at + 1, all[at]);
            let found = bench.found(&with(&WHOLE, name, copied.concat()));
            assert_eq!(found, Some((Kind::Inserted, name.to_owned(), at as u64 + 2)), "line {at} of {name} copied");

            if at + 1 < all.len() {
                let mut swapped = all.clone();
                swapped.swap(at, at + 1);
                let found = bench.found(&with(&WHOLE, name, swapped.concat()));
                let (kind, _, line) = found.unwrap_or_else(|| panic!("lines {at} and {} of {name} swapped", at + 1));
                let expected = if at == 0 { Kind::Removed } else { Kind::Reordered };
                assert_eq!((kind, line), (expected, at as u64 + 1), "{name}");
            }
            for (other, lines) in SEGMENTS.iter().map(|other| (other, lines_of(&WHOLE[*other]))) {
                let mut inserted = all.clone();
                inserted.insert(at, lines[lines.len() / 2]);
                assert!(bench.kind(&with(&WHOLE, name, inserted.concat())).is_some(), "{other} into {name} at {at}");
            }
        }
    }
}

#[test]
fn every_cut_is_found() {
    let bench = Bench::new();
    for (files, step) in [(&*WHOLE, 3), (&*CUT_OFF, 11)] {
        for name in SEGMENTS {
            let content = &files[name];
            let at_lines = (0..content.len()).filter(|end| *end == 0 || content[end - 1] == b'\n');
            for end in (0..content.len()).step_by(step).chain(at_lines) {
                let kind = bench.kind(&with(files, name, content[..end].to_vec()));
                assert_eq!(kind, Some(Kind::Truncated), "{name} cut at {end}");
            }
        }
        for end in (0..8192).step_by(61) {
            assert_eq!(bench.kind(&with(files, "head", files["head"][..end].to_vec())), Some(Kind::BadHead), "{end}");
        }
    }
}

#[test]
fn segments_that_are_removed_exchanged_or_added_are_found() {
    let bench = Bench::new();
    for name in SEGMENTS {
        let mut without = WHOLE.clone();
        without.remove(name);
        let expected = if name == SEGMENTS[2] { Kind::Truncated } else { Kind::MissingSegment };
        assert_eq!(bench.kind(&without), Some(expected), "{name}");
    }
    let only = |kept: &[&str]| {
        let mut files = WHOLE.clone();
        files.retain(|name, _| !name.ends_with(".log") || kept.contains(&name.as_str()));
        files
    };
    assert_eq!(bench.kind(&only(&SEGMENTS[2..])), Some(Kind::MissingSegment));
    assert_eq!(bench.kind(&only(&[])), Some(Kind::Truncated));
    let swapped = with(&with(&WHOLE, SEGMENTS[0], WHOLE[SEGMENTS[1]].clone()), SEGMENTS[1], WHOLE[SEGMENTS[0]].clone());
    assert_eq!(bench.kind(&swapped), Some(Kind::Reordered));
    let replayed = with(&WHOLE, SEGMENTS[1], WHOLE[SEGMENTS[0]].clone());
    assert_eq!(bench.kind(&replayed), Some(Kind::Reordered));
    let again = with(&WHOLE, "00000004.log", WHOLE[SEGMENTS[1]].clone());
    assert!(bench.kind(&again).is_some());
    let apart = with(&only(&SEGMENTS[..2]), "00000004.log", WHOLE[SEGMENTS[2]].clone());
    assert_eq!(bench.kind(&apart), Some(Kind::MissingSegment));
}

#[test]
fn heads_that_are_removed_or_old_are_found() {
    let bench = Bench::new();
    let mut without = WHOLE.clone();
    without.remove("head");
    assert_eq!(bench.found(&without), Some((Kind::BadHead, "head".to_owned(), 0)));
    // With the head of an earlier time, what was written since is an unsigned tail of more than a crash leaves, or is
    // signed by a checkpoint: then nothing is lost by it.
    let old = with(&WHOLE, "head", CUT_OFF["head"].clone());
    assert!(bench.report(&old).findings.is_empty(), "all lines after it are signed");
    // One slot of another time.
    let mixed = [&WHOLE["head"][..4096], &CUT_OFF["head"][4096..]].concat();
    assert_eq!(bench.kind(&with(&WHOLE, "head", mixed)), Some(Kind::BadHead));
    let exchanged = [&WHOLE["head"][4096..], &WHOLE["head"][..4096]].concat();
    assert_eq!(bench.kind(&with(&WHOLE, "head", exchanged)), Some(Kind::BadHead));
}

#[test]
fn the_log_of_another_data_directory_is_found() {
    let bench = Bench::new();
    let other = written(2, true);
    assert!(bench.kind(&other).is_some(), "all of it, public key included");
    for name in SEGMENTS.into_iter().chain(["head"]) {
        let kind = bench.kind(&with(&WHOLE, name, other[name].clone()));
        assert!(matches!(kind, Some(Kind::BadSignature | Kind::BadHead)), "{name}: {kind:?}");
    }
    // Signed by the same key, and another log all the same: only its id differs.
    let (dir, clock) = (tempfile::tempdir().unwrap(), Arc::new(TestClock::default()));
    let entropy = testkit::SeededEntropy::new(99);
    let log = strongroom_audit::AuditLog::open(config(dir.path()), TestSigner::new(SEED), clock, &entropy).unwrap();
    log.close();
    let sibling = read(dir.path());
    assert_eq!(bench.kind(&with(&sibling, "head", WHOLE["head"].clone())), Some(Kind::BadHead));
    assert!(bench.kind(&with(&WHOLE, SEGMENTS[0], sibling[SEGMENTS[0]].clone())).is_some());
}

/// Somebody who can compute hashes and has no key: the line and all that follow are made to chain again.
fn rechained(content: &[u8], from: usize, change: impl Fn(&str) -> String) -> Vec<u8> {
    use aws_lc_rs::digest::{SHA256, digest};
    let label = b"strongroom-audit-line-v1";
    let mut prev: Option<String> = None;
    let mut out = Vec::new();
    for (at, line) in lines_of(content).into_iter().enumerate() {
        let mut text = String::from_utf8(line.to_vec()).unwrap();
        if at == from {
            text = change(&text);
        }
        if let Some(prev) = &prev {
            let old = text.split("\"prev\":\"").nth(1).unwrap()[..64].to_owned();
            text = text.replacen(&old, prev, 1);
        }
        let (covered, _) = text.rsplit_once(",\"hash\":\"").unwrap();
        let hash = digest(&SHA256, &[&[label.len() as u8], &label[..], covered.as_bytes()].concat());
        let hash = data_encoding::HEXLOWER.encode(hash.as_ref());
        out.extend_from_slice(format!("{covered},\"hash\":\"{hash}\"}}\n").as_bytes());
        prev = (at >= from).then_some(hash);
    }
    out
}

#[test]
fn lines_that_are_rewritten_and_chained_again_are_found_by_the_next_signature() {
    let bench = Bench::new();
    for name in SEGMENTS {
        let content = &WHOLE[name];
        for (at, line) in lines_of(content).iter().enumerate() {
            if !line.windows(8).any(|piece| piece == b"\"denied\"") {
                continue;
            }
            let forged = rechained(content, at, |line| line.replace("\"denied\"", "\"ok\""));
            let (kind, file, found) = bench.found(&with(&WHOLE, name, forged)).unwrap_or_else(|| panic!("line {at}"));
            assert_eq!((kind, file.as_str()), (Kind::BadSignature, name));
            let signed = lines_of(content).iter().skip(at).position(|line| line.windows(9).any(|p| p == b"signature"));
            assert_eq!(found as usize, at + signed.unwrap() + 1, "at the next checkpoint");
        }
    }
}

#[test]
fn lines_added_after_the_end_are_found() {
    let bench = Bench::new();
    let content = &WHOLE[SEGMENTS[2]];
    let all = lines_of(content);
    let event = all.iter().find(|line| line.windows(8).any(|piece| piece == b"\"denied\"")).unwrap();
    // Chained as anybody can.
    let mut forged = String::from_utf8(event.to_vec()).unwrap();
    let last: serde_json::Value = serde_json::from_slice(all.last().unwrap()).unwrap();
    let seq = serde_json::from_slice::<serde_json::Value>(event).unwrap()["seq"].as_u64().unwrap();
    forged = forged.replacen(&format!("\"seq\":{seq}"), &format!("\"seq\":{}", last["seq"].as_u64().unwrap() + 1), 1);
    let joined = [content.as_slice(), forged.as_bytes()].concat();
    let chained = rechained(&joined, all.len() - 1, str::to_owned);
    assert_eq!(chained[..content.len()], content[..]);
    assert_eq!(bench.kind(&with(&WHOLE, SEGMENTS[2], chained)), Some(Kind::UnsignedTail));
    let torn = [content.as_slice(), b"{\"seq\":"].concat();
    assert_eq!(bench.kind(&with(&WHOLE, SEGMENTS[2], torn)), Some(Kind::UnsignedTail));
}

#[test]
fn long_lines_and_wrong_bytes_are_no_lines() {
    let bench = Bench::new();
    for garbage in [&b"\n"[..], b"{}\n", b"\xff\xfe\n", b"null\n", &[b'x'; 300 << 10], &[0; 4096]] {
        let added = [&WHOLE[SEGMENTS[1]][..], garbage].concat();
        assert!(bench.kind(&with(&WHOLE, SEGMENTS[1], added)).is_some());
        let replaced = bench.kind(&with(&WHOLE, SEGMENTS[0], garbage.to_vec()));
        assert!(matches!(replaced, Some(Kind::Changed | Kind::Truncated)), "{replaced:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Any bytes in place of any others.
    #[test]
    fn any_stretch_that_is_replaced_is_found(
        segment in 0..3usize,
        at in any::<prop::sample::Index>(),
        len in 0..600usize,
        new in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let bench = Bench::new();
        let content = &WHOLE[SEGMENTS[segment]];
        let start = at.index(content.len());
        let end = (start + len).min(content.len());
        let changed = [&content[..start], &new, &content[end..]].concat();
        let same = changed == *content;
        prop_assert_eq!(bench.kind(&with(&WHOLE, SEGMENTS[segment], changed)).is_none(), same);
    }
}
