//! Holds one line after the other against what the chain says must come: the verifier's heart, and what the server
//! itself looks at its tail with before it goes on.

use crate::chain::{Line, Mark};
use crate::checkpoint::{Checkpoint, Content, LogId, Lost, Reason, Removed, Span};
use crate::signature::PublicKey;
use std::fmt;

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line's hash is not that of its bytes, or it is no line; or the line before it was rewritten.
    Changed,
    /// Lines before this one are missing.
    Removed,
    /// A line of this number was there already, or one that does not belong here.
    Inserted,
    /// A line stands before one that it follows, or a segment under another's name.
    Reordered,
    /// A whole segment is missing.
    MissingSegment,
    /// The log ends before its head.
    Truncated,
    /// Lines after the head, which nobody signed, where there should be none.
    UnsignedTail,
    /// A checkpoint that this key did not sign, or one of another log.
    BadSignature,
    /// The head is missing, not whole, or does not agree with the line it names.
    BadHead,
    /// The operator accepted that lines are missing.
    Lost,
    /// The line that was asked for is not on the log.
    UnexpectedHead,
}

impl Kind {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Inserted => "inserted",
            Self::Reordered => "reordered",
            Self::MissingSegment => "missing-segment",
            Self::Truncated => "truncated",
            Self::UnsignedTail => "unsigned-tail",
            Self::BadSignature => "bad-signature",
            Self::BadHead => "bad-head",
            Self::Lost => "lost",
            Self::UnexpectedHead => "unexpected-head",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A line that is not what must come next, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) kind: Kind,
    /// The number the flaw is about, where one is known.
    pub(crate) seq: Option<u64>,
    pub(crate) why: String,
}

impl Flaw {
    pub(crate) fn new(kind: Kind, seq: impl Into<Option<u64>>, why: impl Into<String>) -> Self {
        Self { kind, seq: seq.into(), why: why.into() }
    }
}

/// What is known after the lines seen so far.
pub(crate) struct Walk {
    key: PublicKey,
    log: Option<LogId>,
    /// The newest line; `None` before the first.
    last: Option<Mark>,
    segment: u64,
    /// Whether the newest line ends its segment.
    ended: bool,
    pub(crate) first: Option<Mark>,
    /// What the first line says came before it.
    pub(crate) before_first: Mark,
    pub(crate) first_segment: u64,
    pub(crate) last_checkpoint: Option<Mark>,
    pub(crate) removed: Vec<Removed>,
    pub(crate) unsigned: Vec<Span>,
    pub(crate) torn_bytes: u64,
    /// Losses the operator accepted.
    pub(crate) lost: Vec<Lost>,
    pub(crate) events: u64,
    pub(crate) checkpoints: u64,
    pub(crate) missing_events: u64,
    /// Marks that are looked for, and whether each line was seen.
    sought: Vec<(Mark, Seen)>,
}

/// What became of a mark that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// No line of this number yet.
    No,
    /// The line.
    Yes,
    /// Another line of this number.
    Other,
}

impl Walk {
    pub(crate) fn new(key: PublicKey, sought: impl IntoIterator<Item = Mark>) -> Self {
        Self {
            key,
            log: None,
            last: None,
            segment: 0,
            ended: false,
            first: None,
            before_first: Mark::default(),
            first_segment: 0,
            last_checkpoint: None,
            removed: Vec::new(),
            unsigned: Vec::new(),
            torn_bytes: 0,
            lost: Vec::new(),
            events: 0,
            checkpoints: 0,
            missing_events: 0,
            sought: sought.into_iter().map(|mark| (mark, Seen::No)).collect(),
        }
    }

    /// The newest line that holds.
    pub(crate) fn last(&self) -> Mark {
        self.last.unwrap_or_default()
    }

    pub(crate) fn log(&self) -> Option<LogId> {
        self.log
    }

    /// Whether the newest line ends its segment.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The newest line that a checkpoint covers.
    pub(crate) fn signed_seq(&self) -> u64 {
        self.last_checkpoint.map_or(0, |mark| mark.seq)
    }

    pub(crate) fn seen(&self, mark: Mark) -> Seen {
        self.sought.iter().find(|(sought, _)| *sought == mark).map_or(Seen::No, |(_, seen)| *seen)
    }

    /// Takes the first line of a segment.
    pub(crate) fn begin(&mut self, segment: u64, bytes: &[u8]) -> Result<(), Flaw> {
        let line = Line::parse(bytes).ok_or_else(|| self.not_a_line())?;
        let seq = line.mark.seq;
        let checkpoint = match Content::of(&line, bytes, &self.key) {
            Content::Checkpoint(checkpoint) if checkpoint.reason == Reason::Begin => checkpoint,
            Content::Checkpoint(_) | Content::Event | Content::Gap(_) => {
                return Err(Flaw::new(Kind::Removed, seq, "the segment does not begin with its first line"));
            }
            Content::BadCheckpoint => return Err(bad_signature(seq)),
            Content::Unreadable => return Err(Flaw::new(Kind::Changed, seq, "this is no event")),
        };
        if checkpoint.segment != segment {
            let why = format!("this is segment {} under another's name", checkpoint.segment);
            return Err(Flaw::new(Kind::Reordered, seq, why));
        }
        self.of_this_log(&checkpoint, seq)?;
        if let Some(lost) = checkpoint.lost {
            let follows = self.last.is_none() || lost.after == self.last().seq && lost.hash == self.last().hash;
            if !follows || seq != lost.through.saturating_add(1) {
                return Err(Flaw::new(Kind::Removed, seq, "the loss it tells of is not the one that is found"));
            }
        } else if self.last.is_some() {
            self.follows(&line, None)?;
            self.after_last_checkpoint(&checkpoint, seq)?;
        } else if seq == 1 && (line.prev != [0; 32] || checkpoint.last().is_some()) {
            return Err(Flaw::new(Kind::Changed, seq, "line 1 follows no line"));
        }
        if self.last.is_none() {
            (self.first, self.first_segment) = (Some(line.mark), segment);
            self.before_first = Mark { seq: seq.saturating_sub(1), hash: line.prev };
        }
        self.segment = segment;
        self.checkpoint(&checkpoint, line.mark);
        self.take(line.mark);
        Ok(())
    }

