//! CMKs of another account on the data path: allowed only by bucket, object and key together; and the project that a
//! request names beside a CMK.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use kms::CmkId;
use model::{BucketName, PartNumber, ProjectUid};
use policy::Principal;
use sse::{
    AppliedEncryption, BucketEncryption, DefaultMethod, EncryptionField, EncryptionHeaders, KeyUser, Projects, SseError,
};
use std::sync::Arc;
use strongroom_objects::Fail;
use strongroom_objects::api::*;
use support::people::*;
use support::*;

fn key_user(principal: Principal) -> KeyUser {
    KeyUser { principal, access_key: None, via: "kms", request_id: "test".into(), conditions: Arc::default() }
}

/// A CMK of account 2, whose own policies decide about it; `statements` let others in.
async fn cmk_of_2(h: &Harness, statements: &str) -> CmkId {
    let owner = key_user(root_of(2));
    let cmk = h.kms.create(&owner, kms::CreateCmk::default()).await.unwrap().id;
    share(h, &cmk, statements).await;
    cmk
}

async fn share(h: &Harness, cmk: &CmkId, statements: &str) {
    let own = format!(r#"{{"Effect":"Allow","Principal":{},"Action":"kms:*","Resource":"*"}}"#, account_principal(2));
    let more = if statements.is_empty() { String::new() } else { format!(",{statements}") };
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{own}{more}]}}"#);
    h.kms.put_key_policy(&key_user(root_of(2)), cmk, &policy, false).await.unwrap();
}

fn lets(n: u8, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(
        r#"{{"Effect":"Allow","Principal":{},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"{condition}}}"#,
        account_principal(n)
    )
}

fn under(key_id: &str, bucket_key: bool) -> EncryptionHeaders {
    EncryptionHeaders {
        method: Some("aws:kms".into()),
        key_id: Some(key_id.to_owned()),
        bucket_key_enabled: Some(bucket_key.to_string()),
        ..EncryptionHeaders::default()
    }
}

async fn put(
    h: &Harness,
    who: &Principal,
    bucket: &BucketName,
    object: &str,
    encryption: EncryptionHeaders,
) -> Result<AppliedEncryption, Fail> {
    let request = PutObject { encryption, ..put_of(bucket, object) };
    h.objects.put_object(&as_(who), request, body(b"data")).await.map(|outcome| outcome.encryption)
}

/// Not for this caller. A CMK of another account that may not be used is not there.
fn key_denied<T>(result: Result<T, Fail>) -> bool {
    matches!(result, Err(Fail::Encryption(SseError::KeyDenied | SseError::KeyNotFound)))
}

fn shown(applied: &AppliedEncryption) -> &CmkId {
    let AppliedEncryption::Kms { cmk, .. } = applied else { panic!("{applied:?}") };
    cmk
}

