//! Passwords and identity tokens.

use crate::setup::{Setup, absent, allow, by, denied, new_user};
use strongroom_iam::{CredentialError, Directory, Entity, IamError, PasswordLogin, UserChange};

const PASSWORD: &str = "correct horse battery";

async fn with_alice() -> (Setup, Directory) {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    directory.create_user(setup.rq(&root), new_user("alice")).await.unwrap();
    directory.set_password(setup.rq(&root), by("alice"), PASSWORD, true).await.unwrap();
    (setup, directory)
}

async fn log_in(directory: &Directory, user: &str, password: &str) -> Result<String, IamError> {
    let login = PasswordLogin { account: Some("root"), user, password };
    directory.password_token(login, None).await.map(|(token, _)| token)
}

#[tokio::test]
async fn a_password_gives_a_token_for_a_day() {
    let (setup, directory) = with_alice().await;
    let root = directory.root();
    let token = log_in(&directory, "alice", PASSWORD).await.unwrap();
    let told = directory.identity_token(&token, setup.now()).unwrap();
    let user = directory.get_user(setup.rq(&root), Some(by("alice"))).await.unwrap();
    assert!(told.principal.urn().ends_with(&user.uid.to_hex()) && told.methods == ["password"]);
    assert_eq!((told.issued, told.expires), (setup.now(), setup.now().plus_millis(86_400_000)));
    assert_eq!(directory.identity_token(&token, told.expires).unwrap_err(), CredentialError::TokenExpired);
    // By the account's id, and by the user's id alone.
    let account = root.account().unwrap().as_str();
    let uid = user.uid.to_hex();
    for login in [
        PasswordLogin { account: Some(account), user: "ALICE", password: PASSWORD },
        PasswordLogin { account: None, user: &uid, password: PASSWORD },
    ] {
        assert!(directory.password_token(login, None).await.is_ok());
    }
    let project = directory.list_projects(setup.rq(&root)).await.unwrap()[0].uid;
    let login = || PasswordLogin { account: Some("root"), user: "alice", password: PASSWORD };
    assert_eq!(directory.password_token(login(), Some(project)).await.unwrap().1.project, Some(project));
    let other = model::ProjectUid::from_bytes([1; 16]);
    assert!(absent(directory.password_token(login(), Some(other)).await));
    assert!(setup.open(None).await.unwrap().identity_token(&token, setup.now()).is_ok(), "after a restart too");
}

#[tokio::test]
async fn whatever_is_wrong_looks_alike_and_costs_the_same() {
    let (setup, directory) = with_alice().await;
    let root = directory.root();
    directory.create_user(setup.rq(&root), new_user("bob")).await.unwrap();
    let attempts = [
        ("alice", "wrong password"),
        ("alice", ""),
        ("bob", PASSWORD),
        ("nobody", PASSWORD),
        ("no/name", PASSWORD),
        ("", PASSWORD),
    ];
    for (user, password) in attempts {
        let before = *setup.hasher.computed.lock().unwrap();
        assert_eq!(log_in(&directory, user, password).await, Err(IamError::Unauthorized), "{user}");
        assert_eq!(*setup.hasher.computed.lock().unwrap(), before + 1, "{user}: one hash each time");
    }
    let login = PasswordLogin { account: Some("nowhere"), user: "alice", password: PASSWORD };
    assert_eq!(directory.password_token(login, None).await.unwrap_err(), IamError::Unauthorized);
    let disable = UserChange { enabled: Some(false), ..Default::default() };
    directory.update_user(setup.rq(&root), by("alice"), disable).await.unwrap();
    assert_eq!(log_in(&directory, "alice", PASSWORD).await, Err(IamError::Unauthorized));
}

