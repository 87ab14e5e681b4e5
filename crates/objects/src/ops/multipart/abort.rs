//! AbortMultipartUpload. Needs no key.

use crate::Fail;
use crate::api::RequestContext;
use crate::bodies::{Removal, Upkeep};
use crate::service::ObjectService;
use model::{BucketName, ObjectName, UploadId};
use policy::Action;
use store::{CommitError, Expectation, Table, Transaction};

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
        let mut tx = Transaction::new();
        tx.expect(Expectation::Present(Table::Uploads, found.key.clone())).delete(Table::Uploads, found.key);
        let parts = Removal::Parts(upload);
        parts.enter(&mut tx);
        let upkeep = Upkeep { confirm: Vec::new(), remove: vec![parts] };
        match self.housekeeper.commit(&self.meta, tx, upkeep).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(_)) => Err(Fail::NoSuchUpload),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }
}
