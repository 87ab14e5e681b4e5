//! The life of a CMK: creation, states, aliases, deletion, restart.

use crate::setup::{DAY_MILLIS, DECRYPT, Setup, me, new_key};
use crypto::Dek;
use model::Timestamp;
use policy::Action;
use store::Table;
use strongroom_kms::{CmkId, EncryptionContext, KeyFilter, KeyManager, KeyService, KeyState, KmsError};

#[derive(Clone, Copy, Debug)]
enum Reach {
    Enabled,
    Disabled,
    Pending,
}

async fn reach(service: &KeyService, state: Reach) -> CmkId {
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    match state {
        Reach::Enabled => {}
        Reach::Disabled => service.disable(&me(), &cmk).await.unwrap(),
        Reach::Pending => drop(service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap()),
    }
    cmk
}

/// docs/kms-api.md, the table "State by operation", through the service: what is answered, and the state afterwards.
#[tokio::test]
async fn state_by_operation() {
    use KmsError::{Disabled, NotPendingDeletion, PendingDeletion};
    use Reach::Pending;
    let setup = Setup::new();
    let service = setup.open().await;
    let table = [
        ("use", Reach::Enabled, Ok(()), "Enabled"),
        ("use", Reach::Disabled, Err(Disabled), "Disabled"),
        ("use", Pending, Err(PendingDeletion), "PendingDeletion"),
        ("enable", Reach::Enabled, Ok(()), "Enabled"),
        ("enable", Reach::Disabled, Ok(()), "Enabled"),
        ("enable", Pending, Err(PendingDeletion), "PendingDeletion"),
        ("disable", Reach::Enabled, Ok(()), "Disabled"),
        ("disable", Reach::Disabled, Ok(()), "Disabled"),
        ("disable", Pending, Err(PendingDeletion), "PendingDeletion"),
        ("schedule", Reach::Enabled, Ok(()), "PendingDeletion"),
        ("schedule", Reach::Disabled, Ok(()), "PendingDeletion"),
        ("schedule", Pending, Err(PendingDeletion), "PendingDeletion"),
        ("cancel", Reach::Enabled, Err(NotPendingDeletion), "Enabled"),
        ("cancel", Reach::Disabled, Err(NotPendingDeletion), "Disabled"),
        ("cancel", Pending, Ok(()), "Disabled"),
        ("alias", Reach::Enabled, Ok(()), "Enabled"),
        ("alias", Reach::Disabled, Ok(()), "Disabled"),
        ("alias", Pending, Err(PendingDeletion), "PendingDeletion"),
    ];
    for (row, (operation, state, answer, after)) in table.into_iter().enumerate() {
        let cmk = reach(&service, state).await;
        let epoch = service.epoch(&cmk);
        let before = service.describe(&me(), &cmk).await.unwrap().state;
        let got = match operation {
            "use" => service
                .authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &EncryptionContext::new())
                .await
                .map(drop),
            "enable" => service.enable(&me(), &cmk).await,
            "disable" => service.disable(&me(), &cmk).await,
            "schedule" => service.schedule_deletion(&me(), &cmk, 30, false).await.map(drop),
            "cancel" => service.cancel_deletion(&me(), &cmk).await,
            _ => service.create_alias(&me(), &format!("n{row}"), &cmk).await,
        };
        assert_eq!(got, answer.clone(), "{operation} of {state:?}");
        let now = service.describe(&me(), &cmk).await.unwrap().state;
        assert_eq!(now.name(), after, "{operation} of {state:?}");
        let changed = now != before || (operation == "alias" && answer.is_ok());
        assert_eq!(service.epoch(&cmk) != epoch, changed, "{operation} of {state:?}: epochs follow changes");
    }
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let setup = Setup::new();
    let service = setup.open().await;
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    let mut cmks = vec![default];
    for state in [Reach::Enabled, Reach::Disabled, Reach::Pending] {
        cmks.push(reach(&service, state).await);
    }
    service.create_alias(&me(), "alias/one", &cmks[1]).await.unwrap();
    service.create_alias(&me(), "alias/two", &cmks[1]).await.unwrap();
    service.delete_alias(&me(), "alias/two").await.unwrap();
    let context = EncryptionContext::from_pairs([("a".to_owned(), "b".to_owned())]).unwrap();
    let proof = service.authorize_use(&me(), &cmks[1], Action::KmsGenerateDataKey, &context).await.unwrap();
    let (dek, wrapped) = service.generate::<Dek>(&proof, &context).await.unwrap();
    let told = async |service: &KeyService| {
        let keys = service.list_detailed(&me(), &KeyFilter::default()).await.unwrap();
        let epochs: Vec<_> = cmks.iter().map(|cmk| service.epoch(cmk)).collect();
        (keys, epochs, service.list(&me()).await.unwrap(), service.list_aliases(&me(), None).await.unwrap())
    };
    let before = told(&service).await;
    assert_eq!(before.0.len(), cmks.len());
    drop(service);

    let service = setup.open().await;
    assert_eq!(told(&service).await, before);
    assert_eq!(service.resolve(&me(), "alias/one", DECRYPT), Ok(cmks[1].clone()));
    assert_eq!(service.resolve(&me(), "alias/two", DECRYPT), Err(KmsError::NotFound));
    let proof = service.authorize_use(&me(), &cmks[1], Action::KmsDecrypt, &context).await.unwrap();
    let again = service.unwrap(&proof, &wrapped, &context).await.unwrap();
    assert!(crypto::Wrappable::as_secret(&again).expose() == crypto::Wrappable::as_secret(&dek).expose());
}

