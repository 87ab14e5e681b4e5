use super::*;
use crate::OPERATIONS;
use model::AccountNumber;
use policy::Principal;
use std::collections::BTreeSet;

const USE: &str = "Encrypt";

fn throttle(use_per_second: u32) -> Throttle {
    Throttle::new(ThrottleConfig {
        use_per_second,
        read_per_second: 1,
        change_per_second: 0,
        operations: [("Decrypt", 3), ("GenerateRandom", 0)].into(),
    })
}

fn user(account: &str) -> KeyUser {
    let (id, number) = (AccountId::parse(account).unwrap(), AccountNumber::parse("000000000001").unwrap());
    let principal = Principal::root(id, number, account);
    KeyUser { principal, access_key: None, via: "kms", request_id: String::new(), conditions: Default::default() }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

/// How many requests of an operation pass at one moment.
fn passing_of(throttle: &Throttle, who: &KeyUser, operation: &'static str, now: Timestamp) -> usize {
    let asked = throttle.asked(who, Group::Use, operation);
    (0..1000).take_while(|_| throttle.take(who, asked, now).is_ok()).count()
}

fn passing(throttle: &Throttle, who: &KeyUser, now: Timestamp) -> usize {
    passing_of(throttle, who, USE, now)
}

fn refused(throttle: &Throttle, who: &KeyUser, now: Timestamp) -> usize {
    let asked = throttle.asked(who, Group::Use, USE);
    (0..1000).take_while(|_| throttle.take_refused(who, asked, now).is_ok()).count()
}

#[test]
fn a_burst_of_two_seconds_passes_and_then_the_rate() {
    let (throttle, a) = (throttle(5), user("aa"));
    assert_eq!(passing(&throttle, &a, at(0)), 10);
    assert_eq!(passing(&throttle, &a, at(199)), 0, "0.995 of a token");
    assert_eq!(passing(&throttle, &a, at(200)), 1, "to the millisecond");
    assert_eq!(passing(&throttle, &a, at(1200)), 5);
    assert_eq!(passing(&throttle, &a, at(60_000)), 10, "never more than it holds");
}

#[test]
fn what_was_over_the_rate_costs_nothing() {
    let (throttle, a) = (throttle(1), user("aa"));
    assert_eq!(passing(&throttle, &a, at(0)), 2);
    for millis in 0..999 {
        assert_eq!(passing(&throttle, &a, at(millis)), 0);
    }
    assert_eq!(passing(&throttle, &a, at(1000)), 1);
}

#[test]
fn accounts_operations_objects_and_nobody_have_buckets_of_their_own() {
    let (throttle, a, b) = (throttle(1), user("aa"), user("bb"));
    assert_eq!((passing(&throttle, &a, at(0)), passing(&throttle, &b, at(0))), (2, 2));
    assert_eq!(passing_of(&throttle, &a, "GenerateDataKey", at(0)), 2, "another operation");
    for via in ["s3", "obs"] {
        let object = KeyUser { via, ..a.clone() };
        assert_eq!(
            passing(&throttle, &object, at(0)),
            if via == "s3" { 2 } else { 0 },
            "the store's, in both dialects"
        );
    }
    assert_eq!(passing(&throttle, &KeyUser { via: "huawei-kms", ..a.clone() }, at(0)), 0, "the APIs share one");
    assert_eq!(passing(&throttle, &KeyUser { principal: Principal::Anonymous, ..a.clone() }, at(0)), 2);
    let change = throttle.asked(&a, Group::Change, "DisableKey");
    assert!((0..1000).all(|_| throttle.take(&a, change, at(0)).is_ok()), "0 is no limit");
}

#[test]
fn an_operation_with_a_rate_of_its_own_has_that() {
    let (throttle, a) = (throttle(1), user("aa"));
    assert_eq!(passing_of(&throttle, &a, "Decrypt", at(0)), 6);
    assert_eq!(passing_of(&throttle, &a, "GenerateRandom", at(0)), 1000, "0 is no limit here too");
    assert_eq!(passing_of(&throttle, &a, "Encrypt", at(0)), 2, "the others have their group's");
}

#[test]
fn refusals_are_paid_by_the_principal_and_not_by_its_account() {
    let (throttle, a, b) = (throttle(1), user("aa"), user("bb"));
    let asked = throttle.asked(&a, Group::Use, USE);
    for _ in 0..100 {
        // As a request that turns out to be refused.
        throttle.take(&a, asked, at(0)).unwrap();
        throttle.give_back(&a, asked);
        let _ = throttle.take_refused(&a, asked, at(0));
    }
    assert_eq!(refused(&throttle, &a, at(0)), 0, "its own bucket is empty");
    assert_eq!(refused(&throttle, &b, at(0)), 2, "nobody else's is");
    assert_eq!(passing(&throttle, &a, at(0)), 2, "and the account's is full");
    assert_eq!(refused(&throttle, &a, at(1000)), 1);
    for _ in 0..100 {
        throttle.give_back(&a, asked);
    }
    assert_eq!(passing(&throttle, &a, at(60_000)), 2, "nothing is given back beyond what a bucket holds");
}

#[test]
fn a_clock_that_jumps_neither_locks_anybody_out_nor_fills_twice() {
    let (throttle, a) = (throttle(1), user("aa"));
    assert_eq!(passing(&throttle, &a, at(500_000)), 2);
    assert_eq!(passing(&throttle, &a, at(0)), 0, "set back: nothing is added");
    assert_eq!(passing(&throttle, &a, at(1000)), 1, "and it goes on from there");
    assert_eq!(passing(&throttle, &a, Timestamp::from_millis(u64::MAX)), 2, "far ahead: full, no more");
    assert_eq!(passing(&throttle, &a, at(1000)), 0);
}

#[test]
fn memory_is_bounded_and_those_beyond_share_a_bucket() {
    let throttle = Throttle { accounts: Buckets::new(4), refusals: Buckets::new(4), ..throttle(1) };
    let users: Vec<_> = ["aa", "ab", "ac", "ad", "ae", "af"].map(user).into();
    let asked = throttle.asked(&users[0], Group::Use, USE);
    for user in &users[..4] {
        assert!(throttle.take(user, asked, at(0)).is_ok() && throttle.take_refused(user, asked, at(0)).is_ok());
    }
    assert_eq!((passing(&throttle, &users[4], at(0)), refused(&throttle, &users[4], at(0))), (2, 2));
    assert_eq!(
        (passing(&throttle, &users[5], at(0)), refused(&throttle, &users[5], at(0))),
        (0, 0),
        "the shared bucket is empty"
    );
    throttle.give_back(&users[5], asked);
    assert_eq!(passing(&throttle, &users[5], at(0)), 1, "what it took is given back where it was taken");
    assert!(throttle.take(&users[0], asked, at(0)).is_ok(), "its own is not");
    assert_eq!(passing(&throttle, &users[5], at(5000)), 2, "full buckets make room");
    assert!(throttle.accounts.of.lock().unwrap().len() <= 5 && throttle.refusals.of.lock().unwrap().len() <= 5);
}

/// The list of operations that can have a rate is complete, and names none that is not there.
#[test]
fn every_operation_can_have_a_rate() {
    let mut named = BTreeSet::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
        for call in ["Act::using(\"", "Act::reading(\"", "Act::changing(\""] {
            named.extend(text.split(call).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    named.extend(policy::Action::KmsGenerateDataKey.name().strip_prefix("kms:").map(str::to_owned));
    named.extend(policy::Action::KmsGenerateDataKeyWithoutPlaintext.name().strip_prefix("kms:").map(str::to_owned));
    // The server's own.
    for job in ["CreateDefaultKey", "DeleteExpiredKeyMaterial", "DeleteKey", "RotateKey"] {
        assert!(named.remove(job), "{job}");
    }
    assert_eq!(named, OPERATIONS.map(str::to_owned).into());
}
