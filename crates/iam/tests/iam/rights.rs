//! Every operation is refused without its right, and the refusal tells nothing of what exists.

use crate::setup::{Setup, allow, by, denied, id, name, new_user};
use model::{EntityPath, ProjectUid};
use policy::Principal;
use strongroom_iam::{AssumeRole, Entity, NewRole, PolicyRef, RoleChange, SessionRequest, Trust, UserChange};

const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

/// Whether each operation on entities of this name is refused, by its own name.
async fn refusals(setup: &Setup, d: &strongroom_iam::Directory, who: &Principal, n: &str) -> Vec<(&'static str, bool)> {
    let rq = || setup.rq(who);
    let policy = PolicyRef::BuiltIn("ReadOnlyAccess");
    let role = || NewRole {
        name: name(n),
        path: EntityPath::default(),
        description: String::new(),
        trust: Trust::Document(TRUST.to_owned()),
        session_seconds_max: 3600,
        boundary: None,
    };
    let user = || Entity::User(by(n));
    let text = allow("s3:*", "*");
    let key = id(&format!("key-of-{n}"));
    let path = EntityPath::default;
    let mut all = vec![
        ("create_user", denied(d.create_user(rq(), new_user(n)).await)),
        ("get_user", denied(d.get_user(rq(), Some(by(n))).await)),
        ("list_users", denied(d.list_users(rq()).await)),
        ("update_user", denied(d.update_user(rq(), by(n), UserChange::default()).await)),
        ("delete_user", denied(d.delete_user(rq(), by(n), true).await)),
        ("set_password", denied(d.set_password(rq(), by(n), "long enough", true).await)),
        ("change_password", denied(d.set_password(rq(), by(n), "long enough", false).await)),
        ("delete_password", denied(d.delete_password(rq(), by(n)).await)),
        ("create_access_key", denied(d.create_access_key(rq(), Some(by(n)), String::new(), None).await)),
        ("list_access_keys", denied(d.list_access_keys(rq(), Some(by(n))).await)),
        ("update_access_key", denied(d.update_access_key(rq(), &key, Some(true), None).await)),
        ("delete_access_key", denied(d.delete_access_key(rq(), &key).await)),
        ("access_key_last_used", denied(d.access_key_last_used(rq(), &key).await)),
        ("create_group", denied(d.create_group(rq(), name(n), path(), String::new()).await)),
        ("get_group", denied(d.get_group(rq(), by(n)).await)),
        ("list_groups", denied(d.list_groups(rq()).await)),
        ("update_group", denied(d.update_group(rq(), by(n), None, None, None).await)),
        ("delete_group", denied(d.delete_group(rq(), by(n), true).await)),
        ("add_user_to_group", denied(d.add_user_to_group(rq(), by(n), by(n)).await)),
        ("remove_user_from_group", denied(d.remove_user_from_group(rq(), by(n), by(n)).await)),
        ("groups_of_user", denied(d.groups_of_user(rq(), by(n)).await)),
        ("create_role", denied(d.create_role(rq(), role()).await)),
        ("get_role", denied(d.get_role(rq(), by(n)).await)),
        ("list_roles", denied(d.list_roles(rq()).await)),
        ("update_role", denied(d.update_role(rq(), by(n), RoleChange::default()).await)),
        ("delete_role", denied(d.delete_role(rq(), by(n), true).await)),
        ("create_policy", denied(d.create_policy(rq(), name(n), path(), String::new(), &text).await)),
        ("get_policy", denied(d.get_policy(rq(), policy).await)),
        ("list_policies", denied(d.list_policies(rq()).await)),
        ("update_policy", denied(d.update_policy(rq(), policy, None, None, None).await)),
        ("delete_policy", denied(d.delete_policy(rq(), policy, true).await)),
        ("create_policy_version", denied(d.create_policy_version(rq(), policy, &text, true).await)),
        ("delete_policy_version", denied(d.delete_policy_version(rq(), policy, 1).await)),
        ("set_default_policy_version", denied(d.set_default_policy_version(rq(), policy, 1).await)),
        ("entities_for_policy", denied(d.entities_for_policy(rq(), policy).await)),
        ("revoke_sessions", denied(d.revoke_sessions(rq(), user()).await)),
        ("create_project", denied(d.create_project(rq(), "p".to_owned(), String::new()).await)),
        (
            "update_project",
            denied(d.update_project(rq(), ProjectUid::from_bytes([1; 16]), None, None, None).await)
                || matches!(who, Principal::Caller(_)),
        ),
        ("rotate_token_key", denied(d.rotate_token_key(rq()).await)),
        ("principal_as", denied(d.principal_as(rq(), &format!("user/{n}")).await)),
        ("create_account", denied(d.create_account(rq(), name(n), None, None).await)),
        ("delete_account", denied(d.delete_account(rq(), n).await)),
    ];
    for (kind, entity) in [("user", user()), ("group", Entity::Group(by(n))), ("role", Entity::Role(by(n)))] {
        let to = || entity.clone();
        all.extend([
            (kind, denied(d.attach_policy(rq(), to(), policy).await)),
            (kind, denied(d.detach_policy(rq(), to(), policy).await)),
            (kind, denied(d.attached_policies(rq(), to()).await)),
            (kind, denied(d.put_inline_policy(rq(), to(), name("p"), &text).await)),
            (kind, denied(d.get_inline_policy(rq(), to(), name("p")).await)),
            (kind, denied(d.list_inline_policies(rq(), to()).await)),
            (kind, denied(d.delete_inline_policy(rq(), to(), name("p")).await)),
        ]);
        if kind != "group" {
            all.push((kind, denied(d.set_boundary(rq(), to(), Some(policy)).await)));
            all.push((kind, denied(d.set_boundary(rq(), to(), None).await)));
        }
    }
    all
}

