//! One sealed stream at rest: whether it is there, of the length that its record gives, and known as referred to.

use super::{Finding, FindingKind, Inspector, Place, Scope};
use crate::records::{StoredStream, keys};
use bytes::Bytes;
use model::BlobId;
use sse::Envelope;
use store::{BlobReader, StoreFault, Table};

/// The sealed bytes of a stream.
pub(crate) enum Sealed {
    Row(Bytes),
    File(Box<dyn BlobReader>),
}

impl Sealed {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Row(bytes) => bytes.len() as u64,
            Self::File(reader) => reader.len(),
        }
    }

    /// Fills `out` from `offset`.
    pub(crate) fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<(), StoreFault> {
        match self {
            Self::Row(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let piece = start.checked_add(out.len()).and_then(|end| bytes.get(start..end));
                out.copy_from_slice(piece.ok_or_else(|| StoreFault::Corrupt("the row ends before".to_owned()))?);
                Ok(())
            }
            Self::File(reader) => reader.read_at(offset, out),
        }
    }
}

/// Where a blob lies, as findings name it.
pub(crate) fn blob_name(id: BlobId) -> String {
    let name = id.to_hex();
    format!("blobs/{}/{name}", &name[..2])
}

impl Inspector {
    /// Finds a stream's bytes and checks what can be checked without keys.
    pub(crate) fn stream(
        &self,
        stored: &StoredStream,
        envelope: &Envelope,
        place: &Place,
        scope: Scope,
        findings: &mut Vec<Finding>,
    ) -> Option<Sealed> {
        let id = stored.blob;
        let row = keys::blob(id);
        let (place, found) = if stored.inline {
            let found = self.get(Table::Inline, &row).map(|row| row.map(Sealed::Row));
            (place.at(super::row_name(Table::Inline, &row)), found)
        } else {
            let place = place.at(blob_name(id));
            match self.get(Table::BlobRefs, &row) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let detail = "the blob has no row in the table of references; a start may remove it";
                    findings.push(place.finding(FindingKind::ReferenceMissing, detail));
                }
                Err(fault) => findings.extend(scope.of_shared_row(&place, Table::BlobRefs, &row, &fault)),
            }
            (place, self.blobs.blob(id).map(|file| file.map(Sealed::File)))
        };
        let sealed = match found {
            Ok(Some(sealed)) => sealed,
            Ok(None) => {
                findings.push(place.finding(FindingKind::BodyMissing, "the sealed bytes are missing"));
                return None;
            }
            Err(fault) => {
                findings.push(place.finding(FindingKind::BodyDamaged, fault.to_string()));
                return None;
            }
        };
        let wanted = envelope.sealed_bytes(stored.plain_bytes);
        if sealed.len() != wanted {
            let detail = format!("{} bytes, where the record gives {wanted}", sealed.len());
            findings.push(place.finding(FindingKind::BodyLength, detail));
            return None;
        }
        Some(sealed)
    }
}
