//! Failing stores: a change is whole or was not made, and memory never tells what the store does not hold.

use crate::setup::{Setup, absent, allow, by, name, new_user};
use model::EntityPath;
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::{MetaStore, StoreFault};
use strongroom_iam::{Directory, Entity, IamError};
use testkit::FaultyMeta;

async fn faulty() -> (Setup, Arc<FaultyMeta>, Directory) {
    let faulty = FaultyMeta::over(MemoryStore::shared());
    let setup = Setup::over(Arc::<FaultyMeta>::clone(&faulty) as Arc<dyn MetaStore>);
    let directory = setup.directory().await;
    (setup, faulty, directory)
}

#[tokio::test]
async fn a_change_that_is_not_durable_is_not_seen() {
    let (setup, faulty, directory) = faulty().await;
    let root = directory.root();
    faulty.fail_commits_after(0, StoreFault::Full);
    let refused = directory.create_user(setup.rq(&root), new_user("alice")).await;
    assert_eq!(refused.unwrap_err(), IamError::Store(StoreFault::Full));
    assert!(absent(directory.get_user(setup.rq(&root), Some(by("alice"))).await));
    faulty.heal();
    directory.create_user(setup.rq(&root), new_user("alice")).await.unwrap();
}

#[tokio::test]
async fn after_a_lost_answer_memory_is_what_the_store_holds() {
    let (setup, faulty, directory) = faulty().await;
    let root = directory.root();
    let (_, plain) = setup.user(&directory, "plain", None).await;
    faulty.lose_answers_after(0);
    assert!(directory.create_user(setup.rq(&root), new_user("alice")).await.is_err());
    // It was made; the answer was lost. Whoever asks again learns so.
    assert!(directory.get_user(setup.rq(&root), Some(by("alice"))).await.is_ok());
    faulty.heal();
    let again = directory.create_user(setup.rq(&root), new_user("alice")).await;
    assert!(matches!(again, Err(IamError::AlreadyExists(..))));

    // Nor can it be read now: nothing is changed on the strength of what may be old.
    faulty.lose_answers_after(0);
    faulty.fail_reads(None, StoreFault::Unavailable("down".to_owned()));
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let put = directory.put_inline_policy(setup.rq(&root), Entity::User(by("plain")), name("deny"), deny).await;
    assert!(put.is_err());
    assert!(directory.create_user(setup.rq(&root), new_user("bob")).await.is_err());
    faulty.heal();
    directory.create_user(setup.rq(&root), new_user("bob")).await.unwrap();
    let listed = directory.list_inline_policies(setup.rq(&root), Entity::User(by("plain"))).await.unwrap();
    assert_eq!(listed, [name("deny")], "the change with the lost answer is seen");
    drop(plain);
}

#[tokio::test]
async fn at_every_failing_commit_a_restart_finds_something_whole() {
    for passes in 0..12 {
        let (setup, faulty, directory) = faulty().await;
        let root = directory.root();
        faulty.fail_commits_after(passes, StoreFault::Full);
        let rq = || setup.rq(&root);
        let to = || Entity::User(by("alice"));
        let _ = directory.create_user(rq(), new_user("alice")).await;
        let _ = directory.create_group(rq(), name("g"), EntityPath::default(), String::new()).await;
        let _ = directory.add_user_to_group(rq(), by("g"), by("alice")).await;
        let _ = directory.create_access_key(rq(), Some(by("alice")), String::new(), None).await;
        let _ = directory.put_inline_policy(rq(), to(), name("p"), &allow("s3:*", "*")).await;
        let _ = directory.set_password(rq(), by("alice"), "long enough", true).await;
        let _ = directory.create_account(rq(), name("acme"), None, None).await;
        let _ = directory.delete_group(rq(), by("g"), true).await;
        let _ = directory.delete_user(rq(), by("alice"), true).await;
        let _ = directory.delete_account(rq(), "acme").await;
        faulty.heal();
        let again = setup.open(None).await.unwrap_or_else(|error| panic!("after {passes} commits: {error}"));
        let users = |listed: Vec<Arc<strongroom_iam::User>>| listed.iter().map(|user| user.uid).collect::<Vec<_>>();
        let (before, after) = (directory.list_users(rq()).await.unwrap(), again.list_users(rq()).await.unwrap());
        assert_eq!(users(before), users(after), "after {passes} commits");
        assert_eq!(
            directory.list_accounts(rq()).await.unwrap().len(),
            again.list_accounts(rq()).await.unwrap().len(),
            "after {passes} commits"
        );
    }
}

#[tokio::test]
async fn rows_that_belong_to_nothing_stop_the_start() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    setup.user(&directory, "alice", None).await;
    let (key, row) = setup.rows(store::Table::Users).pop().unwrap();
    let mut tx = store::Transaction::new();
    tx.delete(store::Table::Users, key.clone());
    setup.store.commit(tx).await.unwrap();
    assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "an access key without its user");
    setup.put(store::Table::Users, &key, &row).await;
    assert!(setup.open(None).await.is_ok());
    for end in 0..row.len() {
        setup.put(store::Table::Users, &key, &row[..end]).await;
        assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "cut at {end}");
    }
}

#[tokio::test]
async fn a_stored_policy_that_cannot_be_read_denies() {
    let setup = Setup::new();
    let directory = setup.directory().await;
    let text = allow("iam:List*", "*");
    let (_, alice) = setup.user(&directory, "alice", Some(&text)).await;
    assert!(directory.list_users(setup.rq(&alice)).await.is_ok());
    let (key, row) = setup.rows(store::Table::Users).pop().unwrap();
    let at = row.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let mut bad = row.clone();
    bad[at] = b'[';
    setup.put(store::Table::Users, &key, &bad).await;
    let again = setup.open(None).await.unwrap();
    let alice = setup.signed(&again, "key-of-alice");
    again
        .put_inline_policy(setup.rq(&again.root()), Entity::User(by("alice")), name("more"), &allow("*", "*"))
        .await
        .unwrap();
    let alice_now = setup.signed(&again, "key-of-alice");
    for who in [alice, alice_now] {
        assert!(crate::setup::denied(again.list_users(setup.rq(&who)).await), "never as if it were not there");
    }
}
