//! Uploads in progress: their records, and the parts that have come.

use super::open::{Wanted, check_digests, open_note};
use super::rows::Rows;
use super::versions::place_of;
use super::{
    Buckets, Finding, FindingKind, FromSlice, Inspected, Inspector, OpenedBody, Page, Place, Scope, row_name, undecoded,
};
use crate::dependents;
use crate::records::{PartRecord, UploadRecord, keys};
use bytes::Bytes;
use model::{BucketName, BucketUid, ObjectName, UploadId};
use sse::{BodyKeys, Envelope, EtagSource, Target, etag_source};
use store::Table;

/// An upload whose record was understood; its parts have not been looked at.
pub struct FoundUpload {
    bucket_uid: BucketUid,
    bucket: BucketName,
    name: ObjectName,
    id: UploadId,
    record: UploadRecord,
    place: Place,
    scope: Scope,
}

/// An upload that was looked at, with its parts, as far as no key tells.
pub struct InspectedUpload {
    found: FoundUpload,
    parts: u64,
    findings: Vec<Finding>,
}

impl Inspected for InspectedUpload {
    fn bucket(&self) -> &BucketName {
        &self.found.bucket
    }

    fn envelope(&self) -> &Envelope {
        &self.found.record.envelope
    }

    fn target(&self) -> Target<'_> {
        let FoundUpload { bucket_uid, bucket, name, record, .. } = &self.found;
        Target { bucket_uid: *bucket_uid, bucket, object: name, version: record.uid }
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn parts(&self) -> Option<u64> {
        Some(self.parts)
    }

    fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    fn finding(&self, kind: FindingKind, detail: &str) -> Finding {
        self.found.place.finding(kind, detail)
    }

    fn open(&self, inspector: &Inspector, keys: &BodyKeys, progress: &dyn Fn(u64)) -> OpenedBody {
        inspector.open_parts(&self.found, keys, progress)
    }
}

impl Inspector {
    /// A page of uploads, of one bucket if `of` is its uid, from behind the key `after`.
    pub fn uploads(&self, buckets: &Buckets, of: Option<BucketUid>, after: Option<&[u8]>) -> Page<FoundUpload> {
        let prefix = of.map(keys::bucket_uid).unwrap_or_default();
        let Rows { rows, next, broken } = self.rows(Table::Uploads, &prefix, after);
        let scope = self.scope(of);
        let mut items: Vec<_> = rows.into_iter().map(|(key, value)| upload(buckets, scope, &key, value)).collect();
        items.extend(broken.map(Err));
        Page { items, next }
    }

    /// Looks at the parts of an upload and at its row in the index. Memory: a page of parts.
    pub fn inspect_upload(&self, found: FoundUpload) -> InspectedUpload {
        let (mut findings, mut parts) = (Vec::new(), 0);
        let FoundUpload { bucket_uid, name, id, record, place, scope, .. } = &found;
        let dependent = dependents::of_upload(*bucket_uid, name.as_str(), *id, record);
        self.check_indexed(dependent.as_ref(), place, *scope, &mut findings);
        self.each_part(&found, &mut findings, |part, place, findings| {
            parts += 1;
            self.stream(&part.stored, &record.envelope, place, *scope, findings);
        });
        InspectedUpload { found, parts, findings }
    }

    /// Calls `visit` with each part that can be read, a page at a time; damage is told and passed.
    fn each_part(
        &self,
        of: &FoundUpload,
        findings: &mut Vec<Finding>,
        mut visit: impl FnMut(&PartRecord, &Place, &mut Vec<Finding>),
    ) {
        let mut after = None::<Vec<u8>>;
        loop {
            let Rows { rows, next, broken } = self.rows(Table::Parts, &keys::parts(of.id), after.as_deref());
            for (key, value) in rows {
                let place = of.place.at(row_name(Table::Parts, &key));
                match value.and_then(|value| PartRecord::decode(&value).map_err(undecoded)) {
                    Ok(part) => visit(&part, &place, findings),
                    Err(why) => findings.push(place.finding(FindingKind::RecordDamaged, why)),
                }
            }
            findings.extend(broken);
            match next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }

    /// Opens all parts of an upload. An upload's own record has no authentication code: it gets one with its completion.
    fn open_parts(&self, of: &FoundUpload, keys: &BodyKeys, progress: &dyn Fn(u64)) -> OpenedBody {
        let mut opened = OpenedBody::default();
        let md5_of_plain = etag_source(&of.record.envelope, of.record.etag_rule) == EtagSource::Plaintext;
        // Parts that cannot be read were told when the upload was inspected.
        self.each_part(of, &mut Vec::new(), |part, place, _| {
            let id = part.stored.stream;
            let digests = open_note(keys, id.as_bytes(), &part.digests, false, place, &mut opened.findings);
            let wanted = Wanted { md5_of_plain, checksum: part.checksum };
            let taken = self.open_stream(&part.stored, keys, place, wanted, None, &mut opened, progress);
            if let (Some(taken), Some(digests)) = (taken, digests) {
                check_digests(&digests, part.public_md5, &taken, place, &mut opened.findings);
            }
        });
        opened
    }
}

/// The upload that a row holds.
fn upload(buckets: &Buckets, scope: Scope, key: &Bytes, value: Result<Bytes, String>) -> Result<FoundUpload, Finding> {
    let mut place = place_of(Table::Uploads, key, buckets);
    let parsed = keys::parse_upload(key);
    place.object = parsed.as_ref().map(|(name, _)| name.clone());
    let damaged = |place: &Place, why: String| place.finding(FindingKind::RecordDamaged, why);
    let value = value.map_err(|why| damaged(&place, why))?;
    let uid = key.get(..16).and_then(BucketUid::try_from_slice);
    let (Some(bucket_uid), Some((name, id))) = (uid, parsed) else {
        return Err(damaged(&place, "the key names no upload".to_owned()));
    };
    let record = UploadRecord::decode(&value).map_err(|error| damaged(&place, undecoded(error)))?;
    let name = ObjectName::parse(name.as_bytes());
    let name = name.map_err(|_| damaged(&place, "the key names no object".to_owned()))?;
    let Some(bucket) = buckets.name(bucket_uid).cloned() else {
        return Err(place.finding(FindingKind::BucketMissing, "its bucket does not exist"));
    };
    Ok(FoundUpload { bucket_uid, bucket, name, id, record, place, scope })
}
