//! Uploads in progress: their records, and the parts that have come.

use super::open::{OpenedBody, Wanted, check_digests, open_note};
use super::rows::Rows;
use super::versions::{SealedHow, place_of};
use super::{Buckets, Finding, FindingKind, FromSlice, Inspector, Page, Place, row_name, undecoded};
use crate::dependents;
use crate::records::{PartRecord, UploadRecord, keys};
use bytes::Bytes;
use model::{BucketName, BucketUid, ObjectName, UploadId};
use sse::{BodyKeys, Envelope, EtagSource, Target, etag_source};
use store::Table;

/// An upload whose record was understood, and its parts.
pub struct InspectedUpload {
    bucket_uid: BucketUid,
    bucket: BucketName,
    name: ObjectName,
    record: UploadRecord,
    place: Place,
    parts: Vec<(Place, PartRecord)>,
    /// What is wrong with it as far as no key tells.
    pub findings: Vec<Finding>,
}

impl InspectedUpload {
    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// How its parts are sealed.
    pub fn sealed_how(&self) -> SealedHow {
        SealedHow::of(&self.record.envelope)
    }

    /// Its envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.record.envelope
    }

    /// What its keys are bound to.
    pub fn target(&self) -> Target<'_> {
        let (bucket_uid, version) = (self.bucket_uid, self.record.uid);
        Target { bucket_uid, bucket: &self.bucket, object: &self.name, version }
    }

    /// Parts that have come.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// A finding about it.
    pub fn finding(&self, kind: FindingKind, detail: impl Into<String>) -> Finding {
        self.place.finding(kind, detail)
    }
}

impl Inspector {
    /// A page of uploads, of one bucket if `of` is its uid, from behind the key `after`. Each holds the records of its
    /// parts, of which there are at most 10,000.
    pub fn uploads(&self, buckets: &Buckets, of: Option<BucketUid>, after: Option<&[u8]>) -> Page<InspectedUpload> {
        let prefix = of.map(keys::bucket_uid).unwrap_or_default();
        let Rows { rows, next, broken } = self.rows(Table::Uploads, &prefix, after);
        let index = dependents::is_complete(&*self.meta.snapshot()).unwrap_or(false);
        let mut items: Vec<_> = rows.into_iter().map(|(key, value)| self.upload(buckets, index, &key, value)).collect();
        items.extend(broken.map(Err));
        Page { items, next }
    }

    fn upload(
        &self,
        buckets: &Buckets,
        index: bool,
        key: &Bytes,
        value: Result<Bytes, String>,
    ) -> Result<InspectedUpload, Finding> {
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
        let named = ObjectName::parse(name.as_bytes());
        let named = named.map_err(|_| damaged(&place, "the key names no object".to_owned()))?;
        let Some(bucket) = buckets.name(bucket_uid).cloned() else {
            return Err(place.finding(FindingKind::BucketMissing, "its bucket does not exist"));
        };
        let mut findings = Vec::new();
        if index {
            let dependent = dependents::of_upload(bucket_uid, &name, id, &record);
            self.check_indexed(dependent.as_ref(), &place, &mut findings);
        }
        let parts = self.parts(id, &place, &record.envelope, &mut findings);
        Ok(InspectedUpload { bucket_uid, bucket, name: named, record, place, parts, findings })
    }

    fn parts(
        &self,
        id: UploadId,
        place: &Place,
        envelope: &Envelope,
        findings: &mut Vec<Finding>,
    ) -> Vec<(Place, PartRecord)> {
        let (mut parts, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let Rows { rows, next, broken } = self.rows(Table::Parts, &keys::parts(id), after.as_deref());
            for (key, value) in rows {
                let place = place.at(row_name(Table::Parts, &key));
                match value.and_then(|value| PartRecord::decode(&value).map_err(undecoded)) {
                    Ok(part) => {
                        self.stream(&part.stored, envelope, &place, findings);
                        parts.push((place, part));
                    }
                    Err(why) => findings.push(place.finding(FindingKind::RecordDamaged, why)),
                }
            }
            findings.extend(broken);
            match next {
                Some(next) => after = Some(next),
                None => return parts,
            }
        }
    }

    /// Opens all parts of an upload. An upload's own record has no authentication code: it gets one with its completion.
    pub fn open_upload(&self, found: &InspectedUpload, keys: &BodyKeys, progress: &dyn Fn(u64)) -> OpenedBody {
        let mut opened = OpenedBody::default();
        let md5_of_plain = etag_source(&found.record.envelope, found.record.etag_rule) == EtagSource::Plaintext;
        for (place, part) in &found.parts {
            let id = part.stored.stream;
            let digests = open_note(keys, id.as_bytes(), &part.digests, false, place, &mut opened.findings);
            let wanted = Wanted { md5_of_plain, checksum: part.checksum };
            let taken = self.open_stream(&part.stored, keys, place, wanted, None, &mut opened, progress);
            if let (Some(taken), Some(digests)) = (taken, digests) {
                check_digests(&digests, part.public_md5, &taken, place, &mut opened.findings);
            }
        }
        opened
    }
}
