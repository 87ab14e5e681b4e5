//! Digests of the plaintext that must be kept but must not stand in clear at rest: the MD5 that is an SSE-S3 object's
//! ETag, and the object's checksum. They travel as a *note*, sealed under the DEK (SSE-KMS, SSE-C) or under the
//! server's metadata key (SSE-OBS, so that listings need no key service), in clear for objects that are plain anyway.
//!
//! ```text
//! option(16 bytes MD5), option(algorithm u8, option(parts u32), bytes value)
//! ```

use crypto::{ChecksumAlgorithm, ChecksumValue};
use model::codec::{DecodeError, Reader, Writer};

/// A checksum as kept with an object or a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptChecksum {
    /// The value.
    pub value: ChecksumValue,
    /// `Some(parts)` for COMPOSITE, `None` for FULL_OBJECT.
    pub composite_parts: Option<u32>,
}

/// Digests of the plaintext.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// The MD5 that the ETag is made of, where that is not public.
    pub etag_md5: Option<[u8; 16]>,
    /// The checksum.
    pub checksum: Option<KeptChecksum>,
}

impl Digests {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::bare();
        w.option(self.etag_md5, |w, md5| {
            w.raw(&md5);
        });
        w.option(self.checksum.as_ref(), |w, kept| {
            w.u8(kept.value.algorithm().code());
            w.option(kept.composite_parts, |w, parts| {
                w.u32(parts);
            });
            w.bytes(kept.value.bytes());
        });
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::bare(bytes);
        let etag_md5 = r.option(|r| r.array())?;
        let checksum = r.option(|r| {
            let algorithm = ChecksumAlgorithm::from_code(r.u8()?).ok_or(DecodeError("checksum algorithm"))?;
            let composite_parts = r.option(|r| r.u32())?;
            let value =
                ChecksumValue::new(algorithm, r.bytes()?.to_vec()).ok_or(DecodeError("checksum of wrong length"))?;
            Ok(KeptChecksum { value, composite_parts })
        })?;
        r.finish()?;
        Ok(Self { etag_md5, checksum })
    }
}
