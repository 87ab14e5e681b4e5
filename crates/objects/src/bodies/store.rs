//! From a request body to a sealed stream at rest.
//!
//! Small bodies are sealed on the spot and travel with the metadata commit. Larger ones go in batches to a blocking
//! thread, which hashes, seals and writes one batch while the next arrives.

use super::{BATCH_BYTES, INLINE_BYTES_MAX};
use crate::api::{BodySource, RequestBody};
use crate::records::StoredStream;
use crate::{BodyError, Fail};
use bytes::{Bytes, BytesMut};
use model::{BlobId, Entropy};
use sse::{
    BodyKeys, BodySealer, ChecksumAlgorithm, ChecksumValue, EtagRule, SealFault, SealedBody, SealedSink, WantedDigests,
};
use std::sync::Arc;
use store::{BlobStore, BlobWriter, StoreFault};
use tokio::task::{JoinHandle, spawn_blocking};

/// Largest body of one write, in plaintext bytes (S3 and OBS: 5 GiB).
pub(crate) const WRITE_BYTES_MAX: u64 = 5 << 30;

/// Pieces smaller than this are put together, in bytes.
const SMALL_PIECE_BYTES: usize = 8 * 1024;

/// A stream at rest, not yet referred to.
pub(crate) struct NewStream {
    pub(crate) stored: StoredStream,
    /// The sealed bytes, for a stream that goes into the metadata commit.
    pub(crate) inline: Option<Bytes>,
    /// The MD5 that the ETag is made of.
    pub(crate) etag_md5: [u8; 16],
    /// The checksum to keep.
    pub(crate) checksum: Option<ChecksumValue>,
}

/// Puts bodies to rest.
#[derive(Clone)]
pub(crate) struct BodyStore {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// What the body must match, and what it is measured with.
struct Promises {
    length: Option<u64>,
    content_md5: Option<[u8; 16]>,
    content_sha256: Option<[u8; 32]>,
    checksum: Option<ChecksumValue>,
    trailing: Option<ChecksumAlgorithm>,
}

impl BodyStore {
    /// Reads the body to its end, seals it and makes it durable; verifies every digest that the request promised
    /// before anything is kept. `keep`: the checksum to compute when the request names none.
    pub(crate) async fn store(
        &self,
        keys: &BodyKeys,
        rule: EtagRule,
        body: RequestBody,
        keep: Option<ChecksumAlgorithm>,
    ) -> Result<NewStream, Fail> {
        let RequestBody { mut source, length, content_md5, content_sha256, checksum, trailing_algorithm } = body;
        if length.is_some_and(|length| length > WRITE_BYTES_MAX) {
            return Err(Fail::EntityTooLarge);
        }
        let algorithm = checksum.as_ref().map(ChecksumValue::algorithm).or(trailing_algorithm).or(keep);
        let wanted =
            WantedDigests { md5: content_md5.is_some(), sha256: content_sha256.is_some(), checksum: algorithm };
        let sealer = keys.sealer(&*self.entropy, rule, wanted);
        let blob = BlobId::random(&*self.entropy);
        let promises = Promises { length, content_md5, content_sha256, checksum, trailing: trailing_algorithm };

        let first = gather(&mut *source, INLINE_BYTES_MAX).await?;
        if first.ended {
            self.store_inline(sealer, blob, first, &mut *source, &promises)
        } else {
            self.store_blob(sealer, blob, first, &mut *source, &promises).await
        }
    }

    fn store_inline(
        &self,
        mut sealer: BodySealer,
        blob: BlobId,
        batch: Batch,
        source: &mut dyn BodySource,
        promises: &Promises,
    ) -> Result<NewStream, Fail> {
        let mut sealed = Vec::new();
        for piece in &batch.pieces {
            sealer.write(piece, &mut sealed).map_err(inline_fault)?;
        }
        let body = sealer.finish(&mut sealed).map_err(inline_fault)?;
        promises.verify(&body, source)?;
        Ok(NewStream::of(body, blob, Some(sealed.into())))
    }

