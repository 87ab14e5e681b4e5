//! AbortMultipartUpload. Needs no key.

use crate::Fail;
use crate::api::RequestContext;
use crate::bodies::Upkeep;
use crate::current::Holdings;
use crate::service::ObjectService;
use model::{BucketName, ObjectName, UploadId};
use policy::Action;
use store::{CommitError, Expectation, Table, Transaction};

impl ObjectService {
    /// AbortMultipartUpload: the upload and all its parts are gone. A part that is being sent ends with `NoSuchUpload`.
    pub async fn abort_upload(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        upload: UploadId,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        let _proof = self.authorize_object(cx, Action::AbortMultipartUpload, &bucket, name)?;
        loop {
            let found = self.upload(&bucket, name, upload).await?;
            let parts = self.parts(upload).await?;
            let mut tx = Transaction::new();
            tx.expect(Expectation::Present(Table::Uploads, found.key.clone())).delete(Table::Uploads, found.key);
            let mut held = Holdings::default();
            for part in parts {
                held.add(&part.record.stored);
                tx.expect(Expectation::Equals(Table::Parts, part.key.clone(), part.row)).delete(Table::Parts, part.key);
            }
            let upkeep = Upkeep { confirm: Vec::new(), remove: held.release(&mut tx) };
            match self.housekeeper.commit(&self.meta, tx, upkeep).await {
                Ok(()) => return Ok(()),
                // A part came or went in between: look again.
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }
}
