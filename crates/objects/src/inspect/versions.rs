//! Object versions: the record, and what must stand beside it: its bucket, the layout of its parts, its sealed bytes, its
//! row in the index of CMKs.

use super::rows::Rows;
use super::{Buckets, Finding, FindingKind, FromSlice, Inspector, Page, Place, row_name, undecoded};
use crate::dependents;
use crate::records::{Content, Layout, ObjectVersion, Version, keys};
use bytes::Bytes;
use model::{BucketKeyId, BucketName, BucketUid, ObjectName, VersionUid};
use sse::{CmkId, DataCipher, Dependent, Envelope, Target, Through};
use store::{StoreFault, Table};

/// How a body is sealed, as reports and listings show it. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SealedHow {
    /// `none`, `sse-obs`, `sse-kms` or `sse-c`.
    pub method: &'static str,
    /// `AES256` or `SM4`; empty of a body in clear.
    pub cipher: &'static str,
    /// The CMK.
    pub cmk: Option<CmkId>,
    /// The version of the CMK that opens it. Through a bucket key, that of the copy beside the object; the row of the
    /// bucket key may say a later one.
    pub cmk_version: Option<u32>,
    /// The bucket key between the CMK and the DEK.
    pub bucket_key: Option<BucketKeyId>,
}

impl SealedHow {
    /// As an envelope says it.
    pub fn of(envelope: &Envelope) -> Self {
        let cipher = match envelope.cipher() {
            None => "",
            Some(DataCipher::Aes256Gcm) => "AES256",
            Some(DataCipher::Sm4Gcm) => "SM4",
        };
        let plain = |method| Self { method, cipher, cmk: None, cmk_version: None, bucket_key: None };
        match envelope {
            Envelope::Plain => plain("none"),
            Envelope::Obs { .. } => plain("sse-obs"),
            Envelope::Customer { .. } => plain("sse-c"),
            Envelope::Kms { cmk, through, .. } => {
                let (version, bucket_key) = match through {
                    Through::Cmk(wrapped) => (wrapped.version(), None),
                    Through::BucketKey { id, bucket_key, .. } => (bucket_key.version(), Some(*id)),
                };
                let cmk = Some(cmk.clone());
                Self { method: "sse-kms", cipher, cmk, cmk_version: Some(version), bucket_key }
            }
        }
    }
}

/// An object version whose record was understood. Delete markers hold nothing and are not shown.
pub struct InspectedVersion {
    /// The key of its row.
    pub key: Bytes,
    pub(crate) bucket_uid: BucketUid,
    pub(crate) bucket: BucketName,
    pub(crate) name: ObjectName,
    pub(crate) object: Box<ObjectVersion>,
    pub(crate) layout: Option<Layout>,
    pub(crate) place: Place,
    /// What is wrong with it as far as no key tells.
    pub findings: Vec<Finding>,
}

impl InspectedVersion {
    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// How it is sealed.
    pub fn sealed_how(&self) -> SealedHow {
        SealedHow::of(&self.object.envelope)
    }

    /// Its envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.object.envelope
    }

    /// What its keys are bound to.
    pub fn target(&self) -> Target<'_> {
        Target { bucket_uid: self.bucket_uid, bucket: &self.bucket, object: &self.name, version: self.object.uid }
    }

    /// Plaintext bytes, as its record says.
    pub fn bytes(&self) -> u64 {
        self.object.size
    }

    /// A finding about it.
    pub fn finding(&self, kind: FindingKind, detail: impl Into<String>) -> Finding {
        self.place.finding(kind, detail)
    }
}

