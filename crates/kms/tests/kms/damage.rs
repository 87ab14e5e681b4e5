//! Damaged records: every change of a byte is refused or changes only what it says; material moved elsewhere does not
//! open.

use crate::setup::{Setup, me, new_key, root_key};
use crypto::Dek;
use policy::Action;
use store::Table;
use strongroom_kms::{CmkId, EncryptionContext, KeyService, KmsError, NewGrant};

fn grant() -> NewGrant {
    NewGrant {
        grantee: "arn:aws:iam::000000000098:root".to_owned(),
        retiring: None,
        operations: vec![Action::KmsDecrypt],
        constraint: None,
        name: String::new(),
    }
}

async fn try_use(service: &KeyService, cmk: &CmkId) -> Result<(), KmsError> {
    let proof = service.authorize_use(&me(), cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await?;
    service.generate::<Dek>(&proof, &EncryptionContext::new()).await.map(drop)
}

#[tokio::test]
async fn truncated_and_lengthened_records_do_not_open() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("described")).await.unwrap().id;
    service.create_alias(&me(), "alias/a", &cmk).await.unwrap();
    service.create_grant(&me(), &cmk, grant()).await.unwrap();
    drop(service);
    for table in [Table::System, Table::Cmks, Table::CmkVersions, Table::CmkAliases, Table::CmkGrants] {
        let (key, good) = setup.rows(table).pop().unwrap();
        let lengths = (0..good.len()).map(|len| good[..len].to_vec());
        for bad in lengths.chain([[&good[..], &[0]].concat()]) {
            setup.put(table, &key, &bad).await;
            let opened = match setup.open_with_root(root_key(0x42)).await {
                // A shorter reference is noticed by the provider alone.
                Ok(service) => try_use(&service, &cmk).await,
                Err(error) => Err(error),
            };
            assert!(matches!(opened, Err(KmsError::Damaged(_))), "{table:?} at {} bytes: {opened:?}", bad.len());
        }
        setup.put(table, &key, &good).await;
    }
    assert_eq!(try_use(&*setup.open().await, &cmk).await, Ok(()));
}

#[tokio::test]
async fn unknown_formats_and_codes_are_not_guessed_at() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    service.create_alias(&me(), "alias/a", &cmk).await.unwrap();
    service.create_grant(&me(), &cmk, grant()).await.unwrap();
    drop(service);
    // Table, byte, what it is. docs/formats/kms-records.md has the offsets.
    for (table, at, what) in [
        (Table::System, 0, "format"),
        (Table::Cmks, 0, "format"),
        (Table::Cmks, 9, "key spec"),
        (Table::Cmks, 10, "manager"),
        (Table::Cmks, 11, "state"),
        (Table::CmkVersions, 0, "format"),
        (Table::CmkVersions, 5, "provider"),
        (Table::CmkVersions, 137, "cause"),
        (Table::CmkVersions, 202, "expiry"),
        (Table::CmkAliases, 0, "format"),
        (Table::CmkGrants, 0, "format"),
    ] {
        let (key, good) = setup.rows(table).pop().unwrap();
        for value in [0x7f, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            setup.put(table, &key, &bad).await;
            let got = setup.open_with_root(root_key(0x42)).await.map(drop);
            assert!(matches!(got, Err(KmsError::Damaged(_))), "{table:?} {what}: {got:?}");
        }
        setup.put(table, &key, &good).await;
    }
}

#[tokio::test]
async fn every_changed_byte_of_wrapped_material_is_noticed_at_use() {
    let setup = Setup::new();
    let cmk = setup.open().await.create(&me(), new_key("")).await.unwrap().id;
    let (key, good) = setup.rows(Table::CmkVersions).pop().unwrap();
    // Format, name of the provider, date, length: docs/formats/kms-records.md.
    let wrapped_at = 1 + 4 + "embedded".len() + 8 + 4;
    for at in wrapped_at..wrapped_at + crypto::WRAPPED_BYTES {
        let mut bad = good.clone();
        bad[at] ^= 1;
        setup.put(Table::CmkVersions, &key, &bad).await;
        let got = try_use(&*setup.open().await, &cmk).await;
        assert!(matches!(got, Err(KmsError::Damaged(_))), "byte {at}: {got:?}");
    }
}

#[tokio::test]
async fn every_changed_byte_of_the_root_check_is_noticed() {
    let setup = Setup::new();
    setup.open().await;
    let (key, good) = setup.rows(Table::System).pop().unwrap();
    for at in 1..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        setup.put(Table::System, &key, &bad).await;
        assert_eq!(setup.open_with_root(root_key(0x42)).await.err(), Some(KmsError::WrongRootKey), "byte {at}");
    }
}

#[tokio::test]
async fn material_swapped_between_two_keys_opens_neither() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmks =
        [service.create(&me(), new_key("")).await.unwrap().id, service.create(&me(), new_key("")).await.unwrap().id];
    drop(service);
    let rows = setup.rows(Table::CmkVersions);
    setup.put(Table::CmkVersions, &rows[0].0, &rows[1].1).await;
    setup.put(Table::CmkVersions, &rows[1].0, &rows[0].1).await;
    let service = setup.open().await;
    for cmk in &cmks {
        assert!(matches!(try_use(&service, cmk).await, Err(KmsError::Damaged(_))));
    }
}

#[tokio::test]
async fn rows_that_refer_to_nothing_do_not_open() {
    for (table, what) in [(Table::Cmks, "not there"), (Table::CmkVersions, "lacks the material")] {
        let setup = Setup::new();
        let service = setup.open().await;
        let cmk = service.create(&me(), new_key("")).await.unwrap().id;
        service.create_alias(&me(), "alias/a", &cmk).await.unwrap();
        let (key, _) = setup.rows(table).pop().unwrap();
        setup.delete(table, &key).await;
        let error = setup.open_with_root(root_key(0x42)).await.err().unwrap();
        assert!(matches!(&error, KmsError::Damaged(text) if text.contains(what)), "{table:?}: {error}");
    }
}