#[tokio::test]
async fn without_a_right_everything_is_refused_whether_it_exists_or_not() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (_, plain) = setup.user(&directory, "plain", None).await;
    setup.user(&directory, "there", None).await;
    directory.create_group(setup.rq(&root), name("there"), EntityPath::default(), String::new()).await.unwrap();
    let denies = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":["iam:*","strongroom:*"],"Resource":"*"}]}"#;
    let (_, barred) = setup.user(&directory, "barred", Some(denies)).await;
    for who in [&plain, &barred, &Principal::Anonymous] {
        for called in ["there", "nowhere"] {
            for (operation, refused) in refusals(&setup, &directory, who, called).await {
                assert!(refused, "{operation} on {called} as {}", who.urn());
            }
        }
    }
    assert_eq!(directory.list_users(setup.rq(&root)).await.unwrap().len(), 3, "nothing was changed");
}

#[tokio::test]
async fn a_project_that_is_none_is_refused_alike() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (_, plain) = setup.user(&directory, "plain", None).await;
    let there = directory.list_projects(setup.rq(&plain)).await.unwrap()[0].uid;
    for project in [there, ProjectUid::from_bytes([1; 16])] {
        assert!(denied(directory.delete_project(setup.rq(&plain), project, |_, _| Some("things")).await));
    }
}

#[tokio::test]
async fn a_right_to_some_paths_is_no_right_to_others() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (_, lead) = setup.user(&directory, "lead", Some(&allow("iam:*", "arn:aws:iam::*:user/dev/*"))).await;
    let at = |called: &str, path: &str| {
        let mut user = new_user(called);
        user.path = EntityPath::parse(path).unwrap();
        user
    };
    directory.create_user(setup.rq(&lead), at("ann", "/dev/")).await.unwrap();
    assert!(denied(directory.create_user(setup.rq(&lead), at("ben", "/")).await));
    directory.create_user(setup.rq(&root), at("ben", "/ops/")).await.unwrap();
    assert!(directory.get_user(setup.rq(&lead), Some(by("ann"))).await.is_ok());
    for called in ["ben", "nobody"] {
        assert!(denied(directory.get_user(setup.rq(&lead), Some(by(called))).await), "{called}");
    }
    // Nor by moving somebody.
    let moved = UserChange { path: EntityPath::parse("/ops/"), ..Default::default() };
    assert!(denied(directory.update_user(setup.rq(&lead), by("ann"), moved).await));
}

#[tokio::test]
async fn a_narrowed_session_makes_and_widens_no_identity() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    setup.user(&directory, "there", None).await;
    let issued = directory
        .session_token(setup.rq(&root), SessionRequest { policy: Some(allow("*", "*")), ..Default::default() })
        .await
        .unwrap();
    let narrowed = Principal::Caller(issued.caller);
    // It may look, as its session policy says, and change nothing, whatever that says.
    assert!(directory.list_users(setup.rq(&narrowed)).await.is_ok());
    assert!(denied(directory.create_user(setup.rq(&narrowed), new_user("more")).await));
    assert!(denied(directory.create_access_key(setup.rq(&narrowed), None, String::new(), None).await));
    assert!(denied(directory.create_access_key(setup.rq(&narrowed), Some(by("there")), String::new(), None).await));
    let (to, text) = (Entity::User(by("there")), allow("*", "*"));
    assert!(denied(directory.put_inline_policy(setup.rq(&narrowed), to, name("p"), &text).await));
    assert!(denied(directory.set_password(setup.rq(&narrowed), by("there"), "long enough", true).await));
    assert!(denied(directory.create_account(setup.rq(&narrowed), name("more"), None, None).await));
    // Nor does it become a session that is not narrowed.
    assert!(denied(directory.session_token(setup.rq(&narrowed), SessionRequest::default()).await));
    let again = SessionRequest { by_token: true, ..Default::default() };
    let handed = directory.session_token(setup.rq(&narrowed), again).await.unwrap();
    assert!(handed.caller.is_narrowed(), "it hands on what it has");
    let (_, token) = directory.exchange_token(setup.rq(&narrowed), None, "token").await.unwrap();
    assert!(token.principal.caller().unwrap().is_narrowed());
}

