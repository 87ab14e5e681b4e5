//! Object versions: the record, and what must stand beside it: its bucket, the layout of its parts, its sealed bytes, its
//! row in the index of CMKs.

use super::rows::Rows;
use super::{
    Buckets, Finding, FindingKind, FromSlice, Inspected, Inspector, OpenedBody, Page, Place, Scope, row_name, undecoded,
};
use crate::dependents;
use crate::records::{Content, Layout, ObjectVersion, Version, keys};
use bytes::Bytes;
use model::{BucketKeyId, BucketName, BucketUid, ObjectName, VersionUid};
use sse::{BodyKeys, CmkId, DataCipher, Envelope, Target, Through};
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

/// An object version whose record was understood; what stands beside it has not been looked at. Delete markers hold
/// nothing and are not shown.
pub struct FoundVersion {
    /// The key of its row.
    pub key: Bytes,
    pub(crate) bucket_uid: BucketUid,
    pub(crate) bucket: BucketName,
    pub(crate) name: ObjectName,
    pub(crate) object: Box<ObjectVersion>,
    pub(crate) place: Place,
    scope: Scope,
}

/// An object version that was looked at as far as no key tells.
pub struct InspectedVersion {
    pub(crate) found: FoundVersion,
    pub(crate) layout: Option<Layout>,
    findings: Vec<Finding>,
}

impl Inspected for InspectedVersion {
    fn bucket(&self) -> &BucketName {
        &self.found.bucket
    }

    fn envelope(&self) -> &Envelope {
        &self.found.object.envelope
    }

    fn target(&self) -> Target<'_> {
        let FoundVersion { bucket_uid, bucket, name, object, .. } = &self.found;
        Target { bucket_uid: *bucket_uid, bucket, object: name, version: object.uid }
    }

    fn bytes(&self) -> u64 {
        self.found.object.size
    }

    fn parts(&self) -> Option<u64> {
        None
    }

    fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    fn finding(&self, kind: FindingKind, detail: &str) -> Finding {
        self.found.place.finding(kind, detail)
    }

    fn open(&self, inspector: &Inspector, keys: &BodyKeys, progress: &dyn Fn(u64)) -> OpenedBody {
        inspector.open(self, keys, progress)
    }
}

impl Inspector {
    /// A page of object versions, of one bucket if `of` is its uid, from behind the key `after`.
    pub fn versions(&self, buckets: &Buckets, of: Option<BucketUid>, after: Option<&[u8]>) -> Page<FoundVersion> {
        let prefix = of.map(keys::bucket_uid).unwrap_or_default();
        let Rows { rows, next, broken } = self.rows(Table::Current, &prefix, after);
        let scope = self.scope(of);
        let mut items = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            items.extend(version(buckets, scope, key, value).transpose());
        }
        items.extend(broken.map(Err));
        Page { items, next }
    }

    /// Looks at what must stand beside a record: the layout of its parts, its streams, its row in the index. Memory: the
    /// layout, which is of 10,000 parts at most.
    pub fn inspect_version(&self, found: FoundVersion) -> InspectedVersion {
        let mut findings = Vec::new();
        let FoundVersion { bucket_uid, name, object, place, scope, .. } = &found;
        let layout = match object.content {
            Content::Parts => self.layout(object.uid, place, &mut findings),
            Content::Single(_) => None,
        };
        self.check_content(object, layout.as_ref(), place, *scope, &mut findings);
        let dependent = dependents::of_object(*bucket_uid, name.as_str(), object);
        self.check_indexed(dependent.as_ref(), place, *scope, &mut findings);
        InspectedVersion { found, layout, findings }
    }

    /// Its streams, and that they add up to it.
    fn check_content(
        &self,
        object: &ObjectVersion,
        layout: Option<&Layout>,
        place: &Place,
        scope: Scope,
        findings: &mut Vec<Finding>,
    ) {
        let streams = crate::current::streams(object, layout);
        let missing_layout = object.content == Content::Parts && layout.is_none();
        if !missing_layout {
            let stored = streams.iter().try_fold(0u64, |sum, stream| sum.checked_add(stream.plain_bytes));
            if stored != Some(object.size) {
                let detail = format!("its streams do not add up to {} bytes", object.size);
                findings.push(place.finding(FindingKind::LayoutWrong, detail));
            }
            let parts = layout.map(|layout| layout.parts.len());
            if parts != object.etag.parts.map(|parts| parts as usize) {
                let detail = "the number of its parts is not the one in its ETag";
                findings.push(place.finding(FindingKind::LayoutWrong, detail));
            }
        }
        if let Some(layout) = layout
            && (layout.parts.is_empty() || !layout.parts.is_sorted_by(|a, b| a.part < b.part))
        {
            findings.push(place.finding(FindingKind::LayoutWrong, "its parts are not in order"));
        }
        if object.envelope.is_plain() == object.code.is_some() {
            let detail = "a sealed object without an authentication code, or a plain one with it";
            findings.push(place.finding(FindingKind::RecordForged, detail));
        }
        for stored in &streams {
            self.stream(stored, &object.envelope, place, scope, findings);
        }
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
}

/// The version that a row holds; `None` of a delete marker.
fn version(
    buckets: &Buckets,
    scope: Scope,
    key: Bytes,
    value: Result<Bytes, String>,
) -> Result<Option<FoundVersion>, Finding> {
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
    Ok(Some(FoundVersion { key, bucket_uid, bucket, name, object, place, scope }))
}

/// Where a row is whose key begins with a bucket's uid, followed by an object's name.
pub(crate) fn place_of(table: Table, key: &[u8], buckets: &Buckets) -> Place {
    let uid = key.get(..16).and_then(BucketUid::try_from_slice);
    let bucket = uid.and_then(|uid| buckets.name(uid)).map(ToString::to_string);
    let name = key.get(16..).and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned);
    Place { bucket, object: name, version: None, at: row_name(table, key) }
}
