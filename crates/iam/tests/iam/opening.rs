//! Opening the directory: first start, restart, given credentials, damage.

use crate::setup::{Setup, id};
use model::{AccountNumber, Timestamp};
use store::Table;
use strongroom_iam::{IamError, KeyOwner};

fn secret(directory: &strongroom_iam::Directory, key: &str) -> Option<String> {
    let found = directory.credential(&id(key), None, Timestamp::default()).ok()?;
    Some(found.secret.expose().to_owned())
}

#[tokio::test]
async fn the_first_start_generates_credentials_and_the_second_keeps_them() {
    let setup = Setup::new();
    let first = setup.open(None).await.unwrap();
    let shown = first.first_start.as_ref().expect("the first start shows what it made");
    let secret = shown.secret.as_ref().unwrap().expose().to_owned();
    assert_eq!((shown.id.as_str().len(), secret.len()), (20, 40));
    assert!(shown.id.as_str().starts_with("SRAK"));

    let again = setup.open(None).await.unwrap();
    assert!(again.first_start.is_none(), "a secret is shown once");
    let key = again.credential(&shown.id, None, setup.now()).unwrap();
    assert_eq!(key.secret.expose(), secret);
    let caller = key.principal.caller().unwrap();
    let (account, number) = (&caller.account, &caller.number);
    assert_eq!((account, number), (&shown.account, &shown.number));
    assert_eq!(again.root(), key.principal);
    assert!(again.credential(&id("SRAKUNKNOWN"), None, setup.now()).is_err());
}

#[tokio::test]
async fn given_credentials_are_the_only_ones_from_then_on() {
    let setup = Setup::new();
    let generated = setup.open(None).await.unwrap().first_start.unwrap().id;

    let given = setup.open(Some(("operator", "correct horse".replace(' ', "-").as_str()))).await.unwrap();
    assert!(given.first_start.is_none());
    assert_eq!(secret(&given, "operator").unwrap(), "correct-horse");
    assert!(secret(&given, generated.as_str()).is_none(), "the former access key stops working");

    let unchanged = setup.rows(Table::AccessKeys);
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    assert_eq!(setup.rows(Table::AccessKeys), unchanged, "given the stored pair, nothing is written");

    let rotated = setup.open(Some(("operator", "another-secret"))).await.unwrap();
    assert_eq!(secret(&rotated, "operator").unwrap(), "another-secret");
    let kept = setup.open(None).await.unwrap();
    assert_eq!(secret(&kept, "operator").unwrap(), "another-secret");
    assert_eq!(kept.access_keys().count(), 1);
}

#[tokio::test]
async fn given_credentials_at_the_first_start_are_not_shown() {
    let setup = Setup::new();
    let directory = setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let shown = directory.first_start.as_ref().unwrap();
    assert_eq!(shown.id, id("operator"));
    assert!(shown.secret.is_none());
    assert_eq!(setup.rows(Table::AccessKeys).len(), 1);
}

#[tokio::test]
async fn two_first_starts_at_once_make_one_account() {
    let setup = Setup::new();
    let (a, b) = tokio::join!(setup.open(None), setup.open(None));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.root(), b.root());
    assert_eq!([&a, &b].iter().filter(|d| d.first_start.is_some()).count(), 1);
    assert_eq!((setup.rows(Table::Accounts).len(), setup.rows(Table::AccessKeys).len()), (1, 1));
}

#[tokio::test]
async fn a_secret_opens_in_its_own_row_only() {
    let setup = Setup::new();
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let (_, record) = setup.rows(Table::AccessKeys).pop().unwrap();
    setup.put(Table::AccessKeys, b"intruder", &record).await;
    let error = setup.open(None).await.unwrap_err();
    assert!(matches!(&error, IamError::Damaged(what) if what.contains("intruder")), "{error}");
}

#[tokio::test]
async fn every_changed_byte_and_every_truncation_is_refused() {
    let setup = Setup::new();
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    let (key, good) = setup.rows(Table::AccessKeys).pop().unwrap();
    // Bytes 2 to 9 are the creation time, byte 46 whether the key is active: neither says anything about the secret.
    for at in (0..good.len()).filter(|at| !(2..10).contains(at) && *at != 46) {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        setup.put(Table::AccessKeys, &key, &bad).await;
        assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "byte {at}");
    }
    for len in 0..good.len() {
        setup.put(Table::AccessKeys, &key, &good[..len]).await;
        assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "length {len}");
    }
    setup.put(Table::AccessKeys, &key, &[&good[..], &[0]].concat()).await;
    assert!(matches!(setup.open(None).await, Err(IamError::Damaged(_))), "a byte too many");
}

#[tokio::test]
async fn another_sealing_key_opens_nothing_and_given_credentials_are_the_way_out() {
    let setup = Setup::new();
    setup.open(Some(("operator", "correct-horse"))).await.unwrap();
    assert!(matches!(setup.open_with(0x33, None).await, Err(IamError::Damaged(_))));
    let opened = setup.open_with(0x33, Some(("operator", "correct-horse"))).await.unwrap();
    assert_eq!(secret(&opened, "operator").unwrap(), "correct-horse");
}

#[tokio::test]
async fn a_directory_of_format_1_is_read() {
    let setup = Setup::new();
    let account = "0123456789abcdef0123456789abcdef";
    let mut w = model::codec::Writer::new(1);
    w.u64(1000).str("123456789012");
    setup.put(Table::Accounts, account.as_bytes(), &w.finish()).await;
    let mut plain = model::codec::Writer::bare();
    plain.str("oldkey").str(account).str("old-secret");
    let sealed = strongroom_iam::SecretSealer::seal(&crate::setup::ToySealer(0x5a), &[9; 16], plain.as_bytes());
    let mut w = model::codec::Writer::new(1);
    w.u8(1).u64(2000).str(account).raw(&[9; 16]).bytes(&sealed);
    setup.put(Table::AccessKeys, b"oldkey", &w.finish()).await;

    let directory = setup.open(None).await.unwrap();
    assert!(directory.first_start.is_none());
    assert_eq!(secret(&directory, "oldkey").unwrap(), "old-secret");
    let root = directory.root();
    let told = directory.get_account(setup.rq(&root), account).await.unwrap();
    assert_eq!((told.number.as_str(), told.name.as_str(), told.operator), ("123456789012", "root", true));
    assert_eq!(told.created, Timestamp::from_millis(1000));
    assert_eq!(AccountNumber::parse("123456789012").as_ref(), root.number());
    // Written again, it is of today's format, and still opens.
    directory.update_access_key(setup.rq(&root), &id("oldkey"), None, Some("kept".to_owned())).await.unwrap();
    let (_, row) = setup.rows(Table::AccessKeys).pop().unwrap();
    assert_eq!(row[0], 2);
    let again = setup.open(None).await.unwrap();
    assert_eq!(secret(&again, "oldkey").unwrap(), "old-secret");
    assert_eq!(
        again.access_keys().map(|key| (key.description, key.owner)).collect::<Vec<_>>(),
        [("kept".to_owned(), KeyOwner::Root)]
    );
}
