//! Who owns an object.

use crate::acl::{canned, grant, owner_of, put_with, set_object_acl, shared};
use crate::support::people::*;
use crate::support::*;
use model::{BucketName, PartNumber};
use policy::{CannedAcl, Grantee, Ownership, Permission, Principal, PublicAccessBlock};
use strongroom_objects::Fail;
use strongroom_objects::api::*;

#[tokio::test]
async fn whoever_writes_an_object_owns_it_unless_the_bucket_says_otherwise() {
    let h = Harness::new().await;
    let bucket = shared(&h).await;
    let (owner, writer, o) = (root_of(1), root_of(2), name("o"));
    h.put_as(&writer, &bucket, "o").await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &o).await, account(2));
    h.get_as(&writer, &bucket, "o").await.unwrap();
    assert!(denied(h.get_as(&owner, &bucket, "o").await), "the bucket's owner is a stranger to the object");
    assert!(denied(set_object_acl(&h, &owner, &bucket, "o", AclChoice::Canned(CannedAcl::Private)).await));
    set_object_acl(&h, &writer, &bucket, "o", AclChoice::Canned(CannedAcl::BucketOwnerRead)).await.unwrap();
    h.get_as(&owner, &bucket, "o").await.unwrap();
    h.delete_as(&owner, &bucket, "o").await.unwrap();

    h.objects.put_ownership_controls(&cx(), &bucket, Ownership::BucketOwnerPreferred).await.unwrap();
    put_with(&h, &writer, &bucket, "o", canned(CannedAcl::Private)).await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &o).await, account(2));
    put_with(&h, &writer, &bucket, "o", canned(CannedAcl::BucketOwnerFullControl)).await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &o).await, account(1));
    h.get_as(&owner, &bucket, "o").await.unwrap();
    assert!(denied(h.get_as(&writer, &bucket, "o").await), "what was handed over is gone");
}

#[tokio::test]
async fn with_acls_switched_off_the_bucket_owner_owns_everything() {
    let h = Harness::new().await;
    let bucket = shared(&h).await;
    let (owner, writer) = (root_of(1), root_of(2));
    put_with(&h, &writer, &bucket, "before", canned(CannedAcl::PublicRead)).await.unwrap();
    h.get_as(&Principal::Anonymous, &bucket, "before").await.unwrap();
    let enforced = Ownership::BucketOwnerEnforced;
    let refused = h.objects.put_ownership_controls(&cx(), &bucket, enforced).await;
    assert!(matches!(refused, Err(Fail::InvalidBucketAclWithOwnership)), "its ACL grants to another account");
    h.set_acl(&bucket, AclChoice::Canned(CannedAcl::Private)).await;
    h.objects.put_ownership_controls(&cx(), &bucket, enforced).await.unwrap();
    assert_eq!(h.objects.get_ownership_controls(&cx(), &bucket).await.unwrap(), enforced);

    assert!(denied(h.get_as(&Principal::Anonymous, &bucket, "before").await));
    assert!(denied(h.get_as(&writer, &bucket, "before").await));
    h.get_as(&owner, &bucket, "before").await.unwrap();
    let shown = h.objects.get_object_acl(&cx(), &bucket, &name("before"), None).await.unwrap();
    assert_eq!((shown.owner, shown.acl.grants.len()), (account(1), 1));

    h.set_policy(&bucket, &statement("Allow", &account_principal(2), r#"["s3:PutObject","s3:PutObjectAcl"]"#, ""))
        .await;
    h.put_as(&writer, &bucket, "o").await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &name("o")).await, account(1));
    put_with(&h, &writer, &bucket, "o", canned(CannedAcl::BucketOwnerFullControl)).await.unwrap();
    put_with(&h, &writer, &bucket, "o", canned(CannedAcl::Private)).await.unwrap();
    for acl in [CannedAcl::PublicRead, CannedAcl::AuthenticatedRead] {
        let refused = put_with(&h, &writer, &bucket, "o", canned(acl)).await;
        assert!(matches!(refused, Err(Fail::AclNotSupported)), "{acl:?}: {refused:?}");
    }
    let public = AclChoice::Canned(CannedAcl::PublicRead);
    assert!(matches!(set_object_acl(&h, &owner, &bucket, "o", public.clone()).await, Err(Fail::AclNotSupported)));
    let refused = h.objects.put_bucket_acl(&cx(), &bucket, PutAcl { owner: None, acl: public }).await;
    assert!(matches!(refused, Err(Fail::AclNotSupported)));
    h.objects.delete_ownership_controls(&cx(), &bucket).await.unwrap();
    assert!(matches!(h.objects.get_ownership_controls(&cx(), &bucket).await, Err(Fail::NoOwnershipControls)));
    h.get_as(&Principal::Anonymous, &bucket, "before").await.unwrap();
}

