//! DeleteObject. Needs no key: deleting an object sealed under a customer key takes none (S3 behaviour §1).

use crate::Fail;
use crate::api::{DeleteOutcome, RequestContext, WriteExpectation};
use crate::bodies::Upkeep;
use crate::service::ObjectService;
use model::{BucketName, ObjectName, VersionId};
use policy::Action;

impl ObjectService {
    /// DeleteObject: succeeds also when there is no such object.
    pub async fn delete_object(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<DeleteOutcome, Fail> {
        let bucket = self.bucket(bucket)?;
        let action = if version.is_some() { Action::DeleteObjectVersion } else { Action::DeleteObject };
        let _proof = self.authorize_object(cx, action, &bucket, name)?;
        // Only null versions exist while versioning cannot be enabled; any other is absent already.
        if !matches!(version, None | Some(VersionId::Null)) {
            return Ok(DeleteOutcome { version, delete_marker: false });
        }
        self.replace_current(&bucket, name, &WriteExpectation::default(), None, |_| Upkeep::default()).await?;
        Ok(DeleteOutcome { version, delete_marker: false })
    }

    /// Whether the principal may delete in the bucket at all: asked before the document of DeleteObjects is read. Each
    /// object's own right is asked when it is deleted.
    pub async fn authorize_delete_objects(&self, cx: &RequestContext, bucket: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        let _proof = self.authorize_bucket(cx, Action::DeleteObject, &bucket)?;
        Ok(())
    }
}
