//! Users, groups, roles and projects: their lives, their names, what keeps them.

use crate::setup::{Setup, absent, allow, by, denied, name, new_user};
use model::EntityPath;
use store::Table;
use strongroom_iam::{Entity, IamError, Named, NewRole, RoleChange, Trust, UserChange, user_from_aws_id};

const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

fn role(called: &str) -> NewRole {
    NewRole {
        name: name(called),
        path: EntityPath::default(),
        description: String::new(),
        trust: Trust::Document(TRUST.to_owned()),
        session_seconds_max: 3600,
        boundary: None,
    }
}

#[tokio::test]
async fn a_user_lives_and_is_as_it_was_after_a_restart() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let mut new = new_user("Alice");
    new.path = EntityPath::parse("/dev/").unwrap();
    new.description = "first".to_owned();
    let user = directory.create_user(setup.rq(&root), new).await.unwrap();
    assert_eq!(user.arn(root.number().unwrap()), format!("arn:aws:iam::{}:user/dev/Alice", root.number().unwrap()));
    assert_eq!(user_from_aws_id(&user.aws_id()), Some(user.uid));
    // Found by name without regard to case, and by uid.
    assert_eq!(directory.get_user(setup.rq(&root), Some(by("alice"))).await.unwrap().uid, user.uid);
    assert!(directory.get_user(setup.rq(&root), Some(Named::Uid(user.uid))).await.is_ok());

    let change = UserChange { name: Some(name("Bob")), description: Some("second".to_owned()), ..Default::default() };
    directory.update_user(setup.rq(&root), by("alice"), change).await.unwrap();
    assert!(absent(directory.get_user(setup.rq(&root), Some(by("alice"))).await));
    let again = setup.open(None).await.unwrap();
    let read = again.get_user(setup.rq(&root), Some(by("bob"))).await.unwrap();
    assert_eq!((read.uid, read.path.as_str(), read.description.as_str()), (user.uid, "/dev/", "second"));

    again.delete_user(setup.rq(&root), by("bob"), false).await.unwrap();
    assert!(absent(again.get_user(setup.rq(&root), Some(by("bob"))).await));
    assert!(setup.rows(Table::Users).is_empty());
    let new = again.create_user(setup.rq(&root), new_user("Bob")).await.unwrap();
    assert_ne!(new.uid, user.uid, "another life");
}

#[tokio::test]
async fn of_two_that_create_one_name_one_wins() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let create = |called| directory.create_user(setup.rq(&root), new_user(called));
    let results = tokio::join!(create("alice"), create("Alice"), create("ALICE"), create("alice"));
    let results = [results.0, results.1, results.2, results.3];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|r| r.as_ref().err()).all(|e| matches!(e, IamError::AlreadyExists("user", _))));
    assert_eq!(setup.rows(Table::Users).len(), 1);
}

#[tokio::test]
async fn a_change_runs_to_its_end_though_nobody_waits() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    {
        // Asked once, then dropped, as with a client that goes away.
        let create = directory.create_user(setup.rq(&root), new_user("alice"));
        let mut create = Box::pin(create);
        let waker = std::task::Waker::noop();
        let _ = create.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    // The next change waits for its turn behind the abandoned one.
    let second = directory.create_user(setup.rq(&root), new_user("alice")).await;
    assert!(matches!(second, Err(IamError::AlreadyExists(..))), "{second:?}");
}

