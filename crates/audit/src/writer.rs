//! The one that writes: batches of events, checkpoints, heads, segments. Everything here runs on the log's own thread.
//!
//! INVARIANT: the chain, the segment's length and the head move on only together, after a write succeeded. What failed is
//! cut off again before anything else is written, so a line that nobody was told of never precedes one that somebody was.

use crate::chain::{Chain, Mark};
use crate::checkpoint::{self, Extras, FORMAT, LogId, Lost, Reason};
use crate::files::{self, HEAD_FILE, Staged, open_in_place, segment_path};
use crate::head::{Head, State};
use crate::open::{OpenError, Tail, tail};
use crate::signature::{CheckpointSigner, PublicKey};
use crate::{AuditCounters, HEAD_LAG_BATCHES_MAX, LogConfig, SyncMode, record};
use model::{Clock, Entropy, Timestamp};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

mod segments;

/// Events that could not be written.
struct Gap {
    since: Timestamp,
    events: u64,
    error: String,
}

/// What the log is written with.
pub(crate) struct Means {
    pub(crate) config: LogConfig,
    pub(crate) signer: Arc<dyn CheckpointSigner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<AuditCounters>,
}

pub(crate) struct Writer {
    means: Means,
    /// Locked for as long as the log is open.
    _lock: File,
    head: File,
    file: File,
    log: LogId,
    key: [u8; 32],
    segment: u64,
    /// Length of the segment: what is beyond it was not acknowledged.
    bytes: u64,
    begun: Timestamp,
    chain: Chain,
    count: u64,
    last_checkpoint: Option<Mark>,
    last_checkpoint_time: Timestamp,
    events_since_checkpoint: u64,
    /// Whether there may be more in the file than `bytes`.
    dirty: bool,
    /// Whether the segment has its last line.
    ended: bool,
    /// Whether the head says that nothing follows.
    closed: bool,
    /// What the next checkpoint must say, until one is on the log: the server began.
    to_say: Option<Extras>,
    gap: Option<Gap>,
    /// Batches whose head is not synchronised.
    head_lag: u64,
    rotation_failed: bool,
}

/// A log begins with its head, which names no line yet. So a segment without a head is never what a crash left.
fn first_head(means: &Means, log: LogId) -> io::Result<()> {
    let (sync, hash, state) = (means.config.sync, [0; 32], State::Open);
    let slot = |count| {
        Head { format: FORMAT, log, count, segment: 0, bytes: 0, seq: 0, hash, sync, state }.encode(&*means.signer)
    };
    Staged::write(means.config.dir.join(HEAD_FILE), &[slot(0), slot(1)].concat())?.publish().map(|_| ())
}

