//! The cache spares the unwrap, never the check: every change of what a requester may do takes effect with the next
//! request although the key lies in memory, and with the right given back all is as before.

use super::setup::{Room, USE, allow, bucket_key_of, root, same, user, user_with};
use kms::NewGrant;
use policy::Action;
use strongroom_sse::{BodyKeys, SseError};

/// The object is written and read by the user, and everything is cached.
async fn warm(room: &Room, who: &kms::KeyUser) -> (strongroom_sse::Envelope, BodyKeys) {
    let envelope = room.write(who, 1, 1).await.unwrap();
    let keys = room.read(who, 1, 1, &envelope).await.unwrap();
    (envelope, keys)
}

async fn refused(room: &Room, who: &kms::KeyUser, envelope: &strongroom_sse::Envelope, with: &SseError) {
    assert_eq!(room.write(who, 1, 2).await.err().as_ref(), Some(with));
    assert_eq!(room.read(who, 1, 1, envelope).await.err().as_ref(), Some(with));
}

async fn served(room: &Room, who: &kms::KeyUser, envelope: &strongroom_sse::Envelope, keys: &BodyKeys) {
    room.write(who, 1, 3).await.unwrap();
    assert!(same(keys, &room.read(who, 1, 1, envelope).await.unwrap()));
}

#[tokio::test]
async fn a_disabled_cmk_and_one_that_is_to_be_deleted_serve_nobody() {
    let room = Room::new().await;
    let (envelope, keys) = warm(&room, &user(1)).await;
    room.kms.disable(&root(), &room.cmk).await.unwrap();
    refused(&room, &user(1), &envelope, &SseError::KeyDisabled).await;
    room.kms.enable(&root(), &room.cmk).await.unwrap();
    served(&room, &user(1), &envelope, &keys).await;
    room.kms.schedule_deletion(&root(), &room.cmk, 7, true).await.unwrap();
    refused(&room, &user(1), &envelope, &SseError::KeyPendingDeletion).await;
    room.kms.cancel_deletion(&root(), &room.cmk).await.unwrap();
    refused(&room, &user(1), &envelope, &SseError::KeyDisabled).await;
    room.kms.enable(&root(), &room.cmk).await.unwrap();
    served(&room, &user(1), &envelope, &keys).await;
}

#[tokio::test]
async fn a_revoked_grant_serves_nobody() {
    let room = Room::new().await;
    let grantee = user_with(1, None, None);
    assert_eq!(room.write(&grantee, 1, 1).await.err(), Some(SseError::KeyDenied));
    let grant = || NewGrant {
        grantee: "arn:aws:iam::000000000097:user/user-1".to_owned(),
        retiring: None,
        operations: vec![Action::KmsGenerateDataKey, Action::KmsDecrypt],
        constraint: None,
        name: String::new(),
    };
    let made = room.kms.create_grant(&root(), &room.cmk, grant()).await.unwrap();
    let (envelope, keys) = warm(&room, &grantee).await;
    room.kms.revoke_grant(&root(), &room.cmk, &made.id).await.unwrap();
    refused(&room, &grantee, &envelope, &SseError::KeyDenied).await;
    room.kms.create_grant(&root(), &room.cmk, grant()).await.unwrap();
    served(&room, &grantee, &envelope, &keys).await;
}

#[tokio::test]
async fn a_changed_key_policy_is_asked_at_once() {
    let room = Room::new().await;
    let (envelope, keys) = warm(&room, &user(1)).await;
    let before = room.kms.key_policy(&root(), &room.cmk).await.unwrap();
    room.kms.put_key_policy(&root(), &room.cmk, &denying_policy(), false).await.unwrap();
    refused(&room, &user(1), &envelope, &SseError::KeyDenied).await;
    served(&room, &user(2), &envelope, &keys).await;
    room.kms.put_key_policy(&root(), &room.cmk, &before, false).await.unwrap();
    served(&room, &user(1), &envelope, &keys).await;
}

/// The default policy with a Deny before it.
fn denying_policy() -> String {
    let account = r#"{"AWS":"arn:aws:iam::000000000097:root"}"#;
    let user = r#"{"AWS":"arn:aws:iam::000000000097:user/user-1"}"#;
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{account},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":{user},"Action":"kms:*","Resource":"*"}}]}}"#
    )
}

/// Identity policies come with each request: the same user with others is another requester, and is asked anew.
#[tokio::test]
async fn changed_identity_policies_are_asked_at_once_and_make_another_requester() {
    let room = Room::new().await;
    let (envelope, keys) = warm(&room, &user(1)).await;
    assert_eq!(room.calls(), (1, 0));
    refused(&room, &user_with(1, None, None), &envelope, &SseError::KeyDenied).await;
    refused(&room, &user_with(1, Some(&allow(USE)), Some(&allow(r#""s3:*""#))), &envelope, &SseError::KeyDenied).await;
    assert_eq!(room.calls(), (1, 0), "nobody was handed a key");
    served(&room, &user(1), &envelope, &keys).await;
    assert_eq!(room.calls(), (1, 0), "the same requester as before");
    // More rights, or the same ones narrowed: others, who obtain keys of their own.
    let more = user_with(1, Some(&allow(r#""kms:*""#)), None);
    served(&room, &more, &envelope, &keys).await;
    assert_eq!(room.calls(), (2, 1));
    let narrowed = user_with(1, Some(&allow(USE)), Some(&allow(USE)));
    served(&room, &narrowed, &envelope, &keys).await;
    assert_eq!(room.calls(), (3, 2));
}

/// One right is not the other: who may only write does not read, though the key lies in the cache for them.
#[tokio::test]
async fn a_key_that_was_obtained_for_writing_is_no_right_to_read() {
    let room = Room::new().await;
    let writer = user_with(1, Some(&allow(r#""kms:GenerateDataKey""#)), None);
    let envelope = room.write(&writer, 1, 1).await.unwrap();
    assert_eq!(room.read(&writer, 1, 1, &envelope).await.err(), Some(SseError::KeyDenied));
    let reader = user_with(2, Some(&allow(r#""kms:Decrypt""#)), None);
    room.read(&reader, 1, 1, &envelope).await.unwrap();
    assert_eq!(room.write(&reader, 1, 2).await.err(), Some(SseError::KeyDenied));
    assert_eq!(room.calls(), (1, 1));
}

/// Another user writes through a key of their own; each reads the other's objects under their own authority.
#[tokio::test]
async fn each_requester_obtains_its_own_key() {
    let room = Room::new().await;
    let (one, two) = (room.write(&user(1), 1, 1).await.unwrap(), room.write(&user(2), 1, 2).await.unwrap());
    assert_ne!(bucket_key_of(&one), bucket_key_of(&two));
    room.read(&user(1), 1, 2, &two).await.unwrap();
    room.read(&user(2), 1, 1, &one).await.unwrap();
    assert_eq!(room.calls(), (2, 2));
}