#[tokio::test]
async fn a_proof_made_before_a_key_was_disabled_no_longer_serves() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let generate =
        service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.unwrap();
    let decrypt = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.unwrap();
    let (_, wrapped) = service.generate::<Dek>(&generate, &EncryptionContext::new()).await.unwrap();
    service.disable(&me(), &cmk).await.unwrap();
    let context = EncryptionContext::new();
    assert_eq!(service.generate::<Dek>(&generate, &context).await.map(drop), Err(KmsError::Disabled));
    assert_eq!(service.unwrap(&decrypt, &wrapped, &context).await.map(drop), Err(KmsError::Disabled));
    service.enable(&me(), &cmk).await.unwrap();
    assert!(service.unwrap(&decrypt, &wrapped, &context).await.is_ok());
}

#[tokio::test]
async fn a_deleted_key_is_gone_at_its_moment_and_its_rows_with_the_purge() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("doomed")).await.unwrap().id;
    let spared = service.create(&me(), new_key("spared")).await.unwrap().id;
    service.create_alias(&me(), "alias/doomed", &cmk).await.unwrap();
    let delete_at = service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    service.schedule_deletion(&me(), &spared, 8, false).await.unwrap();
    assert_eq!(delete_at, Timestamp::from_millis(testkit::TestClock::START_MILLIS + 7 * DAY_MILLIS));

    setup.clock.set(Timestamp::from_millis(delete_at.as_millis() - 1));
    assert_eq!(service.purge_due().await, Ok(vec![]), "not a moment early");
    assert!(service.describe(&me(), &cmk).await.is_ok());

    setup.clock.set(delete_at);
    assert_eq!(service.describe(&me(), &cmk).await, Err(KmsError::NotFound));
    assert_eq!(service.cancel_deletion(&me(), &cmk).await, Err(KmsError::NotFound), "too late");
    assert_eq!(service.resolve(&me(), "alias/doomed", DECRYPT), Err(KmsError::NotFound));
    assert_eq!(service.list(&me()).await.unwrap(), vec![spared.clone()]);
    assert_eq!(service.list_aliases(&me(), None).await.unwrap(), vec![]);
    assert_eq!(service.epoch(&cmk), 0);
    assert_eq!(setup.rows(Table::CmkVersions).len(), 2, "the rows wait for the purge");

    assert_eq!(service.purge_due().await, Ok(vec![cmk.clone()]));
    assert_eq!(service.purge_due().await, Ok(vec![]));
    for table in [Table::Cmks, Table::CmkVersions] {
        let keys: Vec<_> = setup.rows(table).into_iter().map(|(key, _)| key).collect();
        assert!(matches!(&keys[..], [only] if only.starts_with(spared.uid.as_bytes())), "{table:?}");
    }
    assert_eq!(setup.rows(Table::CmkAliases), vec![]);
    service.create_alias(&me(), "alias/doomed", &service.create(&me(), new_key("")).await.unwrap().id).await.unwrap();
}

#[tokio::test]
async fn an_alias_of_a_key_past_its_date_is_free_after_the_purge() {
    let setup = Setup::new();
    let service = setup.open().await;
    let (old, new) =
        (service.create(&me(), new_key("")).await.unwrap().id, service.create(&me(), new_key("")).await.unwrap().id);
    service.create_alias(&me(), "alias/x", &old).await.unwrap();
    assert_eq!(service.create_alias(&me(), "x", &new).await, Err(KmsError::AlreadyExists), "with or without prefix");
    let delete_at = service.schedule_deletion(&me(), &old, 7, false).await.unwrap();
    setup.clock.set(delete_at);
    assert_eq!(service.create_alias(&me(), "alias/x", &new).await, Err(KmsError::AlreadyExists), "before the purge");
    service.purge_due().await.unwrap();
    service.create_alias(&me(), "alias/x", &new).await.unwrap();
    assert_eq!(service.resolve(&me(), "alias/x", DECRYPT), Ok(new));
}

#[tokio::test]
async fn waiting_times_are_7_to_1096_days() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    for days in [0, 6, 1097, u32::MAX] {
        let got = service.schedule_deletion(&me(), &cmk, days, false).await;
        assert!(matches!(got, Err(KmsError::Validation(_))), "{days}");
    }
    assert_eq!(service.describe(&me(), &cmk).await.unwrap().state, KeyState::Enabled);
    assert!(service.schedule_deletion(&me(), &cmk, 1096, false).await.is_ok());
}

#[tokio::test]
async fn a_new_key_is_as_described() {
    let service = Setup::new().open().await;
    let made = service.create(&me(), new_key("für Objekte")).await.unwrap();
    assert_eq!((made.state, made.manager, made.current_version), (KeyState::Enabled, KeyManager::Customer, 1));
    assert_eq!(service.describe(&me(), &made.id).await, Ok(made.clone()));
    let uuid = made.id.uid.to_uuid();
    assert!(uuid.as_bytes()[14] == b'4' && matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uuid}");
    let long = "x".repeat(8193);
    assert!(matches!(service.create(&me(), new_key(&long)).await, Err(KmsError::Validation(_))));
}
