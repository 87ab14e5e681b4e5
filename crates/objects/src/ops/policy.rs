#![expect(unused_variables, reason = "bodies follow")]
//! Bucket policies.

use crate::Fail;
use crate::api::{PutBucketPolicy, RequestContext};
use crate::service::ObjectService;
use model::BucketName;

impl ObjectService {
    /// GetBucketPolicy: the document as it was set.
    pub async fn get_bucket_policy(&self, cx: &RequestContext, name: &BucketName) -> Result<String, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// PutBucketPolicy.
    pub async fn put_bucket_policy(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        request: PutBucketPolicy,
    ) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// DeleteBucketPolicy: succeeds also when there is none.
    pub async fn delete_bucket_policy(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// GetBucketPolicyStatus: whether the policy is public; [`Fail::NoSuchBucketPolicy`] when there is none.
    pub async fn get_bucket_policy_status(&self, cx: &RequestContext, name: &BucketName) -> Result<bool, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// OBS's GetBucketPublicStatus: whether the bucket is public, by policy or ACL.
    pub async fn get_bucket_public_status(&self, cx: &RequestContext, name: &BucketName) -> Result<bool, Fail> {
        Err(Fail::NotImplemented("access"))
    }
}
