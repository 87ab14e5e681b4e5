//! Managed policies and their versions, attachments, boundaries.

use crate::setup::{Setup, absent, allow, by, denied, name, new_user};
use model::EntityPath;
use strongroom_iam::{Entity, IamError, PolicyRef};

async fn managed(setup: &Setup, directory: &strongroom_iam::Directory, called: &str, text: &str) -> PolicyRef {
    let root = directory.root();
    let path = EntityPath::parse("/team/").unwrap();
    directory.create_policy(setup.rq(&root), name(called), path, String::new(), text).await.unwrap().reference
}

#[tokio::test]
async fn what_is_attached_counts_and_a_new_default_counts_at_once() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let (_, alice) = setup.user(&directory, "alice", None).await;
    let lists = managed(&setup, &directory, "lists", &allow("iam:ListUsers", "*")).await;
    assert!(denied(directory.list_users(setup.rq(&alice)).await));
    directory.attach_policy(rq(), Entity::User(by("alice")), lists).await.unwrap();
    let alice = || setup.signed(&directory, "key-of-alice");
    assert!(directory.list_users(setup.rq(&alice())).await.is_ok());
    let (users, groups, roles) = directory.entities_for_policy(rq(), lists).await.unwrap();
    assert_eq!((users.len(), groups.len(), roles.len()), (1, 0, 0));

    directory.create_policy_version(rq(), lists, &allow("iam:ListGroups", "*"), true).await.unwrap();
    assert!(denied(directory.list_users(setup.rq(&alice())).await));
    assert!(directory.list_groups(setup.rq(&alice())).await.is_ok());
    directory.set_default_policy_version(rq(), lists, 1).await.unwrap();
    assert!(directory.list_users(setup.rq(&alice())).await.is_ok());
    assert!(absent(directory.set_default_policy_version(rq(), lists, 3).await));
    assert!(matches!(directory.delete_policy_version(rq(), lists, 1).await, Err(IamError::DeleteConflict(_))));
    directory.delete_policy_version(rq(), lists, 2).await.unwrap();

    assert_eq!(directory.delete_policy(rq(), lists, false).await, Err(IamError::DeleteConflict("attachments")));
    directory.detach_policy(rq(), Entity::User(by("alice")), lists).await.unwrap();
    assert!(absent(directory.detach_policy(rq(), Entity::User(by("alice")), lists).await));
    assert!(denied(directory.list_users(setup.rq(&alice())).await));
    directory.delete_policy(rq(), lists, false).await.unwrap();
    assert!(absent(directory.get_policy(rq(), lists).await));
}

#[tokio::test]
async fn a_policy_has_five_versions_and_huaweis_update_replaces_the_oldest() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let policy = managed(&setup, &directory, "p", &allow("s3:GetObject", "*")).await;
    for _ in 2..=5 {
        directory.create_policy_version(setup.rq(&root), policy, &allow("s3:*", "*"), false).await.unwrap();
    }
    let sixth = directory.create_policy_version(setup.rq(&root), policy, &allow("s3:*", "*"), false).await;
    assert!(matches!(sixth, Err(IamError::LimitExceeded(_))));
    let text = allow("iam:GetUser", "*");
    let updated = directory
        .update_policy(setup.rq(&root), policy, Some(name("q")), Some("words".to_owned()), Some(text.clone()))
        .await
        .unwrap();
    let numbers: Vec<u32> = updated.versions.iter().map(|version| version.number).collect();
    assert_eq!((numbers, updated.default_version), (vec![1, 3, 4, 5, 6], 6));
    assert_eq!((updated.current().text(), updated.name.as_str()), (&*text, "q"));
    let read = setup.open(None).await.unwrap().get_policy(setup.rq(&root), policy).await.unwrap();
    assert_eq!((read.current().text(), read.description.as_str(), read.versions.len()), (&*text, "words", 5));
}

#[tokio::test]
async fn policies_are_found_by_arn_and_id_of_their_own_account_only() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let own = root.account().unwrap();
    let policy = managed(&setup, &directory, "Read", &allow("s3:GetObject", "*")).await;
    let told = directory.get_policy(setup.rq(&root), policy).await.unwrap();
    let arn = directory.policy_arn(&told);
    assert_eq!(arn, format!("arn:aws:iam::{}:policy/team/Read", root.number().unwrap()));
    for named in [arn.as_str(), &told.uid.to_hex(), &told.aws_id()] {
        assert_eq!(directory.policy_named(own, named), Some(policy), "{named}");
    }
    let number = root.number().unwrap();
    for wrong in
        ["", "Read", &format!("arn:aws:iam::{number}:policy/Read"), "arn:aws:iam::000000000000:policy/team/Read"]
    {
        assert_eq!(directory.policy_named(own, wrong), None, "{wrong}");
    }
    let built_in = directory.policy_named(own, "arn:aws:iam::aws:policy/ReadOnlyAccess").unwrap();
    assert_eq!(built_in, PolicyRef::BuiltIn("ReadOnlyAccess"));
    let told = directory.get_policy(setup.rq(&root), built_in).await.unwrap();
    assert_eq!(directory.policy_arn(&told), "arn:aws:iam::aws:policy/ReadOnlyAccess");
    assert_eq!(directory.policy_named(own, &told.uid.to_hex()), Some(built_in));

    let (account, other) = setup.account(&directory, "acme").await;
    assert_eq!(directory.policy_named(&account, &arn), None);
    assert!(absent(directory.get_policy(setup.rq(&other), policy).await));
    directory.create_user(setup.rq(&other), new_user("eve")).await.unwrap();
    assert!(absent(directory.attach_policy(setup.rq(&other), Entity::User(by("eve")), policy).await));
    let listed = directory.list_policies(setup.rq(&other)).await.unwrap();
    assert!(listed.len() == 18 && listed.iter().all(|policy| policy.account.is_none()));
}

