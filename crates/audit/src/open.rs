//! Opening a log: the tail is verified from the segment of the head on, what a crash left is told from what somebody did,
//! and the chain goes on where it was.

use crate::chain::{Chain, LINE_BYTES_MAX, Mark};
use crate::checkpoint::{LogId, Lost, Span};
use crate::files::{self, HEAD_FILE, remove_staged, segment_path, segments};
use crate::head::{Head, Slots, State};
use crate::lines::{Lines, Next};
use crate::signature::PublicKey;
use crate::walk::{Flaw, Kind, Seen, Walk};
use crate::{BATCH_EVENTS_MAX, HEAD_LAG_BATCHES_MAX, SyncMode};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Why a log is not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The directory or a file in it cannot be read or written.
    Io(io::Error),
    /// Another process writes this log.
    InUse,
    /// There is no log, where there was one.
    Missing,
    /// The log does not hold what its head says, or was changed: kind, file and reason.
    Damaged {
        /// What kind of damage.
        kind: Kind,
        /// The file it was found in.
        file: String,
        /// What was found.
        why: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the audit log cannot be opened: {error}"),
            Self::InUse => f.write_str("another process writes this audit log"),
            Self::Missing => f.write_str("the audit log is missing, and this server has written one before"),
            Self::Damaged { kind, file, why } => {
                write!(f, "the audit log is not what was written ({kind} in {file}): {why}")
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Most lines after the head that a crash leaves: the batch that was being written and those whose head was written and
/// not synchronised; with [`SyncMode::Written`] all since the last checkpoint.
pub(crate) fn unsigned_lines_max(sync: SyncMode) -> u64 {
    match sync {
        SyncMode::Each => (HEAD_LAG_BATCHES_MAX + 1) * BATCH_EVENTS_MAX as u64,
        SyncMode::Written => 16_384,
    }
}

/// Where to go on.
pub(crate) struct Tail {
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    /// Length of the segment without what a crash tore.
    pub(crate) bytes: u64,
    pub(crate) chain: Chain,
    pub(crate) last_checkpoint: Option<Mark>,
    /// Whether the segment has its last line, so that the next one is to be begun.
    pub(crate) ended: bool,
    pub(crate) unsigned: Option<Span>,
    pub(crate) torn_bytes: u64,
    pub(crate) lost: Option<Lost>,
    /// The newest head's count.
    pub(crate) count: u64,
    /// Whether the head says that nothing follows.
    pub(crate) closed: bool,
}

/// Looks at what is there. `None` for a directory without a log.
pub(crate) fn tail(dir: &Path, key: PublicKey, must_exist: bool, accept_loss: bool) -> Result<Option<Tail>, OpenError> {
    remove_staged(dir)?;
    let found = segments(dir)?;
    let head_bytes = match fs::read(dir.join(HEAD_FILE)) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    if found.is_empty() && head_bytes.is_none() {
        return if must_exist && !accept_loss { Err(OpenError::Missing) } else { Ok(None) };
    }
    let slots = Slots::parse(&head_bytes.unwrap_or_default(), &key);
    match checked(dir, key, &found, slots.newest()) {
        Ok(tail) => Ok(Some(tail)),
        Err(OpenError::Damaged { .. }) if accept_loss => after_loss(dir, key, &found, slots.newest()).map(Some),
        Err(error) => Err(error),
    }
}

fn checked(dir: &Path, key: PublicKey, found: &[u64], head: Option<&Head>) -> Result<Tail, OpenError> {
    let damaged = |file: String, flaw: Flaw| OpenError::Damaged { kind: flaw.kind, file, why: flaw.why };
    let of_head = |kind, why: &str| damaged(HEAD_FILE.to_owned(), Flaw::new(kind, None, why));
    let Some(head) = head else {
        return Err(of_head(Kind::BadHead, "there is no head that this server signed"));
    };
    let numbers: Vec<u64> = found.iter().copied().filter(|segment| *segment >= head.segment).collect();
    if head.seq == 0 && found.is_empty() {
        // It was cut off before its first line.
        return Ok(nothing_yet(head));
    }
    let contiguous = numbers.iter().zip(head.segment.max(1)..).all(|(found, due)| *found == due);
    let Some(last) = numbers.last().copied().filter(|_| contiguous) else {
        return Err(of_head(Kind::Truncated, "the segment that the head names is missing"));
    };
    let mut walk = Walk::new(key, [head.mark()]);
    let mut torn_bytes = 0;
    let mut bytes = 0;
    for segment in numbers {
        let name = files::segment_name(segment);
        (bytes, torn_bytes) = through(dir, segment, &mut walk)?.map_err(|flaw| damaged(name.clone(), flaw))?;
        let (torn, ended) = (torn_bytes > 0, walk.ended());
        if segment < last && (torn || !ended) {
            return Err(damaged(name, Flaw::new(Kind::Truncated, None, "the segment has no end")));
        }
    }
    let name = files::segment_name(last);
    let end = walk.last();
    match walk.seen(head.mark()) {
        Seen::Yes => {}
        Seen::No if head.seq == 0 && walk.before_first == Mark::default() => {}
        Seen::No if end.seq < head.seq => {
            let why = format!("the log ends at line {}, and its head names line {}", end.seq, head.seq);
            return Err(damaged(name, Flaw::new(Kind::Truncated, head.seq, why)));
        }
        Seen::No | Seen::Other => {
            return Err(damaged(
                name,
                Flaw::new(Kind::Changed, head.seq, "the line that the head names is another one"),
            ));
        }
    }
    if walk.log() != Some(head.log) {
        return Err(of_head(Kind::BadHead, "the head belongs to another log"));
    }
    let signed = head.seq.max(walk.signed_seq());
    let unsigned = (end.seq > signed).then_some(Span { first: signed + 1, last: end.seq });
    let after_end = head.state == State::Closed && (end.seq > head.seq || torn_bytes > 0);
    if after_end || end.seq - signed > unsigned_lines_max(head.sync) {
        let why = format!("lines {} to {} stand after the head", head.seq + 1, end.seq);
        return Err(damaged(name, Flaw::new(Kind::UnsignedTail, head.seq + 1, why)));
    }
    Ok(Tail {
        log: head.log,
        segment: last,
        bytes,
        chain: Chain::after(end),
        last_checkpoint: walk.last_checkpoint,
        ended: walk.ended(),
        unsigned,
        torn_bytes,
        lost: None,
        count: head.count,
        closed: head.state == State::Closed,
    })
}

fn nothing_yet(head: &Head) -> Tail {
    Tail {
        log: head.log,
        segment: 0,
        bytes: 0,
        chain: Chain::default(),
        last_checkpoint: None,
        ended: true,
        unsigned: None,
        torn_bytes: 0,
        lost: None,
        count: head.count,
        closed: false,
    }
}

/// Walks one segment. Its length without a torn line, and that line's length.
fn through(dir: &Path, segment: u64, walk: &mut Walk) -> io::Result<Result<(u64, u64), Flaw>> {
    let mut lines = Lines::open(&segment_path(dir, segment))?;
    let mut first = true;
    loop {
        let before = lines.offset();
        let line = match lines.next()? {
            Next::Line(line) => line,
            Next::Torn(torn) => return Ok(Ok((before, torn.len() as u64))),
            Next::TooLong => {
                let why = format!("a line has more than {LINE_BYTES_MAX} bytes");
                return Ok(Err(Flaw::new(Kind::Changed, None, why)));
            }
            Next::End if first => return Ok(Err(Flaw::new(Kind::Truncated, None, "the segment is empty"))),
            Next::End => return Ok(Ok((before, 0))),
        };
        let taken = if first { walk.begin(segment, &line) } else { walk.line(&line, None) };
        if let Err(flaw) = taken {
            return Ok(Err(flaw));
        }
        first = false;
    }
}

/// A fresh segment after whatever is there: everything up to the first flaw counts, the rest stays as it is.
fn after_loss(dir: &Path, key: PublicKey, found: &[u64], head: Option<&Head>) -> Result<Tail, OpenError> {
    let mut walk = Walk::new(key, []);
    for segment in found {
        if through(dir, *segment, &mut walk)?.is_err() {
            break;
        }
    }
    let end = walk.last();
    let through = head.map_or(end, |head| if head.seq > end.seq { head.mark() } else { end });
    Ok(Tail {
        log: head.map(|head| head.log).or(walk.log()).unwrap_or_default(),
        segment: found.last().copied().unwrap_or(0).max(head.map_or(0, |head| head.segment)),
        bytes: 0,
        chain: Chain::after(through),
        last_checkpoint: walk.last_checkpoint,
        ended: true,
        unsigned: None,
        torn_bytes: 0,
        lost: Some(Lost { after: end.seq, hash: end.hash, through: through.seq }),
        count: head.map_or(0, |head| head.count),
        closed: false,
    })
}
