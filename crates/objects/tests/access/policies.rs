//! Policies: who may do what by them, and how they are set, kept and read.

use crate::support::people::*;
use crate::support::*;
use bytes::Bytes;
use model::BucketName;
use policy::{CannedAcl, Grantee, Ownership, Permission, Principal};
use store::{Change, Table, Transaction};
use strongroom_objects::Fail;
use strongroom_objects::api::*;

/// Which of GetObject, PutObject, ListBucket, DeleteObject a principal may do, as letters.
async fn rights(h: &Harness, who: &Principal, bucket: &BucketName) -> String {
    h.put(bucket, "o", Method::Plain, b"data").await;
    let mut rights = String::new();
    for (letter, result) in [
        ('g', h.get_as(who, bucket, "o").await),
        ('p', h.put_as(who, bucket, "p").await),
        ('l', h.list_as(who, bucket).await),
        ('d', h.delete_as(who, bucket, "o").await),
    ] {
        match result {
            Ok(()) => rights.push(letter),
            Err(Fail::AccessDenied) => rights.push('-'),
            Err(other) => panic!("{letter}: {other:?}"),
        }
    }
    rights
}

fn people() -> [(&'static str, Principal); 7] {
    let reads = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}}"#;
    [
        ("own root", root_of(1)),
        ("own user", user(1, &[])),
        ("own reader", user(1, &[reads])),
        ("other root", root_of(2)),
        ("other user", user(2, &[])),
        ("other admin", user(2, &[EVERYTHING])),
        ("anonymous", Principal::Anonymous),
    ]
}

async fn matrix(h: &Harness, bucket: &BucketName) -> Vec<String> {
    let mut rows = Vec::new();
    for (title, who) in people() {
        rows.push(format!("{title} {}", rights(h, &who, bucket).await));
    }
    rows
}

