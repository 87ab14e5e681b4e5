//! The index of CMKs the other way round: is what each of its rows stands for there? And the rows of bucket keys.

use super::rows::Rows;
use super::{Buckets, Finding, FindingKind, Inspector, Page, Place, Scope, row_name, undecoded};
use crate::dependents;
use crate::records::{UploadRecord, Version, keys};
use bytes::Bytes;
use model::{BucketName, BucketUid, ObjectName, UploadId};
use sse::{BucketKeyRow, Dependent, DependentKind};
use store::{StoreFault, Table};

/// A row of the index that says what the store says.
pub struct InspectedDependent {
    /// The row.
    pub row: Dependent,
}

/// A bucket key's row that was understood.
pub struct InspectedBucketKey {
    /// The row's value, for whoever can unwrap it.
    pub row: Bytes,
    /// What it says.
    pub says: BucketKeyRow,
    /// The bucket's name; `None` when the bucket has been deleted: its bucket keys stay and open nothing.
    pub bucket: Option<BucketName>,
    /// The row's name, for findings.
    pub at: String,
    /// What is wrong with it as far as no key tells.
    pub findings: Vec<Finding>,
}

impl Inspector {
    /// Whether the index has every row that it should. One that is still being built, or that could not be, says nothing
    /// of what it lacks; the server refuses deletions of CMKs then. A row of its progress that cannot be read is told, and
    /// the index is taken for one that is not complete.
    pub fn index_is_complete(&self, findings: &mut Vec<Finding>) -> bool {
        dependents::is_complete(&*self.meta.snapshot()).unwrap_or_else(|fault| {
            let kind = match fault {
                StoreFault::Corrupt(_) => FindingKind::RecordDamaged,
                _ => FindingKind::StoreDamaged,
            };
            let detail = format!("how far the index of CMKs is cannot be read: {fault}");
            findings.push(Finding::at(kind, row_name(Table::System, dependents::PROGRESS_ROW), detail));
            false
        })
    }

    /// What is told where records of one bucket, or of all, are looked at.
    pub(crate) fn scope(&self, of: Option<BucketUid>) -> Scope {
        // What would be told of every object of a store that cannot be asked is told once, by `index_is_complete`.
        let index = dependents::is_complete(&*self.meta.snapshot()).unwrap_or(false);
        Scope { index, alone: of.is_some() }
    }

    /// That the index of CMKs has the row that it must have. Rows too many are found the other way round.
    pub(crate) fn check_indexed(
        &self,
        dependent: Option<&Dependent>,
        place: &Place,
        scope: Scope,
        findings: &mut Vec<Finding>,
    ) {
        let Some(dependent) = dependent.filter(|_| scope.index) else { return };
        let (key, value) = (dependent.key(), dependent.value());
        let place = place.at(row_name(Table::CmkDependents, &key));
        match self.get(Table::CmkDependents, &key) {
            Ok(Some(row)) if row == value => {}
            Ok(Some(_)) => findings.push(place.finding(FindingKind::IndexWrong, "the row says something else")),
            Ok(None) => findings.push(place.finding(FindingKind::IndexMissing, "the row is missing")),
            Err(fault) => findings.extend(scope.of_shared_row(&place, Table::CmkDependents, &key, &fault)),
        }
    }

    /// A page of the index from behind the key `after`.
    pub fn dependents(&self, buckets: &Buckets, after: Option<&[u8]>) -> Page<InspectedDependent> {
        let Rows { rows, next, broken } = self.rows(Table::CmkDependents, &[], after);
        // One that is built anew at the next start may have rows too many until then, and says so.
        let lenient = dependents::may_say_too_much(&*self.meta.snapshot()).unwrap_or(false);
        let mut items: Vec<_> = rows
            .into_iter()
            .map(|(key, value)| self.dependent(buckets, &key, value))
            .filter(|item| !(lenient && matches!(item, Err(f) if f.kind == FindingKind::IndexExtra)))
            .collect();
        items.extend(broken.map(Err));
        Page { items, next }
    }

