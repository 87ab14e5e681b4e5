//! Bucket policies. The document is kept to the byte and compiled once, when it is set or loaded.

use crate::Fail;
use crate::api::{PutBucketPolicy, RequestContext};
use crate::grants::join_block;
use crate::registry::Bucket;
use crate::service::ObjectService;
use model::BucketName;
use policy::{Action, Grammar, Ownership, Policy, PolicyError};
use std::sync::Arc;

/// Largest policy in bytes (obs-api §5.7).
const POLICY_BYTES_MAX: usize = 20 * 1024;

impl ObjectService {
    /// GetBucketPolicy: the document as it was set.
    pub async fn get_bucket_policy(&self, cx: &RequestContext, name: &BucketName) -> Result<String, Fail> {
        let bucket = self.bucket_for_policy(cx, name, Action::GetBucketPolicy)?;
        bucket.record.policy.clone().ok_or(Fail::NoSuchBucketPolicy)
    }

    /// PutBucketPolicy. A document that is not understood to its end is refused.
    pub async fn put_bucket_policy(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        request: PutBucketPolicy,
    ) -> Result<(), Fail> {
        let bucket = self.bucket_for_policy(cx, name, Action::PutBucketPolicy)?;
        let PutBucketPolicy { text, confirm_remove_self } = request;
        if text.len() > POLICY_BYTES_MAX {
            let message = format!("a policy has at most {POLICY_BYTES_MAX} bytes");
            return Err(Fail::MalformedPolicy(PolicyError { path: String::new(), message }));
        }
        let public = Policy::parse(&text, Grammar::Bucket(name)).map_err(Fail::MalformedPolicy)?.is_public();
        let server_wide = self.access.block_public_access;
        self.registry
            .update(&bucket, move |record| {
                if public && join_block(record.block, server_wide).block_public_policy {
                    return Err(Fail::AccessDenied);
                }
                record.policy = Some(text.clone());
                record.policy_binds_root = confirm_remove_self;
                Ok(())
            })
            .await
    }

    /// DeleteBucketPolicy: succeeds also when there is none.
    pub async fn delete_bucket_policy(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket_for_policy(cx, name, Action::DeleteBucketPolicy)?;
        self.registry
            .update(&bucket, |record| {
                record.policy = None;
                record.policy_binds_root = false;
                Ok(())
            })
            .await
    }

    /// GetBucketPolicyStatus: whether the policy is public; [`Fail::NoSuchBucketPolicy`] when there is none.
    pub async fn get_bucket_policy_status(&self, cx: &RequestContext, name: &BucketName) -> Result<bool, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetBucketPolicyStatus, &bucket)?;
        bucket.rules.policy.as_ref().map(|policy| policy.is_public()).ok_or(Fail::NoSuchBucketPolicy)
    }

    /// OBS's GetBucketPublicStatus: whether the bucket is open to everyone, by policy or ACL.
    pub async fn get_bucket_public_status(&self, cx: &RequestContext, name: &BucketName) -> Result<bool, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetBucketPublicStatus, &bucket)?;
        let rules = &bucket.rules;
        let by_policy = rules.policy.as_ref().is_some_and(|policy| policy.is_public());
        let acls_count = rules.ownership != Ownership::BucketOwnerEnforced && !rules.block.ignore_public_acls;
        Ok(by_policy && !rules.block.restrict_public_buckets || acls_count && rules.acl.is_public())
    }

    /// The policy itself is a matter of the owner's account, whatever the policy says (as in S3): who is given all rights
    /// to a bucket shall not be able to hand them on.
    fn bucket_for_policy(&self, cx: &RequestContext, name: &BucketName, action: Action) -> Result<Arc<Bucket>, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, action, &bucket)?;
        if cx.principal.account() == Some(&bucket.rules.owner) { Ok(bucket) } else { Err(Fail::AccessDenied) }
    }
}
