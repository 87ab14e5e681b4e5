//! Checkpoints: lines that the server signs, and with them everything before them.

use crate::chain::{Hash, Line, Mark, unhex};
use crate::json::Members;
use crate::signature::PublicKey;
use model::Timestamp;
use serde::{Deserialize, Deserializer};

/// The format version of the log.
pub(crate) const FORMAT: u64 = 1;

/// What ties the files of one log together: drawn when the log begins.
pub(crate) type LogId = [u8; 16];

/// Why a checkpoint was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    /// A segment's first line.
    Begin,
    /// A segment's last line.
    End,
    /// The server began.
    Start,
    /// The server ended as it should.
    Stop,
    /// So many events since the last one.
    Events,
    /// So much time since the last one.
    Time,
    /// Old segments are about to be removed.
    Retention,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::End => "end",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Events => "events",
            Self::Time => "time",
            Self::Retention => "retention",
        }
    }
}

/// Lines that no head named when the server began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// The last segment that retention removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Removed {
    pub(crate) segment: u64,
    pub(crate) seq: u64,
    #[serde(deserialize_with = "hex")]
    pub(crate) hash: Hash,
}

/// Lines that are missing, as the operator accepted: those after `after` and up to `through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Lost {
    pub(crate) after: u64,
    #[serde(deserialize_with = "hex")]
    pub(crate) hash: Hash,
    pub(crate) through: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Last {
    seq: u64,
    #[serde(deserialize_with = "hex")]
    hash: Hash,
}

/// What is said besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) unsigned: Option<Span>,
    pub(crate) torn_bytes: u64,
    pub(crate) removed: Option<Removed>,
    pub(crate) lost: Option<Lost>,
}

/// The members of a checkpoint's line.
pub(crate) fn members(
    time: Timestamp,
    reason: Reason,
    log: &LogId,
    segment: u64,
    key: &[u8; 32],
    last: Option<Mark>,
    extras: &Extras,
) -> Vec<u8> {
    let mut line = Members::default();
    line.time("time", time)
        .text("type", "checkpoint")
        .text("reason", reason.name())
        .number("format", FORMAT)
        .hex("log", log)
        .number("segment", segment)
        .hex("key", key);
    if let Some(last) = last {
        line.object("last", |o| {
            o.number("seq", last.seq).hex("hash", &last.hash);
        });
    }
    if let Some(Span { first, last }) = extras.unsigned {
        line.object("unsigned", |o| {
            o.number("first", first).number("last", last);
        });
    }
    if extras.torn_bytes > 0 {
        line.number("torn_bytes", extras.torn_bytes);
    }
    if let Some(Removed { segment, seq, hash }) = extras.removed {
        line.object("removed", |o| {
            o.number("segment", segment).number("seq", seq).hex("hash", &hash);
        });
    }
    if let Some(Lost { after, hash, through }) = extras.lost {
        line.object("lost", |o| {
            o.number("after", after).hex("hash", &hash).number("through", through);
        });
    }
    line.into_bytes()
}

/// A checkpoint as it stands on the log.
#[derive(Debug, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) reason: Reason,
    pub(crate) format: u64,
    #[serde(deserialize_with = "hex")]
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    last: Option<Last>,
    pub(crate) unsigned: Option<Span>,
    pub(crate) torn_bytes: Option<u64>,
    pub(crate) removed: Option<Removed>,
    pub(crate) lost: Option<Lost>,
}

/// What a line is, as far as the chain is concerned.
#[derive(Debug)]
pub(crate) enum Content {
    /// A checkpoint signed by the key asked about.
    Checkpoint(Box<Checkpoint>),
    /// A checkpoint that the key did not sign, or that cannot be read.
    BadCheckpoint,
    /// An event.
    Event,
    /// So many events are not on the log.
    Gap(u64),
    /// No JSON object of this format.
    Unreadable,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    events: Option<u64>,
}

impl Content {
    /// Looks at a line whose hash holds.
    pub(crate) fn of(line: &Line<'_>, bytes: &[u8], key: &PublicKey) -> Self {
        match serde_json::from_slice::<Typed<'_>>(bytes) {
            Ok(Typed { kind: "checkpoint", .. }) => {}
            Ok(Typed { kind: "gap", events }) => return Self::Gap(events.unwrap_or(0)),
            Ok(_) => return Self::Event,
            Err(_) => return Self::Unreadable,
        }
        let signed = line.signed().is_some_and(|(message, signature)| key.verifies(&message, &signature));
        match serde_json::from_slice::<Checkpoint>(bytes) {
            Ok(checkpoint) if signed && checkpoint.format == FORMAT => Self::Checkpoint(Box::new(checkpoint)),
            _ => Self::BadCheckpoint,
        }
    }
}

impl Checkpoint {
    pub(crate) fn last(&self) -> Option<Mark> {
        self.last.map(|last| Mark { seq: last.seq, hash: last.hash })
    }
}

pub(crate) fn hex<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
    let text = <&str>::deserialize(deserializer)?;
    unhex(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("not the hexadecimal digits that belong here"))
}
