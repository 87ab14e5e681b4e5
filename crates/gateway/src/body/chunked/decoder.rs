//! The decoder's states. See the module's paragraph for the framing.

use super::super::source::{ByteSource, PIECE_BYTES_MAX};
use super::line::{ChunkHead, HEAD_BYTES_MAX, LineBuffer};
use super::trailer::{Step, TRAILER_BYTES_MAX, Trailer};
use crate::auth::ChunkSignatures;
use async_trait::async_trait;
use bytes::Bytes;
use crypto::{ChecksumAlgorithm, ChecksumValue, Sha256};
use objects::BodyError;
use objects::api::BodySource;

/// Smallest signed chunk that is not the last, in bytes: AWS's rule, which also bounds the cost of signatures.
const SIGNED_CHUNK_BYTES_MIN: u64 = 8192;

/// How chunks and trailer are verified.
pub enum ChunkVerification {
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`.
    Signed(ChunkSignatures),
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`, with the checksum announced.
    SignedWithTrailer(ChunkSignatures, ChecksumAlgorithm),
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`, with the checksum announced.
    UnsignedWithTrailer(ChecksumAlgorithm),
}

impl ChunkVerification {
    /// The checksum that the trailer must hold.
    pub fn trailer(&self) -> Option<ChecksumAlgorithm> {
        match self {
            Self::Signed(_) => None,
            Self::SignedWithTrailer(_, algorithm) | Self::UnsignedWithTrailer(algorithm) => Some(*algorithm),
        }
    }

    fn signatures(&mut self) -> Option<&mut ChunkSignatures> {
        match self {
            Self::Signed(signatures) | Self::SignedWithTrailer(signatures, _) => Some(signatures),
            Self::UnsignedWithTrailer(_) => None,
        }
    }
}

/// An `aws-chunked` body, decoded and verified.
pub struct ChunkedBody<S> {
    source: S,
    /// What arrived and was not consumed.
    waiting: Bytes,
    line: LineBuffer,
    state: State,
    verification: ChunkVerification,
    /// Decoded bytes still to come.
    remaining: u64,
    /// Size of the chunk before.
    size_before: Option<u64>,
    checksums: Vec<ChecksumValue>,
    failed: Option<BodyError>,
}

enum State {
    Head,
    Data {
        left: u64,
        /// The hash so far and the signature it must lead to, of signed chunks.
        signed: Option<(Sha256, String)>,
    },
    /// The line ending after a chunk's data.
    DataEnd,
    /// The blank line after the last chunk where no trailer comes.
    LastLine,
    Trailer(Trailer),
    /// Nothing may follow.
    End,
    Done,
}

impl<S: ByteSource> ChunkedBody<S> {
    /// Decodes `source`, which must yield exactly `decoded_length` bytes of data.
    pub fn new(source: S, verification: ChunkVerification, decoded_length: u64) -> Self {
        Self {
            source,
            waiting: Bytes::new(),
            line: LineBuffer::default(),
            state: State::Head,
            verification,
            remaining: decoded_length,
            size_before: None,
            checksums: Vec::new(),
            failed: None,
        }
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if matches!(self.state, State::Done) {
                return Ok(None);
            }
            if self.waiting.is_empty() {
                match self.source.next().await? {
                    Some(bytes) => self.waiting = bytes,
                    None => self.end_of_source()?,
                }
                continue;
            }
            if let Some(piece) = self.step()? {
                return Ok(Some(piece));
            }
        }
    }

    /// Consumes some of what is waiting, which is not empty.
    fn step(&mut self) -> Result<Option<Bytes>, BodyError> {
        match &mut self.state {
            State::Head => {
                if let Some(line) = self.line.take(&mut self.waiting, HEAD_BYTES_MAX, true)? {
                    self.begin_chunk(&line)?;
                }
            }
            State::Data { left, signed } => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(self.waiting.len()).min(PIECE_BYTES_MAX);
                let piece = self.waiting.split_to(take);
                *left -= take as u64;
                self.remaining -= take as u64;
                if let Some((hash, _)) = signed {
                    hash.update(&piece);
                }
                if *left == 0 {
                    let signed = signed.take();
                    self.state = State::DataEnd;
                    self.check_chunk(signed)?;
                }
                return Ok(Some(piece));
            }
            State::DataEnd => {
                if self.line.take(&mut self.waiting, 2, true)?.is_some() {
                    self.state = State::Head;
                }
            }
            State::LastLine => {
                if self.line.take(&mut self.waiting, 2, true)?.is_some() {
                    self.state = State::End;
                }
            }
            State::Trailer(trailer) => {
                let before = self.waiting.len();
                let room = TRAILER_BYTES_MAX - trailer.bytes;
                let line = self.line.take(&mut self.waiting, room, false).map_err(|_| BodyError::MalformedTrailer)?;
                if let Some(line) = line {
                    // What is left of the room counts whole lines, so that a line cut into pieces counts once.
                    trailer.bytes += line.len() + 1;
                    if trailer.bytes >= TRAILER_BYTES_MAX {
                        return Err(BodyError::MalformedTrailer);
                    }
                    if trailer.take(&line)? == Step::Complete {
                        self.finish_trailer()?;
                    }
                }
                debug_assert!(self.waiting.len() < before);
            }
            State::End | State::Done => return Err(BodyError::MalformedChunk),
        }
        Ok(None)
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), BodyError> {
        let ChunkHead { size, signature } = ChunkHead::parse(line)?;
        let signed = match (self.verification.signatures().is_some(), signature) {
            (true, Some(signature)) => Some((Sha256::new(), signature.to_owned())),
            (false, None) => None,
            _ => return Err(BodyError::MalformedChunk),
        };
        if size > self.remaining {
            return Err(BodyError::Incomplete);
        }
        if size > 0 {
            let too_small = self.size_before.is_some_and(|before| before < SIGNED_CHUNK_BYTES_MIN);
            if signed.is_some() && too_small {
                return Err(BodyError::ChunkTooSmall);
            }
            self.size_before = Some(size);
            self.state = State::Data { left: size, signed };
            return Ok(());
        }
        self.check_chunk(signed)?;
        if self.remaining > 0 {
            return Err(BodyError::Incomplete);
        }
        self.state = match self.verification.trailer() {
            Some(algorithm) => {
                let signed = self.verification.signatures().is_some();
                State::Trailer(Trailer::new(algorithm, signed))
            }
            None => State::LastLine,
        };
        Ok(())
    }

    fn check_chunk(&mut self, signed: Option<(Sha256, String)>) -> Result<(), BodyError> {
        match (signed, self.verification.signatures()) {
            (Some((hash, signature)), Some(signatures)) => {
                if signatures.accept_chunk(&hash.finish(), &signature) {
                    Ok(())
                } else {
                    Err(BodyError::ChunkSignature)
                }
            }
            (None, None) => Ok(()),
            _ => Err(BodyError::MalformedChunk),
        }
    }

    fn finish_trailer(&mut self) -> Result<(), BodyError> {
        let State::Trailer(trailer) = std::mem::replace(&mut self.state, State::End) else {
            return Err(BodyError::MalformedTrailer);
        };
        let (value, digest, signature) = trailer.finish()?;
        if let Some(signatures) = self.verification.signatures() {
            let signature = signature.ok_or(BodyError::MalformedTrailer)?;
            if !signatures.accept_trailer(&digest, &signature) {
                return Err(BodyError::ChunkSignature);
            }
        }
        self.checksums.push(value);
        Ok(())
    }

    fn end_of_source(&mut self) -> Result<(), BodyError> {
        match &self.state {
            State::End | State::Done => {}
            State::Trailer(trailer) if trailer.may_end() && self.line.is_empty() => self.finish_trailer()?,
            _ => return Err(BodyError::Incomplete),
        }
        self.state = State::Done;
        Ok(())
    }
}

#[async_trait]
impl<S: ByteSource> BodySource for ChunkedBody<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let outcome = self.advance().await;
        self.failed = outcome.as_ref().err().copied();
        outcome
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        if matches!(self.state, State::Done) { std::mem::take(&mut self.checksums) } else { Vec::new() }
    }
}
