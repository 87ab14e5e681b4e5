//! The layout of an object written by multipart upload: its parts in order. Kept apart from the version's record, so
//! that listings do not read it; covered by the record's authentication code.

use super::StoredStream;
use model::PartNumber;
use model::codec::{DecodeError, Reader, Writer};

const FORMAT_VERSION: u8 = 1;

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayoutPart {
    pub(crate) part: PartNumber,
    pub(crate) stored: StoredStream,
    /// The part's digests, sealed under the part's stream uid.
    pub(crate) digests: Vec<u8>,
}

/// All parts, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) parts: Vec<LayoutPart>,
}

impl Layout {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.u16(self.parts.len() as u16);
        for part in &self.parts {
            w.u16(part.part.get());
            part.stored.encode(&mut w);
            w.bytes(&part.digests);
        }
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if format != FORMAT_VERSION {
            return Err(DecodeError("layout of unknown format version"));
        }
        let mut parts = Vec::new();
        for _ in 0..r.u16()? {
            parts.push(LayoutPart {
                part: PartNumber::new(r.u16()?.into()).ok_or(DecodeError("part number"))?,
                stored: StoredStream::decode(&mut r)?,
                digests: r.bytes()?.to_vec(),
            });
        }
        r.finish()?;
        Ok(Self { parts })
    }
}
