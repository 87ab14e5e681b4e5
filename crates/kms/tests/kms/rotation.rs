//! Versions: old ones open and never wrap; schedules, missed dates, clocks that jump, and many at once.

use crate::log::Log;
use crate::setup::{DAY_MILLIS, DECRYPT, Setup, Watched, low_user_of, me, new_key};
use audit::Outcome;
use crypto::{Dek, Wrappable};
use model::{Clock, Timestamp};
use policy::Action;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use strongroom_kms::{
    CmkId, CreateCmk, EncryptionContext, KeyService, KmsError, Origin, ProviderFault, Source, VersionCause,
};

fn none() -> EncryptionContext {
    EncryptionContext::new()
}

async fn one(setup: &Setup) -> (Arc<KeyService>, CmkId) {
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    (service, cmk)
}

async fn current(service: &KeyService, cmk: &CmkId) -> u32 {
    service.describe(&me(), cmk).await.unwrap().current_version
}

#[tokio::test]
async fn old_versions_open_and_never_wrap() {
    let setup = Setup::new();
    let (service, cmk) = one(&setup).await;
    let mut sealed = Vec::new();
    for version in 1..=3 {
        let made = service.encrypt(&me(), &cmk, &[version], &none()).await.unwrap();
        assert_eq!(made.ciphertext.version(), u32::from(version));
        sealed.push(made);
        assert_eq!(service.rotate(&me(), &cmk).await, Ok(u32::from(version) + 1));
    }
    let service = setup.open().await;
    let versions = service.versions(&me(), &cmk).await.unwrap();
    let told: Vec<_> = versions.iter().map(|v| (v.version, v.cause, v.current)).collect();
    let on_demand = VersionCause::OnDemand;
    let want = [(1, VersionCause::Created, false), (2, on_demand, false), (3, on_demand, false), (4, on_demand, true)];
    assert_eq!(told, want);
    for (at, made) in sealed.iter().enumerate() {
        let source = Source { ciphertext: &made.ciphertext, cmk: None, context: &none() };
        let opened = service.decrypt(&me(), source).await.unwrap();
        assert_eq!((opened.plaintext.as_slice(), &opened.material_id), (&[at as u8 + 1][..], &made.material_id));
        assert_eq!(opened.material_id, versions[at].material_id);
    }
    let mut ids: Vec<_> = versions.iter().map(|v| &v.material_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each version's material has its own id");
}

#[tokio::test]
async fn a_schedule_rotates_when_its_date_has_come_and_missed_dates_count_once() {
    let setup = Setup::new();
    let (service, cmk) = one(&setup).await;
    service.enable_rotation(&me(), &cmk, Some(30)).await.unwrap();
    let start = setup.clock.now();
    let status = service.rotation_status(&me(), &cmk).await.unwrap();
    assert_eq!((status.enabled, status.period_days, status.rotations), (true, 30, 0));
    assert_eq!((status.next, status.last), (Some(start.plus_millis(30 * DAY_MILLIS)), None));
    setup.clock.advance_millis(30 * DAY_MILLIS - 1);
    assert_eq!(service.rotate_due().await, Ok(vec![]));
    setup.clock.advance_millis(1);
    assert_eq!(service.rotate_due().await, Ok(vec![(cmk.clone(), 2)]));
    assert_eq!(service.rotate_due().await, Ok(vec![]), "once");
    setup.clock.advance_millis(100 * DAY_MILLIS);
    assert_eq!(service.rotate_due().await, Ok(vec![(cmk.clone(), 3)]), "three dates were missed");
    let status = service.rotation_status(&me(), &cmk).await.unwrap();
    let now = setup.clock.now();
    assert_eq!((status.next, status.last), (Some(now.plus_millis(30 * DAY_MILLIS)), Some(now)));
    assert_eq!(status.rotations, 2);
    service.disable_rotation(&me(), &cmk).await.unwrap();
    setup.clock.advance_millis(100 * DAY_MILLIS);
    assert_eq!(service.rotate_due().await, Ok(vec![]));
    service.enable_rotation(&me(), &cmk, None).await.unwrap();
    assert_eq!(service.rotation_status(&me(), &cmk).await.unwrap().period_days, 30, "the period set before");
}

#[tokio::test]
async fn a_disabled_or_dying_cmk_waits_and_rotates_once_it_is_enabled() {
    let setup = Setup::new();
    let (service, cmk) = one(&setup).await;
    service.enable_rotation(&me(), &cmk, Some(30)).await.unwrap();
    service.disable(&me(), &cmk).await.unwrap();
    setup.clock.advance_millis(40 * DAY_MILLIS);
    assert_eq!(service.rotate_due().await, Ok(vec![]));
    service.schedule_deletion(&me(), &cmk, 30, true).await.unwrap();
    assert_eq!(service.rotate_due().await, Ok(vec![]));
    assert!(!service.rotation_status(&me(), &cmk).await.unwrap().enabled, "as AWS says of a CMK pending deletion");
    service.cancel_deletion(&me(), &cmk).await.unwrap();
    assert_eq!(service.rotate_due().await, Ok(vec![]), "disabled");
    service.enable(&me(), &cmk).await.unwrap();
    assert_eq!(service.rotate_due().await, Ok(vec![(cmk, 2)]));
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_put_rotation_off() {
    let setup = Setup::new();
    let (service, cmk) = one(&setup).await;
    let real = setup.clock.now();
    setup.clock.advance_millis(4000 * DAY_MILLIS);
    service.enable_rotation(&me(), &cmk, Some(30)).await.unwrap();
    setup.clock.set(real);
    assert_eq!(service.rotate_due().await, Ok(vec![]), "set back: not due, but dated anew");
    let next = service.rotation_status(&me(), &cmk).await.unwrap().next;
    assert_eq!(next, Some(real.plus_millis(30 * DAY_MILLIS)));
    setup.clock.set(Timestamp::from_millis(real.as_millis() + 30 * DAY_MILLIS));
    assert_eq!(service.rotate_due().await, Ok(vec![(cmk, 2)]));
}

#[tokio::test]
async fn what_does_not_rotate_says_so() {
    let setup = Setup::new();
    let (service, cmk) = one(&setup).await;
    let default = service.default_key(&me(), DECRYPT).await.unwrap();
    assert_eq!(service.rotate(&me(), &default).await, Err(KmsError::ServiceManaged));
    assert_eq!(service.enable_rotation(&me(), &default, None).await, Err(KmsError::ServiceManaged));
    let imported = service.create(&me(), CreateCmk { origin: Origin::External, ..new_key("") }).await.unwrap().id;
    assert!(matches!(service.rotate(&me(), &imported).await, Err(KmsError::Unsupported(_))));
    assert!(matches!(service.enable_rotation(&me(), &imported, None).await, Err(KmsError::Unsupported(_))));
    for days in [0, 29, 2561] {
        let got = service.enable_rotation(&me(), &cmk, Some(days)).await;
        assert!(matches!(got, Err(KmsError::Validation(_))), "{days}");
    }
    let low = low_user_of("aa");
    assert_eq!(service.rotate(&low, &cmk).await, Err(KmsError::Denied));
    assert_eq!(service.enable_rotation(&low, &cmk, None).await, Err(KmsError::Denied));
    assert_eq!(service.rotation_status(&low, &cmk).await.map(drop), Err(KmsError::Denied));
    assert_eq!(service.versions(&low, &cmk).await.map(drop), Err(KmsError::Denied));
    service.disable(&me(), &cmk).await.unwrap();
    assert_eq!(service.rotate(&me(), &cmk).await, Err(KmsError::Disabled));
}

#[tokio::test]
async fn a_provider_that_fails_rotates_nothing_and_others_are_rotated_all_the_same() {
    let setup = Setup::new();
    let (outside, log) = (Watched::named(&setup, "outside", |_| ()), Log::new());
    let service = setup
        .open_as(|parts| {
            parts.providers = vec![Arc::<Watched>::clone(&outside) as _];
            parts.audit = Arc::<Log>::clone(&log);
        })
        .await;
    let provider = strongroom_kms::ProviderName::parse("outside");
    let there = service.create(&me(), CreateCmk { provider, ..new_key("") }).await.unwrap().id;
    let here = service.create(&me(), new_key("")).await.unwrap().id;
    for cmk in [&there, &here] {
        service.enable_rotation(&me(), cmk, Some(30)).await.unwrap();
    }
    *outside.fault.lock().unwrap() = Some(ProviderFault::Unavailable("gone".to_owned()));
    setup.clock.advance_millis(31 * DAY_MILLIS);
    log.take();
    assert!(matches!(service.rotate_due().await, Err(KmsError::Unavailable(_))));
    assert_eq!((current(&service, &there).await, current(&service, &here).await), (1, 2));
    let told: Vec<_> = log.told().into_iter().filter(|(operation, ..)| *operation == "RotateKey").collect();
    assert_eq!(told.len(), 3, "allowed and failed, and allowed: {told:?}");
    assert!(told.contains(&("RotateKey", Outcome::Failed, Some("Unavailable"))));
    *outside.fault.lock().unwrap() = None;
    assert_eq!(service.rotate_due().await, Ok(vec![(there, 2)]));
}

#[tokio::test]
async fn without_a_record_nothing_is_rotated() {
    let (setup, log) = (Setup::new(), Log::new());
    let service = setup.open_as(|parts| parts.audit = Arc::<Log>::clone(&log)).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    service.enable_rotation(&me(), &cmk, Some(30)).await.unwrap();
    setup.clock.advance_millis(31 * DAY_MILLIS);
    log.break_down(true);
    assert_eq!(service.rotate_due().await, Err(KmsError::AuditUnavailable));
    log.break_down(false);
    assert_eq!(current(&service, &cmk).await, 1);
}

#[tokio::test]
async fn wraps_are_limited_and_a_schedule_rotates_before_the_limit() {
    let setup = Setup::new();
    let service = setup.open_as(|parts| parts.config.wraps_max = 16).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let wrap = async || service.encrypt(&me(), &cmk, b"x", &none()).await.map(|made| made.ciphertext.version());
    for _ in 0..16 {
        assert_eq!(wrap().await, Ok(1));
    }
    assert!(matches!(wrap().await, Err(KmsError::LimitExceeded(_))));
    assert_eq!(service.rotate_due().await, Ok(vec![]), "without a schedule, its owner decides");
    service.rotate(&me(), &cmk).await.unwrap();
    service.enable_rotation(&me(), &cmk, None).await.unwrap();
    for used in 1..=14 {
        assert_eq!(service.rotate_due().await, Ok(vec![]), "after {used}");
        assert_eq!(wrap().await, Ok(2));
    }
    assert_eq!(service.rotate_due().await, Ok(vec![(cmk.clone(), 3)]), "seven eighths");
    assert_eq!(wrap().await, Ok(3));
    let wraps: Vec<_> = service.versions(&me(), &cmk).await.unwrap().iter().map(|v| v.wraps).collect();
    assert_eq!(wraps, [16, 14, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_made_and_opened_while_the_cmk_is_rotated() {
    let setup = Setup::new();
    let provider = Watched::new(&setup);
    let service = setup.open_with_provider(Arc::<Watched>::clone(&provider)).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (service, cmk) = (Arc::clone(&service), cmk.clone());
        tasks.spawn(async move {
            let mut seen = 0;
            for _ in 0..50 {
                let generate = service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &none()).await.unwrap();
                let (key, wrapped) = service.generate::<Dek>(&generate, &none()).await.unwrap();
                assert!(wrapped.version() >= seen, "a new wrap never uses an older version than the one before");
                seen = wrapped.version();
                let open = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &none()).await.unwrap();
                let back = service.unwrap(&open, &wrapped, &none()).await.unwrap();
                assert!(back.as_secret().expose() == key.as_secret().expose());
            }
        });
    }
    let (user, mut conflicts) = (me(), 0);
    for _ in 0..10 {
        let (a, b) = tokio::join!(service.rotate(&user, &cmk), service.rotate(&user, &cmk));
        for rotated in [a, b] {
            match rotated {
                Ok(_) => {}
                Err(KmsError::Conflict(_)) => conflicts += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(current(&service, &cmk).await, 21 - conflicts);
    assert_eq!(provider.wraps.load(Ordering::SeqCst), 800);
}

#[tokio::test]
async fn a_cmk_has_so_many_versions_and_no_more() {
    let setup = Setup::new();
    let service = setup.open_as(|parts| parts.config.versions_max = 2).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    assert_eq!(service.rotate(&me(), &cmk).await, Ok(2));
    let full = KmsError::LimitExceeded("the number of versions of a CMK");
    assert_eq!(service.rotate(&me(), &cmk).await, Err(full.clone()));
    service.enable_rotation(&me(), &cmk, Some(30)).await.unwrap();
    setup.clock.advance_millis(31 * DAY_MILLIS);
    assert_eq!(service.rotate_due().await, Err(full));
    assert_eq!(current(&service, &cmk).await, 2);
}