#[tokio::test]
async fn groups_give_their_members_policies_and_hold_on_to_them() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let (_, alice) = setup.user(&directory, "alice", None).await;
    directory.create_group(rq(), name("readers"), EntityPath::default(), String::new()).await.unwrap();
    directory
        .put_inline_policy(rq(), Entity::Group(by("readers")), name("list"), &allow("iam:ListUsers", "*"))
        .await
        .unwrap();
    assert!(denied(directory.list_users(setup.rq(&alice)).await));
    directory.add_user_to_group(rq(), by("readers"), by("alice")).await.unwrap();
    directory.add_user_to_group(rq(), by("readers"), by("alice")).await.unwrap();
    let alice = setup.signed(&directory, "key-of-alice");
    assert!(directory.list_users(setup.rq(&alice)).await.is_ok());
    let (_, members) = directory.get_group(rq(), by("readers")).await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(directory.groups_of_user(rq(), by("alice")).await.unwrap()[0].name.as_str(), "readers");

    assert_eq!(directory.delete_group(rq(), by("readers"), false).await, Err(IamError::DeleteConflict("users")));
    assert_eq!(directory.delete_user(rq(), by("alice"), false).await, Err(IamError::DeleteConflict("access keys")));
    directory.remove_user_from_group(rq(), by("readers"), by("alice")).await.unwrap();
    assert!(absent(directory.remove_user_from_group(rq(), by("readers"), by("alice")).await));
    let alice = setup.signed(&directory, "key-of-alice");
    assert!(denied(directory.list_users(setup.rq(&alice)).await), "counts from the next request");
    assert_eq!(
        directory.delete_group(rq(), by("readers"), false).await,
        Err(IamError::DeleteConflict("inline policies"))
    );
    directory.add_user_to_group(rq(), by("readers"), by("alice")).await.unwrap();
    directory.delete_group(rq(), by("readers"), true).await.unwrap();
    assert!(directory.groups_of_user(rq(), by("alice")).await.unwrap().is_empty());
    assert!(setup.open(None).await.is_ok(), "no membership of a group that is gone is left behind");
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    directory.create_user(setup.rq(&root), new_user("alice")).await.unwrap();
    for i in 0..11 {
        let group = format!("g{i}");
        directory.create_group(setup.rq(&root), name(&group), EntityPath::default(), String::new()).await.unwrap();
        let added = directory.add_user_to_group(setup.rq(&root), by(&group), by("alice")).await;
        assert_eq!(added.is_ok(), i < 10, "{i}: {added:?}");
    }
}

#[tokio::test]
async fn roles_live_and_check_their_bounds() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let made = directory.create_role(rq(), role("build")).await.unwrap();
    assert!(made.trust.is_readable() && made.trust_account.is_none());
    assert!(matches!(directory.create_role(rq(), role("BUILD")).await, Err(IamError::AlreadyExists("role", _))));
    for (seconds, fits) in [(3599, false), (3600, true), (43_200, true), (43_201, false)] {
        let change = RoleChange { session_seconds_max: Some(seconds), ..Default::default() };
        assert_eq!(directory.update_role(rq(), by("build"), change).await.is_ok(), fits, "{seconds}");
    }
    let mut wrong = role("wrong");
    wrong.trust = Trust::Document("{}".to_owned());
    assert!(matches!(directory.create_role(rq(), wrong).await, Err(IamError::MalformedPolicy(_))));

    let (account, _) = setup.account(&directory, "acme").await;
    let mut agency = role("agency");
    agency.trust = Trust::Account(account.clone());
    let agency = directory.create_role(rq(), agency).await.unwrap();
    assert_eq!(agency.trust_account, Some(account));
    let again = setup.open(None).await.unwrap();
    let read = again.get_role(rq(), by("agency")).await.unwrap();
    assert_eq!((read.uid, read.trust.text()), (agency.uid, agency.trust.text()));
    again.put_inline_policy(rq(), Entity::Role(by("agency")), name("p"), &allow("s3:*", "*")).await.unwrap();
    assert_eq!(again.delete_role(rq(), by("agency"), false).await, Err(IamError::DeleteConflict("inline policies")));
    again.delete_role(rq(), by("agency"), true).await.unwrap();
    assert!(absent(again.get_role(rq(), by("agency")).await));
}

#[tokio::test]
async fn projects_live_and_the_default_one_stays() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let made = directory.create_project(rq(), "local-1_dev".to_owned(), "words".to_owned()).await.unwrap();
    assert!(directory.create_project(rq(), "LOCAL-1_dev".to_owned(), String::new()).await.is_err());
    assert!(directory.create_project(rq(), "no good".to_owned(), String::new()).await.is_err());
    let (_, plain) = setup.user(&directory, "plain", None).await;
    let listed = directory.list_projects(setup.rq(&plain)).await.unwrap();
    assert_eq!(listed.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["local-1", "local-1_dev"]);
    assert!(denied(directory.update_project(setup.rq(&plain), made.uid, None, None, Some(false)).await));
    let changed = directory.update_project(rq(), made.uid, None, None, Some(false)).await.unwrap();
    assert!(!changed.enabled);
    assert!(matches!(
        directory.delete_project(rq(), listed[0].uid, |_, _| None).await,
        Err(IamError::InvalidInput(..))
    ));
    let kept = directory.delete_project(rq(), made.uid, |_, _| Some("things")).await;
    assert!(matches!(kept, Err(IamError::DeleteConflict("things"))));
    assert_eq!(directory.list_projects(rq()).await.unwrap().len(), 2);
    directory.delete_project(rq(), made.uid, |_, _| None).await.unwrap();
    assert!(absent(directory.delete_project(rq(), made.uid, |_, _| None).await));
    assert!(matches!(
        directory.list_projects(setup.rq(&policy::Principal::Anonymous)).await,
        Err(IamError::AccessDenied { .. })
    ));
}
