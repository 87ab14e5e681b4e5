//! Segment streams: a body or a part, cut into segments of 64 KiB, each sealed on its own.
//!
//! Segments may be opened in any order and alone, so a range reads only what it needs; index, final flag and the
//! stream's parameters are authenticated with each, so none can be swapped, repeated, dropped or moved to another
//! stream. docs/formats/segment.md draws the bytes.

use crate::aead::{Cipher, NONCE_BYTES, TAG_BYTES};
use crate::data_cipher::DataCipher;
use crate::digest::Sha256;
use crate::roles::Dek;
use crate::sm::{Sm4Cipher, sm3};
use crate::tree::{sm4_stream_key, stream_key};
use crc_fast::{CrcAlgorithm, Digest};
use model::StreamUid;
use std::fmt;
use zeroize::Zeroize;

/// Format version of the stream's parameters.
const FORMAT_VERSION: u8 = 1;
const SEGMENT_LOG2: u8 = 16;
/// Plaintext bytes of every segment but the last.
pub const SEGMENT_BYTES: usize = 1 << SEGMENT_LOG2;
/// Segment indices are below this: the nonce holds 56 bits of index.
pub const SEGMENT_INDEX_END: u64 = 1 << 56;
const CRC_BYTES: usize = 4;

const _: () = assert!(NONCE_BYTES == 4 + 7 + 1, "zeros, index, final flag");
// SP 800-38D section 5.2.1.1: a message is at most 2^39 - 256 bits.
const _: () = assert!((SEGMENT_BYTES as u64) * 8 <= (1 << 39) - 256);
// A u64 length cannot reach the end of the index.
const _: () = assert!(u64::MAX >> SEGMENT_LOG2 < SEGMENT_INDEX_END);

/// How the segments of a stream are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Suite {
    /// In clear with a CRC-32C: finds damage, not malice. For objects without an SSE method.
    PlainCrc32c = 0,
    /// AES-256-GCM.
    Aes256Gcm = 1,
    /// SM4-GCM.
    Sm4Gcm = 2,
}

impl Suite {
    /// From its stored code.
    pub const fn from_u8(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::PlainCrc32c),
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::Sm4Gcm),
            _ => None,
        }
    }

    /// The stored code.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Bytes each segment grows by.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::PlainCrc32c => CRC_BYTES,
            Self::Aes256Gcm | Self::Sm4Gcm => TAG_BYTES,
        }
    }
}

/// Number of segments of a stream of `plain` plaintext bytes: an empty stream has one, empty segment.
pub const fn segment_count(plain: u64) -> u64 {
    let count = plain.div_ceil(SEGMENT_BYTES as u64);
    if count == 0 { 1 } else { count }
}

/// Sealed length in bytes of a stream of `plain` plaintext bytes. Saturates at `u64::MAX`, beyond any disk.
pub const fn sealed_len(suite: Suite, plain: u64) -> u64 {
    plain.saturating_add(segment_count(plain) * suite.tag_bytes() as u64)
}

/// Plaintext length in bytes of a stream of `sealed` sealed bytes; `None` when no stream has that length.
pub const fn plain_len(suite: Suite, sealed: u64) -> Option<u64> {
    let tag = suite.tag_bytes() as u64;
    let count = sealed.div_ceil(SEGMENT_BYTES as u64 + tag);
    match sealed.checked_sub(count * tag) {
        Some(plain) if count > 0 && segment_count(plain) == count => Some(plain),
        _ => None,
    }
}

/// The caller broke the rules of a stream. A defect of the program, never of stored data; nothing was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealMisuse {
    /// A segment after the last one.
    AfterLast,
    /// A segment that is not the last must be [`SEGMENT_BYTES`] long; the last may be shorter, and may be empty only
    /// when it is the only one.
    SegmentLength,
    /// `out` must be longer than the plaintext by [`Suite::tag_bytes`].
    OutputLength,
    /// More than [`SEGMENT_INDEX_END`] segments.
    TooManySegments,
}

