//! The root key and the data directory belong together.

use crate::setup::{Setup, me, new_key, root_key};
use store::Table;
use strongroom_kms::KmsError;

#[tokio::test]
async fn another_root_key_is_refused_and_changes_nothing() {
    let setup = Setup::new();
    let service = setup.open().await;
    service.create(&me(), new_key("")).await.unwrap();
    drop(service);
    let before: Vec<_> = Table::ALL.iter().map(|table| setup.rows(*table)).collect();
    let error = setup.open_with_root(root_key(0x43)).await.err().unwrap();
    assert_eq!(error, KmsError::WrongRootKey);
    assert!(error.to_string().contains("--root-key-file"), "{error}");
    assert_eq!(Table::ALL.iter().map(|table| setup.rows(*table)).collect::<Vec<_>>(), before);
    assert!(setup.open_with_root(root_key(0x42)).await.is_ok());
}

#[tokio::test]
async fn even_an_empty_data_directory_remembers_its_root_key() {
    let setup = Setup::new();
    setup.open().await;
    assert_eq!(setup.open_with_root(root_key(0x43)).await.err(), Some(KmsError::WrongRootKey));
}

#[tokio::test]
async fn two_first_starts_with_two_root_keys_do_not_both_succeed() {
    let setup = Setup::new();
    let (a, b) = tokio::join!(setup.open_with_root(root_key(1)), setup.open_with_root(root_key(2)));
    let failed: Vec<_> = [a.err(), b.err()].into_iter().flatten().collect();
    assert_eq!(failed, vec![KmsError::WrongRootKey]);
    assert_eq!(setup.rows(Table::System).len(), 1);
}

#[tokio::test]
async fn a_missing_check_value_is_not_made_anew_where_keys_exist() {
    for table in [Table::Cmks, Table::InternalKeys] {
        let setup = Setup::new();
        let service = setup.open().await;
        match table {
            Table::Cmks => drop(service.create(&me(), new_key("")).await.unwrap()),
            _ => drop(service.metadata_key().await.unwrap()),
        }
        setup.delete(Table::System, b"kms/root-check").await;
        for byte in [0x42, 0x43] {
            let error = setup.open_with_root(root_key(byte)).await.err().unwrap();
            assert!(matches!(&error, KmsError::Damaged(what) if what.contains("check value")), "{table:?}: {error}");
        }
        assert_eq!(setup.rows(Table::System), vec![]);
    }
}
