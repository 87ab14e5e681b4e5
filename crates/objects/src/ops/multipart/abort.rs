//! AbortMultipartUpload. Needs no key.

use crate::Fail;
use crate::api::RequestContext;
use crate::bodies::{Removal, Upkeep};
use crate::dependents;
use crate::records::{UploadRecord, keys};
use crate::service::ObjectService;
use bytes::Bytes;
use model::{BucketName, BucketUid, ObjectName, UploadId};
use policy::Action;
use store::{Change, CommitError, Expectation, Table, Transaction};

/// Uploads of a deleted bucket that are looked at in one go: there may be very many.
const ROUND_MAX: usize = 100;

impl ObjectService {
    /// AbortMultipartUpload: the upload is gone at once, and with it all its parts: those that are there, and those that
    /// come while this is under way. A part that is being sent ends with `NoSuchUpload`.
    pub async fn abort_upload(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        upload: UploadId,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        loop {
            let found = self.upload_to_manage(cx, Action::AbortMultipartUpload, &bucket, name, upload).await?;
            let dependent = dependents::of_upload(bucket.uid(), name.as_str(), upload, &found.record);
            let index = dependent.map(|dependent| dependent.remove());
            // Rewrapped, completed or aborted in between: look again.
            if self.end_upload((found.key, found.row), upload, index, None).await? {
                return Ok(());
            }
        }
    }

    /// Aborts the uploads of a bucket that is about to be deleted, as long as it holds no objects: a bucket that is kept
    /// keeps its uploads.
    pub(crate) async fn abort_all_uploads(&self, bucket: BucketUid) -> Result<(), Fail> {
        let prefix = keys::bucket_uid(bucket);
        let mut from: Option<Vec<u8>> = None;
        loop {
            let (prefix, start) = (prefix.clone(), from.take());
            let found = store::read(&self.meta, move |snapshot| {
                let mut found = Vec::new();
                let rebuild = dependents::rebuild_at_next_start(snapshot);
                snapshot.scan(Table::Uploads, &prefix, start.as_deref(), &mut |key, row| {
                    // The key ends with the upload's id (docs/formats/record.md).
                    if let Some(id) = key.last_chunk() {
                        let id = UploadId::from_bytes(*id);
                        let index = match UploadRecord::decode(row) {
                            Ok(record) => dependents::of_upload(bucket, "", id, &record).map(|d| d.remove()),
                            Err(error) => {
                                tracing::error!(%error, "an upload that ends is damaged");
                                Some(rebuild.clone())
                            }
                        };
                        found.push(((Bytes::copy_from_slice(key), Bytes::copy_from_slice(row)), id, index));
                    }
                    found.len() < ROUND_MAX
                })?;
                Ok(found)
            })
            .await?;
            let Some(((last, _), ..)) = found.last() else { return Ok(()) };
            let after = [last, &[0][..]].concat();
            let mut all = true;
            for (at, upload, index) in found {
                all &= self.end_upload(at, upload, index, Some(bucket)).await?;
            }
            // What was rewrapped, completed or aborted by somebody else is looked at again: from the beginning, as what was
            // ended is gone.
            from = all.then_some(after);
        }
    }

    /// Ends an upload whose row reads so; `index`: what its end changes in the index of CMKs, which follows from the row;
    /// `emptied`: only if this bucket, which is its own, holds no objects. `false`: the row has changed or is gone.
    async fn end_upload(
        &self,
        (key, row): (Bytes, Bytes),
        upload: UploadId,
        index: Option<Change>,
        emptied: Option<BucketUid>,
    ) -> Result<bool, Fail> {
        let mut tx = Transaction::freeing_room();
        tx.changes.extend(index);
        tx.expect(Expectation::Equals(Table::Uploads, key.clone(), row)).delete(Table::Uploads, key);
        if let Some(bucket) = emptied.map(keys::bucket_uid) {
            tx.expect(Expectation::EmptyPrefix(Table::Current, bucket.clone()))
                .expect(Expectation::EmptyPrefix(Table::Versions, bucket));
        }
        let parts = Removal::Parts(upload);
        parts.enter(&mut tx);
        let upkeep = Upkeep { confirm: Vec::new(), remove: vec![parts] };
        match self.housekeeper.commit(&self.meta, tx, upkeep).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(0)) => Ok(false),
            Err(CommitError::Conflict(_)) => Err(Fail::BucketNotEmpty("objects")),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }
}
