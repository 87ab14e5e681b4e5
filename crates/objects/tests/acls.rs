//! ACLs, ownership of objects, the block on public access, and tags.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use model::{AccountId, BucketName, ObjectName};
use policy::{CannedAcl, Grantee, Ownership, Permission, Principal, PublicAccessBlock};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::people::*;
use support::*;

fn canned(acl: CannedAcl) -> Option<AclChoice> {
    Some(AclChoice::Canned(acl))
}

fn grant(grantee: Grantee, permission: Permission) -> GrantChoice {
    GrantChoice { grantee: GranteeChoice::Known(grantee), permission, delivered: false }
}

async fn put_with(
    h: &Harness,
    who: &Principal,
    bucket: &BucketName,
    object: &str,
    acl: Option<AclChoice>,
) -> Result<(), Fail> {
    let request = PutObject { acl, ..put_of(bucket, object) };
    h.objects.put_object(&as_(who), request, body(b"data")).await.map(drop)
}

async fn set_object_acl(
    h: &Harness,
    who: &Principal,
    bucket: &BucketName,
    object: &str,
    acl: AclChoice,
) -> Result<(), Fail> {
    h.objects.put_object_acl(&as_(who), bucket, &name(object), None, PutAcl { owner: None, acl }).await
}

async fn owner_of(h: &Harness, bucket: &BucketName, object: &ObjectName) -> AccountId {
    h.objects.access_inputs(bucket, Some(object)).await.unwrap().object.unwrap().owner
}

/// A bucket that account 2 may write to by its ACL.
async fn shared(h: &Harness) -> BucketName {
    let bucket = h.bucket("bucket").await;
    let grants = vec![grant(Grantee::Account(account(2)), Permission::Write)];
    h.set_acl(&bucket, AclChoice::Explicit(grants)).await;
    bucket
}

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

#[tokio::test]
async fn policies_see_the_tags_of_the_object_and_of_the_request() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let open =
        statement("Allow", EVERYONE, r#""s3:GetObject""#, r#"{"StringEquals":{"s3:ExistingObjectTag/open":"yes"}}"#);
    let keep =
        statement("Deny", EVERYONE, r#""s3:DeleteObject""#, r#"{"StringEquals":{"s3:ExistingObjectTag/keep":"yes"}}"#);
    let named = statement(
        "Deny",
        EVERYONE,
        r#"["s3:PutObject","s3:PutObjectTagging"]"#,
        r#"{"StringEquals":{"s3:RequestObjectTag/bad":"yes"}}"#,
    );
    h.set_policy(&bucket, &format!("{open},{keep},{named}")).await;
    let set =
        async |pairs: &[(&str, &str)]| h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags(pairs)).await;
    assert!(denied(h.get_as(&Principal::Anonymous, &bucket, "o").await));
    set(&[("open", "yes"), ("keep", "yes")]).await.unwrap();
    h.get_as(&Principal::Anonymous, &bucket, "o").await.unwrap();
    assert!(denied(h.delete_as(&root_of(1), &bucket, "o").await));
    assert!(denied(set(&[("bad", "yes")]).await));
    let request = PutObject { tags: tags(&[("bad", "yes")]), ..put_of(&bucket, "p") };
    assert!(denied(h.objects.put_object(&cx(), request, body(b"x")).await));
    h.objects.delete_object_tags(&cx(), &bucket, &name("o"), None).await.unwrap();
    assert!(denied(h.get_as(&Principal::Anonymous, &bucket, "o").await));
    h.delete_as(&root_of(1), &bucket, "o").await.unwrap();
}

#[tokio::test]
async fn tags_have_bounds_and_are_counted_for_who_may_read_them() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let set = async |tags: Tags| h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags).await;
    assert!(matches!(set(tags(&[("a", "b")])).await, Err(Fail::NoSuchKey { .. })));
    let request = PutObject { tags: tags(&[("a", "b"), ("c", "")]), ..put_of(&bucket, "o") };
    h.objects.put_object(&cx(), request, body(b"data")).await.unwrap();
    let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect::<Tags>();
    let one = |k: usize, v: usize| vec![("ü".repeat(k), "ü".repeat(v))];
    for refused in [many(11), one(129, 0), one(1, 257), one(0, 1), tags(&[("a", "1"), ("a", "2")])] {
        assert!(matches!(set(refused.clone()).await, Err(Fail::InvalidTag(_))), "{refused:?}");
        let request = PutObject { tags: refused, ..put_of(&bucket, "o") };
        assert!(matches!(h.objects.put_object(&cx(), request, body(b"x")).await, Err(Fail::InvalidTag(_))));
    }
    let kept = h.objects.get_object_tags(&cx(), &bucket, &name("o"), None).await.unwrap().tags;
    assert_eq!(kept, tags(&[("a", "b"), ("c", "")]));
    for taken in [many(10), one(128, 256)] {
        set(taken).await.unwrap();
    }
    let reader =
        user(1, &[r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#]);
    let head =
        async |who: &Principal| h.objects.head_object(&as_(who), read(&bucket, "o", Method::Plain)).await.unwrap().tags;
    assert_eq!((head(&root_of(1)).await, head(&reader).await), (1, 0));
    h.put(&bucket, "o", Method::Plain, b"data").await;
    assert_eq!(head(&root_of(1)).await, 0, "tags belong to the object, not to its name");
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
        part: model::PartNumber::new(1).unwrap(),
        customer: Default::default(),
    };
    let etag = h.objects.upload_part(&writer, part, body(b"data")).await.unwrap().etag.to_string();
    let complete = CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts: vec![CompletedPart { part: model::PartNumber::new(1).unwrap(), etag, checksum: None }],
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