impl Inspector {
    /// A page of object versions, of one bucket if `of` is its uid, from behind the key `after`.
    pub fn versions(&self, buckets: &Buckets, of: Option<BucketUid>, after: Option<&[u8]>) -> Page<InspectedVersion> {
        let prefix = of.map(keys::bucket_uid).unwrap_or_default();
        let Rows { rows, next, broken } = self.rows(Table::Current, &prefix, after);
        // What would be told of every object of a store that cannot be asked is told once.
        let index = dependents::is_complete(&*self.meta.snapshot()).unwrap_or(false);
        let mut items = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            items.extend(self.version(buckets, index, key, value).transpose());
        }
        items.extend(broken.map(Err));
        Page { items, next }
    }

    fn version(
        &self,
        buckets: &Buckets,
        index: bool,
        key: Bytes,
        value: Result<Bytes, String>,
    ) -> Result<Option<InspectedVersion>, Finding> {
        let mut place = place_of(Table::Current, &key, buckets);
        let damaged = |place: &Place, why: String| place.finding(FindingKind::RecordDamaged, why);
        let value = value.map_err(|why| damaged(&place, why))?;
        let uid = key.get(..16).and_then(BucketUid::try_from_slice);
        let name = key.get(16..).and_then(|name| ObjectName::parse(name).ok());
        let (Some(bucket_uid), Some(name)) = (uid, name) else {
            return Err(damaged(&place, "the key names no object".to_owned()));
        };
        let object = match Version::decode(&value).map_err(|error| damaged(&place, undecoded(error)))? {
            Version::Object(object) => object,
            Version::DeleteMarker { .. } => return Ok(None),
        };
        place.version = Some(object.uid.to_string());
        let Some(bucket) = buckets.name(bucket_uid).cloned() else {
            return Err(place.finding(FindingKind::BucketMissing, "its bucket does not exist"));
        };
        let mut found =
            InspectedVersion { key, bucket_uid, bucket, name, object, layout: None, place, findings: Vec::new() };
        self.check_content(&mut found);
        if index {
            self.check_indexed(
                dependents::of_object(bucket_uid, found.name.as_str(), &found.object).as_ref(),
                &found.place,
                &mut found.findings,
            );
        }
        Ok(Some(found))
    }

    /// Its streams, and that they add up to it.
    fn check_content(&self, found: &mut InspectedVersion) {
        let mut findings = Vec::new();
        let object = &found.object;
        if object.content == Content::Parts {
            found.layout = self.layout(object.uid, &found.place, &mut findings);
        }
        let streams = crate::current::streams(object, found.layout.as_ref());
        let missing_layout = object.content == Content::Parts && found.layout.is_none();
        if !missing_layout {
            let stored = streams.iter().try_fold(0u64, |sum, stream| sum.checked_add(stream.plain_bytes));
            if stored != Some(object.size) {
                let detail = format!("its streams do not add up to {} bytes", object.size);
                findings.push(found.place.finding(FindingKind::LayoutWrong, detail));
            }
            let parts = found.layout.as_ref().map(|layout| layout.parts.len());
            if parts != object.etag.parts.map(|parts| parts as usize) {
                let detail = "the number of its parts is not the one in its ETag";
                findings.push(found.place.finding(FindingKind::LayoutWrong, detail));
            }
        }
        if let Some(layout) = &found.layout
            && (layout.parts.is_empty() || !layout.parts.is_sorted_by(|a, b| a.part < b.part))
        {
            findings.push(found.place.finding(FindingKind::LayoutWrong, "its parts are not in order"));
        }
        if object.envelope.is_plain() == object.code.is_some() {
            let detail = "a sealed object without an authentication code, or a plain one with it";
            findings.push(found.place.finding(FindingKind::RecordForged, detail));
        }
        for stored in &streams {
            self.stream(stored, &object.envelope, &found.place, &mut findings);
        }
        found.findings.extend(findings);
    }

    fn layout(&self, uid: VersionUid, place: &Place, findings: &mut Vec<Finding>) -> Option<Layout> {
        let key = keys::layout(uid);
        let place = place.at(row_name(Table::Layouts, &key));
        match self.get(Table::Layouts, &key) {
            Ok(Some(row)) => match Layout::decode(&row) {
                Ok(layout) => return Some(layout),
                Err(error) => findings.push(place.finding(FindingKind::RecordDamaged, undecoded(error))),
            },
            Ok(None) => findings.push(place.finding(FindingKind::LayoutWrong, "the layout of its parts is missing")),
            Err(StoreFault::Corrupt(_)) => {
                findings.push(place.finding(FindingKind::RecordDamaged, "the row does not match its checksum"));
            }
            Err(fault) => findings.push(place.finding(FindingKind::StoreDamaged, fault.to_string())),
        }
        None
    }

    /// That the index of CMKs has the row that it must have. Rows too many are found the other way round.
    pub(crate) fn check_indexed(&self, dependent: Option<&Dependent>, place: &Place, findings: &mut Vec<Finding>) {
        let Some(dependent) = dependent else { return };
        let (key, value) = (dependent.key(), dependent.value());
        let place = place.at(row_name(Table::CmkDependents, &key));
        match self.get(Table::CmkDependents, &key) {
            Ok(Some(row)) if row == value => {}
            Ok(Some(_)) => findings.push(place.finding(FindingKind::IndexWrong, "the row says something else")),
            Ok(None) => findings.push(place.finding(FindingKind::IndexMissing, "the row is missing")),
            // Told where the index itself is walked.
            Err(StoreFault::Corrupt(_)) => {}
            Err(fault) => findings.push(place.finding(FindingKind::StoreDamaged, fault.to_string())),
        }
    }
}

/// Where a row is whose key begins with a bucket's uid, followed by an object's name.
pub(crate) fn place_of(table: Table, key: &[u8], buckets: &Buckets) -> Place {
    let uid = key.get(..16).and_then(BucketUid::try_from_slice);
    let bucket = uid.and_then(|uid| buckets.name(uid)).map(ToString::to_string);
    let name = key.get(16..).and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned);
    Place { bucket, object: name, version: None, at: row_name(table, key) }
}
