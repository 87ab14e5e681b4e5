//! Temporary credentials: who gets them, what they may do, when they end.

use crate::setup::{Setup, allow, by, denied, name, new_user};
use model::{EntityPath, Timestamp};
use policy::Principal;
use strongroom_iam::{
    AssumeRole, CredentialError, Directory, Entity, IamError, Issued, NewRole, PolicyRef, SessionRequest, Trust,
    UserChange,
};

fn request(account: &model::AccountId, role: &str) -> AssumeRole {
    AssumeRole {
        account: account.clone(),
        role: name(role),
        session_name: "test".to_owned(),
        seconds: None,
        policy: None,
        managed: Vec::new(),
        external_id: None,
    }
}

async fn role(setup: &Setup, directory: &Directory, called: &str, trusted: &str, policy: &str) {
    let root = directory.root();
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{trusted}"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let role = NewRole {
        name: name(called),
        path: EntityPath::default(),
        description: String::new(),
        trust: Trust::Document(trust),
        session_seconds_max: 7200,
        boundary: None,
    };
    directory.create_role(setup.rq(&root), role).await.unwrap();
    directory.put_inline_policy(setup.rq(&root), Entity::Role(by(called)), name("own"), policy).await.unwrap();
}

fn bearer(directory: &Directory, issued: &Issued, now: Timestamp) -> Result<Principal, CredentialError> {
    let signed = directory.credential(&issued.access_key, Some(&issued.token), now)?;
    assert_eq!(signed.secret.expose(), issued.secret.expose());
    Ok(signed.principal)
}

#[tokio::test]
async fn a_role_is_assumed_by_whom_it_trusts_and_gives_its_own_rights() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (own, number) = (root.account().unwrap().clone(), root.number().unwrap().to_string());
    let (_, alice) = setup.user(&directory, "alice", None).await;
    let (_, bob) = setup.user(&directory, "bob", Some(&allow("sts:AssumeRole", "*"))).await;
    let (_, eve) = setup.account(&directory, "acme").await;
    let trusted = format!("arn:aws:iam::{number}:user/alice");
    role(&setup, &directory, "lister", &trusted, &allow("iam:ListUsers", "*")).await;

    assert!(denied(directory.assume_role(setup.rq(&bob), request(&own, "lister")).await), "not trusted");
    assert!(denied(directory.assume_role(setup.rq(&eve), request(&own, "lister")).await), "of another account");
    let issued = directory.assume_role(setup.rq(&alice), request(&own, "lister")).await.unwrap();
    assert!(issued.access_key.as_str().starts_with("SRTK") && issued.access_key.as_str().len() == 20);
    assert_eq!((issued.secret.expose().len(), issued.expires), (40, setup.now().plus_millis(3_600_000)));
    assert_eq!(issued.caller.arn(), format!("arn:aws:sts::{number}:assumed-role/lister/test"));
    let session = bearer(&directory, &issued, setup.now()).unwrap();
    assert!(directory.list_users(setup.rq(&session)).await.is_ok());
    assert!(denied(directory.list_groups(setup.rq(&session)).await));
    assert!(bearer(&directory, &issued, issued.expires).is_err_and(|error| error == CredentialError::TokenExpired));
    // Accepted by the server that starts next, too.
    assert!(bearer(&setup.open(None).await.unwrap(), &issued, setup.now()).is_ok());

    for (seconds, fits) in [(899, false), (900, true), (7200, true), (7201, false)] {
        let mut wish = request(&own, "lister");
        wish.seconds = Some(seconds);
        assert_eq!(directory.assume_role(setup.rq(&alice), wish).await.is_ok(), fits, "{seconds}");
    }
    for wrong in ["x", "with space", &"x".repeat(65), "no/slash"] {
        let mut wish = request(&own, "lister");
        wish.session_name = wrong.to_owned();
        assert!(matches!(directory.assume_role(setup.rq(&alice), wish).await, Err(IamError::InvalidInput(..))));
    }
}

