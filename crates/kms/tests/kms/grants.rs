//! Grants: what they let whom do, who makes them and who ends them.

use crate::setup::{DAY_MILLIS, DECRYPT, Setup, allow, me, narrowed, new_key, root_of, user_with};
use policy::{Action, ContextConstraint, KeyGrant};
use std::collections::BTreeMap;
use store::Table;
use strongroom_kms::{CmkId, EncryptionContext, GrantRef, KeyService, KeyUser, KmsConfig, KmsError, NewGrant};

const ALICE: &str = "arn:aws:iam::000000000097:user/alice";
const BOB: &str = "arn:aws:iam::000000000097:user/bob";

fn alice() -> KeyUser {
    user_with("aa", "alice", None)
}

fn bob() -> KeyUser {
    user_with("aa", "bob", None)
}

fn to(grantee: &str, operations: &[Action]) -> NewGrant {
    NewGrant {
        grantee: grantee.to_owned(),
        retiring: None,
        operations: operations.to_vec(),
        constraint: None,
        name: String::new(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn decrypt(service: &KeyService, user: &KeyUser, cmk: &CmkId, context: &[(&str, &str)]) -> Result<(), KmsError> {
    let context = EncryptionContext::from_pairs(pairs(context)).unwrap();
    service.authorize_use(user, cmk, DECRYPT, &context).await.map(drop)
}

#[tokio::test]
async fn a_grant_lets_its_grantee_do_what_it_says_and_nobody_else() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let other = service.create(&me(), new_key("")).await.unwrap().id;
    let (alice, bob) = (alice(), bob());
    assert_eq!(decrypt(&service, &alice, &cmk, &[]).await, Err(KmsError::Denied));
    let epoch = service.epoch(&cmk);
    let made = service.create_grant(&me(), &cmk, to(ALICE, &[DECRYPT])).await.unwrap();
    assert!(made.id.len() == 64 && made.id.bytes().all(|b| b.is_ascii_hexdigit()), "{}", made.id);
    assert_ne!(service.epoch(&cmk), epoch, "what was decided before is decided again");
    for service in [&service, &setup.open().await] {
        assert_eq!(decrypt(service, &alice, &cmk, &[]).await, Ok(()));
        assert_eq!(decrypt(service, &bob, &cmk, &[]).await, Err(KmsError::Denied));
        assert_eq!(decrypt(service, &alice, &other, &[]).await, Err(KmsError::Denied));
        let encrypt = service.authorize_use(&alice, &cmk, Action::KmsEncrypt, &EncryptionContext::new()).await;
        assert_eq!(encrypt.map(drop), Err(KmsError::Denied));
        assert_eq!(service.disable(&alice, &cmk).await, Err(KmsError::Denied));
    }
    service.revoke_grant(&me(), &cmk, &made.id).await.unwrap();
    assert_eq!(decrypt(&service, &alice, &cmk, &[]).await, Err(KmsError::Denied), "at once");
    assert_eq!(service.revoke_grant(&me(), &cmk, &made.id).await, Err(KmsError::InvalidGrantId));
    assert_eq!(service.revoke_grant(&me(), &cmk, "short").await, Err(KmsError::InvalidGrantId));
    assert_eq!(setup.rows(Table::CmkGrants), []);
}

#[tokio::test]
async fn a_constraint_binds_the_encryption_context() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let wanted = pairs(&[("a", "1"), ("b", "2")]);
    for (constraint, exact, more, less, other) in [
        (ContextConstraint::Equals(wanted.clone()), true, false, false, false),
        (ContextConstraint::Subset(wanted), true, true, false, false),
    ] {
        let grant = NewGrant { constraint: Some(constraint.clone()), ..to(ALICE, &[DECRYPT]) };
        let made = service.create_grant(&me(), &cmk, grant).await.unwrap();
        for (context, allowed) in [
            (&[("a", "1"), ("b", "2")][..], exact),
            (&[("a", "1"), ("b", "2"), ("c", "3")], more),
            (&[("a", "1")], less),
            (&[("a", "1"), ("b", "3")], other),
            (&[], false),
        ] {
            let got = decrypt(&service, &alice(), &cmk, context).await;
            assert_eq!(got.is_ok(), allowed, "{constraint:?} {context:?}");
        }
        service.revoke_grant(&me(), &cmk, &made.id).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let context = |pairs| Some(ContextConstraint::Subset(pairs));
    for bad in [
        to(ALICE, &[]),
        to(ALICE, &[Action::KmsCreateGrant]),
        to(ALICE, &[DECRYPT, Action::KmsPutKeyPolicy]),
        to(ALICE, &[Action::GetObject]),
        to("*", &[DECRYPT]),
        to("", &[DECRYPT]),
        to("arn:aws:iam::000000000097:user/*", &[DECRYPT]),
        NewGrant { retiring: Some("nobody at all".to_owned()), ..to(ALICE, &[DECRYPT]) },
        NewGrant { name: "a b".to_owned(), ..to(ALICE, &[DECRYPT]) },
        NewGrant { name: "n".repeat(257), ..to(ALICE, &[DECRYPT]) },
        NewGrant { constraint: context(pairs(&[("", "x")])), ..to(ALICE, &[DECRYPT]) },
        NewGrant { constraint: context(pairs(&[("k", &"x".repeat(8193))])), ..to(ALICE, &[DECRYPT]) },
    ] {
        let got = service.create_grant(&me(), &cmk, bad.clone()).await.map(|made| made.id);
        assert!(matches!(got, Err(KmsError::Validation(_))), "{bad:?}: {got:?}");
        // Who may not make grants is told nothing else.
        assert_eq!(service.create_grant(&bob(), &cmk, bad).await.map(|made| made.id), Err(KmsError::Denied));
    }
    let good = || to(ALICE, &[DECRYPT]);
    let session = narrowed("aa", "bob", &allow(r#""kms:*""#), &allow(r#""kms:*""#));
    assert_eq!(service.create_grant(&session, &cmk, good()).await.map(drop), Err(KmsError::Denied));
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    assert_eq!(service.create_grant(&me(), &default, good()).await.map(drop), Err(KmsError::ServiceManaged));
    service.disable(&me(), &cmk).await.unwrap();
    assert_eq!(service.create_grant(&me(), &cmk, good()).await.map(drop), Err(KmsError::Disabled));
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    assert_eq!(service.create_grant(&me(), &cmk, good()).await.map(drop), Err(KmsError::PendingDeletion));
    setup.clock.advance_millis(7 * DAY_MILLIS);
    assert_eq!(service.create_grant(&me(), &cmk, good()).await.map(drop), Err(KmsError::NotFound));
    assert_eq!(setup.rows(Table::CmkGrants), []);
}

#[tokio::test]
async fn the_same_grant_under_the_same_name_is_found_again() {
    let (service, _) = Setup::new().open_with(KmsConfig { grants_max: 3, ..KmsConfig::default() }).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let named = |name: &str| NewGrant { name: name.to_owned(), ..to(ALICE, &[DECRYPT, Action::KmsEncrypt]) };
    let first = service.create_grant(&me(), &cmk, named("n")).await.unwrap();
    let turned = NewGrant { operations: vec![Action::KmsEncrypt, DECRYPT], ..named("n") };
    let again = service.create_grant(&me(), &cmk, turned).await.unwrap();
    assert_eq!((first.id.clone(), first.token), (again.id, again.token));
    let other = NewGrant { operations: vec![DECRYPT], ..named("n") };
    assert_ne!(service.create_grant(&me(), &cmk, other).await.unwrap().id, first.id);
    assert_ne!(service.create_grant(&me(), &cmk, named("")).await.unwrap().id, first.id, "without a name never");
    let full = Err(KmsError::LimitExceeded("the number of grants on a CMK"));
    assert_eq!(service.create_grant(&me(), &cmk, named("")).await.map(drop), full);
    assert!(service.create_grant(&me(), &cmk, named("n")).await.is_ok(), "a repetition needs no room");
    assert_eq!(service.quotas(&me()).await.unwrap().grants, 3);
}

#[tokio::test]
async fn those_whom_it_names_give_it_back_and_nobody_else() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let issuer = user_with("aa", "issuer", Some(&allow(r#""kms:CreateGrant""#)));
    let with_right = user_with("aa", "with", Some(&allow(r#""kms:RetireGrant""#)));
    let denied = user_with(
        "aa",
        "issuer",
        Some(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:RetireGrant","Resource":"*"}]}"#),
    );
    let plain = to(ALICE, &[DECRYPT]);
    let retirable = to(ALICE, &[DECRYPT, Action::KmsRetireGrant]);
    let by_bob = NewGrant { retiring: Some(BOB.to_owned()), ..plain.clone() };
    for (grant, user, may) in [
        (&plain, alice(), false),
        (&retirable, alice(), true),
        (&plain, bob(), false),
        (&by_bob, bob(), true),
        (&by_bob, alice(), false),
        (&plain, issuer.clone(), true),
        (&plain, denied, false),
        (&plain, with_right, true),
        (&plain, me(), true),
        (&plain, root_of("bb"), false),
    ] {
        let made = service.create_grant(&issuer, &cmk, grant.clone()).await.unwrap();
        // A neighbour that the caller may give back gives no right to this one.
        let neighbour = to(BOB, &[DECRYPT, Action::KmsRetireGrant]);
        let neighbour = service.create_grant(&me(), &cmk, neighbour).await.unwrap();
        let by_id = || GrantRef::Id(cmk.clone(), made.id.clone());
        let wanted = if may { Ok(()) } else { Err(KmsError::Denied) };
        let got = service.retire_grant(&user, GrantRef::Token(made.token.clone())).await;
        assert_eq!(got, wanted, "{grant:?} by {}", user.principal.urn());
        assert!(service.retire_grant(&user, by_id()).await.is_err(), "not allowed, or given back before");
        assert_eq!(service.check_grant_tokens(&[&made.token]).is_err(), may);
        service.revoke_grant(&me(), &cmk, &neighbour.id).await.unwrap();
        if !may {
            service.revoke_grant(&me(), &cmk, &made.id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn tokens_that_are_made_up_name_nothing() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let made = service.create_grant(&me(), &cmk, to(ALICE, &[DECRYPT])).await.unwrap();
    assert_eq!(service.check_grant_tokens(&[made.token.as_str()]), Ok(()));
    assert_eq!(service.check_grant_tokens::<&str>(&[]), Ok(()));
    let bytes = data_encoding::BASE64.decode(made.token.as_bytes()).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        let bad = data_encoding::BASE64.encode(&bad);
        assert_eq!(service.check_grant_tokens(&[&bad]), Err(KmsError::InvalidGrantToken), "byte {at}");
        assert_eq!(service.retire_grant(&me(), GrantRef::Token(bad)).await, Err(KmsError::InvalidGrantToken));
    }
    for bad in ["", "x", &made.token[4..], &made.id] {
        assert_eq!(service.check_grant_tokens(&[bad]), Err(KmsError::InvalidGrantToken), "{bad}");
    }
    assert_eq!(decrypt(&service, &alice(), &cmk, &[]).await, Ok(()), "the grant is still there");
}

#[tokio::test]
async fn who_may_grant_by_a_grant_grants_no_more_than_it_says() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let own = NewGrant {
        constraint: Some(ContextConstraint::Subset(pairs(&[("a", "1")]))),
        ..to(ALICE, &[DECRYPT, Action::KmsCreateGrant])
    };
    service.create_grant(&me(), &cmk, own).await.unwrap();
    let subset = |own: &[(&str, &str)]| Some(ContextConstraint::Subset(pairs(own)));
    for (operations, constraint, may) in [
        (&[DECRYPT][..], subset(&[("a", "1")]), true),
        (&[DECRYPT], subset(&[("a", "1"), ("b", "2")]), true),
        (&[DECRYPT], Some(ContextConstraint::Equals(pairs(&[("a", "1")]))), true),
        (&[DECRYPT, Action::KmsCreateGrant], subset(&[("a", "1")]), true),
        (&[DECRYPT], None, false),
        (&[DECRYPT], subset(&[("a", "2")]), false),
        (&[DECRYPT], subset(&[("b", "2")]), false),
        (&[Action::KmsEncrypt], subset(&[("a", "1")]), false),
        (&[DECRYPT, Action::KmsEncrypt], subset(&[("a", "1")]), false),
        (&[], subset(&[("a", "1")]), false),
    ] {
        let grant = NewGrant { constraint, ..to(BOB, operations) };
        let got = service.create_grant(&alice(), &cmk, grant.clone()).await.map(drop);
        assert_eq!(got, if may { Ok(()) } else { Err(KmsError::Denied) }, "{grant:?}");
    }
}

#[tokio::test]
async fn grants_are_listed_to_those_who_may_and_retirable_ones_to_their_principals() {
    let service = Setup::new().open().await;
    let cmks =
        [service.create(&me(), new_key("")).await.unwrap().id, service.create(&me(), new_key("")).await.unwrap().id];
    let theirs = service.create(&root_of("bb"), new_key("")).await.unwrap().id;
    for (owner, cmk) in [(me(), &cmks[0]), (me(), &cmks[1]), (root_of("bb"), &theirs)] {
        let grant = NewGrant { retiring: Some(BOB.to_owned()), ..to(ALICE, KeyGrant::OPERATIONS) };
        service.create_grant(&owner, cmk, grant).await.unwrap();
        service.create_grant(&owner, cmk, to(ALICE, &[DECRYPT])).await.unwrap();
    }
    let listed = service.grants(&me(), &cmks[0]).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.is_sorted_by(|a, b| a.id < b.id));
    let full = listed.iter().find(|grant| grant.grant.retiring.is_some()).unwrap();
    assert_eq!(full.issuer, "arn:aws:iam::000000000097:root");
    assert_eq!((full.grant.grantee.as_str(), full.grant.operations.as_slice()), (ALICE, KeyGrant::OPERATIONS));
    assert_eq!(service.grants(&alice(), &cmks[0]).await.map(drop), Err(KmsError::Denied));

    let may_list = user_with("aa", "bob", Some(&allow(r#""kms:ListRetirableGrants""#)));
    let of = async |user: &KeyUser, name: Option<&str>| service.retirable_grants(user, name).await.map(|all| all.len());
    assert_eq!(of(&bob(), None).await, Err(KmsError::Denied));
    assert_eq!(of(&may_list, None).await, Ok(3), "on CMKs of other accounts too");
    assert_eq!(of(&may_list, Some(BOB)).await, Ok(3));
    assert_eq!(of(&me(), Some(BOB)).await, Ok(3), "a principal of the account");
    assert_eq!(of(&me(), Some(ALICE)).await, Ok(0));
    assert_eq!(of(&root_of("bb"), Some(BOB)).await, Ok(1), "a stranger is told of their own CMKs only");
    assert!(matches!(of(&me(), Some("*")).await, Err(KmsError::Validation(_))));
}

#[tokio::test]
async fn another_account_needs_the_grant_and_its_own_word() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let grant = NewGrant {
        constraint: Some(ContextConstraint::Equals(pairs(&[("a", "1")]))),
        ..to("arn:aws:iam::000000000098:root", &[DECRYPT, Action::KmsRetireGrant])
    };
    let made = service.create_grant(&me(), &cmk, grant).await.unwrap();
    let (able, unable) = (user_with("bb", "able", Some(&allow(r#""kms:*""#))), user_with("bb", "unable", None));
    assert_eq!(service.resolve(&able, &cmk.to_arn(), DECRYPT), Ok(cmk.clone()));
    assert_eq!(service.resolve(&able, &cmk.to_arn(), Action::KmsEncrypt), Err(KmsError::NotFound));
    assert_eq!(service.resolve(&unable, &cmk.to_arn(), DECRYPT), Err(KmsError::Denied));
    assert_eq!(decrypt(&service, &able, &cmk, &[("a", "1")]).await, Ok(()));
    assert_eq!(decrypt(&service, &able, &cmk, &[]).await, Err(KmsError::Denied));
    assert_eq!(decrypt(&service, &unable, &cmk, &[("a", "1")]).await, Err(KmsError::Denied));
    assert_eq!(service.resolve(&able, &cmk.to_arn(), Action::KmsRetireGrant), Ok(cmk.clone()));
    assert_eq!(service.retire_grant(&unable, GrantRef::Id(cmk.clone(), made.id.clone())).await, Err(KmsError::Denied));
    service.retire_grant(&able, GrantRef::Id(cmk.clone(), made.id)).await.unwrap();
    assert_eq!(decrypt(&service, &able, &cmk, &[("a", "1")]).await, Err(KmsError::Denied));
}

#[tokio::test]
async fn grants_go_with_their_cmk() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let spared = service.create(&me(), new_key("")).await.unwrap().id;
    for cmk in [&cmk, &cmk, &spared] {
        service.create_grant(&me(), cmk, to(ALICE, &[DECRYPT])).await.unwrap();
    }
    let made = service.create_grant(&me(), &cmk, to(ALICE, &[DECRYPT])).await.unwrap();
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    assert_eq!(decrypt(&service, &alice(), &cmk, &[]).await, Err(KmsError::PendingDeletion));
    service.revoke_grant(&me(), &cmk, &made.id).await.unwrap();
    setup.clock.advance_millis(7 * DAY_MILLIS);
    assert_eq!(service.purge_due().await.unwrap(), [cmk]);
    assert_eq!(setup.rows(Table::CmkGrants).len(), 1);
    assert_eq!(decrypt(&*setup.open().await, &alice(), &spared, &[]).await, Ok(()));
}

#[tokio::test]
async fn the_issuer_of_another_account_finds_the_cmk_to_retire_its_grant() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let may = allow(r#""kms:CreateGrant","kms:RetireGrant""#);
    let (carl, dora) = (user_with("bb", "carl", Some(&may)), user_with("bb", "dora", Some(&may)));
    let lent = service.create_grant(&me(), &cmk, to("000000000098", &[Action::KmsCreateGrant, DECRYPT])).await.unwrap();
    let made = service.create_grant(&carl, &cmk, to(ALICE, &[DECRYPT])).await.unwrap();
    service.revoke_grant(&me(), &cmk, &lent.id).await.unwrap();
    let arn = cmk.to_arn();
    assert_eq!(service.resolve(&dora, &arn, Action::KmsRetireGrant), Err(KmsError::NotFound));
    assert_eq!(service.resolve(&carl, &arn, Action::KmsRetireGrant), Ok(cmk.clone()));
    service.retire_grant(&carl, GrantRef::Id(cmk.clone(), made.id)).await.unwrap();
    assert_eq!(service.resolve(&carl, &arn, Action::KmsRetireGrant), Err(KmsError::NotFound));
}

#[tokio::test]
async fn a_user_named_like_an_account_is_none_of_it() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let name = "arn:aws:iam::000000000097:user/000000000098";
    let grant = NewGrant { retiring: Some(name.to_owned()), ..to(ALICE, &[DECRYPT]) };
    service.create_grant(&me(), &cmk, grant).await.unwrap();
    assert_eq!(service.retirable_grants(&me(), Some(name)).await.unwrap().len(), 1);
    assert_eq!(service.retirable_grants(&root_of("bb"), Some(name)).await.unwrap().len(), 0);
}
