//! Wrapping an object's keys anew in place: UpdateObjectEncryption, and what a rewrap job does object by object. The record's
//! envelope changes, and with it its authentication code; body, ETag, dates, version and ACL stay (S3 behaviour §19).

use super::multipart::Upload;
use super::read::verify_record;
use crate::Fail;
use crate::api::RequestContext;
use crate::authorize::{Facts, action_for};
use crate::bodies::Upkeep;
use crate::current::read_layout;
use crate::dependents;
use crate::records::{Layout, ObjectVersion, UploadRecord, Version, keys};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use bytes::Bytes;
use model::{AccountId, BucketName, BucketUid, ObjectName, UploadId, VersionId, VersionUid};
use policy::Action;
use sse::{AppliedEncryption, BodyKeys, Dependent, Envelope, KeyUser, Rewrap, RewrapTo, Target};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{CommitError, Expectation, StoreFault, Table, Transaction};

/// How often what was changed in between is looked at again. Tags and ACLs stand in the same row: whoever changes them
/// without end must not keep a rewrap, and a job that waits for it, from ending.
const TRIES_MAX: usize = 16;
/// Most objects that are passed over in one go while some are looked for.
const PASSED_MAX: usize = 10_000;

/// What came of a rewrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewrapOutcome {
    /// The keys are wrapped anew; the encryption now in force.
    Rewrapped(AppliedEncryption),
    /// They were wrapped so already.
    Unchanged(AppliedEncryption),
    /// The object version is not there any more.
    Gone,
}

/// What a job does to one object version or upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewrapStep {
    /// Wraps its keys so; unchanged where they are.
    To(RewrapTo),
    /// Wraps them again as they are wrapped, also where a bucket key is between.
    Anew,
    /// Brings the copy of its bucket key to what the bucket key's row says.
    Copy,
}

/// An object that a job may bring under a CMK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedObject {
    /// Its name.
    pub name: ObjectName,
    /// Its current version.
    pub uid: VersionUid,
    /// Plaintext bytes.
    pub bytes: u64,
}

impl ObjectService {
    /// UpdateObjectEncryption. Who asks needs the right of that name to the object, and to the CMKs what
    /// [`sse::SseService::rewrap`] says.
    pub async fn update_object_encryption(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
        to: &RewrapTo,
    ) -> Result<AppliedEncryption, Fail> {
        let bucket = self.bucket(bucket)?;
        let action = action_for((Action::UpdateObjectEncryption, Action::UpdateObjectEncryption), version);
        let step = RewrapStep::To(to.clone());
        for _ in 0..TRIES_MAX {
            let (row, object) = match self.row_to_change(&bucket, name, version).await {
                Ok(found) => found,
                Err(fail) => return Err(self.not_found(cx, action, &bucket, name, fail)),
            };
            let _proof = self.authorize_found(cx, action, &bucket, name, version, &object, Facts::new())?;
            self.sse.check_rewrap(&cx.principal, cx.transport)?;
            // `None`: somebody else changed the object in between; rights are asked of what is there now.
            if let Some(outcome) = self.rewrap_row(&key_user(cx), &bucket, name, row, *object, &step).await? {
                match outcome {
                    RewrapOutcome::Rewrapped(applied) | RewrapOutcome::Unchanged(applied) => return Ok(applied),
                    RewrapOutcome::Gone => {}
                }
            }
        }
        Err(Fail::ConditionalConflict)
    }

