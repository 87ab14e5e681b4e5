//! The verifier: no server, no root key, the log's files and the public key (docs/formats/audit.md, "Verifying").

use crate::chain::{LINE_BYTES_MAX, Mark};
use crate::checkpoint::{Lost, Removed, Span};
use crate::files::{HEAD_FILE, PUBLIC_KEY_FILE, segment_name, segment_path, segments};
use crate::head::{Head, Slots, State};
use crate::lines::{Lines, Next};
use crate::open::unsigned_lines_max;
use crate::signature::PublicKey;
use crate::walk::{Flaw, Kind, Seen, Walk};
use std::fs;
use std::io;
use std::path::Path;

/// What to hold the log against, besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions {
    /// The public key, kept elsewhere. Without it the one beside the log is taken.
    pub public_key: Option<PublicKey>,
    /// A line that must be on the log, noted earlier and kept elsewhere.
    pub expect_head: Option<Mark>,
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind.
    pub kind: Kind,
    /// The name of the file.
    pub file: String,
    /// The line in it, from 1; 0 for the file as a whole.
    pub line: u64,
    /// The line's number on the log.
    pub seq: Option<u64>,
    /// What was found.
    pub why: String,
}

/// What a log is found to be.
#[derive(Debug)]
pub struct Report {
    /// The key it was verified with.
    pub public_key: PublicKey,
    /// The first line that is there.
    pub first: Option<Mark>,
    /// The last line that holds.
    pub last: Mark,
    /// How far it is signed.
    pub signed_seq: u64,
    /// Segments read.
    pub segments: u64,
    /// Events.
    pub events: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Events that are not on the log, as it says itself: it could not be written.
    pub missing_events: u64,
    /// Lines that no head named when a server began after a crash: first and last.
    pub unsigned: Vec<(u64, u64)>,
    /// Lines after the head: of a running server or a crash.
    pub tail_lines: u64,
    /// Bytes of a line that was not finished.
    pub torn_bytes: u64,
    /// Whether the server ended as it should, or was never heard of again.
    pub closed: bool,
    /// What is wrong, in the order of the log. Verifying ends with the first but for what the operator accepted.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The newest line as the head names it.
///
/// # Errors
/// When the files cannot be read, or no slot of the head is signed by the key.
pub fn head(dir: &Path, key: Option<PublicKey>) -> io::Result<(Mark, PublicKey)> {
    let key = match key {
        Some(key) => key,
        None => key_beside(dir)?,
    };
    let slots = Slots::parse(&fs::read(dir.join(HEAD_FILE))?, &key);
    let head = slots.newest().ok_or_else(|| io::Error::other("the head is not signed by this key"))?;
    Ok((head.mark(), key))
}

/// The bytes of all segments: what [`verify`] reads.
///
/// # Errors
/// When the directory cannot be read.
pub fn size_bytes(dir: &Path) -> io::Result<u64> {
    segments(dir)?.into_iter().map(|segment| Ok(fs::metadata(segment_path(dir, segment))?.len())).sum()
}

/// Verifies a log. `progress` is told the bytes read, now and then.
///
/// # Errors
/// When the files cannot be read. What is wrong with them is in the report.
pub fn verify(dir: &Path, options: VerifyOptions, progress: &mut dyn FnMut(u64)) -> io::Result<Report> {
    let public_key = match options.public_key {
        Some(key) => key,
        None => key_beside(dir)?,
    };
    // Before the log: a server that is running writes lines first.
    let head = read_head(dir, &public_key)?;
    let sought = head.newest().map(Head::mark).into_iter().chain(options.expect_head);
    let mut run = Run {
        dir,
        walk: Walk::new(public_key, sought),
        at: Place::default(),
        segments: 0,
        torn_bytes: 0,
        read_bytes: 0,
        findings: Vec::new(),
        progress,
    };
    if run.all()? {
        run.against_removals();
        run.against_head(&head, options.expect_head);
    }
    let Run { walk, segments, torn_bytes, findings, .. } = run;
    let newest = head.newest();
    let signed_seq = walk.signed_seq().max(newest.map_or(0, |head| head.seq).min(walk.last().seq));
    Ok(Report {
        public_key,
        first: walk.first,
        last: walk.last(),
        signed_seq,
        segments,
        events: walk.events,
        checkpoints: walk.checkpoints,
        missing_events: walk.missing_events,
        unsigned: walk.unsigned.iter().map(|Span { first, last }| (*first, *last)).collect(),
        tail_lines: walk.last().seq.saturating_sub(signed_seq),
        torn_bytes,
        closed: newest.is_some_and(|head| head.state == State::Closed),
        findings,
    })
}

fn key_beside(dir: &Path) -> io::Result<PublicKey> {
    let path = dir.join(PUBLIC_KEY_FILE);
    let text = fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display())))?;
    PublicKey::from_pem(&text)
        .ok_or_else(|| io::Error::other(format!("`{}` holds no Ed25519 public key", path.display())))
}

