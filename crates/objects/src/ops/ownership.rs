#![expect(unused_variables, reason = "bodies follow")]
//! Who owns the objects of a bucket.

use crate::Fail;
use crate::api::RequestContext;
use crate::service::ObjectService;
use model::BucketName;
use policy::Ownership;

impl ObjectService {
    /// GetBucketOwnershipControls; [`Fail::NoOwnershipControls`] when none are set.
    pub async fn get_ownership_controls(&self, cx: &RequestContext, name: &BucketName) -> Result<Ownership, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// PutBucketOwnershipControls.
    pub async fn put_ownership_controls(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        ownership: Ownership,
    ) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// DeleteBucketOwnershipControls: succeeds also when none are set.
    pub async fn delete_ownership_controls(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        Err(Fail::NotImplemented("access"))
    }
}
