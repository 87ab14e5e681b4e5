//! Questions about access itself.

use crate::Fail;
use crate::api::{AccessInputs, ObjectAccess, RequestContext};
use crate::authorize::object_owner;
use crate::service::ObjectService;
use model::{BucketName, ObjectName, VersionId};
use policy::Action;
use std::sync::Arc;

impl ObjectService {
    /// Whether the principal may do this to the bucket: asked before a document is read, so that a missing bucket or a
    /// missing right answers before a malformed document does. The operation asks again.
    pub async fn authorize_on_bucket(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        action: Action,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        self.authorize_bucket(cx, action, &bucket).map(drop)
    }

    /// Whether the principal may do this to the object, which must exist: asked before a document is read. `action` is the
    /// one that fits `version`.
    pub async fn authorize_on_object(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
        action: Action,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        self.find_for(cx, (action, action), &bucket, name, version, false).await.map(drop)
    }

    /// What a decision about a bucket or an object depends on. Checks no right: the caller has checked its own.
    pub async fn access_inputs(&self, bucket: &BucketName, name: Option<&ObjectName>) -> Result<AccessInputs, Fail> {
        let bucket = self.bucket(bucket)?;
        let object = match name {
            None => None,
            Some(name) => match self.find(&bucket, name, false).await {
                Ok(found) => Some(ObjectAccess {
                    owner: object_owner(&bucket, &found.object.owner).clone(),
                    acl: found.object.acl,
                    tags: found.object.tags,
                }),
                Err(Fail::NoSuchKey { .. }) => None,
                Err(fail) => return Err(fail),
            },
        };
        Ok(AccessInputs { rules: Arc::clone(&bucket.rules), object })
    }
}
