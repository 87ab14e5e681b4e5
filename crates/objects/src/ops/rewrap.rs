//! Wrapping an object's keys anew in place: UpdateObjectEncryption, and what a rewrap job does object by object. The record's
//! envelope changes, and with it its authentication code; body, ETag, dates, version and ACL stay (S3 behaviour §19).

use super::read::verify_record;
use crate::Fail;
use crate::api::RequestContext;
use crate::authorize::{Facts, action_for};
use crate::bodies::Upkeep;
use crate::current::read_layout;
use crate::dependents;
use crate::records::{Layout, ObjectVersion, Version, keys};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use bytes::Bytes;
use model::{BucketName, ObjectName, VersionId, VersionUid};
use policy::Action;
use sse::{AppliedEncryption, BodyKeys, Dependent, KeyUser, Rewrap, RewrapTo};
use store::{CommitError, Expectation, Table, Transaction};

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
        loop {
            let (row, object) = match self.row_to_change(&bucket, name, version).await {
                Ok(found) => found,
                Err(fail) => return Err(self.not_found(cx, action, &bucket, name, fail)),
            };
            let _proof = self.authorize_found(cx, action, &bucket, name, version, &object, Facts::new())?;
            // `None`: somebody else changed the object in between; rights are asked of what is there now.
            if let Some(outcome) = self.rewrap_row(&key_user(cx), &bucket, name, row, *object, to).await? {
                match outcome {
                    RewrapOutcome::Rewrapped(applied) | RewrapOutcome::Unchanged(applied) => return Ok(applied),
                    RewrapOutcome::Gone => {}
                }
            }
        }
    }

    /// Wraps the keys of one version anew, for a job that acts as `user`; the rights to the object itself are the job's
    /// affair. Another version in its place is left alone.
    ///
    /// # Errors
    /// What the KMS or the store refuses; [`sse::SseError::Damaged`] of a record that does not authenticate: it is left as
    /// it is.
    pub async fn rewrap_version(
        &self,
        user: &KeyUser,
        bucket: &BucketName,
        name: &ObjectName,
        uid: VersionUid,
        to: &RewrapTo,
    ) -> Result<RewrapOutcome, Fail> {
        let bucket = self.bucket(bucket)?;
        loop {
            let (row, object) = match self.row_to_change(&bucket, name, None).await {
                Ok((row, object)) if object.uid == uid => (row, object),
                Ok(_) | Err(Fail::NoSuchKey { .. }) => return Ok(RewrapOutcome::Gone),
                Err(fail) => return Err(fail),
            };
            if let Some(outcome) = self.rewrap_row(user, &bucket, name, row, *object, to).await? {
                return Ok(outcome);
            }
        }
    }

    /// `None`: the row was changed in between.
    async fn rewrap_row(
        &self,
        user: &KeyUser,
        bucket: &Bucket,
        name: &ObjectName,
        row: Bytes,
        object: ObjectVersion,
        to: &RewrapTo,
    ) -> Result<Option<RewrapOutcome>, Fail> {
        let (old, new, applied) =
            match self.sse.rewrap(&object.envelope, target(bucket, name, object.uid), to, user).await? {
                Rewrap::Unchanged(applied) => return Ok(Some(RewrapOutcome::Unchanged(applied))),
                Rewrap::Done { old, new, applied } => (old, new, applied),
            };
        let looked_up = object.clone();
        let layout = store::read(&self.meta, move |snapshot| read_layout(snapshot, &looked_up)).await;
        let layout = match layout {
            Ok(layout) => layout,
            // The layout goes with its version: whether the version is still there, the next look tells.
            Err(fault) => match self.row_to_change(bucket, name, None).await {
                Ok((now, _)) if now == row => return Err(fault.into()),
                _ => return Ok(None),
            },
        };
        verify_record(&old, &object, bucket, name, layout.as_ref())?;
        let (object, layout, old_index) = rewrapped(bucket, name, object, layout, &old, &new)?;
        let index = dependents::of_object(bucket.uid(), name.as_str(), &object);
        let key = keys::current(bucket.uid(), name.as_str());
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
