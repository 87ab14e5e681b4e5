//! Giving ACLs.

use crate::support::people::*;
use crate::support::*;
use model::{AccountId, BucketName, ObjectName};
use policy::{CannedAcl, Grantee, Permission, Principal};
use strongroom_objects::Fail;
use strongroom_objects::api::*;

pub(crate) fn canned(acl: CannedAcl) -> Option<AclChoice> {
    Some(AclChoice::Canned(acl))
}

pub(crate) fn grant(grantee: Grantee, permission: Permission) -> GrantChoice {
    GrantChoice { grantee: GranteeChoice::Known(grantee), permission, delivered: false }
}

pub(crate) async fn put_with(
    h: &Harness,
    who: &Principal,
    bucket: &BucketName,
    object: &str,
    acl: Option<AclChoice>,
) -> Result<(), Fail> {
    let request = PutObject { acl, ..put_of(bucket, object) };
    h.objects.put_object(&as_(who), request, body(b"data")).await.map(drop)
}

pub(crate) async fn set_object_acl(
    h: &Harness,
    who: &Principal,
    bucket: &BucketName,
    object: &str,
    acl: AclChoice,
) -> Result<(), Fail> {
    h.objects.put_object_acl(&as_(who), bucket, &name(object), None, PutAcl { owner: None, acl }).await
}

pub(crate) async fn owner_of(h: &Harness, bucket: &BucketName, object: &ObjectName) -> AccountId {
    h.objects.access_inputs(bucket, Some(object)).await.unwrap().object.unwrap().owner
}

/// A bucket that account 2 may write to by its ACL.
pub(crate) async fn shared(h: &Harness) -> BucketName {
    let bucket = h.bucket("bucket").await;
    let grants = vec![grant(Grantee::Account(account(2)), Permission::Write)];
    h.set_acl(&bucket, AclChoice::Explicit(grants)).await;
    bucket
}
