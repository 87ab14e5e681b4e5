#![expect(unused_variables, reason = "bodies follow")]
//! Questions about access itself.

use crate::Fail;
use crate::api::{AccessInputs, RequestContext};
use crate::service::ObjectService;
use model::{BucketName, ObjectName, VersionId};
use policy::Action;

impl ObjectService {
    /// Whether the principal may do this to the bucket: asked before a document is read, so that a missing bucket or a missing
    /// right answers before a malformed document does. The operation asks again.
    pub async fn authorize_on_bucket(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        action: Action,
    ) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// Whether the principal may do this to the object, which must exist: asked before a document is read.
    pub async fn authorize_on_object(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
        action: Action,
    ) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// What a decision about a bucket or an object depends on. Checks no right: the caller has checked its own.
    pub async fn access_inputs(&self, bucket: &BucketName, name: Option<&ObjectName>) -> Result<AccessInputs, Fail> {
        Err(Fail::NotImplemented("access"))
    }
}