#[tokio::test]
async fn the_anonymous_write_where_everyone_may_and_never_under_a_cmk() {
    let h = Harness::new().await;
    let bucket = BucketName::parse("bucket").unwrap();
    let request = CreateBucket { acl: canned(CannedAcl::PublicReadWrite), ..CreateBucket::default() };
    h.objects.create_bucket(&cx(), &bucket, request).await.unwrap();
    let anonymous = Principal::Anonymous;
    h.put_as(&anonymous, &bucket, "o").await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &name("o")).await, account(1), "nobody owns nothing");
    h.get_as(&root_of(1), &bucket, "o").await.unwrap();
    assert!(denied(h.get_as(&anonymous, &bucket, "o").await), "WRITE of the bucket is no READ of the object");
    put_with(&h, &anonymous, &bucket, "p", canned(CannedAcl::PublicRead)).await.unwrap();
    h.get_as(&anonymous, &bucket, "p").await.unwrap();
    assert!(denied(set_object_acl(&h, &anonymous, &bucket, "o", AclChoice::Canned(CannedAcl::PublicRead)).await));
    let sealed = PutObject { encryption: Method::Kms.headers(), ..put_of(&bucket, "k") };
    assert!(h.objects.put_object(&as_(&anonymous), sealed, body(b"data")).await.is_err());
    assert!(matches!(h.get_as(&root_of(1), &bucket, "k").await, Err(Fail::NoSuchKey { .. })));
    let deny = statement("Deny", EVERYONE, r#""s3:PutObjectAcl""#, "");
    h.set_policy(&bucket, &deny).await;
    assert!(denied(put_with(&h, &anonymous, &bucket, "p", canned(CannedAcl::PublicRead)).await));
    h.put_as(&anonymous, &bucket, "p").await.unwrap();
}

