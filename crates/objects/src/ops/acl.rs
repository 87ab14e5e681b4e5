//! ACLs of buckets and objects. Setting one needs no key and touches no body.

use crate::Fail;
use crate::api::{AclOutcome, PutAcl, RequestContext};
use crate::authorize::{Facts, READ_ACL, WRITE_ACL, object_owner};
use crate::grants::{On, join_block};
use crate::service::ObjectService;
use model::{AccountId, BucketName, ObjectName, VersionId};
use policy::{Acl, Action, Ownership};

impl ObjectService {
    /// GetBucketAcl. Where ACLs are switched off, it shows the owner's grant alone.
    pub async fn get_bucket_acl(&self, cx: &RequestContext, name: &BucketName) -> Result<AclOutcome, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetBucketAcl, &bucket)?;
        Ok(self.show_acl(&bucket.rules.owner, bucket.record.acl.as_ref(), &bucket.rules))
    }

    /// PutBucketAcl.
    pub async fn put_bucket_acl(&self, cx: &RequestContext, name: &BucketName, request: PutAcl) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutBucketAcl, &bucket)?;
        keep_owner(&request, &bucket.rules.owner)?;
        let acl = self.resolve(&request.acl, On::Bucket, &bucket.rules.owner, &bucket.rules)?;
        let access = self.access;
        self.registry
            .update(&bucket, move |record| {
                // What the bucket takes may have changed since it was looked at.
                let ownership = record.ownership.unwrap_or(access.default_ownership);
                if ownership == Ownership::BucketOwnerEnforced && acl.is_some() {
                    return Err(Fail::AclNotSupported);
                }
                let block = join_block(record.block, access.block_public_access);
                if block.block_public_acls && acl.as_ref().is_some_and(Acl::is_public) {
                    return Err(Fail::AccessDenied);
                }
                record.acl.clone_from(&acl);
                Ok(())
            })
            .await
    }

    /// GetObjectAcl.
    pub async fn get_object_acl(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<AclOutcome, Fail> {
        let bucket = self.bucket(bucket)?;
        let found = self.find_for(cx, READ_ACL, &bucket, name, version, false).await?;
        let owner = object_owner(&bucket, &found.object.owner);
        Ok(self.show_acl(owner, found.object.acl.as_ref(), &bucket.rules))
    }

    /// PutObjectAcl. The object's date of last modification stays.
    pub async fn put_object_acl(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
        request: PutAcl,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        self.change_object(cx, WRITE_ACL, &bucket, name, version, &Facts::new(), |object| {
            let owner = object_owner(&bucket, &object.owner);
            keep_owner(&request, owner)?;
            object.acl = self.resolve(&request.acl, On::Object, owner, &bucket.rules)?;
            Ok(())
        })
        .await
    }
}

/// An ACL cannot give a bucket or an object to somebody else.
fn keep_owner(request: &PutAcl, owner: &AccountId) -> Result<(), Fail> {
    match &request.owner {
        Some(named) if named != owner => Err(Fail::AccessDenied),
        _ => Ok(()),
    }
}