impl Writer {
    /// Opens the log, or begins one. A disk that is full then does not keep the log from being opened, if there was one.
    pub(crate) fn open(means: Means, entropy: &dyn Entropy) -> Result<Self, OpenError> {
        let LogConfig { dir, must_exist, accept_loss, .. } = &means.config;
        files::make_dir(dir)?;
        let lock = File::open(dir)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => OpenError::InUse,
            fs::TryLockError::Error(error) => error.into(),
        })?;
        let key = means.signer.public_key();
        let found = tail(dir, PublicKey::from_bytes(key), *must_exist, *accept_loss)?;
        let begins = found.is_none();
        let mut drawn = LogId::default();
        entropy.fill(&mut drawn);
        let tail = found.unwrap_or(Tail {
            log: drawn,
            segment: 0,
            bytes: 0,
            chain: Chain::default(),
            last_checkpoint: None,
            ended: true,
            unsigned: None,
            torn_bytes: 0,
            lost: must_exist.then_some(Lost { after: 0, hash: [0; 32], through: 0 }),
            count: 1,
            closed: false,
        });
        let now = means.clock.now();
        let extras = Extras { unsigned: tail.unsigned, torn_bytes: tail.torn_bytes, removed: None, lost: tail.lost };
        let path = segment_path(dir, tail.segment);
        // A log that is to begin has no segment yet: the lock stands for its file until there is one.
        let file = if path.exists() { open_in_place(&path)? } else { lock.try_clone()? };
        let log = if tail.log == LogId::default() { drawn } else { tail.log };
        let fresh_head = !dir.join(HEAD_FILE).exists();
        if begins {
            first_head(&means, log)?;
        }
        let mut writer = Self {
            _lock: lock,
            head: open_in_place(&dir.join(HEAD_FILE))?,
            file,
            log,
            key,
            segment: tail.segment,
            bytes: tail.bytes,
            begun: now,
            chain: tail.chain,
            count: tail.count,
            last_checkpoint: tail.last_checkpoint,
            last_checkpoint_time: now,
            events_since_checkpoint: 0,
            dirty: tail.torn_bytes > 0,
            ended: tail.ended,
            closed: tail.closed,
            to_say: Some(extras),
            gap: None,
            head_lag: 0,
            rotation_failed: false,
            means,
        };
        let started = writer.start(fresh_head && !begins);
        match started {
            Err(error) if begins => return Err(error.into()),
            Err(error) => tracing::error!(%error, "the audit log cannot be written; trying again with the next event"),
            Ok(()) => writer.expire(),
        }
        writer.means.counters.set_head(writer.chain.last());
        Ok(writer)
    }

    fn start(&mut self, fresh_head: bool) -> io::Result<()> {
        files::write_public_key(&self.means.config.dir, &PublicKey::from_bytes(self.key))?;
        if !self.ended {
            self.begun = self.began(self.segment)?.0;
        }
        self.commit(&[])?;
        if fresh_head {
            // After an accepted loss. The other slot: from here on both are good.
            self.write_head(State::Open)?;
        }
        self.sync_head()?;
        files::sync_dir(&self.means.config.dir)
    }

    /// Puts events on the log, and what is due besides. On an error nothing of it is there.
    pub(crate) fn commit(&mut self, events: &[Vec<u8>]) -> io::Result<()> {
        let result = self.try_commit(events);
        if let Err(error) = &result {
            // If it cannot be cut off now, it is before the next write.
            let _ = self.repair();
            // Known to whoever asks before it is told to whoever waits for these events.
            self.means.counters.set_failing(true);
            self.missed(events.len() as u64, error);
        }
        result
    }

    fn try_commit(&mut self, events: &[Vec<u8>]) -> io::Result<()> {
        self.repair()?;
        if self.closed {
            // Before the first line: whatever a crash leaves then stands after an open head.
            self.write_head(State::Open)?;
            self.sync_head()?;
            self.closed = false;
        }
        if self.ended {
            self.begin_segment()?;
        }
        let now = self.means.clock.now();
        let (mut chain, mut out, mut checkpoint) = (self.chain, Vec::new(), None);
        if let Some(extras) = self.to_say {
            checkpoint = Some(self.checkpoint(&mut chain, &mut out, now, Reason::Start, &extras, None));
        }
        if let Some(gap) = &self.gap {
            let members = record::gap(now, gap.since, gap.events, self.means.config.required, &gap.error);
            chain.append(&mut out, &members);
        }
        for members in events {
            chain.append(&mut out, members);
        }
        let since = self.events_since_checkpoint + events.len() as u64;
        let waited = now.millis_since(self.last_checkpoint_time) >= self.means.config.checkpoint_millis;
        if since >= self.means.config.checkpoint_events || waited {
            let reason = if waited { Reason::Time } else { Reason::Events };
            checkpoint = Some(self.checkpoint(&mut chain, &mut out, now, reason, &Extras::default(), checkpoint));
        }
        if out.is_empty() {
            return Ok(());
        }
        self.append(&out, chain, checkpoint.is_some())?;
        self.means.counters.set_failing(false);
        self.to_say = None;
        if let Some(gap) = self.gap.take() {
            tracing::warn!(missing = gap.events, "the audit log is written again");
        }
        self.means.counters.add_batch(events.len() as u64);
        match checkpoint {
            Some(mark) => self.checkpointed(mark, now),
            None => self.events_since_checkpoint = since,
        }
        Ok(())
    }

    /// Whether an event that cannot be written is an error for whoever records it.
    pub(crate) fn required(&self) -> bool {
        self.means.config.required
    }

    /// Time until a checkpoint is due, in milliseconds.
    pub(crate) fn checkpoint_due_millis(&self) -> u64 {
        let waited = self.means.clock.now().millis_since(self.last_checkpoint_time);
        self.means.config.checkpoint_millis.saturating_sub(waited)
    }

    /// What need not keep those waiting who were answered: the head's synchronisation, a new segment, old ones.
    pub(crate) fn settle(&mut self, idle: bool) {
        let synchronises = self.means.config.sync == SyncMode::Each || self.events_since_checkpoint == 0;
        let due = self.head_lag > 0 && synchronises && (idle || self.head_lag >= HEAD_LAG_BATCHES_MAX);
        if due && let Err(error) = self.sync_head() {
            tracing::error!(%error, "the audit log's head cannot be synchronised");
        }
        let config = &self.means.config;
        let old = self.means.clock.now().millis_since(self.begun) >= config.segment_age_millis_max;
        if self.ended || self.bytes < config.segment_bytes_max && !old {
            return;
        }
        match self.rotate() {
            Ok(()) => {
                self.rotation_failed = false;
                self.expire();
            }
            Err(error) => {
                let _ = self.repair();
                if !std::mem::replace(&mut self.rotation_failed, true) {
                    tracing::error!(%error, "no new segment of the audit log can be begun; the old one grows on");
                }
            }
        }
    }

    /// Ends the log as it should end: nothing follows, and both slots of the head say so.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.repair()?;
        if self.to_say.is_some() || self.gap.is_some() || self.ended {
            self.try_commit(&[])?;
        }
        let now = self.means.clock.now();
        let (mut chain, mut out) = (self.chain, Vec::new());
        let mark = self.checkpoint(&mut chain, &mut out, now, Reason::Stop, &Extras::default(), None);
        self.append(&out, chain, true)?;
        self.checkpointed(mark, now);
        self.write_head(State::Closed)?;
        self.write_head(State::Closed)?;
        self.sync_head()
    }

    fn checkpointed(&mut self, mark: Mark, now: Timestamp) {
        (self.last_checkpoint, self.last_checkpoint_time) = (Some(mark), now);
        self.events_since_checkpoint = 0;
    }

    fn missed(&mut self, events: u64, error: &io::Error) {
        if events == 0 {
            return;
        }
        self.means.counters.add_failed(events, self.means.config.required);
        self.gap(events, error);
    }

    /// Takes note of events that nobody waited for and that found no place in the queue: the next batch says so.
    pub(crate) fn abandoned(&mut self, events: u64) {
        if events == 0 {
            return;
        }
        // What they tell of may have gone on, whatever the settings say: nobody was there to be refused.
        self.means.counters.add_failed(events, false);
        self.gap(events, &io::Error::other("more callers went away than the queue has places for"));
    }

    fn gap(&mut self, events: u64, error: &io::Error) {
        let since = self.means.clock.now();
        let gap = self.gap.get_or_insert_with(|| Gap { since, events: 0, error: error.to_string() });
        if gap.events == 0 {
            let required = self.means.config.required;
            tracing::error!(%error, required, "the audit log cannot be written");
        }
        gap.events = gap.events.saturating_add(events);
    }

    /// Cuts off what was written and not acknowledged.
    fn repair(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.set_len(self.bytes)?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Writes lines and the head that names the last of them. Then, and only then, they count.
    fn append(&mut self, out: &[u8], chain: Chain, is_checkpoint: bool) -> io::Result<()> {
        self.dirty = true;
        self.file.write_all_at(out, self.bytes)?;
        if is_checkpoint || self.means.config.sync == SyncMode::Each {
            self.file.sync_data()?;
            self.means.counters.add_sync();
        }
        let (bytes, before) = (self.bytes, self.chain);
        (self.bytes, self.chain) = (bytes + out.len() as u64, chain);
        if let Err(error) = self.write_head(State::Open) {
            (self.bytes, self.chain) = (bytes, before);
            return Err(error);
        }
        self.dirty = false;
        self.means.counters.set_head(self.chain.last());
        Ok(())
    }

    fn write_head(&mut self, state: State) -> io::Result<()> {
        let Mark { seq, hash } = self.chain.last();
        let (log, count, segment, bytes) = (self.log, self.count + 1, self.segment, self.bytes);
        let sync = self.means.config.sync;
        let head = Head { format: FORMAT, log, count, segment, bytes, seq, hash, sync, state };
        head.write(&self.head, &*self.means.signer)?;
        self.count = count;
        self.head_lag += 1;
        Ok(())
    }

    fn sync_head(&mut self) -> io::Result<()> {
        self.head.sync_data()?;
        self.means.counters.add_sync();
        self.head_lag = 0;
        Ok(())
    }

    /// Appends a checkpoint after `earlier`, one of the same batch, or after the last one.
    fn checkpoint(
        &self,
        chain: &mut Chain,
        out: &mut Vec<u8>,
        now: Timestamp,
        reason: Reason,
        extras: &Extras,
        earlier: Option<Mark>,
    ) -> Mark {
        let segment = if reason == Reason::Begin { self.segment + 1 } else { self.segment };
        let last = earlier.or(self.last_checkpoint);
        let members = checkpoint::members(now, reason, &self.log, segment, &self.key, last, extras);
        chain.append_signed(out, &members, &*self.means.signer)
    }
}
