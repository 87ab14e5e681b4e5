//! Segments: ending one and beginning the next, and removing those whose time is over.

use super::Writer;
use crate::chain::{Chain, Line, Mark};
use crate::checkpoint::{Content, Extras, Reason, Removed};
use crate::files::{self, Staged, segment_path};
use crate::head::State;
use crate::lines::{Lines, Next};
use crate::signature::PublicKey;
use model::Timestamp;
use std::fs;
use std::io;

impl Writer {
    /// Ends the segment and begins the next. The next one's file is made first: without room for it the old one goes on.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let now = self.means.clock.now();
        let (mut chain, mut out) = (self.chain, Vec::new());
        let end = self.checkpoint(&mut chain, &mut out, now, Reason::End, &Extras::default(), None);
        let (mut after, mut begin) = (chain, Vec::new());
        let mark = self.checkpoint(&mut after, &mut begin, now, Reason::Begin, &Extras::default(), Some(end));
        let staged = Staged::write(segment_path(&self.means.config.dir, self.segment + 1), &begin)?;
        if let Err(error) = self.append(&out, chain, true) {
            staged.discard();
            return Err(error);
        }
        self.ended = true;
        self.checkpointed(end, now);
        self.adopt(staged, begin.len() as u64, after, mark)
    }

    /// Begins the segment after one that has ended.
    pub(super) fn begin_segment(&mut self) -> io::Result<()> {
        let now = self.means.clock.now();
        let (mut chain, mut begin) = (self.chain, Vec::new());
        let extras = self.to_say.unwrap_or_default();
        let mark = self.checkpoint(&mut chain, &mut begin, now, Reason::Begin, &extras, None);
        let staged = Staged::write(segment_path(&self.means.config.dir, self.segment + 1), &begin)?;
        self.adopt(staged, begin.len() as u64, chain, mark)?;
        self.to_say = None;
        Ok(())
    }

    fn adopt(&mut self, staged: Staged, bytes: u64, chain: Chain, mark: Mark) -> io::Result<()> {
        self.file = staged.publish()?;
        self.means.counters.add_sync();
        let now = self.means.clock.now();
        (self.segment, self.bytes, self.chain) = (self.segment + 1, bytes, chain);
        (self.begun, self.ended, self.dirty) = (now, false, false);
        self.checkpointed(mark, now);
        self.write_head(State::Open)?;
        self.means.counters.set_head(chain.last());
        Ok(())
    }

    /// Removes segments whose time is over, and says so first: the record is durable before a file is gone.
    pub(super) fn expire(&mut self) {
        if let Err(error) = self.try_expire() {
            tracing::error!(%error, "old segments of the audit log could not be removed; trying again later");
        }
    }

    fn try_expire(&mut self) -> io::Result<()> {
        let Some(kept_millis) = self.means.config.retention_millis else { return Ok(()) };
        let dir = self.means.config.dir.clone();
        let now = self.means.clock.now();
        let mut removed = None;
        let there: Vec<u64> = files::segments(&dir)?.into_iter().filter(|segment| *segment < self.segment).collect();
        for segment in &there {
            // A segment's last line is not younger than the first one of the next. Where that one is missing or damaged, of
            // any later one; what is between them goes with it.
            let later = there.iter().copied().filter(|other| other > segment).chain([self.segment]);
            let Some((next, ended, before)) = later.into_iter().find_map(|next| self.signed_begin(next)) else {
                tracing::error!(segment, "no later segment of the audit log can be read: this one is kept");
                break;
            };
            if now.millis_since(ended) < kept_millis {
                break;
            }
            removed = Some(Removed { segment: next - 1, seq: before.seq, hash: before.hash });
        }
        let Some(last) = removed else { return Ok(()) };
        let (mut chain, mut out) = (self.chain, Vec::new());
        let extras = Extras { removed, ..Extras::default() };
        let mark = self.checkpoint(&mut chain, &mut out, now, Reason::Retention, &extras, None);
        self.append(&out, chain, true).inspect_err(|_| {
            let _ = self.repair();
        })?;
        self.checkpointed(mark, now);
        self.sync_head()?;
        for segment in there.iter().filter(|segment| **segment <= last.segment) {
            fs::remove_file(segment_path(&dir, *segment))?;
            tracing::info!(segment, "a segment of the audit log was removed: its time is over");
        }
        files::sync_dir(&dir)
    }

    /// Number of a segment of this log that can be read, when it began, and the line before. A file that somebody else put
    /// there tells nothing.
    fn signed_begin(&self, segment: u64) -> Option<(u64, Timestamp, Mark)> {
        let mut lines = Lines::open(&segment_path(&self.means.config.dir, segment)).ok()?;
        let Ok(Next::Line(bytes)) = lines.next() else { return None };
        let Content::Checkpoint(checkpoint) =
            Content::of(&Line::parse(&bytes)?, &bytes, &PublicKey::from_bytes(self.key))
        else {
            return None;
        };
        let own = checkpoint.log == self.log && checkpoint.segment == segment && checkpoint.reason == Reason::Begin;
        let begin = crate::read::Begin::parse(&bytes).filter(|_| own)?;
        Some((segment, begin.time, begin.before))
    }

    /// When a segment began, by its first line, and the line before that.
    pub(super) fn began(&self, segment: u64) -> io::Result<(Timestamp, Mark)> {
        let mut lines = Lines::open(&segment_path(&self.means.config.dir, segment))?;
        let first = match lines.next()? {
            Next::Line(line) => crate::read::Begin::parse(&line),
            _ => None,
        };
        first
            .map(|begin| (begin.time, begin.before))
            .ok_or_else(|| io::Error::other(format!("the first line of segment {segment} cannot be read")))
    }
}
