//! ACLs, and the block on public access.

use crate::acl::{canned, grant, put_with, set_object_acl};
use crate::support::people::*;
use crate::support::*;
use model::{AccountId, BucketName};
use policy::{CannedAcl, Grantee, Permission, Principal, PublicAccessBlock};
use strongroom_objects::Fail;
use strongroom_objects::api::*;

#[tokio::test]
async fn object_acls_open_objects_and_nothing_else() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let owner = root_of(1);
    let modified = h.put(&bucket, "o", Method::Obs, b"data").await.last_modified;
    h.put(&bucket, "p", Method::Obs, b"data").await;
    h.clock.advance_millis(5_000);
    let strangers = [root_of(2), user(2, &[EVERYTHING]), Principal::Anonymous];
    for (acl, open_to) in [
        (CannedAcl::Private, [false, false, false]),
        (CannedAcl::PublicRead, [true, true, true]),
        (CannedAcl::AuthenticatedRead, [true, true, false]),
    ] {
        set_object_acl(&h, &owner, &bucket, "o", AclChoice::Canned(acl)).await.unwrap();
        h.restart().await;
        for (who, open) in strangers.iter().zip(open_to) {
            assert_eq!(h.get_as(who, &bucket, "o").await.is_ok(), open, "{acl:?} for {who:?}");
            assert!(denied(h.get_as(who, &bucket, "p").await));
            assert!(denied(h.list_as(who, &bucket).await));
            assert!(denied(set_object_acl(&h, who, &bucket, "o", AclChoice::Canned(acl)).await));
        }
    }
    let to_account = vec![grant(Grantee::Account(account(2)), Permission::Read)];
    set_object_acl(&h, &owner, &bucket, "o", AclChoice::Explicit(to_account)).await.unwrap();
    h.get_as(&root_of(2), &bucket, "o").await.unwrap();
    h.get_as(&user(2, &[EVERYTHING]), &bucket, "o").await.unwrap();
    assert!(denied(h.get_as(&user(2, &[]), &bucket, "o").await), "a grant to the account is the account's to hand on");
    let info = h.objects.head_object(&cx(), read(&bucket, "o", Method::Obs)).await.unwrap();
    assert_eq!(info.last_modified, modified, "an ACL is no new state of the object");
    assert_eq!(h.get(&bucket, "o", Method::Obs).await.unwrap(), b"data", "its record still authenticates");
    h.put(&bucket, "o", Method::Obs, b"data").await;
    assert!(denied(h.get_as(&root_of(2), &bucket, "o").await), "a new object has an ACL of its own");
}

#[tokio::test]
async fn an_acl_of_a_sealed_object_changes_without_its_key() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    for method in Method::ALL {
        h.put(&bucket, "o", method, b"data").await;
        let before = h.kms_requests();
        set_object_acl(&h, &root_of(1), &bucket, "o", AclChoice::Canned(CannedAcl::AuthenticatedRead)).await.unwrap();
        h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags(&[("a", "b")])).await.unwrap();
        assert_eq!(h.kms_requests(), before);
        assert_eq!(h.get(&bucket, "o", method).await.unwrap(), b"data", "{method:?}");
    }
}

struct Names;

impl AccountNames for Names {
    fn exists(&self, id: &AccountId) -> bool {
        [account(1), account(2)].contains(id)
    }

    fn display_name(&self, id: &AccountId) -> Option<String> {
        self.exists(id).then(|| format!("name of {id}"))
    }

    fn by_email(&self, email: &str) -> Option<AccountId> {
        (email == "two@example.com").then(|| account(2))
    }
}

#[tokio::test]
async fn acls_name_accounts_that_exist_and_keep_their_owner() {
    let h = Harness::with_names(std::sync::Arc::new(Names)).await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let set = async |acl: AclChoice, owner: Option<AccountId>| {
        h.objects.put_object_acl(&cx(), &bucket, &name("o"), None, PutAcl { owner, acl }).await
    };
    let unknown = AclChoice::Explicit(vec![grant(Grantee::Account(account(9)), Permission::Read)]);
    assert!(matches!(set(unknown.clone(), None).await, Err(Fail::UnknownGrantee)));
    let refused = h.objects.put_bucket_acl(&cx(), &bucket, PutAcl { owner: None, acl: unknown.clone() }).await;
    assert!(matches!(refused, Err(Fail::UnknownGrantee)));
    assert!(matches!(put_with(&h, &root_of(1), &bucket, "p", Some(unknown.clone())).await, Err(Fail::UnknownGrantee)));
    assert!(denied(set_object_acl(&h, &root_of(2), &bucket, "o", unknown).await), "strangers learn of no account");
    let mail = |email: &str| {
        AclChoice::Explicit(vec![GrantChoice {
            grantee: GranteeChoice::Email(email.into()),
            permission: Permission::Read,
            delivered: true,
        }])
    };
    assert!(matches!(set(mail("nine@example.com"), None).await, Err(Fail::UnresolvableGrantByEmail)));
    set(mail("two@example.com"), Some(account(1))).await.unwrap();
    let shown = h.objects.get_object_acl(&cx(), &bucket, &name("o"), None).await.unwrap();
    assert_eq!(shown.acl.grants.len(), 1);
    assert_eq!(shown.acl.grants[0].grantee, Grantee::Account(account(2)));
    assert!(!shown.acl.grants[0].delivered, "objects deliver nothing");
    assert_eq!(shown.name_of(&account(2)), Some(&*format!("name of {}", account(2))));
    assert!(denied(set(AclChoice::Canned(CannedAcl::Private), Some(account(2))).await), "the owner cannot be changed");
    let full = |n| AclChoice::Explicit(vec![grant(Grantee::AllUsers, Permission::Read); n]);
    set(full(100), None).await.unwrap();
    assert!(matches!(set(full(101), None).await, Err(Fail::MalformedAcl(_))));
    let elsewhere = set(AclChoice::Canned(CannedAcl::LogDeliveryWrite), None).await;
    assert!(matches!(elsewhere, Err(Fail::InvalidArgument { .. })));
}

