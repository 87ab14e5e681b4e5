//! Access keys: two for each identity, switched off and on, used, given or drawn.

use crate::setup::{Setup, absent, allow, by, denied, id};
use model::Timestamp;
use store::Table;
use strongroom_iam::{CredentialError, IamError, KeyOwner, SecretAccessKey};

#[tokio::test]
async fn a_user_has_two_keys_which_can_be_switched_off() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (user, alice) = setup.user(&directory, "alice", None).await;
    let second =
        directory.create_access_key(setup.rq(&root), Some(by("alice")), "spare".to_owned(), None).await.unwrap();
    assert!(second.info.id.as_str().starts_with("SRAK") && second.secret.expose().len() == 40);
    assert_eq!(second.info.owner, KeyOwner::User(user.uid));
    assert_eq!(
        directory.create_access_key(setup.rq(&root), Some(by("alice")), String::new(), None).await.unwrap_err(),
        IamError::LimitExceeded("access keys")
    );
    let key = &second.info.id;
    let signed = directory.credential(key, None, setup.now()).unwrap();
    assert_eq!(signed.principal.urn(), alice.urn());
    assert_eq!(signed.secret.expose(), second.secret.expose());
    directory.update_access_key(setup.rq(&root), key, Some(false), None).await.unwrap();
    assert_eq!(directory.credential(key, None, setup.now()).unwrap_err(), CredentialError::Unknown);
    assert_eq!(
        setup.open(None).await.unwrap().credential(key, None, setup.now()).unwrap_err(),
        CredentialError::Unknown
    );
    directory.update_access_key(setup.rq(&root), key, Some(true), None).await.unwrap();
    assert!(directory.credential(key, None, setup.now()).is_ok());
    directory.delete_access_key(setup.rq(&root), key).await.unwrap();
    assert_eq!(directory.credential(key, None, setup.now()).unwrap_err(), CredentialError::Unknown);
    assert_eq!(directory.list_access_keys(setup.rq(&root), Some(by("alice"))).await.unwrap().len(), 1);
}

#[tokio::test]
async fn given_keys_are_checked_and_taken_once() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (root, (_, other)) = (directory.root(), setup.account(&directory, "acme").await);
    let give = |key: &str, secret: &str| Some((id(key), SecretAccessKey::parse(secret).unwrap()));
    let create = |rq, given| directory.create_access_key(rq, None, String::new(), given);
    assert!(create(setup.rq(&root), give("mine", "long-enough")).await.is_ok());
    for given in [give("ab", "long-enough"), give("abc", "short"), give("SRTKabc", "long-enough")] {
        assert!(matches!(create(setup.rq(&other), given).await, Err(IamError::InvalidInput(..))));
    }
    let taken = create(setup.rq(&other), give("mine", "another-one")).await;
    assert!(matches!(taken, Err(IamError::AlreadyExists(..))), "ids are unique on the server");
}

#[tokio::test]
async fn keys_of_others_are_out_of_reach() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (_, other) = setup.account(&directory, "acme").await;
    let (_, admin) = setup.user(&directory, "admin", Some(&allow("iam:*", "*"))).await;
    setup.user(&directory, "alice", None).await;
    // Of another account: as if they were not there.
    assert!(absent(directory.delete_access_key(setup.rq(&other), &id("key-of-alice")).await));
    assert!(absent(directory.access_key_last_used(setup.rq(&other), &id("operator")).await));
    // The root's: not for users, whatever their policies say.
    assert!(denied(directory.delete_access_key(setup.rq(&admin), &id("operator")).await));
    assert!(denied(directory.update_access_key(setup.rq(&admin), &id("operator"), Some(false), None).await));
    assert!(directory.delete_access_key(setup.rq(&admin), &id("key-of-alice")).await.is_ok());
}

#[tokio::test]
async fn users_may_be_let_at_their_own_keys_alone() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let own = allow("iam:*AccessKey*", "arn:aws:iam::*:user/${aws:username}");
    let (_, alice) = setup.user(&directory, "alice", Some(&own)).await;
    setup.user(&directory, "bob", None).await;
    assert_eq!(directory.list_access_keys(setup.rq(&alice), None).await.unwrap().len(), 1);
    assert!(directory.create_access_key(setup.rq(&alice), None, String::new(), None).await.is_ok());
    assert!(denied(directory.list_access_keys(setup.rq(&alice), Some(by("bob"))).await));
    // A key of somebody else and one that is none look alike.
    assert!(denied(directory.delete_access_key(setup.rq(&alice), &id("key-of-bob")).await));
    assert!(denied(directory.delete_access_key(setup.rq(&alice), &id("key-of-nobody")).await));
}

#[tokio::test]
async fn the_last_use_is_known_at_once_and_written_within_the_hour() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let used = |at| directory.note_use(&id("operator"), "obs", at);
    used(setup.now());
    let (info, owner) = directory.access_key_last_used(setup.rq(&root), &id("operator")).await.unwrap();
    assert_eq!(owner, KeyOwner::Root);
    assert_eq!(info.last_used.map(|used| (used.at, used.service)), Some((setup.now(), "obs".to_owned())));
    directory.flush_last_used().await.unwrap();
    let written = setup.rows(Table::AccessKeys);
    used(setup.now().plus_millis(60_000));
    directory.flush_last_used().await.unwrap();
    assert_eq!(setup.rows(Table::AccessKeys), written, "not every use is a write");
    let later = setup.now().plus_millis(3_600_000);
    used(later);
    directory.flush_last_used().await.unwrap();
    let again = setup.open(None).await.unwrap();
    let (info, _) = again.access_key_last_used(setup.rq(&root), &id("operator")).await.unwrap();
    assert_eq!(info.last_used.unwrap().at, later);
    directory.note_use(&id("unknown"), "s3", Timestamp::default());
}
