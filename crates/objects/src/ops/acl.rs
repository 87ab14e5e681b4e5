#![expect(unused_variables, reason = "bodies follow")]
//! ACLs of buckets and objects.

use crate::Fail;
use crate::api::{AclOutcome, PutAcl, RequestContext};
use crate::service::ObjectService;
use model::{BucketName, ObjectName, VersionId};

impl ObjectService {
    /// GetBucketAcl.
    pub async fn get_bucket_acl(&self, cx: &RequestContext, name: &BucketName) -> Result<AclOutcome, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// PutBucketAcl.
    pub async fn put_bucket_acl(&self, cx: &RequestContext, name: &BucketName, request: PutAcl) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// GetObjectAcl.
    pub async fn get_object_acl(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<AclOutcome, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// PutObjectAcl.
    pub async fn put_object_acl(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
        request: PutAcl,
    ) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }
}