#[tokio::test]
async fn principals_for_explanations_are_those_of_the_requesters_reach() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (_, alice) = setup.user(&directory, "alice", None).await;
    let (_, other) = setup.account(&directory, "acme").await;
    directory.create_user(setup.rq(&other), new_user("eve")).await.unwrap();
    let (own, acme) = (root.number().unwrap().to_string(), other.number().unwrap().to_string());
    let shown = |who: String| {
        let (setup, directory, root) = (&setup, &directory, &root);
        async move { directory.principal_as(setup.rq(root), &who).await.unwrap().urn() }
    };
    assert_eq!(shown("user/alice".to_owned()).await, alice.urn());
    assert_eq!(shown(format!("arn:aws:iam::{own}:user/alice")).await, alice.urn());
    assert_eq!(shown(format!("arn:aws:iam::{acme}:root")).await, other.urn());
    assert_eq!(shown("anonymous".to_owned()).await, "anonymous");
    assert!(directory.principal_as(setup.rq(&root), "user/nobody").await.is_err());
    assert!(directory.principal_as(setup.rq(&root), "nonsense").await.is_err());
    assert!(denied(directory.principal_as(setup.rq(&other), &format!("arn:aws:iam::{own}:user/alice")).await));
    assert!(denied(directory.principal_as(setup.rq(&other), "arn:aws:iam::000000000000:user/alice").await));
    assert!(denied(directory.principal_as(setup.rq(&alice), &format!("arn:aws:iam::{acme}:user/eve")).await));
}

#[tokio::test]
async fn a_role_that_is_none_is_refused_as_one_that_does_not_trust() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (account, other) = setup.account(&directory, "acme").await;
    let own = directory.root().account().unwrap().clone();
    let assume = |account: &model::AccountId| AssumeRole {
        account: account.clone(),
        role: name("nowhere"),
        session_name: "test".to_owned(),
        seconds: None,
        policy: None,
        managed: Vec::new(),
        external_id: None,
    };
    let nowhere = model::AccountId::parse(&"f".repeat(32)).unwrap();
    for target in [&account, &own, &nowhere] {
        assert!(denied(directory.assume_role(setup.rq(&other), assume(target)).await));
    }
}

#[tokio::test]
async fn a_refusal_shows_what_was_asked_for_and_not_what_was_found() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (_, plain) = setup.user(&directory, "plain", None).await;
    let mut user = new_user("alice");
    user.path = EntityPath::parse("/secret/").unwrap();
    let uid = directory.create_user(setup.rq(&root), user).await.unwrap().uid;
    let given = strongroom_iam::SecretAccessKey::parse("alice-secret").unwrap();
    let given = Some((id("ALICEKEY"), given));
    directory.create_access_key(setup.rq(&root), Some(by("alice")), String::new(), given).await.unwrap();
    let text = allow("s3:*", "*");
    let path = EntityPath::parse("/secret/").unwrap();
    let policy = directory.create_policy(setup.rq(&root), name("hidden"), path, String::new(), &text).await.unwrap();
    let shown = |error: strongroom_iam::IamError| match error {
        strongroom_iam::IamError::AccessDenied { resource, .. } => resource,
        other => panic!("{other}"),
    };
    let number = root.number().unwrap().to_string();
    let rq = || setup.rq(&plain);
    let named = |named| async { shown(directory.get_user(rq(), Some(named)).await.unwrap_err()) };
    assert_eq!(named(by("Alice")).await, format!("arn:aws:iam::{number}:user/Alice"));
    assert_eq!(named(by("nobody")).await, format!("arn:aws:iam::{number}:user/nobody"));
    let by_uid = named(strongroom_iam::Named::Uid(uid)).await;
    assert_eq!(by_uid, format!("arn:aws:iam::{number}:user/{}", uid.to_hex()));
    for key in ["ALICEKEY", "operator", "NOBODYS"] {
        assert_eq!(shown(directory.delete_access_key(rq(), &id(key)).await.unwrap_err()), "*", "{key}");
    }
    assert_eq!(shown(directory.get_policy(rq(), policy.reference).await.unwrap_err()), "*");
}
