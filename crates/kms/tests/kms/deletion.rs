//! Deletion, and what it would take along.

use crate::setup::{DAY_MILLIS, Setup, Watched, me, new_key, user_with};
use async_trait::async_trait;
use audit::Outcome;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use store::Table;
use strongroom_kms::{CmkId, Dependents, KeyImpact, KeyState, KmsConfig, KmsError};

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

/// A write that was under way when the deletion was scheduled may end after the count.
#[tokio::test]
async fn what_came_to_need_a_cmk_after_its_deletion_was_scheduled_keeps_it() {
    let setup = Setup::new();
    let (service, log) = setup.open_with(KmsConfig::default()).await;
    let needs = Arc::new(Needs(Mutex::new(Ok(KeyImpact::default()))));
    service.set_dependents(Arc::<Needs>::clone(&needs));
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let forced = service.create(&me(), new_key("")).await.unwrap().id;
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    service.schedule_deletion(&me(), &forced, 7, true).await.unwrap();
    log.take();
    let kept = ("DeleteKey", Outcome::Failed, Some("InUse"));
    *needs.0.lock().unwrap() = Ok(KeyImpact { objects: 1, ..KeyImpact::default() });
    setup.clock.advance_millis(7 * DAY_MILLIS);
    assert_eq!(service.purge_due().await, Ok(vec![forced.clone()]), "force goes past what needs it");
    let mut events = log.take();
    events.sort_unstable_by_key(|(.., error)| error.is_none());
    assert_eq!(events, [kept, ("DeleteKey", Outcome::Ok, None)]);
    // It is there, and asked about once a day.
    let state = service.describe(&me(), &cmk).await.unwrap().state;
    assert!(matches!(state, KeyState::PendingDeletion { .. }), "{state:?}");
    log.take();
    setup.clock.advance_millis(DAY_MILLIS - 1);
    assert_eq!(service.purge_due().await, Ok(vec![]));
    assert_eq!(log.take(), []);
    // What cannot be counted keeps it too.
    *needs.0.lock().unwrap() = Err("down".to_owned());
    setup.clock.advance_millis(1);
    assert_eq!(service.purge_due().await, Ok(vec![]));
    assert_eq!(log.take(), [("DeleteKey", Outcome::Failed, Some(KmsError::Unavailable(String::new()).name()))]);
    *needs.0.lock().unwrap() = Ok(KeyImpact::default());
    setup.clock.advance_millis(DAY_MILLIS);
    assert_eq!(service.purge_due().await, Ok(vec![cmk]));
}

/// A deletion that was forced, cancelled and scheduled again without force is not a forced one.
#[tokio::test]
async fn force_ends_with_the_deletion_it_was_for() {
    let setup = Setup::new();
    let service = setup.open().await;
    let needs = Arc::new(Needs(Mutex::new(Ok(KeyImpact::default()))));
    service.set_dependents(Arc::<Needs>::clone(&needs));
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    service.schedule_deletion(&me(), &cmk, 7, true).await.unwrap();
    service.cancel_deletion(&me(), &cmk).await.unwrap();
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    *needs.0.lock().unwrap() = Ok(KeyImpact { uploads: 1, ..KeyImpact::default() });
    setup.clock.advance_millis(7 * DAY_MILLIS);
    assert_eq!(service.purge_due().await, Ok(vec![]));
}

/// A count that does not end until it is told to.
#[derive(Default)]
struct Slow {
    gate: tokio::sync::Notify,
    counts: std::sync::atomic::AtomicU64,
}

#[async_trait]
impl Dependents for Slow {
    async fn impact(&self, _: &CmkId, _: Option<u32>) -> Result<KeyImpact, String> {
        self.counts.fetch_add(1, Ordering::SeqCst);
        self.gate.notified().await;
        Ok(KeyImpact { objects: 10_000, ..KeyImpact::default() })
    }
}

#[tokio::test]
async fn one_count_is_made_at_a_time_and_only_few_wait() {
    let setup = Setup::new();
    let service = setup.open().await;
    let slow = Arc::new(Slow::default());
    service.set_dependents(Arc::<Slow>::clone(&slow));
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let waiting: Vec<_> = (0..9)
        .map(|_| {
            let (service, cmk) = (Arc::clone(&service), cmk.clone());
            tokio::spawn(async move { service.impact(&me(), &cmk, None).await.map(|impact| impact.objects) })
        })
        .collect();
    while slow.counts.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(service.impact(&me(), &cmk, None).await, Err(KmsError::Throttled));
    assert_eq!(service.schedule_deletion(&me(), &cmk, 7, false).await, Err(KmsError::Throttled));
    assert_eq!(slow.counts.load(Ordering::SeqCst), 1);
    for task in waiting {
        slow.gate.notify_one();
        assert_eq!(task.await.unwrap(), Ok(10_000));
    }
    // So large a count is shown again for a while; a deletion counts anew, and so does whoever asks later.
    let before = slow.counts.load(Ordering::SeqCst);
    service.impact(&me(), &cmk, None).await.unwrap();
    assert_eq!(slow.counts.load(Ordering::SeqCst), before);
    slow.gate.notify_one();
    assert!(matches!(service.schedule_deletion(&me(), &cmk, 7, false).await, Err(KmsError::InUse(_))));
    assert_eq!(slow.counts.load(Ordering::SeqCst), before + 1);
    setup.clock.advance_millis(5000);
    slow.gate.notify_one();
    service.impact(&me(), &cmk, None).await.unwrap();
    assert_eq!(slow.counts.load(Ordering::SeqCst), before + 2);
}