/// What the anonymous write by a policy is the bucket owner's: an ACL with it would give away what is not theirs.
#[tokio::test]
async fn a_policy_that_lets_the_anonymous_write_gives_no_say_in_acls() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let anonymous = Principal::Anonymous;
    let put = statement("Allow", EVERYONE, r#""s3:PutObject""#, "");
    h.set_policy(&bucket, &put).await;
    h.put_as(&anonymous, &bucket, "o").await.unwrap();
    let to_account = AclChoice::Explicit(vec![grant(Grantee::Account(account(2)), Permission::FullControl)]);
    let choices = || [canned(CannedAcl::PublicRead), canned(CannedAcl::Private), Some(to_account.clone())];
    for acl in choices() {
        assert!(denied(put_with(&h, &anonymous, &bucket, "o", acl.clone()).await), "{acl:?}");
        let begin = CreateUpload {
            bucket: bucket.clone(),
            name: name("o"),
            headers: ObjectHeaders::default(),
            encryption: Method::Plain.headers(),
            checksum: None,
            acl,
            tags: Tags::new(),
        };
        assert!(denied(h.objects.create_upload(&as_(&anonymous), begin).await));
    }
    // A grant to everybody that is ignored lets nobody write, nor say ACLs.
    h.set_acl(&bucket, AclChoice::Canned(CannedAcl::PublicReadWrite)).await;
    put_with(&h, &anonymous, &bucket, "o", canned(CannedAcl::PublicRead)).await.unwrap();
    let block = PublicAccessBlock { ignore_public_acls: true, ..PublicAccessBlock::default() };
    h.objects.put_public_access_block(&cx(), &bucket, block).await.unwrap();
    for acl in choices() {
        assert!(denied(put_with(&h, &anonymous, &bucket, "o", acl.clone()).await), "{acl:?}");
    }
    // Nor does a grant to everybody who signed.
    h.objects.delete_public_access_block(&cx(), &bucket).await.unwrap();
    let signed =
        vec![grant(Grantee::AuthenticatedUsers, Permission::Write), grant(Grantee::AllUsers, Permission::Read)];
    h.set_acl(&bucket, AclChoice::Explicit(signed)).await;
    for acl in choices() {
        assert!(denied(put_with(&h, &anonymous, &bucket, "o", acl.clone()).await), "{acl:?}");
    }
    let acls = statement("Allow", EVERYONE, r#"["s3:PutObject","s3:PutObjectAcl"]"#, "");
    h.set_policy(&bucket, &acls).await;
    put_with(&h, &anonymous, &bucket, "o", canned(CannedAcl::PublicRead)).await.unwrap();
}

/// What is handed over to the bucket's owner carries no other grant; whoever keeps what they write grants as they like.
#[tokio::test]
async fn nothing_rides_along_with_what_the_bucket_owner_gets() {
    let h = Harness::new().await;
    let bucket = shared(&h).await;
    let (writer, o) = (root_of(2), name("o"));
    h.objects.put_ownership_controls(&cx(), &bucket, Ownership::BucketOwnerPreferred).await.unwrap();
    let full = Permission::FullControl;
    let both = [account(1), account(2)].map(|id| grant(Grantee::Account(id), full));
    put_with(&h, &writer, &bucket, "o", Some(AclChoice::Explicit(both.to_vec()))).await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &o).await, account(2), "only the canned ACL hands over");
    put_with(&h, &writer, &bucket, "o", canned(CannedAcl::BucketOwnerFullControl)).await.unwrap();
    let shown = h.objects.get_object_acl(&cx(), &bucket, &o, None).await.unwrap();
    assert_eq!((shown.owner, shown.acl.grants.len()), (account(1), 1));
    assert_eq!(shown.acl.grants[0].grantee, Grantee::Account(account(1)));
}

#[tokio::test]
async fn uploads_keep_owner_acl_and_tags_of_their_beginning() {
    let mut h = Harness::new().await;
    let bucket = shared(&h).await;
    let writer = as_(&root_of(2));
    let begin = CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: Method::Obs.headers(),
        checksum: None,
        acl: canned(CannedAcl::BucketOwnerRead),
        tags: tags(&[("a", "b")]),
    };
    assert!(
        denied(h.objects.create_upload(&writer, CreateUpload { ..clone(&begin) }).await),
        "the bucket tags nothing for strangers"
    );
    let begin = CreateUpload { tags: Tags::new(), ..begin };
    let upload = h.objects.create_upload(&writer, begin).await.unwrap().upload;
    h.restart().await;
    let part = UploadPart {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        part: PartNumber::new(1).unwrap(),
        encryption: Default::default(),
    };
    let etag = h.objects.upload_part(&writer, part, body(b"data")).await.unwrap().etag.to_string();
    let complete = CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts: vec![CompletedPart { part: PartNumber::new(1).unwrap(), etag, checksum: None }],
        customer: Default::default(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    h.objects.complete_upload(&writer, complete).await.unwrap();
    assert_eq!(owner_of(&h, &bucket, &name("o")).await, account(2));
    h.get_as(&root_of(1), &bucket, "o").await.unwrap();
    assert!(denied(h.get_as(&Principal::Anonymous, &bucket, "o").await));
}

fn clone(request: &CreateUpload) -> CreateUpload {
    CreateUpload {
        bucket: request.bucket.clone(),
        name: request.name.clone(),
        headers: request.headers.clone(),
        encryption: Method::Obs.headers(),
        checksum: None,
        acl: request.acl.clone(),
        tags: request.tags.clone(),
    }
}
