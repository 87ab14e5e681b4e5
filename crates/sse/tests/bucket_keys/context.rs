//! The encryption context of an object, through a bucket key: the key is wrapped for its bucket alone and shared by
//! objects with other pairs, and what a key policy or a grant says of the pairs holds for each of them all the same.

use super::setup::{Place, Room, USE, allow, bucket_key_of, root, same, user, user_with};
use kms::{EncryptionContext, KeyUser, NewGrant};
use policy::{Action, ContextConstraint};
use std::collections::BTreeMap;
use strongroom_sse::{DataCipher, EncryptionPlan, Envelope, Rewrap, RewrapTo, SseError};

const NONE: &[(&str, &str)] = &[];
const FINANCE: &[(&str, &str)] = &[("department", "finance")];
const SECRET: &[(&str, &str)] = &[("department", "secret")];

fn pairs(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Begins an object with a context.
async fn write(
    room: &Room,
    user: &KeyUser,
    object: u64,
    context: &[(&str, &str)],
    bucket_key: bool,
) -> Result<Envelope, SseError> {
    let plan = EncryptionPlan::Kms {
        cipher: DataCipher::Aes256Gcm,
        key_ref: Some(room.cmk.to_arn()),
        project: None,
        bucket_key,
        context: EncryptionContext::from_pairs(pairs(context)).unwrap(),
    };
    let (keys, _) = room.sse.begin_write(plan, Place::of(1).target(object), user).await?;
    Ok(keys.envelope().clone())
}

/// The account may do anything; what follows is refused to everybody else than its root, or allowed to user 1.
async fn key_policy(room: &Room, statement: &str) {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::000000000097:root"}},"Action":"kms:*","Resource":"*"}},
            {{"Resource":"*",{statement}}}]}}"#
    );
    room.kms.put_key_policy(&root(), &room.cmk, &policy, false).await.unwrap();
}

/// A Deny of every use, under a condition.
fn denied(condition: &str) -> String {
    format!(
        r#""Effect":"Deny","Principal":{{"AWS":"arn:aws:iam::000000000097:user/user-1"}},
            "Action":["kms:Decrypt","kms:GenerateDataKey","kms:Encrypt"],"Condition":{condition}"#
    )
}

fn refused<T>(got: Result<T, SseError>, what: &str) {
    assert_eq!(got.err(), Some(SseError::KeyDenied), "{what}");
}