/// A server that is running may write a slot while it is read: a slot that is not whole is read again.
fn read_head(dir: &Path, key: &PublicKey) -> io::Result<Slots> {
    const TRIES: usize = 5;
    let mut slots = Slots::default();
    for _ in 0..TRIES {
        let bytes = match fs::read(dir.join(HEAD_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(slots),
            bytes => bytes?,
        };
        slots = Slots::parse(&bytes, key);
        if slots.whole().is_some() {
            break;
        }
    }
    Ok(slots)
}

#[derive(Default)]
struct Place {
    segment: u64,
    line: u64,
}

struct Run<'a> {
    dir: &'a Path,
    walk: Walk,
    at: Place,
    segments: u64,
    torn_bytes: u64,
    read_bytes: u64,
    findings: Vec<Finding>,
    progress: &'a mut dyn FnMut(u64),
}

impl Run<'_> {
    /// Walks all segments. Whether it came to the end.
    fn all(&mut self) -> io::Result<bool> {
        let mut next = segments(self.dir)?.first().copied().unwrap_or(1);
        loop {
            let later: Vec<u64> = segments(self.dir)?.into_iter().filter(|segment| *segment >= next).collect();
            match later.first() {
                None => return Ok(true),
                Some(found) if *found > next => {
                    let why = format!("{} is missing", segment_name(next));
                    self.at = Place { segment: *found, line: 0 };
                    let flaw = Flaw::new(Kind::MissingSegment, self.walk.last().seq + 1, why);
                    match self.after_accepted_loss(next)? {
                        Some(resumed) => next = self.lost(flaw, resumed),
                        None => {
                            self.find(flaw);
                            return Ok(false);
                        }
                    }
                }
                Some(_) => {}
            }
            let is_last = later.iter().all(|segment| *segment <= next);
            match self.segment(next, is_last)? {
                Ok(()) => next += 1,
                Err(flaw) => match self.after_accepted_loss(next + 1)? {
                    Some(resumed) => next = self.lost(flaw, resumed),
                    None => {
                        self.find(flaw);
                        return Ok(false);
                    }
                },
            }
        }
    }

    fn segment(&mut self, segment: u64, is_last: bool) -> io::Result<Result<(), Flaw>> {
        let mut lines = Lines::open(&segment_path(self.dir, segment))?;
        self.at = Place { segment, line: 0 };
        self.segments += 1;
        let mut peeked = lines.next()?;
        loop {
            let now = peeked;
            peeked = if matches!(now, Next::Line(_)) { lines.next()? } else { Next::End };
            let line = match now {
                Next::Line(line) => line,
                Next::TooLong => {
                    self.at.line += 1;
                    let why = format!("the line has more than {LINE_BYTES_MAX} bytes");
                    return Ok(Err(Flaw::new(Kind::Changed, self.walk.last().seq + 1, why)));
                }
                Next::Torn(_) if !is_last || self.at.line == 0 => {
                    self.at.line += 1;
                    let why = "the line is cut short";
                    return Ok(Err(Flaw::new(Kind::Truncated, self.walk.last().seq + 1, why)));
                }
                Next::Torn(torn) => {
                    self.torn_bytes = torn.len() as u64;
                    self.at.line += 1;
                    break;
                }
                Next::End if self.at.line == 0 => {
                    return Ok(Err(Flaw::new(Kind::Truncated, self.walk.last().seq + 1, "the segment is empty")));
                }
                Next::End => break,
            };
            self.at.line += 1;
            self.read_bytes += line.len() as u64 + 1;
            let taken = if self.at.line == 1 {
                self.walk.begin(segment, &line)
            } else {
                let peek = match &peeked {
                    Next::Line(next) => Some(next.as_slice()),
                    _ => None,
                };
                self.walk.line(&line, peek)
            };
            if let Err(flaw) = taken {
                return Ok(Err(flaw));
            }
            if self.at.line == 1 && self.walk.first_segment == segment {
                self.lost_at_the_beginning();
            }
            if self.at.line.is_multiple_of(1024) {
                (self.progress)(self.read_bytes);
            }
        }
        (self.progress)(self.read_bytes);
        if is_last || self.walk.ended() {
            return Ok(Ok(()));
        }
        Ok(Err(Flaw::new(Kind::Truncated, self.walk.last().seq + 1, "the segment's end is missing")))
    }

    /// A log whose first line tells of a loss: everything before it is gone.
    fn lost_at_the_beginning(&mut self) {
        if let Some(Lost { through, .. }) = self.walk.lost.last() {
            let why = format!("the log begins anew after a loss that the operator accepted, up to line {through}");
            self.find(Flaw::new(Kind::Lost, through + 1, why));
        }
    }

    /// The first segment from this one on that the server began after the operator had accepted that what follows the
    /// newest good line is lost.
    fn after_accepted_loss(&self, from: u64) -> io::Result<Option<u64>> {
        for segment in segments(self.dir)?.into_iter().filter(|segment| *segment >= from) {
            let Next::Line(line) = Lines::open(&segment_path(self.dir, segment))?.next()? else { continue };
            if self.walk.goes_on_after_loss(segment, &line) {
                return Ok(Some(segment));
            }
        }
        Ok(None)
    }

    fn lost(&mut self, flaw: Flaw, resumed: u64) -> u64 {
        let why = format!(
            "{}: {}; accepted by the operator, and the log goes on in {}",
            flaw.kind,
            flaw.why,
            segment_name(resumed)
        );
        self.torn_bytes = 0;
        self.find(Flaw { kind: Kind::Lost, seq: flaw.seq, why });
        resumed
    }

    /// Segments that are missing at the beginning must have been removed by the server itself.
    fn against_removals(&mut self) {
        let before = self.walk.before_first;
        let first = self.walk.first_segment;
        if first <= 1 || !self.findings.is_empty() {
            return;
        }
        let accounted = self.walk.removed.iter().any(|Removed { segment, seq, hash }| {
            *segment >= first || *segment + 1 == first && Mark { seq: *seq, hash: *hash } == before
        });
        if !accounted {
            self.at = Place { segment: first, line: 0 };
            let why = format!("{} and what is before it are missing", segment_name(first - 1));
            self.find(Flaw::new(Kind::MissingSegment, before.seq, why));
        }
    }

    fn against_head(&mut self, slots: &Slots, expected: Option<Mark>) {
        let last = self.walk.last();
        let Some(head) = slots.whole() else {
            let why = match slots.newest() {
                Some(_) => "one slot of the head is not what was written",
                None => "the head is missing, or not signed by this key",
            };
            return self.find_in_head(Kind::BadHead, None, why.to_owned());
        };
        if self.walk.log().is_some_and(|log| log != head.log) {
            return self.find_in_head(Kind::BadHead, None, "the head belongs to another log".to_owned());
        }
        match self.walk.seen(head.mark()) {
            Seen::Yes => {}
            Seen::No if head.seq > last.seq => {
                let why = format!("the log ends at line {}, and its head names line {}", last.seq, head.seq);
                return self.find(Flaw::new(Kind::Truncated, last.seq + 1, why));
            }
            Seen::No if head.seq == 0 && self.walk.before_first == Mark::default() => {}
            Seen::No | Seen::Other => {
                let why = format!("line {} is not the one that the head names", head.seq);
                return self.find_in_head(Kind::BadHead, Some(head.seq), why);
            }
        }
        let tail = last.seq.saturating_sub(head.seq.max(self.walk.signed_seq()));
        let closed = head.state == State::Closed && (last.seq > head.seq || self.torn_bytes > 0);
        if closed || tail > unsigned_lines_max(head.sync) {
            let why = format!("{} lines stand after the head", last.seq - head.seq);
            return self.find(Flaw::new(Kind::UnsignedTail, head.seq + 1, why));
        }
        let Some(expected) = expected else { return };
        match self.walk.seen(expected) {
            Seen::Yes => {}
            Seen::Other => {
                let why = format!("line {} has another hash than the one expected", expected.seq);
                self.find(Flaw::new(Kind::UnexpectedHead, expected.seq, why));
            }
            Seen::No => {
                let why = format!("line {} is not on the log, which ends at line {}", expected.seq, last.seq);
                self.find(Flaw::new(Kind::UnexpectedHead, expected.seq, why));
            }
        }
    }

    fn find(&mut self, flaw: Flaw) {
        let (file, line) = (segment_name(self.at.segment), self.at.line);
        self.findings.push(Finding { kind: flaw.kind, file, line, seq: flaw.seq, why: flaw.why });
    }

    fn find_in_head(&mut self, kind: Kind, seq: Option<u64>, why: String) {
        self.findings.push(Finding { kind, file: HEAD_FILE.to_owned(), line: 0, seq, why });
    }
}