#[tokio::test]
async fn another_account_needs_both_sides_and_the_external_id_counts() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let own = directory.root().account().unwrap().clone();
    let (_, acme) = setup.account(&directory, "acme").await;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{}:root"}},
            "Action":"sts:AssumeRole","Condition":{{"StringEquals":{{"sts:ExternalId":"known"}}}}}}]}}"#,
        acme.number().unwrap()
    );
    let partner = NewRole {
        name: name("partner"),
        path: EntityPath::default(),
        description: String::new(),
        trust: Trust::Document(trust),
        session_seconds_max: 3600,
        boundary: None,
    };
    directory.create_role(setup.rq(&directory.root()), partner).await.unwrap();
    directory.create_user(setup.rq(&acme), new_user("eve")).await.unwrap();
    let key = directory.create_access_key(setup.rq(&acme), Some(by("eve")), String::new(), None).await.unwrap();
    let eve = || setup.signed(&directory, key.info.id.as_str());
    let wish = |id: Option<&str>| AssumeRole { external_id: id.map(str::to_owned), ..request(&own, "partner") };

    assert!(
        denied(directory.assume_role(setup.rq(&eve()), wish(Some("known"))).await),
        "her account does not allow it"
    );
    let policy = allow("sts:AssumeRole", "*");
    directory.put_inline_policy(setup.rq(&acme), Entity::User(by("eve")), name("p"), &policy).await.unwrap();
    assert!(directory.assume_role(setup.rq(&eve()), wish(Some("known"))).await.is_ok());
    assert!(denied(directory.assume_role(setup.rq(&eve()), wish(Some("other"))).await));
    assert!(denied(directory.assume_role(setup.rq(&eve()), wish(None)).await));
    // What the request's own conditions claim is not what the operation was given.
    let mut spoofed = setup.conditions.clone();
    spoofed.add(policy::ConditionKey::ExternalId, "known");
    let eve = eve();
    let rq = strongroom_iam::Requester { principal: &eve, conditions: &spoofed };
    assert!(denied(directory.assume_role(rq, wish(None)).await));
}

#[tokio::test]
async fn session_policies_narrow_and_never_widen() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (own, number) = (root.account().unwrap().clone(), root.number().unwrap().to_string());
    let (_, alice) = setup.user(&directory, "alice", Some(&allow("iam:ListUsers", "*"))).await;
    role(&setup, &directory, "lister", &format!("arn:aws:iam::{number}:user/alice"), &allow("iam:List*", "*")).await;

    let mut wish = request(&own, "lister");
    wish.policy = Some(allow("iam:ListUsers", "*"));
    let narrowed = directory.assume_role(setup.rq(&alice), wish).await.unwrap();
    let narrowed = bearer(&directory, &narrowed, setup.now()).unwrap();
    assert!(directory.list_users(setup.rq(&narrowed)).await.is_ok());
    assert!(denied(directory.list_groups(setup.rq(&narrowed)).await));
    let mut wish = request(&own, "lister");
    wish.policy = Some(allow("*", "*"));
    let wide = directory.assume_role(setup.rq(&alice), wish).await.unwrap();
    let wide = bearer(&directory, &wide, setup.now()).unwrap();
    assert!(denied(directory.get_user(setup.rq(&wide), Some(by("alice"))).await), "the role does not allow it");

    // A managed session policy is followed as it is when the session asks.
    let path = EntityPath::default();
    let text = allow("iam:ListUsers", "*");
    let managed = directory.create_policy(setup.rq(&root), name("m"), path, String::new(), &text).await.unwrap();
    let mut wish = request(&own, "lister");
    wish.managed = vec![managed.reference];
    let issued = directory.assume_role(setup.rq(&alice), wish).await.unwrap();
    let session = || bearer(&directory, &issued, setup.now()).unwrap();
    assert!(directory.list_users(setup.rq(&session())).await.is_ok());
    directory
        .create_policy_version(setup.rq(&root), managed.reference, &allow("iam:ListGroups", "*"), true)
        .await
        .unwrap();
    assert!(denied(directory.list_users(setup.rq(&session())).await));
    directory.delete_policy(setup.rq(&root), managed.reference, true).await.unwrap();
    assert!(denied(directory.list_groups(setup.rq(&session())).await), "one that is gone denies");

    let mut wish = request(&own, "lister");
    wish.policy = Some("{}".to_owned());
    assert!(matches!(directory.assume_role(setup.rq(&alice), wish).await, Err(IamError::MalformedPolicy(_))));
    let mut wish = request(&own, "lister");
    wish.policy = Some(format!("{}{}", allow("*", "*"), " ".repeat(10 * 1024)));
    assert!(matches!(directory.assume_role(setup.rq(&alice), wish).await, Err(IamError::LimitExceeded(_))));
    let mut wish = request(&own, "lister");
    wish.managed = vec![PolicyRef::Managed(model::PolicyUid::from_bytes([9; 16]))];
    assert!(matches!(directory.assume_role(setup.rq(&alice), wish).await, Err(IamError::NoSuchEntity(..))));
}