impl fmt::Display for SealMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AfterLast => "the stream has its last segment already",
            Self::SegmentLength => "the segment's length does not fit its place in the stream",
            Self::OutputLength => "the output's length does not fit the segment",
            Self::TooManySegments => "the stream has too many segments",
        })
    }
}

impl std::error::Error for SealMisuse {}

/// A segment could not be opened. One error for all causes: wrong key, wrong stream, wrong place, changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the segment does not open: it is damaged or not from this place")
    }
}

impl std::error::Error for OpenError {}

/// What both directions share: the stream's parameters and, for a sealed stream, its key.
struct Stream {
    uid: StreamUid,
    key: Option<StreamKey>,
}

/// The key of one stream, expanded, with the constant associated data of its segments.
struct StreamKey {
    cipher: StreamCipher,
    parameters: [u8; 32],
}

enum StreamCipher {
    Aes256(Cipher),
    Sm4(Sm4Cipher),
}

impl StreamKey {
    fn seal(&self, nonce: [u8; NONCE_BYTES], plain: &[u8], out: &mut [u8]) {
        match &self.cipher {
            StreamCipher::Aes256(cipher) => cipher.seal(nonce, &self.parameters, plain, out),
            StreamCipher::Sm4(cipher) => cipher.seal(nonce, &self.parameters, plain, out),
        }
    }

    fn open(&self, nonce: [u8; NONCE_BYTES], sealed: &[u8], out: &mut [u8]) -> Result<(), OpenError> {
        match &self.cipher {
            StreamCipher::Aes256(cipher) => cipher.open(nonce, &self.parameters, sealed, out),
            StreamCipher::Sm4(cipher) => cipher.open(nonce, &self.parameters, sealed, out),
        }
        .map_err(|_| OpenError)
    }
}

impl Stream {
    fn plain(uid: StreamUid) -> Self {
        Self { uid, key: None }
    }

    fn sealed(cipher: DataCipher, dek: &Dek, uid: StreamUid) -> Self {
        let parameters = parameters(cipher.suite(), uid);
        let cipher = match cipher {
            DataCipher::Aes256Gcm => StreamCipher::Aes256(Cipher::new(stream_key(dek, uid).expose())),
            DataCipher::Sm4Gcm => StreamCipher::Sm4(Sm4Cipher::new(sm4_stream_key(dek, uid).expose())),
        };
        Self { uid, key: Some(StreamKey { cipher, parameters }) }
    }

    fn suite(&self) -> Suite {
        match self.key.as_ref().map(|key| &key.cipher) {
            None => Suite::PlainCrc32c,
            Some(StreamCipher::Aes256(_)) => Suite::Aes256Gcm,
            Some(StreamCipher::Sm4(_)) => Suite::Sm4Gcm,
        }
    }

    fn crc(&self, index: u64, last: bool, plain: &[u8]) -> [u8; CRC_BYTES] {
        let mut crc = Digest::new(CrcAlgorithm::Crc32Iscsi);
        crc.update(self.uid.as_bytes());
        crc.update(&index.to_be_bytes());
        crc.update(&[last.into()]);
        crc.update(plain);
        (crc.finalize() as u32).to_be_bytes()
    }
}

/// The associated data of every segment of a stream: a digest of what the stream is.
fn parameters(suite: Suite, uid: StreamUid) -> [u8; 32] {
    let fixed = [FORMAT_VERSION, suite.as_u8(), SEGMENT_LOG2];
    if suite == Suite::Sm4Gcm {
        return sm3(&[&fixed[..], uid.as_bytes()].concat());
    }
    let mut digest = Sha256::new();
    digest.update(&fixed);
    digest.update(uid.as_bytes());
    digest.finish()
}

/// `00 00 00 00 || 56-bit index || final flag`. INVARIANT: `index` is below [`SEGMENT_INDEX_END`].
fn nonce(index: u64, last: bool) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[4..].copy_from_slice(&(index << 8 | u64::from(last)).to_be_bytes());
    nonce
}

