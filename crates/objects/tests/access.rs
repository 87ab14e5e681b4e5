//! Who may do what: the operations ask the one evaluator with everything it needs to know, for two accounts, their users
//! and the anonymous.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use bytes::Bytes;
use model::{PartNumber, RangeSpec, VersionId};
use policy::{CannedAcl, ConditionKey, Grantee, Permission, Principal};
use sse::{EncryptionHeaders, SseError};
use store::{Change, Table, Transaction};
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::people::*;
use support::*;

/// Which of GetObject, PutObject, ListBucket, DeleteObject a principal may do, as letters.
async fn rights(h: &Harness, who: &Principal, bucket: &model::BucketName) -> String {
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

async fn matrix(h: &Harness, bucket: &model::BucketName) -> Vec<String> {
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

/// Whoever may not read learns nothing: neither from a missing object nor from conditions, ranges and versions.
#[tokio::test]
async fn an_unauthorised_caller_cannot_tell_what_exists() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let etag = h.put(&bucket, "present", Method::Plain, b"data").await.etag.to_string();
    let get_only = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;
    for who in [Principal::Anonymous, root_of(2), user(1, &[])] {
        for object in ["present", "absent"] {
            let plain = || read(&bucket, object, Method::Plain);
            let requests = [
                plain(),
                ReadObject { version: Some(VersionId::Null), ..plain() },
                ReadObject { version: Some(VersionId::Id([7; 16])), ..plain() },
                ReadObject { range: Some(RangeSpec::parse("bytes=100-200").unwrap()), ..plain() },
                ReadObject { part: PartNumber::new(9), ..plain() },
                ReadObject { customer: Method::Customer(1).customer(), ..plain() },
                ReadObject { other_encryption_headers: true, ..plain() },
                ReadObject {
                    preconditions: Preconditions {
                        if_none_match: Some(vec![etag.clone()]),
                        ..Preconditions::default()
                    },
                    ..plain()
                },
                ReadObject {
                    preconditions: Preconditions { if_match: Some(vec!["x".into()]), ..Preconditions::default() },
                    ..plain()
                },
            ];
            for request in requests {
                let shown = format!("{object}: {request:?}");
                assert!(denied(h.objects.head_object(&as_(&who), request).await), "{shown}");
            }
            assert!(denied(h.get_as(&who, &bucket, object).await));
            assert!(denied(h.objects.get_object_acl(&as_(&who), &bucket, &name(object), None).await));
            assert!(denied(h.objects.get_object_tags(&as_(&who), &bucket, &name(object), None).await));
            assert!(denied(h.objects.put_object_tags(&as_(&who), &bucket, &name(object), None, Tags::new()).await));
            assert!(denied(h.objects.delete_object_tags(&as_(&who), &bucket, &name(object), None).await));
            let expectation = WriteExpectation { absent: true, etag: None };
            let put = PutObject { expectation, ..put_of(&bucket, object) };
            assert!(denied(h.objects.put_object(&as_(&who), put, body(b"x")).await));
            assert!(denied(h.delete_as(&who, &bucket, object).await));
        }
    }
    let getter = user(1, &[get_only]);
    h.get_as(&getter, &bucket, "present").await.unwrap();
    assert!(denied(h.get_as(&getter, &bucket, "absent").await), "a missing object shows to who may list");
    assert!(matches!(h.get_as(&root_of(1), &bucket, "absent").await, Err(Fail::NoSuchKey { .. })));
    let named = ReadObject { version: Some(VersionId::Id([7; 16])), ..read(&bucket, "present", Method::Plain) };
    assert!(matches!(h.objects.head_object(&cx(), named).await, Err(Fail::NoSuchVersion)));
}

/// The right to a bucket gives no right to a key: the denial comes first, and is the same whether the CMK is there,
/// disabled, or was never made.
#[tokio::test]
async fn the_right_to_put_is_no_right_to_the_cmk() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let operator =
        sse::KeyUser { principal: root(), via: "kms", request_id: "test".into(), conditions: Default::default() };
    let enabled = h.kms.create(&operator, "enabled").await.unwrap().id.to_arn();
    let disabled_cmk = h.kms.create(&operator, "disabled").await.unwrap().id;
    h.kms.disable(&operator, &disabled_cmk).await.unwrap();
    let disabled_cmk = disabled_cmk.to_arn();
    let missing =
        format!("{}{}", &enabled[..enabled.len() - 4], if enabled.ends_with("0000") { "1111" } else { "0000" });
    let writer =
        user(1, &[r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#]);
    let put = |key_id: &str| PutObject {
        encryption: EncryptionHeaders {
            method: Some("aws:kms".into()),
            key_id: Some(key_id.to_owned()),
            ..EncryptionHeaders::default()
        },
        ..put_of(&bucket, "o")
    };
    h.objects.put_object(&cx(), put(&enabled), body(b"data")).await.unwrap();
    for key_id in [&enabled, &disabled_cmk, &missing] {
        let result = h.objects.put_object(&as_(&writer), put(key_id), body(b"data")).await;
        assert!(matches!(result, Err(Fail::Encryption(SseError::KeyDenied))), "{key_id}: {result:?}");
    }
    let got = h.objects.get_object(&as_(&writer), read(&bucket, "o", Method::Kms)).await;
    assert!(matches!(got.map(drop), Err(Fail::Encryption(SseError::KeyDenied))), "nor to what it sealed");
    h.put_as(&writer, &bucket, "plain").await.unwrap();
}

/// The Deny of unencrypted uploads, as published: it sees what the client said, also with each part of an upload, where
/// only the beginning said it.
#[tokio::test]
async fn parts_are_judged_by_what_their_upload_said() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let condition = r#"{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}"#;
    let begin = |method: Method| CreateUpload {
        bucket: bucket.clone(),
        name: name("o"),
        headers: ObjectHeaders::default(),
        encryption: method.headers(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let said = || saying(cx(), ConditionKey::ServerSideEncryption, "aws:kms");
    let plain = h.objects.create_upload(&cx(), begin(Method::Plain)).await.unwrap().upload;
    h.set_policy(&bucket, &statement("Deny", EVERYONE, r#""s3:PutObject""#, condition)).await;
    assert!(denied(h.put_as(&root_of(1), &bucket, "p").await), "an absent header is not kms");
    assert!(denied(h.objects.create_upload(&cx(), begin(Method::Plain)).await));
    let sealed = h.objects.create_upload(&said(), begin(Method::Kms)).await.unwrap().upload;
    let part = |upload| UploadPart {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        part: PartNumber::new(1).unwrap(),
        customer: Default::default(),
    };
    let etag = h.objects.upload_part(&cx(), part(sealed), body(b"part")).await.unwrap().etag.to_string();
    assert!(denied(h.objects.upload_part(&cx(), part(plain), body(b"part")).await));
    let spoofed = h.objects.upload_part(&said(), part(plain), body(b"part")).await;
    assert!(denied(spoofed), "what a part says decides nothing");
    let complete = |upload| CompleteUpload {
        bucket: bucket.clone(),
        name: name("o"),
        upload,
        parts: vec![CompletedPart { part: PartNumber::new(1).unwrap(), etag: etag.clone(), checksum: None }],
        customer: Default::default(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    assert!(denied(h.objects.complete_upload(&said(), complete(plain)).await));
    h.objects.complete_upload(&cx(), complete(sealed)).await.unwrap();
    h.objects.complete_upload(&cx(), complete(sealed)).await.unwrap();
}

/// A copy needs both sides: the source read, the target written.
#[tokio::test]
async fn copies_ask_for_the_source_and_the_target() {
    let h = Harness::new().await;
    let (bucket, target) = (h.bucket("bucket").await, h.bucket("target").await);
    h.put(&bucket, "o", Method::Plain, b"data").await;
    let allow = |action: &str, on: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"arn:aws:s3:::{on}/*"}}}}"#
        )
    };
    let copy = || CopyObject {
        source: CopySource {
            bucket: bucket.clone(),
            name: name("o"),
            version: None,
            preconditions: Preconditions::default(),
            customer: Default::default(),
            range: None,
        },
        bucket: target.clone(),
        name: name("c"),
        replace_headers: None,
        website_redirect: None,
        encryption: EncryptionHeaders::default(),
        checksum_algorithm: None,
        expectation: WriteExpectation::default(),
        acl: None,
        tags: CopyTags::Default,
    };
    let (reads, writes) = (allow("s3:GetObject", "bucket"), allow("s3:PutObject", "target"));
    let both = user(1, &[&reads, &writes]);
    assert!(denied(h.objects.copy_object(&as_(&user(1, &[&reads])), copy()).await));
    assert!(denied(h.objects.copy_object(&as_(&user(1, &[&writes])), copy()).await));
    h.objects.copy_object(&as_(&both), copy()).await.unwrap();
    let by_version = CopyObject { source: CopySource { version: Some(VersionId::Null), ..copy().source }, ..copy() };
    assert!(denied(h.objects.copy_object(&as_(&both), by_version).await), "a named version is another action");
    h.objects.put_object_tags(&cx(), &bucket, &name("o"), None, tags(&[("a", "b")])).await.unwrap();
    assert!(denied(h.objects.copy_object(&as_(&both), copy()).await), "tags are taken over by who may read them");
    let untagged = CopyObject { tags: CopyTags::Replace(Tags::new()), ..copy() };
    h.objects.copy_object(&as_(&both), untagged).await.unwrap();
    let tagging = [allow("s3:GetObjectTagging", "bucket"), allow("s3:PutObjectTagging", "target")];
    let all = user(1, &[&reads, &writes, &tagging[0], &tagging[1]]);
    h.objects.copy_object(&as_(&all), copy()).await.unwrap();
    let copied = h.objects.get_object_tags(&cx(), &target, &name("c"), None).await.unwrap();
    assert_eq!(copied.tags, tags(&[("a", "b")]));
    let mut obs = cx();
    obs.rules.copy_tags_by_default = false;
    h.objects.copy_object(&obs, copy()).await.unwrap();
    assert!(h.objects.get_object_tags(&cx(), &target, &name("c"), None).await.unwrap().tags.is_empty());
}