#[tokio::test]
async fn built_in_policies_cannot_be_changed() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let built_in = PolicyRef::BuiltIn("ReadOnlyAccess");
    let invalid = |result: Result<(), IamError>| matches!(result, Err(IamError::InvalidInput(..)));
    assert!(invalid(directory.delete_policy(setup.rq(&root), built_in, true).await));
    assert!(invalid(directory.delete_policy_version(setup.rq(&root), built_in, 1).await));
    let version = directory.create_policy_version(setup.rq(&root), built_in, &allow("*", "*"), true).await;
    assert!(invalid(version.map(|_| ())));
}

#[tokio::test]
async fn a_boundary_bounds_and_does_not_vanish() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    setup.user(&directory, "alice", Some(&allow("iam:*", "*"))).await;
    let lists = managed(&setup, &directory, "lists", &allow("iam:ListUsers", "*")).await;
    directory.set_boundary(rq(), Entity::User(by("alice")), Some(lists)).await.unwrap();
    let alice = || setup.signed(&directory, "key-of-alice");
    assert!(directory.list_users(setup.rq(&alice())).await.is_ok());
    assert!(denied(directory.list_groups(setup.rq(&alice())).await));
    assert!(matches!(directory.delete_policy(rq(), lists, true).await, Err(IamError::DeleteConflict(_))));
    assert!(matches!(
        directory.set_boundary(rq(), Entity::Group(by("g")), None).await,
        Err(IamError::InvalidInput(..))
    ));
    directory.set_boundary(rq(), Entity::User(by("alice")), None).await.unwrap();
    assert!(absent(directory.set_boundary(rq(), Entity::User(by("alice")), None).await));
    assert!(directory.list_groups(setup.rq(&alice())).await.is_ok());
}

#[tokio::test]
async fn conditions_see_the_policy_that_is_attached_and_the_boundary_that_is_set() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let number = directory.root().number().unwrap().to_string();
    let delegated = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*",
              "Condition":{{"ArnEquals":{{"iam:PermissionsBoundary":"arn:aws:iam::{number}:policy/team/bound"}}}}}},
            {{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"*",
              "Condition":{{"ArnEquals":{{"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}}}}}]}}"#
    );
    let (_, lead) = setup.user(&directory, "lead", Some(&delegated)).await;
    let bound = managed(&setup, &directory, "bound", &allow("s3:*", "*")).await;
    assert!(denied(directory.create_user(setup.rq(&lead), new_user("free")).await), "without the boundary");
    let mut bounded = new_user("bounded");
    bounded.boundary = Some(bound);
    directory.create_user(setup.rq(&lead), bounded).await.unwrap();
    let attach = |policy| directory.attach_policy(setup.rq(&lead), Entity::User(by("bounded")), policy);
    assert!(attach(PolicyRef::BuiltIn("ReadOnlyAccess")).await.is_ok());
    assert!(denied(attach(PolicyRef::BuiltIn("AdministratorAccess")).await));
}

#[tokio::test]
async fn documents_are_checked_and_limits_hold() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    directory.create_user(rq(), new_user("alice")).await.unwrap();
    let to = || Entity::User(by("alice"));
    for wrong in ["", "{}", "[]", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}"#] {
        let put = directory.put_inline_policy(rq(), to(), name("p"), wrong).await;
        assert!(matches!(put, Err(IamError::MalformedPolicy(_))), "{wrong}");
    }
    for i in 0..21 {
        let put = directory.put_inline_policy(rq(), to(), name(&format!("p{i}")), &allow("s3:*", "*")).await;
        assert_eq!(put.is_ok(), i < 20, "{i}");
        let policy = managed(&setup, &directory, &format!("m{i}"), &allow("s3:*", "*")).await;
        assert_eq!(directory.attach_policy(rq(), to(), policy).await.is_ok(), i < 20, "{i}");
    }
    assert_eq!(directory.list_inline_policies(rq(), to()).await.unwrap().len(), 20);
    assert_eq!(directory.attached_policies(rq(), to()).await.unwrap().len(), 20);
    assert!(directory.get_inline_policy(rq(), to(), name("p3")).await.unwrap().text().contains("s3:*"));
    directory.delete_inline_policy(rq(), to(), name("p3")).await.unwrap();
    assert!(absent(directory.get_inline_policy(rq(), to(), name("p3")).await));
    assert!(absent(directory.delete_inline_policy(rq(), to(), name("p3")).await));
}

fn may(actions: &[&str]) -> String {
    let actions = actions.join("\",\"");
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["{actions}"],"Resource":"*"}}]}}"#)
}