/// Whether a segment of this plaintext length may stand at this place.
fn length_fits(index: u64, last: bool, plain: usize) -> bool {
    if last { plain <= SEGMENT_BYTES && (plain > 0 || index == 0) } else { plain == SEGMENT_BYTES }
}

/// Seals a stream, segment after segment. Counts them itself, so no nonce is used twice.
pub struct StreamSealer {
    stream: Stream,
    next: u64,
    ended: bool,
}

impl StreamSealer {
    /// A stream in clear with checksums.
    pub fn plain(uid: StreamUid) -> Self {
        Self::new(Stream::plain(uid))
    }

    /// A stream under a DEK. The uid must be fresh: drawn for this stream alone.
    pub fn sealed(cipher: DataCipher, dek: &Dek, uid: StreamUid) -> Self {
        Self::new(Stream::sealed(cipher, dek, uid))
    }

    fn new(stream: Stream) -> Self {
        Self { stream, next: 0, ended: false }
    }

    /// The stream's suite.
    pub fn suite(&self) -> Suite {
        self.stream.suite()
    }

    /// Seals the next segment into `out`, which is [`Suite::tag_bytes`] longer than `plain`.
    ///
    /// # Errors
    /// [`SealMisuse`]; the stream's state is then unchanged.
    pub fn seal_segment(&mut self, plain: &[u8], last: bool, out: &mut [u8]) -> Result<(), SealMisuse> {
        if self.ended {
            return Err(SealMisuse::AfterLast);
        }
        if self.next >= SEGMENT_INDEX_END {
            return Err(SealMisuse::TooManySegments);
        }
        if !length_fits(self.next, last, plain.len()) {
            return Err(SealMisuse::SegmentLength);
        }
        if out.len() != plain.len() + self.suite().tag_bytes() {
            return Err(SealMisuse::OutputLength);
        }
        match &self.stream.key {
            Some(key) => key.seal(nonce(self.next, last), plain, out),
            None => {
                let (text, tag) = out.split_at_mut(plain.len());
                text.copy_from_slice(plain);
                tag.copy_from_slice(&self.stream.crc(self.next, last, plain));
            }
        }
        self.next += 1;
        self.ended = last;
        Ok(())
    }

    /// Whether the last segment has been sealed.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

/// Opens segments of a stream, in any order.
pub struct StreamOpener {
    stream: Stream,
}

impl StreamOpener {
    /// A stream in clear with checksums.
    pub fn plain(uid: StreamUid) -> Self {
        Self { stream: Stream::plain(uid) }
    }

    /// A stream under a DEK.
    pub fn sealed(cipher: DataCipher, dek: &Dek, uid: StreamUid) -> Self {
        Self { stream: Stream::sealed(cipher, dek, uid) }
    }

    /// The stream's suite.
    pub fn suite(&self) -> Suite {
        self.stream.suite()
    }

    /// Opens the segment at `index` into `out`, which is [`Suite::tag_bytes`] shorter than `sealed`. `last` says
    /// whether the caller, from the authenticated plaintext size, expects the stream to end here.
    ///
    /// # Errors
    /// [`OpenError`] for every cause; `out` is then wiped, it never holds unauthenticated plaintext.
    pub fn open_segment(&self, index: u64, last: bool, sealed: &[u8], out: &mut [u8]) -> Result<(), OpenError> {
        let opened = self.open(index, last, sealed, out);
        if opened.is_err() {
            out.zeroize();
        }
        opened
    }

    fn open(&self, index: u64, last: bool, sealed: &[u8], out: &mut [u8]) -> Result<(), OpenError> {
        let (text, tag) = sealed.split_at_checked(out.len()).ok_or(OpenError)?;
        if tag.len() != self.suite().tag_bytes() || index >= SEGMENT_INDEX_END || !length_fits(index, last, text.len())
        {
            return Err(OpenError);
        }
        match &self.stream.key {
            Some(key) => key.open(nonce(index, last), sealed, out),
            None if self.stream.crc(index, last, text) == tag => {
                out.copy_from_slice(text);
                Ok(())
            }
            None => Err(OpenError),
        }
    }
}
