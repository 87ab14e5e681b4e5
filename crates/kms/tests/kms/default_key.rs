//! One default key per account, whoever asks first and under whichever name.

use crate::setup::{DECRYPT, Setup, me, new_key, root_of};
use policy::Action;
use std::sync::Arc;
use store::Table;
use strongroom_kms::{EncryptionContext, KeyManager, KmsError};

#[tokio::test]
async fn both_names_lead_to_it_once_it_is_made() {
    let service = Setup::new().open().await;
    for name in ["alias/aws/s3", "obs/default", "alias/obs/default"] {
        assert_eq!(service.resolve(&me(), name, DECRYPT), Err(KmsError::NotFound), "looking makes nothing");
    }
    let key = service.resolve_or_make(&me(), "alias/aws/s3", DECRYPT).await.unwrap();
    for name in ["alias/aws/s3", "obs/default", "alias/obs/default"] {
        assert_eq!(service.resolve(&me(), name, DECRYPT), Ok(key.clone()), "{name}");
    }
    assert_eq!(service.default_key(&me(), DECRYPT).await, Ok(key.clone()));
    assert_eq!(service.describe(&me(), &key).await.unwrap().manager, KeyManager::Service);
    assert!(service.authorize_use(&me(), &key, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.is_ok());
    assert_ne!(service.default_key(&root_of("bb"), DECRYPT).await, Ok(key));
}

#[tokio::test]
async fn a_foreign_name_of_a_default_key_makes_nothing() {
    let setup = Setup::new();
    let service = setup.open().await;
    for name in ["arn:aws:kms:far-2:000000000097:alias/aws/s3", "arn:aws:kms:local-1:000000000001:alias/aws/s3"] {
        assert_eq!(service.resolve_or_make(&me(), name, DECRYPT).await, Err(KmsError::NotFound), "{name}");
    }
    assert_eq!(setup.rows(Table::Cmks), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_first_users_at_once_get_one_key() {
    let setup = Setup::new();
    let service = setup.open().await;
    let users: Vec<_> = (0..32)
        .map(|_| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.default_key(&me(), DECRYPT).await.unwrap() })
        })
        .collect();
    let mut keys = Vec::new();
    for user in users {
        keys.push(user.await.unwrap());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
    assert_eq!((setup.rows(Table::Cmks).len(), setup.rows(Table::CmkVersions).len()), (1, 1));
}

#[tokio::test]
async fn two_services_over_one_store_get_one_key() {
    let setup = Setup::new();
    let (a, b) = (setup.open().await, setup.open().await);
    let (user_a, user_b) = (me(), me());
    let (key_a, key_b) = tokio::join!(a.default_key(&user_a, DECRYPT), b.default_key(&user_b, DECRYPT));
    assert_eq!(key_a, key_b);
    assert!(key_a.is_ok());
    assert_eq!(setup.rows(Table::Cmks).len(), 1);
    assert_eq!(setup.open().await.list(&me()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn its_life_is_not_the_users_to_change() {
    let service = Setup::new().open().await;
    let key = service.default_key(&me(), DECRYPT).await.unwrap();
    let managed = Err(KmsError::ServiceManaged);
    assert_eq!(service.disable(&me(), &key).await, managed);
    assert_eq!(service.enable(&me(), &key).await, managed);
    assert_eq!(service.schedule_deletion(&me(), &key, 7, false).await.map(drop), managed);
    assert_eq!(service.cancel_deletion(&me(), &key).await, managed);
    assert_eq!(service.create_alias(&me(), "alias/mine", &key).await, managed);
    for name in ["alias/aws/s3", "alias/obs/default"] {
        assert!(matches!(service.delete_alias(&me(), name).await, Err(KmsError::InvalidAlias(_))));
    }
    let own = service.create(&me(), new_key("")).await.unwrap().id;
    for name in ["alias/aws/s3", "alias/aws/mine", "alias/evs/default"] {
        assert!(matches!(service.create_alias(&me(), name, &own).await, Err(KmsError::InvalidAlias(_))), "{name}");
    }
}