    /// Does one step of a rewrap job to a version. The job acts as `cx.principal`, who needs the right of
    /// UpdateObjectEncryption to the object, as for the operation of that name, and to the CMKs what
    /// [`sse::SseService::rewrap`] says. Another version in its place, and another bucket of the same name, are left alone.
    ///
    /// # Errors
    /// [`Fail::AccessDenied`]; [`Fail::ConditionalConflict`] of a record that is changed again and again; what the KMS or the
    /// store refuses; [`sse::SseError::Damaged`] of a record that does not
    /// authenticate: it is left as it is.
    pub async fn rewrap_object(
        &self,
        cx: &RequestContext,
        (bucket, bucket_uid): (&BucketName, BucketUid),
        name: &ObjectName,
        uid: VersionUid,
        step: &RewrapStep,
    ) -> Result<RewrapOutcome, Fail> {
        let Some(bucket) = self.registry.get(bucket).filter(|bucket| bucket.uid() == bucket_uid) else {
            return Ok(RewrapOutcome::Gone);
        };
        let action = Action::UpdateObjectEncryption;
        for _ in 0..TRIES_MAX {
            let (row, object) = match self.row_to_change(&bucket, name, None).await {
                Ok((row, object)) if object.uid == uid => (row, object),
                Ok(_) | Err(Fail::NoSuchKey { .. }) => return Ok(RewrapOutcome::Gone),
                // A job names what failed: only what its principal has the right to.
                Err(fail) => return Err(self.not_found(cx, action, &bucket, name, fail)),
            };
            let _proof = self.authorize_found(cx, action, &bucket, name, None, &object, Facts::new())?;
            match self.rewrap_row(&key_user(cx), &bucket, name, row, *object, step).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(Fail::NoSuchBucket) => return Ok(RewrapOutcome::Gone),
                Err(fail) => return Err(fail),
            }
        }
        Err(Fail::ConditionalConflict)
    }

    /// Does one step of a rewrap job to an upload in progress: its envelope, and with it that of the object to be. The DEK
    /// stays, so parts that are there and parts that are being sent go on as they are. Rights as for
    /// [`ObjectService::rewrap_object`], for an object of the bucket's owner.
    ///
    /// # Errors
    /// As [`ObjectService::rewrap_object`]; [`sse::SseError::NotRewrappable`] also of an upload that is no SSE-KMS one: notes
    /// of its parts are under other keys.
    pub async fn rewrap_upload(
        &self,
        cx: &RequestContext,
        (bucket, bucket_uid): (&BucketName, BucketUid),
        name: &ObjectName,
        id: UploadId,
        step: &RewrapStep,
    ) -> Result<RewrapOutcome, Fail> {
        let Some(bucket) = self.registry.get(bucket).filter(|bucket| bucket.uid() == bucket_uid) else {
            return Ok(RewrapOutcome::Gone);
        };
        for _ in 0..TRIES_MAX {
            let Upload { key, row, mut record } = match self.upload(&bucket, name, id).await {
                Ok(upload) => upload,
                Err(Fail::NoSuchUpload) => return Ok(RewrapOutcome::Gone),
                Err(fail) => return Err(self.not_found(cx, Action::UpdateObjectEncryption, &bucket, name, fail)),
            };
            let _proof = self.authorize_name(cx, Action::UpdateObjectEncryption, &bucket, name, &[])?;
            if !record.envelope.is_kms() {
                return Err(sse::SseError::NotRewrappable.into());
            }
            let target = target(&bucket, name, record.uid);
            let (new, applied) =
                match self.rewrapped_keys(&bucket, &record.envelope, target, step, &key_user(cx)).await? {
                    Rewrap::Unchanged(applied) => return Ok(RewrapOutcome::Unchanged(applied)),
                    Rewrap::Done { new, applied, .. } => (new, applied),
                };
            let mut tx = Transaction::new();
            let index = |record: &UploadRecord| dependents::of_upload(bucket.uid(), name.as_str(), id, record);
            tx.changes.extend(index(&record).as_ref().map(Dependent::remove));
            record.envelope = new.envelope().clone();
            tx.changes.extend(index(&record).as_ref().map(Dependent::enter));
            tx.expect(Expectation::Equals(Table::Uploads, key.clone(), row)).put(Table::Uploads, key, record.encode());
            match self.housekeeper.commit(&self.meta, tx, Upkeep::default()).await {
                Ok(()) => return Ok(RewrapOutcome::Rewrapped(applied)),
                // Completed, aborted or rewrapped by somebody else: look again.
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
        Err(Fail::ConditionalConflict)
    }

    async fn rewrapped_keys(
        &self,
        bucket: &Bucket,
        envelope: &Envelope,
        target: Target<'_>,
        step: &RewrapStep,
        user: &KeyUser,
    ) -> Result<Rewrap, Fail> {
        Ok(match step {
            RewrapStep::To(to) => self.sse.rewrap(envelope, target, to, user, &bucket.record.owner).await?,
            RewrapStep::Anew => self.sse.rewrap_anew(envelope, target, user).await?,
            RewrapStep::Copy => self.sse.refresh_copy(envelope, target, user).await?,
        })
    }

    /// `None`: the row was changed in between.
    async fn rewrap_row(
        &self,
        user: &KeyUser,
        bucket: &Bucket,
        name: &ObjectName,
        row: Bytes,
        object: ObjectVersion,
        step: &RewrapStep,
    ) -> Result<Option<RewrapOutcome>, Fail> {
        let target = target(bucket, name, object.uid);
        let (old, new, applied) = match self.rewrapped_keys(bucket, &object.envelope, target, step, user).await? {
            Rewrap::Unchanged(applied) => return Ok(Some(RewrapOutcome::Unchanged(applied))),
            Rewrap::Done { old, new, applied } => (old, new, applied),
        };
        // Row and layout of one moment: a layout that another rewrap has sealed anew, or that went with its version, is none
        // of this row's, and would look like damage.
        let key = keys::current(bucket.uid(), name.as_str());
        let (at, read, looked_up) = (key.clone(), row.clone(), object.clone());
        let layout = store::read(&self.meta, move |snapshot| match snapshot.get(Table::Current, &at)? {
            Some(now) if now == read => read_layout(snapshot, &looked_up).map(Some),
            _ => Ok(None),
        });
        let Some(layout) = layout.await? else { return Ok(None) };
        verify_record(&old, &object, bucket, name, layout.as_ref())?;
        let (object, layout, old_index) = rewrapped(bucket, name, object, layout, &old, &new)?;
        let index = dependents::of_object(bucket.uid(), name.as_str(), &object);
        let mut tx = Transaction::new();
        tx.expect(Expectation::Present(Table::BucketUids, keys::bucket_uid(bucket.uid()))).expect(Expectation::Equals(
            Table::Current,
            key.clone(),
            row,
        ));
        if let Some(layout) = layout {
            tx.put(Table::Layouts, keys::layout(object.uid), layout.encode());
        }
        tx.put(Table::Current, key, Version::Object(Box::new(object)).encode());
        tx.changes.extend(old_index.as_ref().map(Dependent::remove));
        tx.changes.extend(index.as_ref().map(Dependent::enter));
        match self.housekeeper.commit(&self.meta, tx, Upkeep::default()).await {
            Ok(()) => Ok(Some(RewrapOutcome::Rewrapped(applied))),
            Err(CommitError::Conflict(0)) => Err(Fail::NoSuchBucket),
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }
}

impl ObjectService {
    /// The bucket's objects under SSE-OBS (SSE-S3), names beginning with `prefix` and coming after `after`, in order: up to
    /// `max` of them, and the name that was looked at last, if there may be more. For jobs: asks no right.
    ///
    /// # Errors
    /// What the store could not read. A record that does not decode is left out, and logged.
    pub async fn managed_objects(
        &self,
        bucket: BucketUid,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<(Vec<ManagedObject>, Option<String>), StoreFault> {
        let prefix = keys::current(bucket, prefix);
        let from = after.map(|after| [&keys::current(bucket, after)[..], &[0]].concat());
        store::read(&self.meta, move |snapshot| {
            let (mut found, mut seen, mut last) = (Vec::new(), 0, None);
            snapshot.scan(Table::Current, &prefix, from.as_deref(), &mut |key, row| {
                seen += 1;
                let name = key.get(16..).unwrap_or_default();
                match (Version::decode(row), ObjectName::parse(name)) {
                    (Ok(Version::Object(object)), Ok(name)) if matches!(object.envelope, Envelope::Obs { .. }) => {
                        found.push(ManagedObject { name, uid: object.uid, bytes: object.size });
                    }
                    (Ok(_), Ok(_)) => {}
                    (Err(error), _) => tracing::error!(%error, "a damaged record is passed over"),
                    (_, Err(_)) => tracing::error!("a record of no name is passed over"),
                }
                let goes_on = found.len() < max && seen < PASSED_MAX;
                if !goes_on {
                    last = Some(String::from_utf8_lossy(name).into_owned());
                }
                goes_on
            })?;
            Ok((found, last))
        })
        .await
    }

    /// The bucket of a name, and who owns it: what a job is bound to. Asks no right.
    pub fn bucket_identity(&self, name: &BucketName) -> Option<(BucketUid, AccountId)> {
        self.registry.get(name).map(|bucket| (bucket.uid(), bucket.record.owner.clone()))
    }

    /// Names and owners of all buckets by their uids, as they are now. For jobs: asks no right.
    pub fn buckets_by_uid(&self) -> BTreeMap<BucketUid, (BucketName, AccountId)> {
        let of = |bucket: Arc<Bucket>| (bucket.uid(), (bucket.name.clone(), bucket.record.owner.clone()));
        self.registry.all().into_iter().map(of).collect()
    }

    /// Whether somebody may be told how much there is in a bucket under names that begin so: the right to list them.
    ///
    /// # Errors
    /// [`Fail::AccessDenied`]; [`Fail::NoSuchBucket`] when it is gone.
    pub fn admit_listing(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        uid: BucketUid,
        prefix: &str,
    ) -> Result<(), Fail> {
        let bucket = self.registry.get(name).filter(|bucket| bucket.uid() == uid).ok_or(Fail::NoSuchBucket)?;
        let _proof = self.authorize_listing(cx, &bucket, prefix)?;
        Ok(())
    }

    /// Whether a job's principal may say how the keys of a bucket are wrapped: the right to its encryption configuration.
    ///
    /// # Errors
    /// [`Fail::AccessDenied`]; [`Fail::NoSuchBucket`] when it is gone.
    pub fn admit_bucket_key_rewrap(&self, cx: &RequestContext, name: &BucketName, uid: BucketUid) -> Result<(), Fail> {
        let bucket = self.registry.get(name).filter(|bucket| bucket.uid() == uid).ok_or(Fail::NoSuchBucket)?;
        let _proof = self.authorize_bucket(cx, Action::PutEncryptionConfiguration, &bucket)?;
        Ok(())
    }
}

/// The record in its new envelope, its layout where that changes too, and the row that the old one has in the index.
fn rewrapped(
    bucket: &Bucket,
    name: &ObjectName,
    object: ObjectVersion,
    layout: Option<Layout>,
    old: &BodyKeys,
    new: &BodyKeys,
) -> Result<(ObjectVersion, Option<Layout>, Option<Dependent>), Fail> {
    let old_index = dependents::of_object(bucket.uid(), name.as_str(), &object);
    let mut object = object;
    if let Some(note) = &object.digests {
        let etag_inside = object.etag.public_md5.is_none();
        let digests = old.open_digests(object.uid.as_bytes(), note, etag_inside)?;
        object.digests = Some(new.seal_digests(object.uid.as_bytes(), &digests));
    }
    let mut layout = layout;
    // The notes of an SSE-KMS object's parts are under the DEK, which stays; those of an SSE-OBS object's are not.
    let notes_change = !object.envelope.is_kms();
    if let Some(layout) = layout.as_mut().filter(|_| notes_change) {
        for part in &mut layout.parts {
            let id = part.stored.stream;
            let digests = old.open_digests(id.as_bytes(), &part.digests, false)?;
            part.digests = new.seal_digests(id.as_bytes(), &sse::Digests { etag_md5: None, ..digests });
        }
    }
    object.envelope = new.envelope().clone();
    let bytes = object.authenticated_bytes(bucket.uid(), name, layout.as_ref().map(Layout::encode).as_deref());
    object.code = new.record_auth().map(|auth| auth.code(&bytes));
    Ok((object, layout.filter(|_| notes_change), old_index))
}