    /// Whether this first line of a segment says that what follows the newest good line is lost.
    pub(crate) fn goes_on_after_loss(&self, segment: u64, bytes: &[u8]) -> bool {
        let Some(line) = Line::parse(bytes) else { return false };
        let Content::Checkpoint(begin) = Content::of(&line, bytes, &self.key) else { return false };
        let (last, log) = (self.last(), self.log);
        begin.segment == segment
            && log.is_none_or(|log| log == begin.log)
            && begin.lost.is_some_and(|lost| lost.after == last.seq && lost.hash == last.hash)
    }

    /// Takes a further line of the segment. `peek` is the line after it, which tells lines that changed places from lines
    /// that are missing.
    pub(crate) fn line(&mut self, bytes: &[u8], peek: Option<&[u8]>) -> Result<(), Flaw> {
        let line = Line::parse(bytes).ok_or_else(|| self.not_a_line())?;
        let seq = line.mark.seq;
        self.follows(&line, peek)?;
        if self.ended {
            return Err(Flaw::new(Kind::Inserted, seq, "the segment has ended before this line"));
        }
        match Content::of(&line, bytes, &self.key) {
            Content::Checkpoint(checkpoint) => {
                self.of_this_log(&checkpoint, seq)?;
                self.after_last_checkpoint(&checkpoint, seq)?;
                if checkpoint.reason == Reason::Begin || checkpoint.segment != self.segment {
                    return Err(Flaw::new(Kind::Inserted, seq, "a checkpoint of another segment"));
                }
                self.checkpoint(&checkpoint, line.mark);
            }
            Content::BadCheckpoint => return Err(bad_signature(seq)),
            Content::Event => self.events += 1,
            Content::Gap(events) => self.missing_events = self.missing_events.saturating_add(events),
            Content::Unreadable => return Err(Flaw::new(Kind::Changed, seq, "this is no event")),
        }
        self.take(line.mark);
        Ok(())
    }

    fn take(&mut self, mark: Mark) {
        self.last = Some(mark);
        for (sought, seen) in &mut self.sought {
            if sought.seq == mark.seq {
                *seen = if *sought == mark { Seen::Yes } else { Seen::Other };
            }
        }
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint, mark: Mark) {
        self.ended = checkpoint.reason == Reason::End;
        self.last_checkpoint = Some(mark);
        self.checkpoints += 1;
        self.removed.extend(checkpoint.removed);
        self.unsigned.extend(checkpoint.unsigned);
        self.lost.extend(checkpoint.lost);
        self.torn_bytes = self.torn_bytes.saturating_add(checkpoint.torn_bytes.unwrap_or(0));
    }

    fn not_a_line(&self) -> Flaw {
        let seq = self.last.map(|last| last.seq.saturating_add(1));
        Flaw::new(Kind::Changed, seq, "the line's hash is not that of its bytes")
    }

    fn follows(&self, line: &Line<'_>, peek: Option<&[u8]>) -> Result<(), Flaw> {
        let last = self.last();
        let (seq, due) = (line.mark.seq, last.seq.saturating_add(1));
        if seq > due {
            let due_is_next = peek.and_then(Line::parse).is_some_and(|next| next.mark.seq == due);
            let (kind, why) = if due_is_next {
                (Kind::Reordered, format!("line {seq} stands before line {due}"))
            } else if seq == due + 1 {
                (Kind::Removed, format!("line {due} is missing before line {seq}"))
            } else {
                (Kind::Removed, format!("lines {due} to {} are missing before line {seq}", seq - 1))
            };
            return Err(Flaw::new(kind, due, why));
        }
        if seq < due {
            return Err(Flaw::new(Kind::Inserted, seq, format!("line {seq} stands after line {}", last.seq)));
        }
        if line.prev != last.hash {
            let why = format!("line {} is not the one that line {seq} follows", last.seq);
            return Err(Flaw::new(Kind::Changed, last.seq, why));
        }
        Ok(())
    }

    fn of_this_log(&mut self, checkpoint: &Checkpoint, seq: u64) -> Result<(), Flaw> {
        if *self.log.get_or_insert(checkpoint.log) == checkpoint.log {
            return Ok(());
        }
        Err(Flaw::new(Kind::BadSignature, seq, "the checkpoint belongs to another log"))
    }

    fn after_last_checkpoint(&self, checkpoint: &Checkpoint, seq: u64) -> Result<(), Flaw> {
        if checkpoint.last() == self.last_checkpoint {
            return Ok(());
        }
        Err(Flaw::new(Kind::Removed, seq, "the checkpoint follows another one than the last"))
    }
}

fn bad_signature(seq: u64) -> Flaw {
    Flaw::new(Kind::BadSignature, seq, "this key did not sign the checkpoint")
}
