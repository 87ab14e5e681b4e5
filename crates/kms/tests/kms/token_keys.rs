//! The ring of token keys: what it seals opens after a rotation and a restart, and not for ever.

use crate::setup::{DAY_MILLIS, Setup};
use crypto::TokenUse;
use store::Table;

/// Rows of token keys.
fn rows(setup: &Setup) -> usize {
    setup.rows(Table::InternalKeys).iter().filter(|(key, _)| key.starts_with(b"token/")).count()
}

#[tokio::test]
async fn tokens_open_after_a_rotation_and_a_restart() {
    let setup = Setup::new();
    let service = setup.open().await;
    let keys = service.token_keys().await.unwrap();
    let first = keys.seal(TokenUse::Session, b"claims");
    keys.rotate().await.unwrap();
    let second = keys.seal(TokenUse::Session, b"claims");
    assert_eq!((&first[..5], &second[..5]), (&[1, 0, 0, 0, 1][..], &[1, 0, 0, 0, 2][..]));
    assert_eq!(rows(&setup), 2);
    let again = setup.open().await.token_keys().await.unwrap();
    for ring in [&keys, &again] {
        for token in [&first, &second] {
            assert_eq!(&**ring.open(TokenUse::Session, token).unwrap(), b"claims");
            assert!(ring.open(TokenUse::Identity, token).is_none(), "of another use");
        }
    }
    assert_eq!(again.seal(TokenUse::Session, b"claims")[..5], [1, 0, 0, 0, 2], "the newest seals");
}

#[tokio::test]
async fn every_changed_byte_and_every_truncation_is_refused() {
    let setup = Setup::new();
    let keys = setup.open().await.token_keys().await.unwrap();
    keys.rotate().await.unwrap();
    let token = keys.seal(TokenUse::Identity, b"claims");
    for end in 0..token.len() {
        assert!(keys.open(TokenUse::Identity, &token[..end]).is_none(), "cut at {end}");
    }
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut bad = token.clone();
            bad[at] ^= 1 << bit;
            assert!(keys.open(TokenUse::Identity, &bad).is_none(), "byte {at} bit {bit}");
        }
    }
    assert!(keys.open(TokenUse::Identity, &[&token[..], &[0]].concat()).is_none(), "a byte too many");
    let elsewhere = Setup::new();
    elsewhere.clock.advance_millis(1);
    let other = elsewhere.open().await.token_keys().await.unwrap();
    other.rotate().await.unwrap();
    other.rotate().await.unwrap();
    let foreign = other.seal(TokenUse::Identity, b"claims");
    assert!(keys.open(TokenUse::Identity, &foreign).is_none(), "sealed under a key of another number");
}

#[tokio::test]
async fn a_key_goes_once_its_last_token_has_ended() {
    let setup = Setup::new();
    let keys = setup.open().await.token_keys().await.unwrap();
    let first = keys.seal(TokenUse::Session, b"claims");
    keys.rotate().await.unwrap();
    // 36 hours of a token's life and a day for clocks that are set back.
    setup.clock.advance_millis(5 * DAY_MILLIS / 2);
    keys.rotate().await.unwrap();
    assert!(keys.open(TokenUse::Session, &first).is_some(), "not a moment too early");
    assert_eq!(rows(&setup), 3);
    setup.clock.advance_millis(1);
    keys.rotate().await.unwrap();
    assert!(keys.open(TokenUse::Session, &first).is_none());
    assert_eq!(rows(&setup), 3, "the first has gone, the fourth has come");
    assert!(setup.open().await.token_keys().await.unwrap().open(TokenUse::Session, &first).is_none());
}

#[tokio::test]
async fn two_that_make_the_first_key_make_one() {
    let setup = Setup::new();
    let (a, b) = (setup.open().await, setup.open().await);
    let (a, b) = tokio::join!(a.token_keys(), b.token_keys());
    let token = a.unwrap().seal(TokenUse::Session, b"claims");
    assert!(b.unwrap().open(TokenUse::Session, &token).is_some());
    assert_eq!(rows(&setup), 1);
}
