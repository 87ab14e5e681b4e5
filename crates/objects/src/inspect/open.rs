//! With an object's keys: the record's code, every segment of every stream, the sealed digests, and the ETag and checksum
//! that they and the record promise, made again from the bytes.

use super::streams::{Sealed, blob_name};
use super::versions::FoundVersion;
use super::{Finding, FindingKind, InspectedVersion, Inspector, Place, Scope};
use crate::bodies::BATCH_SEGMENTS;
use crate::records::StoredStream;
use sse::{BodyKeys, ChecksumAlgorithm, ChecksumValue, Checksummer, Digests, Envelope, StreamMd5, md5};

/// Numbers of damaged segments that are named of one stream.
const NAMED_MAX: usize = 8;

/// What came of opening.
#[derive(Debug, Default)]
pub struct OpenedBody {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Segments that authenticated.
    pub segments: u64,
    /// Plaintext bytes of them.
    pub bytes: u64,
}

/// What to take of a stream on the way.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Whether the MD5 is of the plaintext, not of the sealed bytes.
    pub(super) md5_of_plain: bool,
    /// The part's own checksum.
    pub(super) checksum: Option<ChecksumAlgorithm>,
}

/// What was taken of a stream that is whole.
pub(super) struct Taken {
    pub(super) md5: [u8; 16],
    pub(super) checksum: Option<ChecksumValue>,
}

impl Inspector {
    /// Opens an object version whole.
    pub(super) fn open(&self, of: &InspectedVersion, keys: &BodyKeys, progress: &dyn Fn(u64)) -> OpenedBody {
        let mut opened = OpenedBody::default();
        let InspectedVersion { found: FoundVersion { object, place, name, bucket_uid, .. }, layout, .. } = of;
        let layout_bytes = layout.as_ref().map(crate::records::Layout::encode);
        let record = object.authenticated_bytes(*bucket_uid, name, layout_bytes.as_deref());
        if keys.verify_record(&record, object.code.as_ref()).is_err() {
            let detail = "the authentication code is not that of this record, here, under this DEK";
            opened.findings.push(place.finding(FindingKind::RecordForged, detail));
        }
        let digests = object.digests.as_ref().and_then(|note| {
            open_note(keys, object.uid.as_bytes(), note, object.etag.public_md5.is_none(), place, &mut opened.findings)
        });
        let kept = digests.as_ref().and_then(|digests| digests.checksum.as_ref());
        if digests.is_some() && kept.map(|k| (k.value.algorithm(), k.composite_parts.is_some())) != object.checksum {
            let detail = "the record names another checksum than its sealed digests hold";
            opened.findings.push(place.finding(FindingKind::ChecksumWrong, detail));
        }
        let md5_of_plain = matches!(object.envelope, Envelope::Plain) || object.etag.public_md5.is_none();
        let mut whole =
            kept.filter(|kept| kept.composite_parts.is_none()).map(|k| Checksummer::new(k.value.algorithm()));
        let mut taken = Vec::new();
        for (index, stored) in crate::current::streams(object, layout.as_ref()).iter().enumerate() {
            let note = layout.as_ref().and_then(|layout| layout.parts.get(index)).map(|part| &part.digests);
            let place = match layout.as_ref().and_then(|layout| layout.parts.get(index)) {
                Some(part) => place.at(format!("{}, part {}", place.at, part.part.get())),
                None => place.clone(),
            };
            let of_part = note
                .and_then(|note| open_note(keys, stored.stream.as_bytes(), note, false, &place, &mut opened.findings));
            let algorithm = of_part.as_ref().and_then(|d| d.checksum.as_ref()).map(|kept| kept.value.algorithm());
            let wanted = Wanted { md5_of_plain, checksum: algorithm };
            let found = self.open_stream(stored, keys, &place, wanted, whole.as_mut(), &mut opened, progress);
            if let (Some(taken), Some(digests)) = (&found, &of_part) {
                check_digests(digests, None, taken, &place, &mut opened.findings);
            }
            taken.push(found);
        }
        // Of a body that did not open whole, what is made of it says nothing more.
        if let Some(taken) = taken.into_iter().collect::<Option<Vec<Taken>>>() {
            let all_md5 = match (&taken[..], object.etag.parts) {
                ([one], None) => one.md5,
                (parts, _) => md5(&parts.iter().flat_map(|part| part.md5).collect::<Vec<u8>>()),
            };
            let promised = object.etag.public_md5.or_else(|| digests.as_ref().and_then(|digests| digests.etag_md5));
            if promised != Some(all_md5) && (promised.is_some() || digests.is_some()) {
                let of = if md5_of_plain { "plaintext" } else { "sealed bytes" };
                let detail = format!("the ETag is not the MD5 of the {of}");
                opened.findings.push(place.finding(FindingKind::EtagWrong, detail));
            }
            if let Some(kept) = kept {
                let again = match whole {
                    Some(whole) => Some(whole.finish()),
                    None => composite(kept.value.algorithm(), &taken),
                };
                if again.as_ref() != Some(&kept.value) {
                    let detail = "the kept checksum is not that of the plaintext";
                    opened.findings.push(place.finding(FindingKind::ChecksumWrong, detail));
                }
            }
        }
        opened
    }