#[tokio::test]
async fn who_may_do_what_by_policies_and_acls() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let nothing = [
        "own root gpld",
        "own user ----",
        "own reader g-l-",
        "other root ----",
        "other user ----",
        "other admin ----",
        "anonymous ----",
    ];
    assert_eq!(matrix(&h, &bucket).await, nothing);

    h.set_policy(&bucket, &statement("Allow", &account_principal(2), r#""s3:*""#, "")).await;
    assert_eq!(
        matrix(&h, &bucket).await,
        [
            "own root gpld",
            "own user ----",
            "own reader g-l-",
            "other root gpld",
            "other user ----",
            "other admin gpld",
            "anonymous ----",
        ],
        "another account's users need their own account's word as well"
    );

    h.set_policy(&bucket, &statement("Allow", EVERYONE, r#"["s3:GetObject"]"#, "")).await;
    assert_eq!(
        matrix(&h, &bucket).await,
        [
            "own root gpld",
            "own user g---",
            "own reader g-l-",
            "other root g---",
            "other user ----",
            "other admin g---",
            "anonymous g---",
        ]
    );

    let deny = statement("Deny", EVERYONE, r#"["s3:DeleteObject","s3:ListBucket"]"#, "");
    let both = format!("{},{deny}", statement("Allow", &account_principal(2), r#""s3:*""#, ""));
    h.set_policy(&bucket, &both).await;
    assert_eq!(
        matrix(&h, &bucket).await,
        [
            "own root gp--",
            "own user ----",
            "own reader g---",
            "other root gp--",
            "other user ----",
            "other admin gp--",
            "anonymous ----",
        ],
        "a Deny wins over everything, the owner's root included"
    );
    h.objects.delete_bucket_policy(&cx(), &bucket).await.unwrap();
    assert_eq!(matrix(&h, &bucket).await, nothing);

    let grant = |permission| GrantChoice {
        grantee: GranteeChoice::Known(Grantee::Account(account(2))),
        permission,
        delivered: false,
    };
    h.set_acl(&bucket, AclChoice::Explicit(vec![grant(Permission::Read), grant(Permission::Write)])).await;
    assert_eq!(
        matrix(&h, &bucket).await[3..],
        ["other root -pld", "other user ----", "other admin -pld", "anonymous ----"],
        "a bucket's READ is no READ of its objects"
    );
    h.set_acl(&bucket, AclChoice::Canned(CannedAcl::PublicReadWrite)).await;
    assert_eq!(
        matrix(&h, &bucket).await[3..],
        ["other root -pld", "other user ----", "other admin -pld", "anonymous -pld"]
    );
}

/// S3 keeps a way out for who locked himself out; [`PutBucketPolicy::confirm_remove_self`] closes it.
#[tokio::test]
async fn the_owners_root_can_always_mend_the_policy_unless_asked_otherwise() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let deny = statement("Deny", EVERYONE, r#""s3:*""#, "");
    h.set_policy(&bucket, &deny).await;
    assert!(denied(h.list_as(&root_of(1), &bucket).await));
    assert!(denied(h.objects.get_bucket_policy(&as_(&user(1, &[EVERYTHING])), &bucket).await));
    let text = h.objects.get_bucket_policy(&cx(), &bucket).await.unwrap();
    h.objects.delete_bucket_policy(&cx(), &bucket).await.unwrap();
    h.list_as(&root_of(1), &bucket).await.unwrap();
    h.objects.put_bucket_policy(&cx(), &bucket, PutBucketPolicy { text, confirm_remove_self: true }).await.unwrap();
    assert!(denied(h.objects.get_bucket_policy(&cx(), &bucket).await));
    assert!(denied(h.objects.delete_bucket_policy(&cx(), &bucket).await));
}

#[tokio::test]
async fn all_rights_to_a_bucket_do_not_include_its_policy() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.set_policy(&bucket, &statement("Allow", &account_principal(2), r#""s3:*""#, "")).await;
    let other = as_(&root_of(2));
    assert!(h.objects.get_bucket_acl(&other, &bucket).await.is_ok());
    assert!(denied(h.objects.get_bucket_policy(&other, &bucket).await));
    assert!(denied(h.objects.delete_bucket_policy(&other, &bucket).await));
    let request = PutBucketPolicy { text: "{}".into(), confirm_remove_self: false };
    assert!(denied(h.objects.put_bucket_policy(&other, &bucket, request).await));
}

#[tokio::test]
async fn policies_are_checked_kept_to_the_byte_and_survive_a_restart() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let text = "{ \"Statement\" : [ { \"Effect\":\"Allow\", \"Principal\" : \"*\",\n\"Action\":\"GetObject\", \"Resource\":\"bucket/*\" } ] }";
    let set = |text: &str| PutBucketPolicy { text: text.to_owned(), confirm_remove_self: false };
    assert!(matches!(h.objects.get_bucket_policy(&cx(), &bucket).await, Err(Fail::NoSuchBucketPolicy)));
    h.objects.put_bucket_policy(&cx(), &bucket, set(text)).await.unwrap();
    h.restart().await;
    assert_eq!(h.objects.get_bucket_policy(&cx(), &bucket).await.unwrap(), text);
    assert!(h.objects.get_bucket_policy_status(&cx(), &bucket).await.unwrap());
    assert!(h.objects.get_bucket_public_status(&cx(), &bucket).await.unwrap());
    h.put(&bucket, "o", Method::Plain, b"data").await;
    h.get_as(&Principal::Anonymous, &bucket, "o").await.unwrap();
    let long = format!("{}{}", " ".repeat(20 * 1024), text);
    for wrong in ["", "{}", &text.replace("Allow", "Maybe"), &text.replace("bucket/*", "other/*"), &long] {
        let result = h.objects.put_bucket_policy(&cx(), &bucket, set(wrong)).await;
        assert!(matches!(result, Err(Fail::MalformedPolicy(_))), "{result:?}");
    }
    assert_eq!(h.objects.get_bucket_policy(&cx(), &bucket).await.unwrap(), text, "what is refused changes nothing");
}

/// A stored policy that cannot be read any more may have held a Deny: it denies everything.
#[tokio::test]
async fn an_unreadable_policy_denies() {
    let mut h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Plain, b"data").await;
    h.set_policy(&bucket, &statement("Allow", EVERYONE, r#""s3:*""#, "")).await;
    let mut row = None;
    h.meta
        .snapshot()
        .scan(Table::Buckets, &[], None, &mut |k, v| {
            row = Some((Bytes::copy_from_slice(k), v.to_vec()));
            false
        })
        .unwrap();
    let (key, mut record) = row.unwrap();
    let at = record.windows(5).position(|w| w == b"Allow").unwrap();
    record[at] = b'a';
    let mut tx = Transaction::new();
    tx.changes.push(Change::Put(Table::Buckets, key, record.into()));
    h.meta.commit(tx).await.unwrap();
    h.restart().await;
    for (title, who) in people() {
        assert!(denied(h.get_as(&who, &bucket, "o").await), "{title}");
    }
    h.objects.delete_bucket_policy(&cx(), &bucket).await.unwrap();
    h.get_as(&root_of(1), &bucket, "o").await.unwrap();
}

/// Identities of an account need its word for buckets too; an account's name cannot be taken by another.
#[tokio::test]
async fn buckets_are_made_listed_and_deleted_by_right() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let new = BucketName::parse("new").unwrap();
    let nobody = as_(&user(1, &[]));
    for who in [&nobody, &as_(&Principal::Anonymous)] {
        assert!(denied(h.objects.create_bucket(who, &new, CreateBucket::default()).await));
        assert!(denied(h.objects.list_buckets(who).await));
        assert!(denied(h.objects.head_bucket(who, &bucket).await));
        assert!(denied(h.objects.bucket_location(who, &bucket).await));
        assert!(denied(h.objects.delete_bucket(who, &bucket).await));
        assert!(matches!(h.objects.head_bucket(who, &new).await, Err(Fail::NoSuchBucket)));
    }
    let creator = user(
        1,
        &[r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:CreateBucket","Resource":"*"}}"#],
    );
    let public = CreateBucket { acl: Some(AclChoice::Canned(CannedAcl::PublicRead)), ..CreateBucket::default() };
    assert!(denied(h.objects.create_bucket(&as_(&creator), &new, public).await), "an ACL needs its own right");
    let owned = CreateBucket { ownership: Some(Ownership::BucketOwnerEnforced), ..CreateBucket::default() };
    assert!(denied(h.objects.create_bucket(&as_(&creator), &new, owned).await), "and so does ownership");
    h.objects.create_bucket(&as_(&creator), &new, CreateBucket::default()).await.unwrap();
    let other = as_(&root_of(2));
    let taken = h.objects.create_bucket(&other, &bucket, CreateBucket::default()).await;
    assert!(matches!(taken, Err(Fail::BucketAlreadyExists)));
    assert!(h.objects.list_buckets(&other).await.unwrap().is_empty());
    assert_eq!(h.objects.list_buckets(&cx()).await.unwrap().len(), 2);
    assert!(denied(h.objects.delete_bucket(&other, &bucket).await));
    let both = CreateBucket {
        acl: Some(AclChoice::Canned(CannedAcl::PublicRead)),
        ownership: Some(Ownership::BucketOwnerEnforced),
        ..CreateBucket::default()
    };
    let third = BucketName::parse("third").unwrap();
    let refused = h.objects.create_bucket(&cx(), &third, both).await;
    assert!(matches!(refused, Err(Fail::InvalidBucketAclWithOwnership)));
}
