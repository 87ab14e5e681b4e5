//! AbortMultipartUpload. Needs no key.

use crate::Fail;
use crate::api::RequestContext;
use crate::bodies::{Removal, Upkeep};
use crate::records::keys;
use crate::service::ObjectService;
use bytes::Bytes;
use model::{BucketName, BucketUid, ObjectName, UploadId};
use policy::Action;
use store::{CommitError, Expectation, Table, Transaction};

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
        let found = self.upload_to_manage(cx, Action::AbortMultipartUpload, &bucket, name, upload).await?;
        self.end_upload(found.key, upload, None).await
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
                snapshot.scan(Table::Uploads, &prefix, start.as_deref(), &mut |key, _| {
                    // The key ends with the upload's id (docs/formats/record.md).
                    if let Some(id) = key.last_chunk() {
                        found.push((Bytes::copy_from_slice(key), UploadId::from_bytes(*id)));
                    }
                    found.len() < ROUND_MAX
                })?;
                Ok(found)
            })
            .await?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            from = Some([last, &[0][..]].concat());
            for (key, upload) in found {
                match self.end_upload(key, upload, Some(bucket)).await {
                    // Completed or aborted by somebody else.
                    Ok(()) | Err(Fail::NoSuchUpload) => {}
                    Err(fail) => return Err(fail),
                }
            }
        }
    }

    /// Ends an upload; `emptied`: only if this bucket, which is its own, holds no objects.
    async fn end_upload(&self, key: Bytes, upload: UploadId, emptied: Option<BucketUid>) -> Result<(), Fail> {
        let mut tx = Transaction::new();
        tx.expect(Expectation::Present(Table::Uploads, key.clone())).delete(Table::Uploads, key);
        if let Some(bucket) = emptied.map(keys::bucket_uid) {
            tx.expect(Expectation::EmptyPrefix(Table::Current, bucket.clone()))
                .expect(Expectation::EmptyPrefix(Table::Versions, bucket));
        }
        let parts = Removal::Parts(upload);
        parts.enter(&mut tx);
        let upkeep = Upkeep { confirm: Vec::new(), remove: vec![parts] };
        match self.housekeeper.commit(&self.meta, tx, upkeep).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(0)) => Err(Fail::NoSuchUpload),
            Err(CommitError::Conflict(_)) => Err(Fail::BucketNotEmpty("objects")),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }
}