    fn dependent(
        &self,
        buckets: &Buckets,
        key: &[u8],
        value: Result<Bytes, String>,
    ) -> Result<InspectedDependent, Finding> {
        let at = row_name(Table::CmkDependents, key);
        let damaged = |why: String| Finding::at(FindingKind::RecordDamaged, at.clone(), why);
        let value = value.map_err(damaged)?;
        let row = Dependent::decode(key, &value).map_err(|error| damaged(undecoded(error)))?;
        let known = match row.kind {
            DependentKind::BucketKey => self
                .get(Table::BucketKeys, &row.id)
                .map(|found| found.and_then(|found| Dependent::of_bucket_key(&row.id, &found).ok())),
            DependentKind::Object => match ObjectName::parse(row.name.as_bytes()) {
                Ok(name) => self.get(Table::Current, &keys::current(row.bucket, name.as_str())).map(|found| {
                    let version = found.and_then(|found| Version::decode(&found).ok());
                    version.and_then(|version| dependents::of_version(row.bucket, name.as_str(), &version))
                }),
                Err(_) => Ok(None),
            },
            DependentKind::Upload => match ObjectName::parse(row.name.as_bytes()) {
                Ok(name) => {
                    let id = UploadId::from_bytes(row.id);
                    self.get(Table::Uploads, &keys::upload(row.bucket, &name, id)).map(|found| {
                        let upload = found.and_then(|found| UploadRecord::decode(&found).ok());
                        upload.and_then(|upload| dependents::of_upload(row.bucket, name.as_str(), id, &upload))
                    })
                }
                Err(_) => Ok(None),
            },
        };
        let finding = |kind, detail: &str| Finding {
            bucket: buckets.name(row.bucket).map(ToString::to_string),
            object: Some(row.name.clone()).filter(|name| !name.is_empty()),
            ..Finding::at(kind, at.clone(), detail)
        };
        match known {
            Ok(Some(known)) if known.key() == key && known.value() == value => Ok(InspectedDependent { row }),
            Ok(Some(known)) if known.key() == key => {
                Err(finding(FindingKind::IndexWrong, "the row says something else than the record"))
            }
            // A record that is damaged is told where it is met, and keeps its row until it is replaced.
            Err(StoreFault::Corrupt(_)) => Ok(InspectedDependent { row }),
            Err(fault) => Err(finding(FindingKind::StoreDamaged, &fault.to_string())),
            Ok(_) => Err(finding(FindingKind::IndexExtra, "what the row stands for is not there")),
        }
    }

    /// A page of bucket keys, of one bucket if `of` is its uid, from behind the key `after`. A row that cannot be read
    /// is told in any case: it may be of that bucket.
    pub fn bucket_keys(
        &self,
        buckets: &Buckets,
        of: Option<BucketUid>,
        after: Option<&[u8]>,
    ) -> Page<InspectedBucketKey> {
        let Rows { rows, next, broken } = self.rows(Table::BucketKeys, &[], after);
        let scope = self.scope(of);
        let asked_for = |row: &InspectedBucketKey| of.is_none_or(|uid| row.says.bucket == uid);
        let mut items: Vec<_> = rows
            .into_iter()
            .map(|(key, value)| self.bucket_key(buckets, scope, &key, value))
            .filter(|item| item.as_ref().map_or(true, asked_for))
            .collect();
        items.extend(broken.map(Err));
        Page { items, next }
    }

    fn bucket_key(
        &self,
        buckets: &Buckets,
        scope: Scope,
        key: &[u8],
        value: Result<Bytes, String>,
    ) -> Result<InspectedBucketKey, Finding> {
        let at = row_name(Table::BucketKeys, key);
        let damaged = |why: String| Finding::at(FindingKind::RecordDamaged, at.clone(), why);
        let row = value.map_err(damaged)?;
        let says = BucketKeyRow::decode(&row).map_err(|error| damaged(undecoded(error)))?;
        let dependent = Dependent::of_bucket_key(key, &row).map_err(|error| damaged(undecoded(error)))?;
        let bucket = buckets.name(says.bucket).cloned();
        let mut findings = Vec::new();
        let name = bucket.as_ref().map(ToString::to_string);
        let place = Place { bucket: name, object: None, version: None, at: at.clone() };
        self.check_indexed(Some(&dependent), &place, scope, &mut findings);
        Ok(InspectedBucketKey { row, says, bucket, at, findings })
    }
}