#[tokio::test]
async fn sessions_of_roles_assume_others_for_an_hour_at_most() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let own = root.account().unwrap().clone();
    role(&setup, &directory, "first", root.number().unwrap().as_str(), &allow("sts:AssumeRole", "*")).await;
    role(&setup, &directory, "second", root.number().unwrap().as_str(), &allow("s3:*", "*")).await;
    let (_, alice) = setup.user(&directory, "alice", Some(&allow("sts:AssumeRole", "*"))).await;
    let first = directory.assume_role(setup.rq(&alice), request(&own, "first")).await.unwrap();
    let first = Principal::Caller(first.caller);
    for (seconds, fits) in [(3600, true), (3601, false)] {
        let mut wish = request(&own, "second");
        wish.seconds = Some(seconds);
        assert_eq!(directory.assume_role(setup.rq(&first), wish).await.is_ok(), fits, "{seconds}");
    }
}

#[tokio::test]
async fn sessions_end_with_their_identity_and_when_revoked() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let own = root.account().unwrap().clone();
    role(&setup, &directory, "worker", root.number().unwrap().as_str(), &allow("s3:*", "*")).await;
    setup.user(&directory, "alice", Some(&allow("sts:AssumeRole", "*"))).await;
    let alice = || setup.signed(&directory, "key-of-alice");
    let valid = |issued: &Issued| bearer(&directory, issued, setup.now()).is_ok();
    let both = || async {
        let own_session = directory.session_token(setup.rq(&alice()), SessionRequest::default()).await.unwrap();
        let role_session = directory.assume_role(setup.rq(&alice()), request(&own, "worker")).await.unwrap();
        assert!(valid(&own_session) && valid(&role_session));
        (own_session, role_session)
    };

    let (session, assumed) = both().await;
    directory.revoke_sessions(setup.rq(&root), Entity::User(by("alice"))).await.unwrap();
    assert!(!valid(&session) && !valid(&assumed), "also of roles that the user assumed");
    assert!(bearer(&setup.open(None).await.unwrap(), &session, setup.now()).is_err(), "after a restart too");

    let (session, assumed) = both().await;
    directory.revoke_sessions(setup.rq(&root), Entity::Role(by("worker"))).await.unwrap();
    assert!(valid(&session) && !valid(&assumed));

    let (session, assumed) = both().await;
    let disable = UserChange { enabled: Some(false), ..Default::default() };
    directory.update_user(setup.rq(&root), by("alice"), disable).await.unwrap();
    assert!(!valid(&session) && !valid(&assumed));
    let enable = UserChange { enabled: Some(true), ..Default::default() };
    directory.update_user(setup.rq(&root), by("alice"), enable).await.unwrap();
    assert!(!valid(&session), "what has ended does not come back");

    let (session, assumed) = both().await;
    directory.delete_role(setup.rq(&root), by("worker"), true).await.unwrap();
    assert!(valid(&session) && !valid(&assumed));
    directory.delete_user(setup.rq(&root), by("alice"), true).await.unwrap();
    assert!(!valid(&session));
    directory.create_user(setup.rq(&root), new_user("alice")).await.unwrap();
    assert!(!valid(&session), "another alice is not the one it was issued to");
}

