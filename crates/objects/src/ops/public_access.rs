//! The bucket's block on public access. The server's own is joined to it and not shown here.

use crate::Fail;
use crate::api::RequestContext;
use crate::service::ObjectService;
use model::BucketName;
use policy::{Action, PublicAccessBlock};

impl ObjectService {
    /// GetPublicAccessBlock; [`Fail::NoPublicAccessBlock`] when none is set.
    pub async fn get_public_access_block(
        &self,
        cx: &RequestContext,
        name: &BucketName,
    ) -> Result<PublicAccessBlock, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetBucketPublicAccessBlock, &bucket)?;
        bucket.record.block.ok_or(Fail::NoPublicAccessBlock)
    }

    /// PutPublicAccessBlock. What is public already stays; the block decides what it still grants.
    pub async fn put_public_access_block(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        block: PublicAccessBlock,
    ) -> Result<(), Fail> {
        self.set_block(cx, name, Action::PutBucketPublicAccessBlock, Some(block)).await
    }

    /// DeletePublicAccessBlock: succeeds also when none is set.
    pub async fn delete_public_access_block(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        self.set_block(cx, name, Action::DeleteBucketPublicAccessBlock, None).await
    }

    async fn set_block(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        action: Action,
        block: Option<PublicAccessBlock>,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, action, &bucket)?;
        self.registry
            .update(&bucket, move |record| {
                record.block = block;
                Ok(())
            })
            .await
    }
}
