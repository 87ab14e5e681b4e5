#![expect(unused_variables, reason = "bodies follow")]
//! The bucket's block on public access.

use crate::Fail;
use crate::api::RequestContext;
use crate::service::ObjectService;
use model::BucketName;
use policy::PublicAccessBlock;

impl ObjectService {
    /// GetPublicAccessBlock; [`Fail::NoPublicAccessBlock`] when none is set.
    pub async fn get_public_access_block(
        &self,
        cx: &RequestContext,
        name: &BucketName,
    ) -> Result<PublicAccessBlock, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// PutPublicAccessBlock.
    pub async fn put_public_access_block(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        block: PublicAccessBlock,
    ) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// DeletePublicAccessBlock: succeeds also when none is set.
    pub async fn delete_public_access_block(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }
}
