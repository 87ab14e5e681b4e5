//! Forged, foreign and misplaced tokens.

use crate::setup::{Setup, id};
use model::AccessKeyId;
use strongroom_iam::{CredentialError, SessionRequest};

#[tokio::test]
async fn forged_tokens_are_refused() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let issue = || directory.session_token(setup.rq(&root), SessionRequest::default());
    let (issued, other) = (issue().await.unwrap(), issue().await.unwrap());
    let now = setup.now();
    let answer =
        |key: &AccessKeyId, token: Option<&str>| directory.credential(key, token, now).map(|_| ()).unwrap_err();
    assert!(directory.credential(&issued.access_key, Some(&issued.token), now).is_ok());
    // Each time also while the right token is known and kept open.
    for end in 0..issued.token.len() {
        let cut = Some(&issued.token[..end]);
        let want = if end == 0 { CredentialError::TokenMissing } else { CredentialError::TokenInvalid };
        assert_eq!(answer(&issued.access_key, cut), want, "cut at {end}");
    }
    for at in 0..issued.token.len() {
        let mut bytes = issued.token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).unwrap();
        assert_eq!(answer(&issued.access_key, Some(&forged)), CredentialError::TokenInvalid, "character {at}");
    }
    for odd in ["x", "ÿ", "====", &"A".repeat(100_000)] {
        assert_eq!(answer(&issued.access_key, Some(odd)), CredentialError::TokenInvalid);
    }
    assert_eq!(answer(&issued.access_key, None), CredentialError::TokenMissing);
    assert_eq!(answer(&other.access_key, Some(&issued.token)), CredentialError::TokenInvalid, "of another session");
    assert_eq!(answer(&id("SRTKAAAAAAAAAAAAAAAA"), Some(&issued.token)), CredentialError::TokenInvalid);
    assert_eq!(answer(&id("operator"), Some(&issued.token)), CredentialError::TokenInvalid, "beside a long-term key");
    assert_eq!(answer(&id("unknown"), Some(&issued.token)), CredentialError::TokenInvalid);
    assert_eq!(answer(&id("unknown"), None), CredentialError::Unknown);
}

#[tokio::test]
async fn a_token_of_one_kind_is_none_of_the_other() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let issued = directory.session_token(setup.rq(&root), SessionRequest::default()).await.unwrap();
    let (token, _) = directory.exchange_token(setup.rq(&root), None, "token").await.unwrap();
    assert!(directory.identity_token(&token, setup.now()).is_ok());
    assert_eq!(directory.identity_token(&issued.token, setup.now()).unwrap_err(), CredentialError::TokenInvalid);
    let as_session = directory.credential(&issued.access_key, Some(&token), setup.now());
    assert_eq!(as_session.unwrap_err(), CredentialError::TokenInvalid);
}

#[tokio::test]
async fn a_server_with_other_keys_accepts_no_token_of_this_one() {
    let (setup, elsewhere) = (Setup::new(), Setup::new());
    let directory = setup.directory().await;
    let issued = directory.session_token(setup.rq(&directory.root()), SessionRequest::default()).await.unwrap();
    let other = elsewhere.directory().await;
    strongroom_iam::TokenSealer::rotate(&*elsewhere.tokens).await.unwrap();
    elsewhere.tokens.prune();
    assert!(other.credential(&issued.access_key, Some(&issued.token), setup.now()).is_err());
}

#[tokio::test]
async fn the_caller_is_made_once_and_again_after_a_change() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (_, first) = setup.user(&directory, "alice", None).await;
    let again = setup.signed(&directory, "key-of-alice");
    let same =
        |a: &policy::Principal, b: &policy::Principal| std::sync::Arc::ptr_eq(a.caller().unwrap(), b.caller().unwrap());
    assert!(same(&first, &again));
    directory.create_user(setup.rq(&directory.root()), crate::setup::new_user("bob")).await.unwrap();
    assert!(!same(&first, &setup.signed(&directory, "key-of-alice")));
}