    /// Opens a stream whole. `None` if it is not whole: what is wrong is among the findings, here or since the look
    /// without keys.
    #[expect(clippy::too_many_arguments, reason = "a stream, its keys, and what is gathered on the way")]
    pub(super) fn open_stream(
        &self,
        stored: &StoredStream,
        keys: &BodyKeys,
        place: &Place,
        wanted: Wanted,
        mut whole: Option<&mut Checksummer>,
        opened: &mut OpenedBody,
        progress: &dyn Fn(u64),
    ) -> Option<Taken> {
        // What is missing or of a wrong length was told already.
        let sealed = self.stream(stored, keys.envelope(), place, Scope::UNHEARD, &mut Vec::new())?;
        let opener = keys.opener(stored.stream, stored.plain_bytes);
        let geometry = opener.geometry();
        let mut md5 = StreamMd5::new();
        let mut checksum = wanted.checksum.map(Checksummer::new);
        let (mut damaged, mut damaged_count, mut buffer) = (Vec::new(), 0u64, Vec::new());
        let mut next = 0;
        while next < geometry.segments() {
            let count = BATCH_SEGMENTS.min(geometry.segments() - next);
            let (offset, len) = geometry.sealed_span(next, count);
            buffer.resize(len, 0);
            if let Err(fault) = sealed.read_at(offset, &mut buffer) {
                opened.findings.push(at(place, stored, &sealed).finding(FindingKind::BodyDamaged, fault.to_string()));
                return None;
            }
            for segment in next..next + count {
                let (start, len) = geometry.sealed_span(segment, 1);
                let from = (start - offset) as usize;
                let bytes = &buffer[from..from + len];
                match opener.open(segment, bytes).map(zeroize::Zeroizing::new) {
                    Ok(plain) => {
                        opened.segments += 1;
                        opened.bytes += plain.len() as u64;
                        progress(plain.len() as u64);
                        md5.update(if wanted.md5_of_plain { &plain } else { bytes });
                        checksum.iter_mut().for_each(|c| c.update(&plain));
                        whole.iter_mut().for_each(|c| c.update(&plain));
                    }
                    Err(_) => {
                        damaged_count += 1;
                        if damaged.len() < NAMED_MAX {
                            damaged.push(segment.to_string());
                        }
                    }
                }
            }
            next += count;
        }
        if damaged_count > 0 {
            let more = if damaged_count > damaged.len() as u64 { " and others" } else { "" };
            let all = geometry.segments();
            let detail = format!("segments {}{more} of {all} do not authenticate", damaged.join(", "));
            opened.findings.push(at(place, stored, &sealed).finding(FindingKind::BodyDamaged, detail));
            return None;
        }
        Some(Taken { md5: md5.finish(), checksum: checksum.map(Checksummer::finish) })
    }
}

fn at(place: &Place, stored: &StoredStream, sealed: &Sealed) -> Place {
    let at = match sealed {
        Sealed::Row(_) => super::row_name(store::Table::Inline, stored.blob.as_bytes()),
        Sealed::File(_) => blob_name(stored.blob),
    };
    place.at(at)
}

pub(super) fn open_note(
    keys: &BodyKeys,
    id: &[u8; 16],
    note: &[u8],
    etag_inside: bool,
    place: &Place,
    findings: &mut Vec<Finding>,
) -> Option<Digests> {
    let opened = keys.open_digests(id, note, etag_inside);
    if opened.is_err() {
        findings.push(place.finding(FindingKind::DigestsDamaged, "its sealed digests do not open"));
    }
    opened.ok()
}

/// Compares what was taken of a stream with what was kept of it.
pub(super) fn check_digests(
    kept: &Digests,
    public_md5: Option<[u8; 16]>,
    taken: &Taken,
    place: &Place,
    findings: &mut Vec<Finding>,
) {
    if public_md5.or(kept.etag_md5).is_some_and(|md5| md5 != taken.md5) {
        findings.push(place.finding(FindingKind::EtagWrong, "the part's ETag is not the MD5 of its bytes"));
    }
    let value = kept.checksum.as_ref().map(|kept| &kept.value);
    if value.is_some() && value != taken.checksum.as_ref() {
        findings.push(place.finding(FindingKind::ChecksumWrong, "the part's checksum is not that of its plaintext"));
    }
}

/// The checksum of the parts' checksums.
fn composite(algorithm: ChecksumAlgorithm, taken: &[Taken]) -> Option<ChecksumValue> {
    let mut whole = Checksummer::new(algorithm);
    for part in taken {
        whole.update(part.checksum.as_ref()?.bytes());
    }
    Some(whole.finish())
}