#[tokio::test]
async fn given_root_credentials_end_sessions_of_the_former_ones() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let issued = directory.session_token(setup.rq(&directory.root()), SessionRequest::default()).await.unwrap();
    let same = setup.directory().await;
    assert!(bearer(&same, &issued, setup.now()).is_ok(), "the same credentials change nothing");
    let other = setup.open(Some(("operator", "another-secret"))).await.unwrap();
    assert!(bearer(&other, &issued, setup.now()).is_err());
}

#[tokio::test]
async fn the_token_key_is_turned_and_former_tokens_live_out_their_time() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let issue = || directory.session_token(setup.rq(&root), SessionRequest::default());
    let before = issue().await.unwrap();
    directory.rotate_token_key(setup.rq(&root)).await.unwrap();
    let after = issue().await.unwrap();
    let fresh = setup.open(None).await.unwrap();
    assert!(bearer(&fresh, &before, setup.now()).is_ok() && bearer(&fresh, &after, setup.now()).is_ok());
    setup.tokens.prune();
    let fresh = setup.open(None).await.unwrap();
    assert!(bearer(&fresh, &before, setup.now()).is_err() && bearer(&fresh, &after, setup.now()).is_ok());
    let (_, other) = setup.account(&directory, "acme").await;
    assert!(denied(directory.rotate_token_key(setup.rq(&other)).await), "the operator's alone");
}

#[tokio::test]
async fn temporary_credentials_get_no_others_and_hand_on_no_more_time_than_they_have() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    for (seconds, fits) in [(899, false), (900, true), (129_600, true), (129_601, false)] {
        let wish = SessionRequest { seconds: Some(seconds), ..Default::default() };
        assert_eq!(directory.session_token(setup.rq(&root), wish).await.is_ok(), fits, "{seconds}");
    }
    let short = SessionRequest { seconds: Some(900), ..Default::default() };
    let issued = directory.session_token(setup.rq(&root), short).await.unwrap();
    let session = bearer(&directory, &issued, setup.now()).unwrap();
    assert!(denied(directory.session_token(setup.rq(&session), SessionRequest::default()).await));
    let by_token = SessionRequest { by_token: true, ..Default::default() };
    let handed = directory.session_token(setup.rq(&session), by_token).await.unwrap();
    assert_eq!(handed.expires, issued.expires);
    assert!(denied(directory.session_token(setup.rq(&Principal::Anonymous), SessionRequest::default()).await));
    let deny =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"sts:GetSessionToken","Resource":"*"}]}"#;
    let (_, barred) = setup.user(&directory, "barred", Some(deny)).await;
    assert!(denied(directory.session_token(setup.rq(&barred), SessionRequest::default()).await));
    let (_, plain) = setup.user(&directory, "plain", None).await;
    assert!(directory.session_token(setup.rq(&plain), SessionRequest::default()).await.is_ok(), "needs no permission");
}

#[tokio::test]
async fn what_a_session_hands_on_ends_with_everybody_on_the_way() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (own, number) = (root.account().unwrap().clone(), root.number().unwrap().to_string());
    for called in ["first", "second", "third"] {
        role(&setup, &directory, called, &number, &allow("sts:*", "*")).await;
    }
    let (_, alice) = setup.user(&directory, "alice", Some(&allow("sts:AssumeRole", "*"))).await;
    let by_token = || SessionRequest { by_token: true, ..Default::default() };
    for end in ["first", "second", "alice"] {
        let mut wish = request(&own, "first");
        wish.seconds = Some(1800);
        let first = Principal::Caller(directory.assume_role(setup.rq(&alice), wish).await.unwrap().caller);
        setup.clock.advance_millis(60_000);
        let second =
            Principal::Caller(directory.assume_role(setup.rq(&first), request(&own, "second")).await.unwrap().caller);
        let third = directory.assume_role(setup.rq(&second), request(&own, "third")).await.unwrap();
        let (text, told) =
            directory.exchange_token(setup.rq(&Principal::Caller(third.caller.clone())), None, "token").await.unwrap();
        let again = directory.session_token(setup.rq(&told.principal), by_token()).await.unwrap();
        let began = first.caller().unwrap().session.as_ref().unwrap();
        for caller in [&third.caller, told.principal.caller().unwrap(), &again.caller] {
            let session = caller.session.as_ref().unwrap();
            assert_eq!((session.issued, session.expires), (began.issued, began.expires), "neither younger nor longer");
        }
        let valid = || {
            let token = directory.identity_token(&text, setup.now()).is_ok();
            [bearer(&directory, &third, setup.now()).is_ok(), token, bearer(&directory, &again, setup.now()).is_ok()]
        };
        assert_eq!(valid(), [true; 3]);
        let entity = if end == "alice" { Entity::User(by(end)) } else { Entity::Role(by(end)) };
        directory.revoke_sessions(setup.rq(&root), entity).await.unwrap();
        assert_eq!(valid(), [false; 3], "{end}");
        let stale = directory.exchange_token(setup.rq(&told.principal), None, "token").await;
        assert_eq!(stale.err(), Some(IamError::Unauthorized), "{end}: a snapshot from before makes nothing new");
    }
}

