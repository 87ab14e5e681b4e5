//! From sealed streams at rest to a response body: a piece is read and opened on a blocking thread while the one
//! before it is being sent. A piece is released only after all its segments authenticated; after an error nothing more
//! is released, and the connection must be cut.

use super::epoch::ReadLease;
use super::fetch::{ReadPlan, StreamSpan};
use super::store::lost_task;
use super::{BATCH_SEGMENTS, INLINE_BYTES_MAX};
use crate::api::{BodySource, ResponseBody};
use crate::{BodyError, Fail};
use async_trait::async_trait;
use bytes::Bytes;
use sse::{BodyKeys, BodyOpener, ChecksumValue, SseError};
use std::collections::VecDeque;
use std::sync::Arc;
use store::{BlobReader, BlobStore, MetaStore, StoreFault, Table};
use tokio::task::{JoinHandle, spawn_blocking};

/// A response body over stored streams.
pub(crate) struct ObjectBody {
    state: State,
}

enum State {
    /// A piece is being read.
    Reading(JoinHandle<Result<(Option<Bytes>, Source), Fail>>),
    /// A piece is at hand and nothing is under way.
    Ready(Option<Bytes>, Option<Box<Source>>),
    /// Everything was sent, or an error ended it.
    Done,
}

/// What remains to be read.
struct Source {
    keys: Arc<BodyKeys>,
    meta: Arc<dyn MetaStore>,
    blobs: Arc<dyn BlobStore>,
    plan: VecDeque<StreamSpan>,
    open: Option<Open>,
    /// Sealed bytes of the piece under way, kept for the next one.
    scratch: Vec<u8>,
    _lease: ReadLease,
}

struct Open {
    opener: BodyOpener,
    bytes: Sealed,
    span: StreamSpan,
}

enum Sealed {
    Inline(Bytes),
    Blob(Box<dyn BlobReader>),
}

impl ObjectBody {
    /// Reads and verifies the first piece before returning, so that damage at the front answers with an error status.
    /// `inline`: the sealed bytes of the first stream, where they were read together with its record.
    pub(crate) async fn open(
        keys: Arc<BodyKeys>,
        meta: Arc<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        plan: ReadPlan,
        inline: Option<Bytes>,
        lease: ReadLease,
    ) -> Result<Self, Fail> {
        let mut source =
            Source { keys, meta, blobs, plan: plan.into(), open: None, scratch: Vec::new(), _lease: lease };
        let small =
            source.plan.len() == 1 && source.plan.iter().all(|s| s.stored.plain_bytes <= INLINE_BYTES_MAX as u64);
        if let (true, Some(sealed)) = (small, inline) {
            // One small stream, its bytes at hand: opened right here, some microseconds.
            if let Some(span) = source.plan.pop_front() {
                source.open = Some(source.open_with(span, Sealed::Inline(sealed))?);
            }
            let piece = source.next()?;
            return Ok(Self { state: State::Ready(piece, None) });
        }
        let (piece, source) = spawn_blocking(move || source.step()).await.map_err(lost_task)??;
        Ok(Self { state: State::Ready(piece, Some(Box::new(source))) })
    }
}

#[async_trait]
impl ResponseBody for ObjectBody {
    async fn next(&mut self) -> Result<Option<Bytes>, Fail> {
        let (piece, source) = match std::mem::replace(&mut self.state, State::Done) {
            State::Done => return Ok(None),
            State::Ready(piece, source) => (piece, source.map(|s| *s)),
            State::Reading(task) => {
                let (piece, source) = task.await.map_err(lost_task)??;
                (piece, Some(source))
            }
        };
        if piece.is_some()
            && let Some(source) = source
            && source.has_more()
        {
            self.state = State::Reading(spawn_blocking(move || source.step()));
        }
        Ok(piece)
    }
}

impl Source {
    fn step(mut self) -> Result<(Option<Bytes>, Self), Fail> {
        let piece = self.next()?;
        Ok((piece, self))
    }

    fn has_more(&self) -> bool {
        !self.plan.is_empty() || self.open.as_ref().is_some_and(|o| o.span.length > 0)
    }

    /// The next piece; `None` at the end. Blocks.
    fn next(&mut self) -> Result<Option<Bytes>, Fail> {
        loop {
            let open = match self.open.take() {
                Some(open) => open,
                None => match self.plan.pop_front() {
                    Some(span) => {
                        let sealed = self.load(&span)?;
                        self.open_with(span, sealed)?
                    }
                    None => return Ok(None),
                },
            };
            let (piece, rest) = open.read(&mut self.scratch)?;
            self.open = rest;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    fn load(&self, span: &StreamSpan) -> Result<Sealed, Fail> {
        let missing = || StoreFault::Corrupt(format!("sealed bytes {} are missing", span.stored.blob));
        if span.stored.inline {
            let row = self.meta.snapshot().get(Table::Inline, span.stored.blob.as_bytes())?;
            Ok(Sealed::Inline(row.ok_or_else(missing)?))
        } else {
            Ok(Sealed::Blob(self.blobs.open(span.stored.blob)?.ok_or_else(missing)?))
        }
    }

    fn open_with(&self, span: StreamSpan, bytes: Sealed) -> Result<Open, Fail> {
        let opener = self.keys.opener(span.stored.stream, span.stored.plain_bytes);
        let stored = match &bytes {
            Sealed::Inline(bytes) => bytes.len() as u64,
            Sealed::Blob(reader) => reader.len(),
        };
        // A stream of another length than its record says was cut or extended.
        if stored != opener.geometry().sealed_bytes() {
            return Err(damaged(&span));
        }
        Ok(Open { opener, bytes, span })
    }
}

impl Open {
    /// Reads up to a batch of segments. The rest of the stream comes back unless it is all read.
    fn read(mut self, scratch: &mut Vec<u8>) -> Result<(Bytes, Option<Self>), Fail> {
        let geometry = self.opener.geometry();
        let end = self.span.start + self.span.length;
        let first = geometry.segment_of(self.span.start);
        let last = if self.span.length == 0 { first } else { geometry.segment_of(end - 1) };
        let count = (last - first + 1).min(BATCH_SEGMENTS);
        let (offset, len) = geometry.sealed_span(first, count);
        let plain = match &self.bytes {
            Sealed::Inline(bytes) => {
                let sealed = bytes.get(offset as usize..offset as usize + len).ok_or_else(|| damaged(&self.span))?;
                self.opener.open(first, sealed)
            }
            Sealed::Blob(reader) => {
                scratch.resize(len, 0);
                reader.read_at(offset, scratch)?;
                self.opener.open(first, scratch)
            }
        };
        let plain = plain.map_err(|_| damaged(&self.span))?;
        let base = geometry.plain_start(first);
        let (from, to) = (self.span.start - base, (end - base).min(plain.len() as u64));
        let piece = Bytes::from(plain).slice(from as usize..to as usize);
        self.span.start += piece.len() as u64;
        self.span.length -= piece.len() as u64;
        let rest = (self.span.length > 0).then_some(self);
        Ok((piece, rest))
    }
}

fn damaged(span: &StreamSpan) -> Fail {
    tracing::error!(blob = %span.stored.blob, stream = %span.stored.stream, "a sealed stream does not authenticate");
    Fail::Encryption(SseError::Damaged)
}

/// A stored object as the body of a write: what a copy reads.
pub(crate) struct CopyBody(pub(crate) ObjectBody);

#[async_trait]
impl BodySource for CopyBody {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.next().await.map_err(|error| {
            tracing::error!(?error, "the source of a copy could not be read");
            BodyError::Source
        })
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}