#[tokio::test]
async fn five_failures_lock_for_a_quarter_of_an_hour() {
    let (setup, directory) = with_alice().await;
    for _ in 0..4 {
        assert!(log_in(&directory, "alice", "wrong password").await.is_err());
    }
    assert!(log_in(&directory, "alice", PASSWORD).await.is_ok(), "a success forgets failures");
    for _ in 0..5 {
        assert!(log_in(&directory, "alice", "wrong password").await.is_err());
    }
    assert_eq!(log_in(&directory, "alice", PASSWORD).await, Err(IamError::Unauthorized));
    setup.clock.advance_millis(15 * 60 * 1000 - 1);
    assert!(log_in(&directory, "alice", PASSWORD).await.is_err());
    setup.clock.advance_millis(1);
    assert!(log_in(&directory, "alice", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn tokens_end_with_the_password_the_user_and_by_being_revoked() {
    let (setup, directory) = with_alice().await;
    let root = directory.root();
    let valid = |token: &str| directory.identity_token(token, setup.now()).is_ok();
    let token = || async {
        let token = log_in(&directory, "alice", PASSWORD).await.unwrap();
        assert!(valid(&token));
        token
    };
    let first = token().await;
    directory.set_password(setup.rq(&root), by("alice"), "another password", false).await.unwrap();
    assert!(!valid(&first), "a new password");
    assert!(log_in(&directory, "alice", PASSWORD).await.is_err());
    directory.set_password(setup.rq(&root), by("alice"), PASSWORD, false).await.unwrap();

    let (kept, revoked) = (token().await, token().await);
    let bearer = directory.identity_token(&revoked, setup.now()).unwrap().principal;
    directory.revoke_identity_token(setup.rq(&bearer), &revoked).await.unwrap();
    assert!(valid(&kept) && !valid(&revoked), "one token");
    assert!(setup.open(None).await.unwrap().identity_token(&revoked, setup.now()).is_err(), "after a restart too");
    assert!(absent(directory.revoke_identity_token(setup.rq(&bearer), &revoked).await));
    let (_, plain) = setup.user(&directory, "plain", None).await;
    assert!(denied(directory.revoke_identity_token(setup.rq(&plain), &kept).await), "not everybody's");
    let (_, other) = setup.account(&directory, "acme").await;
    assert!(absent(directory.revoke_identity_token(setup.rq(&other), &kept).await), "not another account's");
    directory.revoke_identity_token(setup.rq(&root), &kept).await.unwrap();
    assert!(!valid(&kept));

    let third = token().await;
    directory.revoke_sessions(setup.rq(&root), Entity::User(by("alice"))).await.unwrap();
    assert!(!valid(&third));
    let fourth = token().await;
    directory.delete_password(setup.rq(&root), by("alice")).await.unwrap();
    assert!(!valid(&fourth));
    assert!(absent(directory.delete_password(setup.rq(&root), by("alice")).await));
    assert_eq!(
        directory.delete_user(setup.rq(&root), by("alice"), false).await,
        Ok(()),
        "nothing of the password is left"
    );
}

#[tokio::test]
async fn revocations_go_when_their_tokens_would_have_ended_and_are_bounded() {
    let (setup, directory) = with_alice().await;
    let revoke = || async {
        let token = log_in(&directory, "alice", PASSWORD).await.unwrap();
        let bearer = directory.identity_token(&token, setup.now()).unwrap().principal;
        directory.revoke_identity_token(setup.rq(&bearer), &token).await
    };
    for _ in 0..256 {
        revoke().await.unwrap();
    }
    assert_eq!(revoke().await, Err(IamError::LimitExceeded("revoked tokens")));
    setup.clock.advance_millis(86_400_000);
    revoke().await.unwrap();
    assert_eq!(setup.rows(store::Table::IamTokens).len(), 1);
}

#[tokio::test]
async fn passwords_have_bounds_and_are_set_and_changed_apart() {
    let (setup, directory) = with_alice().await;
    let root = directory.root();
    directory.create_user(setup.rq(&root), new_user("bob")).await.unwrap();
    let set = |user, password: &'static str, create| {
        let (setup, directory, root) = (&setup, &directory, &root);
        async move { directory.set_password(setup.rq(root), by(user), password, create).await }
    };
    assert!(matches!(set("bob", "7 chars", true).await, Err(IamError::InvalidInput(..))));
    assert!(absent(set("bob", "long enough", false).await));
    assert!(set("bob", "8 chars!", true).await.is_ok());
    assert!(matches!(set("bob", "long enough", true).await, Err(IamError::AlreadyExists(..))));
    assert!(absent(set("nobody", "long enough", true).await));
    assert_eq!(
        directory.delete_user(setup.rq(&root), by("bob"), false).await,
        Err(IamError::DeleteConflict("a login profile"))
    );
    let (_, lead) = setup.user(&directory, "lead", Some(&allow("iam:CreateLoginProfile", "*"))).await;
    assert!(denied(directory.set_password(setup.rq(&lead), by("bob"), "long enough", false).await));
}