#[tokio::test]
async fn roles_are_assumed_out_of_one_another_eight_deep() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let own = root.account().unwrap().clone();
    role(&setup, &directory, "again", root.number().unwrap().as_str(), &allow("sts:AssumeRole", "*")).await;
    let (_, mut caller) = setup.user(&directory, "alice", Some(&allow("sts:AssumeRole", "*"))).await;
    for _ in 0..8 {
        caller =
            Principal::Caller(directory.assume_role(setup.rq(&caller), request(&own, "again")).await.unwrap().caller);
    }
    let deeper = directory.assume_role(setup.rq(&caller), request(&own, "again")).await;
    assert!(matches!(deeper, Err(IamError::LimitExceeded(_))));
}

#[tokio::test]
async fn a_narrowed_session_assumes_no_role() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let own = root.account().unwrap().clone();
    role(&setup, &directory, "wide", root.number().unwrap().as_str(), &allow("*", "*")).await;
    let (_, alice) = setup.user(&directory, "alice", Some(&allow("sts:AssumeRole", "*"))).await;
    let wish = SessionRequest { policy: Some(allow("sts:AssumeRole", "*")), ..Default::default() };
    let narrowed = directory.session_token(setup.rq(&alice), wish).await.unwrap();
    let narrowed = Principal::Caller(narrowed.caller);
    assert!(denied(directory.assume_role(setup.rq(&narrowed), request(&own, "wide")).await));
    assert!(denied(directory.role_token(setup.rq(&narrowed), request(&own, "wide"), None).await));
    let plain = directory.session_token(setup.rq(&alice), SessionRequest::default()).await.unwrap();
    let plain = Principal::Caller(plain.caller);
    assert!(directory.assume_role(setup.rq(&plain), request(&own, "wide")).await.is_ok());
}

#[tokio::test]
async fn a_revoked_identity_token_takes_along_what_came_of_it() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let own = root.account().unwrap().clone();
    role(&setup, &directory, "worker", root.number().unwrap().as_str(), &allow("s3:*", "*")).await;
    let (_, alice) = setup.user(&directory, "alice", Some(&allow("sts:AssumeRole", "*"))).await;
    let by_token = || SessionRequest { by_token: true, ..Default::default() };
    for revoked in 0..3 {
        let (one, told) = directory.exchange_token(setup.rq(&alice), None, "hw_ak_sk").await.unwrap();
        let (two, _) = directory.exchange_token(setup.rq(&told.principal), None, "token").await.unwrap();
        let (three, _) = directory.role_token(setup.rq(&told.principal), request(&own, "worker"), None).await.unwrap();
        let key = directory.session_token(setup.rq(&told.principal), by_token()).await.unwrap();
        let (other, _) = directory.exchange_token(setup.rq(&alice), None, "hw_ak_sk").await.unwrap();
        directory.revoke_identity_token(setup.rq(&root), [&one, &two, &three][revoked]).await.unwrap();
        let again = setup.open(None).await.unwrap();
        for directory in [&directory, &again] {
            for token in [&one, &two, &three] {
                assert!(directory.identity_token(token, setup.now()).is_err(), "{revoked}");
            }
            assert!(bearer(directory, &key, setup.now()).is_err(), "{revoked}: temporary keys too");
            assert!(directory.identity_token(&other, setup.now()).is_ok(), "{revoked}: another family");
        }
    }
}
