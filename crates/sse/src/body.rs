//! Sealing and opening bodies. Plaintext goes through once: the cipher's own pass is the only copy of whole segments,
//! and every digest that the request asks for is taken on the way.

use crypto::{
    ChecksumAlgorithm, ChecksumValue, Checksummer, Md5, OpenError, SEGMENT_BYTES, SealMisuse, Sha256, StreamOpener,
    StreamSealer, Suite, sealed_len,
};
use model::StreamUid;

/// Where sealed bytes go: the sink lends its own buffer, so that the sealer's output is not copied again.
pub trait SealedSink {
    /// What can go wrong.
    type Error;

    /// Appends `len` bytes written by `fill`. `len` is at most one sealed segment.
    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), Self::Error>;
}

impl SealedSink for Vec<u8> {
    type Error = std::convert::Infallible;

    fn append(&mut self, len: usize, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), Self::Error> {
        let start = self.len();
        self.resize(start + len, 0);
        fill(&mut self[start..]);
        Ok(())
    }
}

/// Why sealing stopped.
#[derive(Debug)]
pub enum SealFault<E> {
    /// The sink could not take the bytes.
    Sink(E),
    /// The sealer was used out of order, or the body is longer than a stream can be.
    Misuse(SealMisuse),
}

/// Which bytes an ETag is the MD5 of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtagSource {
    /// The plaintext.
    Plaintext,
    /// The sealed bytes.
    Sealed,
}

/// Which digests of the plaintext the request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct WantedDigests {
    /// MD5, for `Content-MD5`.
    pub md5: bool,
    /// SHA-256, for the signature's payload hash.
    pub sha256: bool,
    /// The checksum to verify and keep.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// Seals one body or part.
pub struct BodySealer {
    stream: StreamUid,
    sealer: StreamSealer,
    /// The last segment is sealed differently, and only the end tells which it is: up to one segment waits here.
    hold: Vec<u8>,
    sealed_md5: Option<Md5>,
    plain_md5: Option<Md5>,
    sha256: Option<Sha256>,
    checksum: Option<Checksummer>,
    /// When the wanted checksum is SHA-256 and the payload hash is taken anyway, one hash serves both.
    checksum_from_sha256: bool,
    plain_bytes: u64,
    sealed_bytes: u64,
}

/// What sealing a body yields.
pub struct SealedBody {
    /// The stream's identity.
    pub stream: StreamUid,
    /// Plaintext length in bytes.
    pub plain_bytes: u64,
    /// Sealed length in bytes.
    pub sealed_bytes: u64,
    /// The MD5 that the ETag is made of.
    pub etag_md5: [u8; 16],
    /// MD5 of the plaintext, when wanted.
    pub plain_md5: Option<[u8; 16]>,
    /// SHA-256 of the plaintext, when wanted.
    pub sha256: Option<[u8; 32]>,
    /// Checksum of the plaintext, when wanted.
    pub checksum: Option<ChecksumValue>,
}

impl BodySealer {
    pub(crate) fn new(stream: StreamUid, sealer: StreamSealer, etag: EtagSource, wanted: WantedDigests) -> Self {
        let checksum_from_sha256 = wanted.sha256 && wanted.checksum == Some(ChecksumAlgorithm::Sha256);
        Self {
            stream,
            sealer,
            hold: Vec::new(),
            sealed_md5: (etag == EtagSource::Sealed).then(Md5::new),
            plain_md5: (etag == EtagSource::Plaintext || wanted.md5).then(Md5::new),
            sha256: wanted.sha256.then(Sha256::new),
            checksum: wanted.checksum.filter(|_| !checksum_from_sha256).map(Checksummer::new),
            checksum_from_sha256,
            plain_bytes: 0,
            sealed_bytes: 0,
        }
    }

    /// Takes the next plaintext.
    pub fn write<S: SealedSink>(&mut self, mut plain: &[u8], sink: &mut S) -> Result<(), SealFault<S::Error>> {
        self.digest(plain);
        self.plain_bytes += plain.len() as u64;
        if !self.hold.is_empty() {
            let room = SEGMENT_BYTES - self.hold.len();
            let (head, rest) = plain.split_at(room.min(plain.len()));
            self.hold.extend_from_slice(head);
            plain = rest;
            if plain.is_empty() {
                return Ok(());
            }
            let mut full = std::mem::take(&mut self.hold);
            self.seal(&full, false, sink)?;
            full.clear();
            self.hold = full;
        }
        while plain.len() > SEGMENT_BYTES {
            let (segment, rest) = plain.split_at(SEGMENT_BYTES);
            self.seal(segment, false, sink)?;
            plain = rest;
        }
        self.hold.reserve_exact(SEGMENT_BYTES.min(plain.len()));
        self.hold.extend_from_slice(plain);
        Ok(())
    }

