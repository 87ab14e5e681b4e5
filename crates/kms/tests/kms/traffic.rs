//! Rates by account, counts by day, and providers that are slow, refuse, or answer with something else.

use crate::log::Log;
use crate::setup::{DAY_MILLIS, Setup, Watched, me, new_key, nobody, root_of};
use crypto::Dek;
use model::Clock;
use policy::Action;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use strongroom_kms::{
    CreateCmk, EncryptionContext, KeyService, KeyUser, KmsError, Outcome, ProviderFault, ProviderName, Source,
    ThrottleConfig,
};

fn none() -> EncryptionContext {
    EncryptionContext::new()
}

#[tokio::test]
async fn over_the_rate_nothing_is_asked_of_the_provider_and_cached_keys_cost_nothing() {
    let (setup, log) = (Setup::new(), Log::new());
    let provider = Watched::new(&setup);
    let service = setup
        .open_as(|parts| {
            parts.providers = vec![Arc::<Watched>::clone(&provider) as _];
            parts.audit = Arc::<Log>::clone(&log);
            parts.config.throttle = ThrottleConfig { use_per_second: 2, ..ThrottleConfig::default() };
        })
        .await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let proof = service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &none()).await.unwrap();
    for _ in 0..4 {
        service.generate::<Dek>(&proof, &none()).await.unwrap();
    }
    log.take();
    let asked = provider.wraps.load(Ordering::SeqCst);
    assert_eq!(service.generate::<Dek>(&proof, &none()).await.map(drop), Err(KmsError::Throttled));
    assert_eq!(provider.wraps.load(Ordering::SeqCst), asked);
    assert!(log.told().iter().all(|(.., error)| *error == Some("Throttled")), "refused on record");
    assert_eq!(service.counters().requests(strongroom_kms::Operation::GenerateDataKey, Outcome::Throttled), 1);
    service.encrypt(&me(), &cmk, b"x", &none()).await.unwrap();
    let from_api = KeyUser { via: "kms", ..me() };
    service.generate_data_key(&from_api, &cmk, 32, &none(), true).await.unwrap();
    for _ in 0..10 {
        // What a request with a bucket key at hand asks: the right alone.
        let _ = service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &none()).await.unwrap();
    }
    service.describe(&me(), &cmk).await.unwrap();
    let job = KeyUser { via: "job", ..me() };
    service.encrypt(&job, &cmk, b"x", &none()).await.unwrap();
    setup.clock.advance_millis(500);
    service.generate::<Dek>(&proof, &none()).await.unwrap();
    assert!(service.generate::<Dek>(&proof, &none()).await.is_err());
}

#[tokio::test]
async fn requests_are_counted_by_day_account_key_and_operation_and_survive_a_restart() {
    let setup = Setup::new();
    let service = setup.open().await;
    let day = u32::try_from(setup.clock.now().as_millis() / DAY_MILLIS).unwrap();
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &cmk, b"x", &none()).await.unwrap().ciphertext;
    for user in [me(), root_of("bb"), nobody()] {
        let _ = service.decrypt(&user, Source { ciphertext: &sealed, cmk: None, context: &none() }).await;
    }
    service.close().await.unwrap();
    let service = setup.open().await;
    setup.clock.advance_millis(DAY_MILLIS);
    service.encrypt(&me(), &cmk, b"x", &none()).await.unwrap();
    let rows = service.usage((day, day + 1), None).await.unwrap();
    let told = |account: &str, operation: &str, day: u32| {
        let mut found = rows
            .iter()
            .filter(|row| (row.account.as_str(), row.operation.as_str(), row.day) == (account, operation, day));
        let row = found.next().unwrap();
        assert!(found.next().is_none());
        (row.cmk, row.ok, row.refused)
    };
    assert_eq!(told("aa", "Encrypt", day), (Some(cmk.uid), 1, 0));
    assert_eq!(told("aa", "Decrypt", day), (Some(cmk.uid), 1, 0));
    assert_eq!(told("bb", "Decrypt", day), (Some(cmk.uid), 0, 1));
    assert_eq!(told("aa", "Encrypt", day + 1), (Some(cmk.uid), 1, 0));
    assert_eq!(service.usage((day + 1, day + 9), None).await.unwrap().len(), 1);
    assert_eq!(service.versions(&me(), &cmk).await.unwrap()[0].wraps, 2, "a clean end loses no count");
}

async fn with_outside(setup: &Setup) -> (Arc<KeyService>, Arc<Watched>, strongroom_kms::CmkId) {
    let outside = Watched::named(setup, "outside", |_| ());
    let service = setup.open_with_provider(Arc::<Watched>::clone(&outside)).await;
    let wanted = CreateCmk { provider: ProviderName::parse("outside"), ..new_key("") };
    let cmk = service.create(&me(), wanted).await.unwrap().id;
    (service, outside, cmk)
}