/// Bucket of account 1, CMK of account 2, writer and reader of account 3.
#[tokio::test]
async fn bucket_object_and_key_must_allow_all_three() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let everybody = statement("Allow", &account_principal(3), r#"["s3:PutObject","s3:GetObject"]"#, "");
    let cmk = cmk_of_2(&h, &lets(3, "")).await;
    let (three, poor) =
        (user(3, &[EVERYTHING]), user(3, &[&EVERYTHING.replace(r#""Action":"*""#, r#""Action":"s3:*""#)]));
    for bucket_key in [false, true] {
        let arn = || under(&cmk.to_arn(), bucket_key);
        h.set_policy(&bucket, &everybody).await;
        let applied = put(&h, &three, &bucket, "o", arn()).await.unwrap();
        assert_eq!(shown(&applied), &cmk, "the reply shows the full id");
        h.get_as(&three, &bucket, "o").await.unwrap();
        // The right to the key alone.
        h.set_policy(&bucket, &statement("Allow", &account_principal(4), r#""s3:GetObject""#, "")).await;
        assert!(denied(put(&h, &three, &bucket, "o", arn()).await));
        assert!(denied(h.get_as(&user(2, &[EVERYTHING]), &bucket, "o").await), "the key's owner has no right here");
        // The right to bucket and object alone: not the account's own word, not that of the key.
        h.set_policy(&bucket, &everybody).await;
        assert!(key_denied(put(&h, &poor, &bucket, "o", arn()).await));
        assert!(key_denied(h.get_as(&poor, &bucket, "o").await));
        share(&h, &cmk, "").await;
        assert!(key_denied(put(&h, &three, &bucket, "o", arn()).await));
        assert!(key_denied(h.get_as(&three, &bucket, "o").await), "at once, a cached bucket key or not");
        share(&h, &cmk, &lets(3, "")).await;
        h.get_as(&three, &bucket, "o").await.unwrap();
        // The bucket's owner has no right to a key of account 2 that is shared with account 3.
        assert!(key_denied(put(&h, &root_of(1), &bucket, "o", arn()).await));
    }
}

#[tokio::test]
async fn another_accounts_cmk_is_named_in_full() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let cmk = cmk_of_2(&h, &lets(1, "")).await;
    let one = root_of(1);
    for full in [cmk.to_arn(), cmk.to_obs()] {
        assert_eq!(shown(&put(&h, &one, &bucket, "o", under(&full, false)).await.unwrap()), &cmk, "{full}");
    }
    let missing =
        |result: Result<AppliedEncryption, Fail>| matches!(result, Err(Fail::Encryption(SseError::KeyNotFound)));
    assert!(missing(put(&h, &one, &bucket, "o", under(&cmk.uid.to_uuid(), false)).await), "a bare id is one's own");
    let elsewhere = cmk.to_arn().replace("local-1", "local-2");
    let refused = put(&h, &one, &bucket, "o", under(&elsewhere, false)).await;
    assert!(matches!(refused, Err(Fail::Encryption(SseError::KeyNotFound | SseError::KeyDenied))), "{refused:?}");
}

#[tokio::test]
async fn uploads_copies_and_defaults_use_another_accounts_cmk() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let cmk = cmk_of_2(&h, &lets(1, "")).await;
    let (one, arn) = (root_of(1), || under(&cmk.to_arn(), true));
    // Multipart: every part asks for the key.
    let create = CreateUpload {
        bucket: bucket.clone(),
        name: name("m"),
        headers: ObjectHeaders::default(),
        encryption: arn(),
        checksum: None,
        acl: None,
        tags: Vec::new(),
    };
    let created = h.objects.create_upload(&as_(&one), create).await.unwrap();
    assert_eq!(shown(&created.encryption), &cmk);
    let number = PartNumber::new(1).unwrap();
    let part = || UploadPart {
        bucket: bucket.clone(),
        name: name("m"),
        upload: created.upload,
        part: number,
        encryption: Method::Plain.customer().into(),
    };
    share(&h, &cmk, "").await;
    assert!(key_denied(h.objects.upload_part(&as_(&one), part(), body(b"data")).await.map(drop)));
    share(&h, &cmk, &lets(1, "")).await;
    let sent = h.objects.upload_part(&as_(&one), part(), body(b"data")).await.unwrap();
    let complete = CompleteUpload {
        bucket: bucket.clone(),
        name: name("m"),
        upload: created.upload,
        parts: vec![CompletedPart {
            part: number,
            etag: sent.etag.to_string(),
            checksum: sent.checksum.map(|c| c.value),
        }],
        customer: Method::Plain.customer(),
        checksum: None,
        checksum_parts: None,
        checksum_composite: None,
        object_size: None,
        expectation: WriteExpectation::default(),
    };
    let completed = h.objects.complete_upload(&as_(&one), complete).await.unwrap();
    assert_eq!(shown(&completed.encryption), &cmk);
    h.get_as(&one, &bucket, "m").await.unwrap();
    // A copy opens the source as the requester: under the key of account 2 from there, under one's own to here.
    let copy = |encryption| CopyObject {
        bucket: bucket.clone(),
        name: name("c"),
        source: CopySource {
            bucket: bucket.clone(),
            name: name("m"),
            version: None,
            range: None,
            preconditions: Preconditions::default(),
            customer: Method::Plain.customer(),
        },
        replace_headers: None,
        website_redirect: None,
        encryption,
        checksum_algorithm: None,
        expectation: WriteExpectation::default(),
        acl: None,
        tags: CopyTags::Default,
    };
    let own = h.objects.copy_object(&as_(&one), copy(Method::Kms.headers())).await.unwrap();
    assert_eq!(shown(&own.write.encryption).account, account(1), "nothing of the source's key carries over");
    let theirs = h.objects.copy_object(&as_(&one), copy(arn())).await.unwrap();
    assert_eq!(shown(&theirs.write.encryption), &cmk);
    // A default that names it serves who may use it, and nobody else.
    let default = BucketEncryption {
        method: DefaultMethod::Kms,
        key_ref: Some(cmk.to_arn()),
        project_id: None,
        data_encryption: None,
        bucket_key: Some(true),
        rotation_days: None,
    };
    h.objects.put_bucket_encryption(&cx(), &bucket, default).await.unwrap();
    let applied = put(&h, &one, &bucket, "d", EncryptionHeaders::default()).await.unwrap();
    assert_eq!(shown(&applied), &cmk);
    assert!(key_denied(
        put(
            &h,
            &user(1, &[&EVERYTHING.replace(r#""Action":"*""#, r#""Action":"s3:*""#)]),
            &bucket,
            "d",
            EncryptionHeaders::default()
        )
        .await
    ));
    share(&h, &cmk, "").await;
    assert!(key_denied(put(&h, &one, &bucket, "d", EncryptionHeaders::default()).await));
    assert!(key_denied(h.objects.copy_object(&as_(&one), copy(Method::Kms.headers())).await.map(drop)), "the source");
}

#[tokio::test]
async fn a_key_policy_sees_the_object_and_the_door() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let other = h.bucket("other").await;
    let one = root_of(1);
    let condition = r#"{"StringEquals":{"kms:ViaService":"s3.local-1.amazonaws.com"},
        "StringLike":{"kms:EncryptionContext:aws:s3:arn":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}}"#;
    let cmk = cmk_of_2(&h, &lets(1, condition)).await;
    for bucket_key in [false, true] {
        put(&h, &one, &bucket, "o", under(&cmk.to_arn(), bucket_key)).await.unwrap();
        assert!(key_denied(put(&h, &one, &other, "o", under(&cmk.to_arn(), bucket_key)).await));
        h.get_as(&one, &bucket, "o").await.unwrap();
    }
    let direct =
        kms::EncryptionContext::from_pairs([("aws:s3:arn".to_owned(), "arn:aws:s3:::bucket".to_owned())]).unwrap();
    let asked = h.kms.dry_run(&key_user(one), &cmk, policy::Action::KmsDecrypt, &direct).await;
    assert_eq!(asked, Err(kms::KmsError::Denied), "not through the store");
}

#[tokio::test]
async fn default_keys_and_keys_of_projects_serve_their_own_account() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    let owner = key_user(root_of(2));
    let project = Some(ProjectUid::from_bytes([7; 16]));
    let cmk = h.kms.create(&owner, kms::CreateCmk { project, ..Default::default() }).await.unwrap().id;
    share(&h, &cmk, &lets(1, "")).await;
    assert!(key_denied(put(&h, &root_of(1), &bucket, "o", under(&cmk.to_arn(), false)).await));
    let theirs = BucketName::parse("theirs").unwrap();
    h.objects.create_bucket(&as_(&root_of(2)), &theirs, CreateBucket::default()).await.unwrap();
    put(&h, &root_of(2), &theirs, "o", under(&cmk.to_arn(), false)).await.unwrap();
    let default = put(&h, &root_of(2), &theirs, "d", Method::Kms.headers()).await.unwrap();
    assert!(key_denied(put(&h, &root_of(1), &bucket, "o", under(&shown(&default).to_arn(), false)).await));
}

struct Defaults;

impl Projects for Defaults {
    fn default_of(&self, of: &model::AccountId) -> Option<ProjectUid> {
        (*of == account(1)).then(|| ProjectUid::from_bytes([1; 16]))
    }
}

#[tokio::test]
async fn the_project_named_beside_a_cmk_must_be_its_own() {
    let h = Harness::new().await;
    h.sse.set_projects(Arc::new(Defaults));
    let bucket = h.bucket("bucket").await;
    let (one, owner) = (root_of(1), key_user(root_of(1)));
    let own = ProjectUid::from_bytes([7; 16]);
    let of_project =
        h.kms.create(&owner, kms::CreateCmk { project: Some(own), ..Default::default() }).await.unwrap().id;
    let of_default = h.kms.create(&owner, kms::CreateCmk::default()).await.unwrap().id;
    let default_project = ProjectUid::from_bytes([1; 16]).to_hex();
    let writer = user(1, &[&EVERYTHING.replace(r#""Action":"*""#, r#""Action":"s3:*""#)]);
    for (cmk, project, fits) in [
        (&of_project, own.to_hex(), true),
        (&of_project, own.to_hex().to_uppercase(), true),
        (&of_project, default_project.clone(), false),
        (&of_project, "a-project".to_owned(), false),
        (&of_default, default_project, true),
        (&of_default, own.to_hex(), false),
        (&of_default, String::new(), false),
    ] {
        let headers = || EncryptionHeaders { key_project_id: Some(project.clone()), ..under(&cmk.to_arn(), true) };
        let result = put(&h, &one, &bucket, "o", headers()).await;
        let refused = matches!(
            result,
            Err(Fail::Encryption(SseError::InvalidArgument { field: EncryptionField::KeyProjectId, .. }))
        );
        assert_eq!((result.is_ok(), refused), (fits, !fits), "{project}");
        // Whoever may not use the key does not learn of its project.
        assert!(key_denied(put(&h, &writer, &bucket, "o", headers()).await));
        let default = BucketEncryption {
            method: DefaultMethod::Kms,
            key_ref: Some(cmk.to_arn()),
            project_id: Some(project.clone()),
            data_encryption: None,
            bucket_key: None,
            rotation_days: None,
        };
        h.objects.put_bucket_encryption(&cx(), &bucket, default).await.unwrap();
        assert_eq!(put(&h, &one, &bucket, "o", EncryptionHeaders::default()).await.is_ok(), fits, "{project}");
    }
}

/// Who can write an ARN can set a default that names it: that keeps nobody's key, and shows nobody's bucket.
#[tokio::test]
async fn a_strangers_default_keeps_no_cmk_and_a_strangers_bucket_is_not_named() {
    let h = Harness::new().await;
    let cmk = cmk_of_2(&h, &lets(1, "")).await;
    let elsewhere = cmk.to_arn().replace("local-1", "local-2");
    let others = [cmk.to_arn(), cmk.to_obs(), cmk.uid.to_uuid(), elsewhere];
    for (i, key_ref) in others.into_iter().enumerate() {
        let bucket = h.bucket(&format!("bucket-{i}")).await;
        let default = BucketEncryption {
            method: DefaultMethod::Kms,
            key_ref: Some(key_ref),
            project_id: None,
            data_encryption: None,
            bucket_key: None,
            rotation_days: None,
        };
        h.objects.put_bucket_encryption(&as_(&root_of(1)), &bucket, default).await.unwrap();
    }
    let found = h.objects.dependents().impact(&cmk, None).await.unwrap();
    assert_eq!(found.foreign_defaults, 2, "a bare id is the writer's own, and another region is elsewhere");
    assert!(found.is_none() && found.bucket_defaults.is_empty() && found.buckets.is_empty());
    // What was really written under it counts, unnamed.
    let bucket = h.bucket("bucket-9").await;
    put(&h, &root_of(1), &bucket, "o", under(&cmk.to_arn(), false)).await.unwrap();
    let found = h.objects.dependents().impact(&cmk, None).await.unwrap();
    assert_eq!((found.objects, found.foreign_buckets), (1, 1));
    assert!(!found.is_none() && found.buckets.is_empty());
}

/// Who may wrap an object's keys anew could otherwise bring it under a CMK of their own, and disable that.
#[tokio::test]
async fn no_object_comes_under_a_foreign_cmk_in_place() {
    let h = Harness::new().await;
    let bucket = h.bucket("bucket").await;
    h.put(&bucket, "o", Method::Obs, b"data").await;
    let policy = statement("Allow", &account_principal(2), r#"["s3:UpdateObjectEncryption","s3:GetObject"]"#, "");
    h.set_policy(&bucket, &policy).await;
    let theirs = cmk_of_2(&h, "").await;
    for bucket_key in [false, true] {
        let to = sse::RewrapTo { key_ref: Some(theirs.to_arn()), bucket_key: Some(bucket_key) };
        let refused = h.objects.update_object_encryption(&as_(&root_of(2)), &bucket, &name("o"), None, &to).await;
        assert!(matches!(refused, Err(Fail::Encryption(SseError::KeyDenied))), "{refused:?}");
    }
    assert_eq!(h.get(&bucket, "o", Method::Obs).await.unwrap(), b"data");
}