    async fn store_blob(
        &self,
        sealer: BodySealer,
        blob: BlobId,
        first: Batch,
        source: &mut dyn BodySource,
        promises: &Promises,
    ) -> Result<NewStream, Fail> {
        let blobs = Arc::clone(&self.blobs);
        let mut work: JoinHandle<Result<Writing, Fail>> = spawn_blocking(move || {
            let writer = blobs.create(blob)?;
            Writing { sealer, sink: BlobSink(writer) }.write(&first.pieces)
        });
        let mut received = first.bytes as u64;
        loop {
            let (written, next) = tokio::join!(&mut work, gather(source, BATCH_BYTES));
            // Dropped on a blocking thread when the body fails: removing the unfinished file is I/O.
            let writing = written.map_err(lost_task)??;
            let next = match next {
                Ok(next) => next,
                Err(error) => {
                    spawn_blocking(move || drop(writing));
                    return Err(error);
                }
            };
            received += next.bytes as u64;
            if received > WRITE_BYTES_MAX {
                spawn_blocking(move || drop(writing));
                return Err(Fail::EntityTooLarge);
            }
            let ended = next.ended;
            if !ended {
                work = spawn_blocking(move || writing.write(&next.pieces));
                continue;
            }
            let (body, sink) =
                spawn_blocking(move || writing.write(&next.pieces)?.seal_last()).await.map_err(lost_task)??;
            if let Err(error) = promises.verify(&body, source) {
                spawn_blocking(move || drop(sink));
                return Err(error);
            }
            let written = spawn_blocking(move || sink.0.finish()).await.map_err(lost_task)??;
            // What the store kept is what the sealer made: checked on both sides of the seam.
            if written != body.sealed_bytes {
                return Err(Fail::Internal(format!("blob has {written} bytes, sealed {}", body.sealed_bytes)));
            }
            return Ok(NewStream::of(body, blob, None));
        }
    }
}

impl NewStream {
    fn of(body: SealedBody, blob: BlobId, inline: Option<Bytes>) -> Self {
        let stored =
            StoredStream { stream: body.stream, blob, inline: inline.is_some(), plain_bytes: body.plain_bytes };
        Self { stored, inline, etag_md5: body.etag_md5, checksum: body.checksum }
    }
}

impl Promises {
    fn verify(&self, body: &SealedBody, source: &mut dyn BodySource) -> Result<(), Fail> {
        if self.length.is_some_and(|length| length != body.plain_bytes) {
            return Err(BodyError::Incomplete.into());
        }
        if self.content_md5.is_some() && self.content_md5 != body.plain_md5 {
            return Err(Fail::BadDigest("Content-MD5".to_owned()));
        }
        if self.content_sha256.is_some() && self.content_sha256 != body.sha256 {
            return Err(Fail::ContentSha256Mismatch);
        }
        let trailing = source.trailing_checksums();
        if self.trailing.is_some() && trailing.is_empty() {
            return Err(BodyError::MalformedTrailer.into());
        }
        for promised in self.checksum.iter().chain(&trailing) {
            if body.checksum.as_ref() != Some(promised) {
                return Err(Fail::BadDigest(format!("{:?}", promised.algorithm()).to_uppercase()));
            }
        }
        Ok(())
    }
}

struct Batch {
    pieces: Vec<Bytes>,
    bytes: usize,
    ended: bool,
}

/// Takes pieces until there are more than `target` bytes or the body ends.
///
/// Small pieces are put together: a body that comes byte by byte must not cost a piece's bookkeeping for each.
async fn gather(source: &mut dyn BodySource, target: usize) -> Result<Batch, Fail> {
    let mut batch = Batch { pieces: Vec::new(), bytes: 0, ended: false };
    let mut small = BytesMut::new();
    while batch.bytes <= target {
        let Some(piece) = source.next().await? else {
            batch.ended = true;
            break;
        };
        batch.bytes += piece.len();
        if piece.len() < SMALL_PIECE_BYTES {
            small.extend_from_slice(&piece);
            if small.len() >= SMALL_PIECE_BYTES {
                batch.pieces.push(small.split().freeze());
            }
        } else {
            if !small.is_empty() {
                batch.pieces.push(small.split().freeze());
            }
            batch.pieces.push(piece);
        }
    }
    if !small.is_empty() {
        batch.pieces.push(small.freeze());
    }
    Ok(batch)
}

struct Writing {
    sealer: BodySealer,
    sink: BlobSink,
}

impl Writing {
    fn write(mut self, pieces: &[Bytes]) -> Result<Self, Fail> {
        for piece in pieces {
            self.sealer.write(piece, &mut self.sink).map_err(blob_fault)?;
        }
        Ok(self)
    }

    fn seal_last(mut self) -> Result<(SealedBody, BlobSink), Fail> {
        let body = self.sealer.finish(&mut self.sink).map_err(blob_fault)?;
        Ok((body, self.sink))
    }
}

struct BlobSink(Box<dyn BlobWriter>);

impl SealedSink for BlobSink {
    type Error = StoreFault;

    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), StoreFault> {
        self.0.append(len, fill)
    }
}

fn blob_fault(fault: SealFault<StoreFault>) -> Fail {
    match fault {
        SealFault::Sink(fault) => Fail::Store(fault),
        SealFault::Misuse(misuse) => Fail::Internal(format!("sealing: {misuse}")),
    }
}

fn inline_fault(fault: SealFault<std::convert::Infallible>) -> Fail {
    match fault {
        SealFault::Sink(never) => match never {},
        SealFault::Misuse(misuse) => Fail::Internal(format!("sealing: {misuse}")),
    }
}

pub(crate) fn lost_task(error: tokio::task::JoinError) -> Fail {
    Fail::Internal(format!("a worker did not finish: {error}"))
}
