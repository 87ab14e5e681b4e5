//! Accounts: who may make them, and what ends with them.

use crate::setup::{Setup, absent, allow, by, denied, id, name, new_user};
use store::Table;
use strongroom_iam::{CredentialError, IamError, SecretAccessKey};

#[tokio::test]
async fn an_account_has_its_own_world_and_survives_a_restart() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (account, other) = setup.account(&directory, "acme").await;
    directory.create_user(setup.rq(&other), new_user("alice")).await.unwrap();
    let root = directory.root();
    assert!(absent(directory.get_user(setup.rq(&root), Some(by("alice"))).await), "users are of their account");
    directory.create_user(setup.rq(&root), new_user("alice")).await.unwrap();

    let again = setup.open(None).await.unwrap();
    let told = again.account(&account).unwrap();
    assert_eq!(
        (told.name.as_str(), told.enabled, told.operator, told.number.as_str().len()),
        ("acme", true, false, 12)
    );
    assert_eq!(again.account_by_number(told.number.as_str()).unwrap().id, account);
    assert_eq!(again.list_users(setup.rq(&other)).await.unwrap().len(), 1);
    assert_eq!(again.list_projects(setup.rq(&other)).await.unwrap()[0].name, "local-1");
    assert_eq!(setup.signed(&again, "root-of-acme").account(), Some(&account));
}

#[tokio::test]
async fn only_the_operators_account_makes_accounts_and_others_see_themselves() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (account, other) = setup.account(&directory, "acme").await;
    let (_, admin) = setup.user(&directory, "admin", Some(&allow("strongroom:CreateAccount", "*"))).await;
    let (_, plain) = setup.user(&directory, "plain", None).await;

    assert!(denied(directory.create_account(setup.rq(&other), name("more"), None, None).await));
    assert!(denied(directory.create_account(setup.rq(&plain), name("more"), None, None).await));
    assert!(directory.create_account(setup.rq(&admin), name("more"), None, None).await.is_ok());

    let seen = directory.list_accounts(setup.rq(&other)).await.unwrap();
    assert_eq!(seen.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["acme"]);
    assert_eq!(directory.list_accounts(setup.rq(&directory.root())).await.unwrap().len(), 3);
    assert_eq!(directory.get_account(setup.rq(&other), "acme").await.unwrap().id, account);
    // Another account and none at all look alike.
    assert!(denied(directory.get_account(setup.rq(&other), "more").await));
    assert!(denied(directory.get_account(setup.rq(&other), "nobody").await));
    assert!(denied(directory.update_account(setup.rq(&other), "acme", Some(false), None, None).await));
    assert!(denied(directory.delete_account(setup.rq(&other), "acme").await));
}

#[tokio::test]
async fn names_addresses_and_keys_are_taken_once() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let rq = || setup.rq(&root);
    let mail = || Some("ops@acme.example".to_owned());
    directory.create_account(rq(), name("acme"), mail(), None).await.unwrap();
    let taken = |result| matches!(result, Err(IamError::AlreadyExists(..)));
    assert!(taken(directory.create_account(rq(), name("ACME"), None, None).await));
    assert!(taken(directory.create_account(rq(), name("other"), Some("OPS@acme.example".to_owned()), None).await));
    let given = || Some((id("operator"), SecretAccessKey::parse("long-enough").unwrap()));
    assert!(taken(directory.create_account(rq(), name("other"), None, given()).await));
    assert_eq!(directory.account_by_email("Ops@Acme.example").unwrap().name.as_str(), "acme");

    let invalid = |result| matches!(result, Err(IamError::InvalidInput(..)));
    for wrong in ["123456789012", "0123456789abcdef0123456789abcdef", &"x".repeat(65)] {
        assert!(invalid(directory.create_account(rq(), name(wrong), None, None).await), "{wrong}");
    }
    assert!(invalid(directory.create_account(rq(), name("other"), Some("no address".to_owned()), None).await));
    let temporary = Some((id("SRTKGIVEN"), SecretAccessKey::parse("long-enough").unwrap()));
    assert!(invalid(directory.create_account(rq(), name("other"), None, temporary).await));
    let short = Some((id("given"), SecretAccessKey::parse("short").unwrap()));
    assert!(invalid(directory.create_account(rq(), name("other"), None, short).await));
}

#[tokio::test]
async fn a_disabled_account_is_refused_and_a_deleted_one_leaves_nothing() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let root = directory.root();
    let (_, other) = setup.account(&directory, "acme").await;
    directory.create_user(setup.rq(&other), new_user("alice")).await.unwrap();
    directory.update_account(setup.rq(&root), "acme", Some(false), None, None).await.unwrap();
    let refused = |d: &strongroom_iam::Directory| d.credential(&id("root-of-acme"), None, setup.now()).unwrap_err();
    assert_eq!(refused(&directory), CredentialError::Unknown);
    assert!(denied(directory.list_users(setup.rq(&other)).await), "also with a principal from before");
    directory.update_account(setup.rq(&root), "acme", Some(true), Some(name("acme2")), None).await.unwrap();
    assert!(directory.credential(&id("root-of-acme"), None, setup.now()).is_ok());

    directory.delete_account(setup.rq(&root), "acme2").await.unwrap();
    assert_eq!(refused(&directory), CredentialError::Unknown);
    assert_eq!((setup.rows(Table::Accounts).len(), setup.rows(Table::AccessKeys).len()), (1, 1));
    assert_eq!((setup.rows(Table::Users).len(), setup.rows(Table::Projects).len()), (0, 1));
    assert!(matches!(directory.delete_account(setup.rq(&root), "root").await, Err(IamError::InvalidInput(..))));
    assert!(matches!(
        directory.update_account(setup.rq(&root), "root", Some(false), None, None).await,
        Err(IamError::InvalidInput(..))
    ));
    assert!(absent(directory.delete_account(setup.rq(&root), "acme2").await));
}

#[tokio::test]
async fn a_deny_on_an_account_is_not_got_round_by_calling_it_otherwise() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let (account, _) = setup.account(&directory, "acme").await;
    let number = directory.account(&account).unwrap().number.to_string();
    for (at, by_what) in ["acme", account.as_str(), &number].into_iter().enumerate() {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"strongroom:*","Resource":"*"}},
                {{"Effect":"Deny","Action":"strongroom:*","Resource":"arn:aws:iam::*:account/{by_what}"}}]}}"#
        );
        let (_, admin) = setup.user(&directory, &format!("admin{at}"), Some(&policy)).await;
        for named in ["acme", "ACME", account.as_str(), &number] {
            assert!(denied(directory.get_account(setup.rq(&admin), named).await), "{by_what}: {named}");
            assert!(denied(directory.update_account(setup.rq(&admin), named, Some(false), None, None).await));
            let refused = directory.delete_account(setup.rq(&admin), named).await.unwrap_err();
            assert!(refused.to_string().ends_with(&format!(":account/{named}")), "{refused}");
        }
        assert!(directory.get_account(setup.rq(&admin), "root").await.is_ok());
        assert!(absent(directory.get_account(setup.rq(&admin), "nobody").await));
    }
    assert!(directory.account(&account).unwrap().enabled);
}
