//! Reading a log for people: every line in order, and new ones as they come. Nothing is verified here.

use crate::chain::{Mark, unhex};
use crate::files::{segment_name, segment_path, segments};
use crate::lines::{Lines, Next};
use model::Timestamp;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A line of the log.
#[derive(Debug)]
pub struct Entry {
    /// The name of its segment's file.
    pub file: String,
    /// Its number in that file, from 1.
    pub line: u64,
    /// Its bytes, without the line's end.
    pub raw: Vec<u8>,
}

/// The lines of a log, segment after segment.
pub struct Entries {
    dir: PathBuf,
    segment: u64,
    line: u64,
    lines: Option<Lines>,
}

impl Entries {
    /// From the oldest segment on.
    ///
    /// # Errors
    /// When the directory cannot be read, or holds no segment.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let first = segments(dir)?.into_iter().next();
        Self::from_segment(dir, first)
    }

    /// From the newest segment on: for whoever wants to see the last lines only.
    ///
    /// # Errors
    /// As [`Entries::open`].
    pub fn open_newest(dir: &Path) -> io::Result<Self> {
        let last = segments(dir)?.pop();
        Self::from_segment(dir, last)
    }

    fn from_segment(dir: &Path, segment: Option<u64>) -> io::Result<Self> {
        let segment = segment.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("`{}` holds no audit log", dir.display()))
        })?;
        let lines = Some(Lines::open(&segment_path(dir, segment))?);
        Ok(Self { dir: dir.to_owned(), segment, line: 0, lines })
    }

    /// The next line; `None` when there is none yet. Asked again later, it finds what was written meanwhile.
    ///
    /// # Errors
    /// When a segment cannot be read, or has a line longer than any.
    pub fn next_line(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let Some(lines) = &mut self.lines else { return Ok(None) };
            match lines.next()? {
                Next::Line(raw) => {
                    self.line += 1;
                    return Ok(Some(Entry { file: segment_name(self.segment), line: self.line, raw }));
                }
                Next::TooLong => {
                    return Err(io::Error::other(format!("{} has a line longer than any", segment_name(self.segment))));
                }
                // More may come, unless there is a later segment: then this one has ended.
                Next::Torn(_) | Next::End => match segments(&self.dir)?.into_iter().find(|n| *n > self.segment) {
                    None => return Ok(None),
                    Some(next) => {
                        // What was written to the old one before the new one was begun.
                        if let Next::Line(raw) = lines.next()? {
                            self.line += 1;
                            return Ok(Some(Entry { file: segment_name(self.segment), line: self.line, raw }));
                        }
                        (self.segment, self.line) = (next, 0);
                        self.lines = Some(Lines::open(&segment_path(&self.dir, next))?);
                    }
                },
            }
        }
    }
}

/// What a segment's first line says of its beginning.
pub(crate) struct Begin {
    pub(crate) time: Timestamp,
    /// The line before.
    pub(crate) before: Mark,
}

#[derive(Deserialize)]
struct BeginLine<'a> {
    seq: u64,
    prev: &'a str,
    time: &'a str,
}

impl Begin {
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let BeginLine { seq, prev, time } = serde_json::from_slice(line).ok()?;
        let time = OffsetDateTime::parse(time, &Rfc3339).ok()?.unix_timestamp_nanos() / 1_000_000;
        let before = Mark { seq: seq.checked_sub(1)?, hash: unhex(prev.as_bytes())? };
        Some(Self { time: Timestamp::from_millis(u64::try_from(time).ok()?), before })
    }
}