#[tokio::test]
async fn each_switch_of_the_block_does_its_own() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let anonymous = Principal::Anonymous;
    put_with(&h, &root_of(1), &bucket, "o", canned(CannedAcl::PublicRead)).await.unwrap();
    h.get_as(&anonymous, &bucket, "o").await.unwrap();
    assert!(matches!(h.objects.get_public_access_block(&cx(), &bucket).await, Err(Fail::NoPublicAccessBlock)));
    let off = PublicAccessBlock::default();
    let set = async |block| h.objects.put_public_access_block(&cx(), &bucket, block).await.unwrap();

    set(PublicAccessBlock { block_public_acls: true, ..off }).await;
    assert!(h.objects.get_public_access_block(&cx(), &bucket).await.unwrap().block_public_acls);
    for acl in [CannedAcl::PublicRead, CannedAcl::AuthenticatedRead] {
        assert!(denied(put_with(&h, &root_of(1), &bucket, "p", canned(acl)).await));
        assert!(denied(set_object_acl(&h, &root_of(1), &bucket, "o", AclChoice::Canned(acl)).await));
        let request = PutAcl { owner: None, acl: AclChoice::Canned(acl) };
        assert!(denied(h.objects.put_bucket_acl(&cx(), &bucket, request).await));
    }
    put_with(&h, &root_of(1), &bucket, "p", canned(CannedAcl::Private)).await.unwrap();
    h.get_as(&anonymous, &bucket, "o").await.unwrap();

    set(PublicAccessBlock { ignore_public_acls: true, ..off }).await;
    assert!(denied(h.get_as(&anonymous, &bucket, "o").await));

    let public = statement("Allow", EVERYONE, r#""s3:GetObject""#, "");
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{public}]}}"#);
    let request = || PutBucketPolicy { text: text.clone(), confirm_remove_self: false };
    set(PublicAccessBlock { block_public_policy: true, ..off }).await;
    assert!(denied(h.objects.put_bucket_policy(&cx(), &bucket, request()).await));
    set(off).await;
    h.objects.put_bucket_policy(&cx(), &bucket, request()).await.unwrap();
    h.get_as(&anonymous, &bucket, "p").await.unwrap();
    h.get_as(&user(1, &[]), &bucket, "p").await.unwrap();
    set(PublicAccessBlock { restrict_public_buckets: true, ..off }).await;
    assert!(denied(h.get_as(&anonymous, &bucket, "p").await));
    assert!(denied(h.get_as(&root_of(2), &bucket, "p").await));
    h.get_as(&user(1, &[]), &bucket, "p").await.unwrap();
    assert!(!h.objects.get_bucket_public_status(&cx(), &bucket).await.unwrap());
    assert!(h.objects.get_bucket_policy_status(&cx(), &bucket).await.unwrap());
    h.objects.delete_public_access_block(&cx(), &bucket).await.unwrap();
    h.get_as(&anonymous, &bucket, "p").await.unwrap();
}

#[tokio::test]
async fn the_servers_block_holds_for_every_bucket() {
    let config = AccessConfig { block_public_access: true, ..AccessConfig::default() };
    let h = Harness::with_access(config).await;
    let bucket = h.bucket("bucket").await;
    let off = PublicAccessBlock::default();
    h.objects.put_public_access_block(&cx(), &bucket, off).await.unwrap();
    assert_eq!(h.objects.get_public_access_block(&cx(), &bucket).await.unwrap(), off, "shown as set");
    assert!(denied(put_with(&h, &root_of(1), &bucket, "o", canned(CannedAcl::PublicRead)).await));
    let request = CreateBucket { acl: canned(CannedAcl::PublicReadWrite), ..CreateBucket::default() };
    let other = BucketName::parse("other").unwrap();
    assert!(denied(h.objects.create_bucket(&cx(), &other, request).await));
    assert!(matches!(h.objects.head_bucket(&cx(), &other).await, Err(Fail::NoSuchBucket)));
}