    /// Seals the last segment.
    pub fn finish<S: SealedSink>(mut self, sink: &mut S) -> Result<SealedBody, SealFault<S::Error>> {
        let last = std::mem::take(&mut self.hold);
        self.seal(&last, true, sink)?;
        debug_assert_eq!(self.sealed_bytes, sealed_len(self.sealer.suite(), self.plain_bytes));
        let plain_md5 = self.plain_md5.map(Md5::finish);
        let sha256 = self.sha256.map(Sha256::finish);
        let checksum = match (self.checksum, sha256) {
            (Some(checksum), _) => Some(checksum.finish()),
            (None, Some(sha)) if self.checksum_from_sha256 => {
                ChecksumValue::new(ChecksumAlgorithm::Sha256, sha.to_vec())
            }
            _ => None,
        };
        Ok(SealedBody {
            stream: self.stream,
            plain_bytes: self.plain_bytes,
            sealed_bytes: self.sealed_bytes,
            // One of the two was asked for in `new`.
            etag_md5: self.sealed_md5.map(Md5::finish).or(plain_md5).unwrap_or_default(),
            plain_md5,
            sha256,
            checksum,
        })
    }

    fn digest(&mut self, plain: &[u8]) {
        if let Some(md5) = &mut self.plain_md5 {
            md5.update(plain);
        }
        if let Some(sha) = &mut self.sha256 {
            sha.update(plain);
        }
        if let Some(checksum) = &mut self.checksum {
            checksum.update(plain);
        }
    }

    fn seal<S: SealedSink>(&mut self, plain: &[u8], last: bool, sink: &mut S) -> Result<(), SealFault<S::Error>> {
        let len = plain.len() + self.sealer.suite().tag_bytes();
        let (sealer, md5) = (&mut self.sealer, &mut self.sealed_md5);
        let mut sealed = Ok(());
        sink.append(len, &mut |out| {
            sealed = sealer.seal_segment(plain, last, out);
            if let Some(md5) = md5 {
                md5.update(out);
            }
        })
        .map_err(SealFault::Sink)?;
        sealed.map_err(SealFault::Misuse)?;
        self.sealed_bytes += len as u64;
        Ok(())
    }
}

/// Opens segments of one stream at any place.
pub struct BodyOpener {
    opener: StreamOpener,
    geometry: StreamGeometry,
}

/// Where the segments of a stream lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamGeometry {
    suite: Suite,
    plain_bytes: u64,
}

impl StreamGeometry {
    pub(crate) fn new(suite: Suite, plain_bytes: u64) -> Self {
        Self { suite, plain_bytes }
    }

    /// Sealed length of the whole stream in bytes.
    pub fn sealed_bytes(&self) -> u64 {
        sealed_len(self.suite, self.plain_bytes)
    }

    /// Number of segments; an empty stream has one.
    pub fn segments(&self) -> u64 {
        self.plain_bytes.div_ceil(SEGMENT_BYTES as u64).max(1)
    }

    /// Index of the segment that holds the plaintext byte at `offset`.
    pub fn segment_of(&self, offset: u64) -> u64 {
        offset / SEGMENT_BYTES as u64
    }

    /// Plaintext offset at which a segment begins.
    pub fn plain_start(&self, segment: u64) -> u64 {
        segment * SEGMENT_BYTES as u64
    }

    /// Offset and length of the sealed bytes of `count` segments from `first`; `count` segments must exist.
    pub fn sealed_span(&self, first: u64, count: u64) -> (u64, usize) {
        let unit = (SEGMENT_BYTES + self.suite.tag_bytes()) as u64;
        let start = first * unit;
        let end = ((first + count) * unit).min(self.sealed_bytes());
        (start, (end - start) as usize)
    }
}

impl BodyOpener {
    pub(crate) fn new(opener: StreamOpener, geometry: StreamGeometry) -> Self {
        Self { opener, geometry }
    }

    /// Where the segments lie.
    pub fn geometry(&self) -> StreamGeometry {
        self.geometry
    }

    /// Opens consecutive segments from `first`. Plaintext is returned only when every one of them authenticated.
    pub fn open(&self, first: u64, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let tag = self.geometry.suite.tag_bytes();
        let unit = SEGMENT_BYTES + tag;
        let count = sealed.len().div_ceil(unit).max(1);
        let mut plain = vec![0; sealed.len().saturating_sub(count * tag)];
        let mut out = &mut plain[..];
        for (i, segment) in sealed.chunks(unit).enumerate() {
            let index = first + i as u64;
            let Some(len) = segment.len().checked_sub(tag) else { return Err(OpenError) };
            let (head, rest) = out.split_at_mut(len);
            self.opener.open_segment(index, index + 1 == self.geometry.segments(), segment, head)?;
            out = rest;
        }
        Ok(plain)
    }
}