/// Fails with the last of the actions left out, and does not with all of them.
async fn needs_all<F: Future<Output = Result<(), IamError>>>(
    setup: &Setup,
    directory: &strongroom_iam::Directory,
    actions: &[&str],
    work: impl Fn(policy::Principal) -> F,
) {
    let root = directory.root();
    setup.user(directory, "clerk", None).await;
    let grant = async |actions: &[&str]| {
        let (clerk, text) = (Entity::User(by("clerk")), may(actions));
        directory.put_inline_policy(setup.rq(&root), clerk, name("p"), &text).await.unwrap();
        setup.signed(directory, "key-of-clerk")
    };
    for without in 0..actions.len() {
        let mut fewer = actions.to_vec();
        fewer.remove(without);
        fewer.push("iam:Nothing");
        let clerk = grant(&fewer).await;
        assert!(denied(work(clerk).await), "without {}", actions[without]);
    }
    let clerk = grant(actions).await;
    assert_eq!(work(clerk).await, Ok(()));
    directory.delete_user(setup.rq(&root), by("clerk"), true).await.unwrap();
}

#[tokio::test]
async fn what_is_done_along_the_way_needs_its_own_right() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let d = &directory;
    let policy = managed(&setup, d, "p", &allow("s3:GetObject", "*")).await;
    let role = strongroom_iam::NewRole {
        name: name("held"),
        path: EntityPath::default(),
        description: String::new(),
        trust: strongroom_iam::Trust::Account(root.account().unwrap().clone()),
        session_seconds_max: 3600,
        boundary: None,
    };
    setup.user(d, "held", Some(&allow("s3:*", "*"))).await;
    d.set_password(rq(), by("held"), "long enough", true).await.unwrap();
    d.create_group(rq(), name("held"), EntityPath::default(), String::new()).await.unwrap();
    d.create_role(rq(), role).await.unwrap();
    d.add_user_to_group(rq(), by("held"), by("held")).await.unwrap();
    for entity in [Entity::User(by("held")), Entity::Group(by("held")), Entity::Role(by("held"))] {
        d.attach_policy(rq(), entity.clone(), policy).await.unwrap();
        d.attach_policy(rq(), entity.clone(), PolicyRef::BuiltIn("ReadOnlyAccess")).await.unwrap();
        d.put_inline_policy(rq(), entity, name("own"), &allow("s3:*", "*")).await.unwrap();
    }

    let setup = &setup;
    let update = async |who: policy::Principal| {
        d.update_policy(setup.rq(&who), policy, None, None, Some(allow("s3:*", "*"))).await.map(|_| ())
    };
    needs_all(setup, d, &["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"], &update).await;
    for _ in 3..=5 {
        d.create_policy_version(rq(), policy, &allow("s3:*", "*"), false).await.unwrap();
    }
    let evict = ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicyVersion"];
    needs_all(setup, d, &evict, &update).await;

    let all = [
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DetachUserPolicy",
        "iam:DetachGroupPolicy",
        "iam:DetachRolePolicy",
    ];
    needs_all(setup, d, &all, async |who| d.delete_policy(setup.rq(&who), policy, true).await).await;
    let all = [
        "iam:DeleteUser",
        "iam:DetachUserPolicy",
        "iam:DeleteUserPolicy",
        "iam:DeleteAccessKey",
        "iam:DeleteLoginProfile",
        "iam:RemoveUserFromGroup",
    ];
    needs_all(setup, d, &all, async |who| d.delete_user(setup.rq(&who), by("held"), true).await).await;
    let (_, _) = setup.user(d, "member", None).await;
    d.add_user_to_group(rq(), by("held"), by("member")).await.unwrap();
    let all = ["iam:DeleteGroup", "iam:DetachGroupPolicy", "iam:DeleteGroupPolicy", "iam:RemoveUserFromGroup"];
    needs_all(setup, d, &all, async |who| d.delete_group(setup.rq(&who), by("held"), true).await).await;
    let all = ["iam:DeleteRole", "iam:DetachRolePolicy", "iam:DeleteRolePolicy"];
    needs_all(setup, d, &all, async |who| d.delete_role(setup.rq(&who), by("held"), true).await).await;
}