fn every_use() -> KeyUser {
    user_with(1, Some(&allow(r#""kms:GenerateDataKey","kms:Decrypt","kms:Encrypt""#)), None)
}

/// Whatever is in the cache: the key was obtained, and used, by the same requester for objects that they may write and read.
#[tokio::test]
async fn a_deny_by_context_holds_for_writes_reads_and_rewraps_through_a_bucket_key() {
    let room = Room::new().await;
    let (who, place) = (every_use(), Place::of(1));
    let secret =
        [write(&room, &who, 1, SECRET, false).await.unwrap(), write(&room, &who, 2, SECRET, true).await.unwrap()];
    let allowed =
        [write(&room, &who, 3, FINANCE, true).await.unwrap(), write(&room, &who, 4, NONE, true).await.unwrap()];
    assert_eq!(bucket_key_of(&secret[1]), bucket_key_of(&allowed[0]), "one key, whatever the pairs");
    room.read(&who, 1, 2, &secret[1]).await.unwrap();

    for condition in [
        r#"{"StringEquals":{"kms:EncryptionContext:department":"secret"}}"#,
        r#"{"StringLike":{"kms:EncryptionContext:department":"sec*"}}"#,
    ] {
        key_policy(&room, &denied(condition)).await;
        for (object, envelope) in allowed.iter().enumerate() {
            room.read(&who, 1, 3 + object as u64, envelope).await.unwrap();
        }
        write(&room, &who, 5, FINANCE, true).await.unwrap();
        let before = room.calls();
        for bucket_key in [false, true] {
            refused(write(&room, &who, 6, SECRET, bucket_key).await, "PUT");
            let (object, envelope) = (1 + u64::from(bucket_key), &secret[usize::from(bucket_key)]);
            refused(room.read(&who, 1, object, envelope).await, "GET");
            for to in [false, true] {
                let to = RewrapTo { key_ref: None, bucket_key: Some(to) };
                let got = room.sse.rewrap(envelope, place.target(object), &to, &who, &room.cmk.account).await;
                refused(got, "rewrap");
            }
        }
        assert_eq!(room.calls(), before, "the provider was not asked");
    }
    // For the account itself nothing is denied, and the envelopes are as they were.
    for (object, envelope) in secret.iter().enumerate() {
        room.read(&root(), 1, 1 + object as u64, envelope).await.unwrap();
    }
}

#[tokio::test]
async fn a_deny_of_what_has_no_context_lets_through_what_has_it() {
    let room = Room::new().await;
    let who = every_use();
    let bare = write(&room, &who, 1, NONE, true).await.unwrap();
    for condition in [
        r#"{"StringNotEquals":{"kms:EncryptionContext:department":"finance"}}"#,
        r#"{"Null":{"kms:EncryptionContext:department":"true"}}"#,
        r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"aws:s3:arn"}}"#,
    ] {
        key_policy(&room, &denied(condition)).await;
        for bucket_key in [false, true] {
            refused(write(&room, &who, 2, NONE, bucket_key).await, condition);
            let envelope = write(&room, &who, 3, FINANCE, bucket_key).await.unwrap();
            room.read(&who, 1, 3, &envelope).await.unwrap();
        }
        refused(room.read(&who, 1, 1, &bare).await, condition);
    }
}

/// The same for who has nothing but what the key policy or a grant allows under a condition.
#[tokio::test]
async fn what_is_allowed_by_context_is_allowed_through_a_bucket_key_and_nothing_else_is() {
    let room = Room::new().await;
    let who = user_with(1, None, None);
    let secret = write(&room, &root(), 1, SECRET, true).await.unwrap();
    let both_ways = async |why: &str| {
        let envelope = write(&room, &who, 2, FINANCE, true).await.unwrap();
        room.read(&who, 1, 2, &envelope).await.unwrap();
        refused(write(&room, &who, 3, SECRET, true).await, why);
        refused(write(&room, &who, 3, NONE, true).await, why);
        refused(room.read(&who, 1, 1, &secret).await, why);
    };
    let allowed = format!(
        r#""Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::000000000097:user/user-1"}},"Action":[{USE}],
            "Condition":{{"StringEquals":{{"kms:EncryptionContext:department":"finance",
                "kms:EncryptionContext:aws:s3:arn":"arn:aws:s3:::bucket-1"}}}}"#
    );
    key_policy(&room, &allowed).await;
    both_ways("by the key policy").await;
    key_policy(&room, &denied(r#"{"StringEquals":{"kms:EncryptionContext:department":"nobody"}}"#)).await;
    refused(write(&room, &who, 3, FINANCE, true).await, "the statement is gone");

    let whole = pairs(&[("aws:s3:arn", "arn:aws:s3:::bucket-1"), ("department", "finance")]);
    for constraint in [ContextConstraint::Subset(pairs(FINANCE)), ContextConstraint::Equals(whole)] {
        let grant = NewGrant {
            grantee: "arn:aws:iam::000000000097:user/user-1".to_owned(),
            retiring: None,
            operations: vec![Action::KmsGenerateDataKey, Action::KmsDecrypt],
            constraint: Some(constraint),
            name: String::new(),
        };
        let made = room.kms.create_grant(&root(), &room.cmk, grant).await.unwrap();
        both_ways("by the grant").await;
        room.kms.revoke_grant(&root(), &room.cmk, &made.id).await.unwrap();
        refused(write(&room, &who, 3, FINANCE, true).await, "the grant is gone");
    }
}

/// Contexts make no calls: they are decided on in memory, and the key is the bucket's.
#[tokio::test]
async fn objects_with_other_contexts_share_the_calls_of_one_key() {
    let mut room = Room::new().await;
    let mut written = Vec::new();
    for object in 0..100 {
        let department = format!("department {object}");
        written.push(write(&room, &user(1), object, &[("department", &department)], true).await.unwrap());
    }
    assert_eq!(room.calls(), (1, 0));
    room.restart().await;
    for (object, envelope) in (0..).zip(&written) {
        room.read(&user(2), 1, object, envelope).await.unwrap();
    }
    assert_eq!(room.calls(), (0, 1));
}

/// A key that the right context brought in is not handed to the wrong one that waits for the same flight.
#[tokio::test]
async fn who_may_not_does_not_wait_for_who_may() {
    let room = Room::new().await;
    let who = every_use();
    key_policy(&room, &denied(r#"{"StringEquals":{"kms:EncryptionContext:department":"secret"}}"#)).await;
    let (finance, secret, again) = tokio::join!(
        write(&room, &who, 1, FINANCE, true),
        write(&room, &who, 2, SECRET, true),
        write(&room, &who, 3, FINANCE, true)
    );
    refused(secret, "in flight");
    assert_eq!(bucket_key_of(&finance.unwrap()), bucket_key_of(&again.unwrap()));
    assert_eq!(room.calls(), (1, 0));
}

/// The copy beside an object is renewed under the object's own context, as it is read.
#[tokio::test]
async fn renewing_a_copy_asks_with_the_object_s_context() {
    let room = Room::new().await;
    let (who, place) = (every_use(), Place::of(1));
    let envelope = write(&room, &root(), 1, SECRET, true).await.unwrap();
    room.kms.rotate(&root(), &room.cmk).await.unwrap();
    room.sse.rewrap_bucket_key(bucket_key_of(&envelope), None, &place.bucket, &root()).await.unwrap();
    key_policy(&room, &denied(r#"{"StringEquals":{"kms:EncryptionContext:department":"secret"}}"#)).await;
    refused(room.sse.refresh_copy(&envelope, place.target(1), &who).await, "secret");
    key_policy(&room, &denied(r#"{"StringNotEquals":{"kms:EncryptionContext:department":"secret"}}"#)).await;
    let Rewrap::Done { old, new, .. } = room.sse.refresh_copy(&envelope, place.target(1), &who).await.unwrap() else {
        panic!("the copy is of version 1")
    };
    assert!(same(&old, &new));
}
