//! Deletion, and what it would take along.

use crate::setup::{DAY_MILLIS, Setup, Watched, me, new_key, user_with};
use async_trait::async_trait;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use store::Table;
use strongroom_kms::{CmkId, Dependents, KeyImpact, KeyState, KmsError};

/// Says what it was told to say.
struct Needs(Mutex<Result<KeyImpact, String>>);

#[async_trait]
impl Dependents for Needs {
    async fn impact(&self, _: &CmkId, _: Option<u32>) -> Result<KeyImpact, String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn what_is_needed_is_not_deleted_unless_forced() {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    assert_eq!(service.impact(&me(), &cmk, None).await, Ok(KeyImpact::default()), "nobody keeps anything");
    let needs = Arc::new(Needs(Mutex::new(Ok(KeyImpact::default()))));
    service.set_dependents(Arc::<Needs>::clone(&needs));
    let one = KeyImpact { objects: 1, ..KeyImpact::default() };
    for impact in [
        one.clone(),
        KeyImpact { uploads: 1, ..KeyImpact::default() },
        KeyImpact { bucket_keys: 1, ..KeyImpact::default() },
        KeyImpact { bucket_defaults: vec!["b".to_owned()], ..KeyImpact::default() },
    ] {
        *needs.0.lock().unwrap() = Ok(impact.clone());
        assert_eq!(service.impact(&me(), &cmk, None).await, Ok(impact.clone()));
        let got = service.schedule_deletion(&me(), &cmk, 7, false).await;
        assert_eq!(got, Err(KmsError::InUse(Box::new(impact))));
    }
    *needs.0.lock().unwrap() = Err("down".to_owned());
    assert!(matches!(service.schedule_deletion(&me(), &cmk, 7, false).await, Err(KmsError::Unavailable(_))));
    assert!(matches!(service.impact(&me(), &cmk, None).await, Err(KmsError::Unavailable(_))));
    assert_eq!(service.describe(&me(), &cmk).await.unwrap().state, KeyState::Enabled);
    // Who may not, learns nothing of what needs it.
    let low = user_with("aa", "low", None);
    assert_eq!(service.schedule_deletion(&low, &cmk, 7, false).await, Err(KmsError::Denied));
    assert_eq!(service.impact(&low, &cmk, None).await, Err(KmsError::Denied));
    *needs.0.lock().unwrap() = Ok(one);
    service.schedule_deletion(&me(), &cmk, 7, true).await.unwrap();
    let again = service.schedule_deletion(&me(), &cmk, 7, false).await;
    assert_eq!(again, Err(KmsError::PendingDeletion), "its state comes before what needs it");
    service.cancel_deletion(&me(), &cmk).await.unwrap();
    *needs.0.lock().unwrap() = Ok(KeyImpact::default());
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
}

#[tokio::test]
async fn material_is_destroyed_at_its_provider_once_the_cmk_is_gone() {
    let setup = Setup::new();
    let watched = Watched::new(&setup);
    let service = setup.open_with_provider(Arc::<Watched>::clone(&watched)).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    setup.clock.advance_millis(7 * DAY_MILLIS - 1);
    assert_eq!(service.purge_due().await.unwrap(), []);
    assert_eq!(watched.destroyed.load(Ordering::SeqCst), 0);
    setup.clock.advance_millis(1);
    assert_eq!(service.purge_due().await.unwrap(), std::slice::from_ref(&cmk));
    assert_eq!(watched.destroyed.load(Ordering::SeqCst), 1);
    assert_eq!(*watched.forgotten.lock().unwrap(), [cmk.uid]);
    for table in [Table::Cmks, Table::CmkVersions, Table::CmkAliases, Table::CmkGrants] {
        assert_eq!(setup.rows(table), [], "{table:?}");
    }
    assert_eq!(service.purge_due().await.unwrap(), []);
}