#[tokio::test]
async fn what_a_provider_does_wrong_is_told_without_what_it_said() {
    let setup = Setup::new();
    let (service, outside, cmk) = with_outside(&setup).await;
    let here = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &cmk, b"x", &none()).await.unwrap().ciphertext;
    let secret = "https://user:password@kms.example.com answered so".to_owned();
    for fault in [
        ProviderFault::Unavailable(secret.clone()),
        ProviderFault::Refused(secret.clone()),
        ProviderFault::Garbage(secret.clone()),
        ProviderFault::Throttled,
        ProviderFault::InvalidReference,
        ProviderFault::InvalidCiphertext,
    ] {
        *outside.fault.lock().unwrap() = Some(fault.clone());
        let source = Source { ciphertext: &sealed, cmk: None, context: &none() };
        let error = service.decrypt(&me(), source).await.map(drop).unwrap_err();
        let fits = match &fault {
            ProviderFault::Throttled => error == KmsError::Throttled,
            ProviderFault::InvalidReference => matches!(error, KmsError::Damaged(_)),
            ProviderFault::InvalidCiphertext => error == KmsError::InvalidCiphertext,
            _ => matches!(error, KmsError::Unavailable(_)),
        };
        assert!(fits, "{fault:?}: {error:?}");
        assert!(!error.to_string().contains("password"), "{error}");
        service.encrypt(&me(), &here, b"x", &none()).await.unwrap();
    }
    *outside.fault.lock().unwrap() = None;
    let source = Source { ciphertext: &sealed, cmk: None, context: &none() };
    assert_eq!(service.decrypt(&me(), source).await.unwrap().plaintext.as_slice(), b"x", "healed");
}

#[tokio::test]
async fn a_provider_that_is_no_longer_configured_takes_its_own_cmks_only() {
    let setup = Setup::new();
    let (service, _, cmk) = with_outside(&setup).await;
    let here = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &cmk, b"x", &none()).await.unwrap().ciphertext;
    let service = setup.open().await;
    let source = Source { ciphertext: &sealed, cmk: None, context: &none() };
    for got in [
        service.decrypt(&me(), source).await.map(drop),
        service.encrypt(&me(), &cmk, b"x", &none()).await.map(drop),
        service.rotate(&me(), &cmk).await.map(drop),
    ] {
        let Err(KmsError::Unavailable(why)) = got else { panic!("{got:?}") };
        assert!(why.contains("`outside`") && why.contains("not configured"), "{why}");
    }
    service.encrypt(&me(), &here, b"x", &none()).await.unwrap();
    service.describe(&me(), &cmk).await.unwrap();
}

#[tokio::test]
async fn refusals_cost_what_the_request_would_have() {
    let setup = Setup::new();
    let throttle = ThrottleConfig { use_per_second: 1, read_per_second: 1, ..ThrottleConfig::default() };
    let service = setup.open_as(|parts| parts.config.throttle = throttle).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let low = crate::setup::low_user_of("aa");
    let refused = async || service.authorize_use(&low, &cmk, Action::KmsDecrypt, &none()).await.map(drop);
    assert_eq!([refused().await, refused().await], [Err(KmsError::Denied), Err(KmsError::Denied)]);
    assert_eq!(refused().await, Err(KmsError::Throttled));
    let named = async || service.refused(&me(), Action::KmsDescribeKey, "alias/none", KmsError::NotFound).await;
    assert_eq!([named().await, named().await], [KmsError::NotFound, KmsError::NotFound]);
    assert_eq!(named().await, KmsError::Throttled);
    assert!(service.describe(&me(), &cmk).await.is_ok(), "what nobody had a right to costs the account nothing");
    setup.clock.advance_millis(2000);
    let too_long = [0; strongroom_kms::PLAINTEXT_BYTES_MAX + 1];
    for _ in 0..2 {
        let got = service.encrypt(&me(), &cmk, &too_long, &none()).await.map(drop);
        assert!(matches!(got, Err(KmsError::Validation(_))));
    }
    assert_eq!(service.encrypt(&me(), &cmk, &too_long, &none()).await.map(drop), Err(KmsError::Throttled));
}

/// Whoever may use no key, or calls the APIs all the time, keeps nobody of the account from its objects.
#[tokio::test]
async fn an_account_s_objects_are_not_starved_by_its_users_without_rights_nor_by_its_calls() {
    let setup = Setup::new();
    let throttle = ThrottleConfig { use_per_second: 1, ..ThrottleConfig::default() };
    let service = setup.open_as(|parts| parts.config.throttle = throttle).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &cmk, b"x", &none()).await.unwrap().ciphertext;
    let source = Source { ciphertext: &sealed, cmk: None, context: &none() };
    let (low, api) = (crate::setup::low_user_of("aa"), KeyUser { via: "kms", ..me() });
    for _ in 0..20 {
        for user in [low.clone(), KeyUser { via: "kms", ..low.clone() }] {
            assert!(service.encrypt(&user, &cmk, b"x", &none()).await.is_err());
            assert!(service.decrypt(&user, source).await.is_err());
            assert!(service.re_encrypt(&user, source, &cmk, &none()).await.is_err());
            assert!(service.generate_data_key(&user, &cmk, 32, &none(), true).await.is_err());
            assert!(service.random(&user, 8).await.is_err());
            assert!(service.authorize_use(&user, &cmk, Action::KmsDecrypt, &none()).await.is_err());
            assert!(service.rotate(&user, &cmk).await.is_err());
        }
    }
    let too_many = service.encrypt(&low, &cmk, b"x", &none()).await.map(drop);
    assert_eq!(too_many, Err(KmsError::Throttled), "they have a rate of their own");
    for user in [&api, &me()] {
        for _ in 0..2 {
            service.decrypt(user, source).await.unwrap();
            service.generate_data_key(user, &cmk, 32, &none(), true).await.unwrap();
            service.random(user, 8).await.unwrap();
        }
        assert_eq!(service.random(user, 8).await.map(drop), Err(KmsError::Throttled));
    }
    assert_eq!(service.rotate(&me(), &cmk).await, Ok(2));
}
