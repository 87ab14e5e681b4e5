//! What a right to less than everything does not give away: the existence of objects, and keys.

use crate::support::people::*;
use crate::support::*;
use model::{PartNumber, RangeSpec, VersionId};
use policy::Principal;
use sse::{EncryptionHeaders, SseError};
use strongroom_objects::Fail;
use strongroom_objects::api::*;

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
    let operator = sse::KeyUser {
        principal: root(),
        access_key: None,
        via: "kms",
        request_id: "test".into(),
        conditions: Default::default(),
    };
    let enabled = h
        .kms
        .create(&operator, kms::CreateCmk { description: "enabled".to_owned(), ..Default::default() })
        .await
        .unwrap()
        .id
        .to_arn();
    let disabled_cmk = h
        .kms
        .create(&operator, kms::CreateCmk { description: "disabled".to_owned(), ..Default::default() })
        .await
        .unwrap()
        .id;
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
