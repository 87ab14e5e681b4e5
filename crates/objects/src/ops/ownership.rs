//! Who owns the objects of a bucket, and whether ACLs count (S3's ownership controls).

use crate::Fail;
use crate::api::RequestContext;
use crate::grants::is_owners_alone;
use crate::service::ObjectService;
use model::BucketName;
use policy::{Action, Ownership};

impl ObjectService {
    /// GetBucketOwnershipControls; [`Fail::NoOwnershipControls`] when none are set.
    pub async fn get_ownership_controls(&self, cx: &RequestContext, name: &BucketName) -> Result<Ownership, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetBucketOwnershipControls, &bucket)?;
        bucket.record.ownership.ok_or(Fail::NoOwnershipControls)
    }

    /// PutBucketOwnershipControls. ACLs are switched off only while the bucket's grants nothing to others: what worked by
    /// it would stop unnoticed.
    pub async fn put_ownership_controls(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        ownership: Ownership,
    ) -> Result<(), Fail> {
        self.set_ownership(cx, name, Some(ownership)).await
    }

    /// DeleteBucketOwnershipControls: succeeds also when none are set. The server's setting counts from then on.
    pub async fn delete_ownership_controls(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        self.set_ownership(cx, name, None).await
    }

    async fn set_ownership(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        ownership: Option<Ownership>,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutBucketOwnershipControls, &bucket)?;
        self.registry
            .update(&bucket, move |record| {
                let grants_to_others = record.acl.as_ref().is_some_and(|acl| !is_owners_alone(acl, &record.owner));
                if ownership == Some(Ownership::BucketOwnerEnforced) && grants_to_others {
                    return Err(Fail::InvalidBucketAclWithOwnership);
                }
                record.ownership = ownership;
                Ok(())
            })
            .await
    }
}
