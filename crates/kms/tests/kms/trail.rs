//! What is on record of the use of CMKs: one event each, before the key is handed out, and no key without it.

use crate::log::Log;
use crate::setup::{Setup, Watched, low_user_of, me, new_key};
use audit::{EventKind, Outcome};
use crypto::Dek;
use policy::Action;
use std::sync::Arc;
use strongroom_kms::{CmkId, EncryptionContext, KeyService, KeyUser, KmsError, ProviderFault, Source};

struct Watch {
    service: Arc<KeyService>,
    provider: Arc<Watched>,
    log: Arc<Log>,
    cmk: CmkId,
}

async fn watch(remote: bool) -> Watch {
    let (setup, log) = (Setup::new(), Log::new());
    let provider = Watched::with(&setup, |capabilities| capabilities.remote = remote);
    let service = setup
        .open_as(|parts| {
            parts.providers = vec![Arc::<Watched>::clone(&provider) as _];
            parts.audit = Arc::<Log>::clone(&log);
        })
        .await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    log.take();
    Watch { service, provider, log, cmk }
}

fn context() -> EncryptionContext {
    EncryptionContext::from_pairs([("aws:s3:arn".to_owned(), "arn:aws:s3:::b/k".to_owned())]).unwrap()
}

#[tokio::test]
async fn a_use_is_one_event_with_all_that_is_known_of_it() {
    for remote in [false, true] {
        let w = watch(remote).await;
        let mut conditions = policy::Conditions { secure_transport: true, ..Default::default() };
        conditions.source_ip = Some("192.0.2.7".parse().unwrap());
        conditions.add(policy::ConditionKey::UserAgent, "client/1");
        let user = KeyUser { access_key: Some("AK1".into()), conditions: Arc::new(conditions), ..me() };
        let proof = w.service.authorize_use(&user, &w.cmk, Action::KmsGenerateDataKey, &context()).await.unwrap();
        assert_eq!(w.log.take(), [], "what is allowed and not used yet is no event");
        w.service.generate::<Dek>(&proof, &context()).await.unwrap();
        let [event] = <[_; 1]>::try_from(w.log.take()).unwrap();
        assert_eq!((event.kind, event.operation, event.via), (EventKind::KeyUse, "GenerateDataKey", "s3"));
        assert_eq!((event.outcome, event.error, event.request_id.as_str()), (Outcome::Ok, None, "r-1"));
        let key = event.key.unwrap();
        assert_eq!((key.arn, key.version, key.provider.as_deref()), (w.cmk.to_arn(), Some(1), Some("embedded")));
        assert_eq!(event.context, [("aws:s3:arn".to_owned(), "arn:aws:s3:::b/k".to_owned())]);
        let who = event.who;
        assert_eq!((who.account.as_str(), who.principal.as_str()), ("aa", "root:aa"));
        assert_eq!(who.arn, "arn:aws:iam::000000000097:root");
        assert_eq!((who.access_key.as_deref(), who.user_agent.as_deref()), (Some("AK1"), Some("client/1")));
        assert_eq!((who.source_ip, who.secure), (Some("192.0.2.7".parse().unwrap()), true));
        assert!(who.permissions.is_some());
    }
}

#[tokio::test]
async fn a_refusal_is_one_event_too() {
    let w = watch(false).await;
    let low = low_user_of("aa");
    let got = w.service.authorize_use(&low, &w.cmk, Action::KmsDecrypt, &context()).await.map(drop);
    assert_eq!(got, Err(KmsError::Denied));
    assert_eq!(w.log.told(), [("Decrypt", Outcome::Denied, Some("AccessDenied"))]);
    let got = w.service.encrypt(&low, &w.cmk, b"x", &context()).await.map(drop);
    assert_eq!(got, Err(KmsError::Denied));
    assert_eq!(w.log.told(), [("Encrypt", Outcome::Denied, Some("AccessDenied"))]);
    let error = w.service.refused(&low, Action::KmsDescribeKey, "alias/none", KmsError::NotFound).await;
    assert_eq!(error, KmsError::NotFound);
    let [event] = <[_; 1]>::try_from(w.log.take()).unwrap();
    assert_eq!((event.operation, event.error, event.key), ("DescribeKey", Some("NotFound"), None));
    assert_eq!(event.details, [("key", "alias/none".to_owned())]);
}

#[tokio::test]
async fn without_a_record_no_key_is_handed_out() {
    for remote in [false, true] {
        let w = watch(remote).await;
        let generate = w.service.authorize_use(&me(), &w.cmk, Action::KmsGenerateDataKey, &context()).await.unwrap();
        let decrypt = w.service.authorize_use(&me(), &w.cmk, Action::KmsDecrypt, &context()).await.unwrap();
        let (_, wrapped) = w.service.generate::<Dek>(&generate, &context()).await.unwrap();
        let sealed = w.service.encrypt(&me(), &w.cmk, b"secret", &context()).await.unwrap().ciphertext;
        w.log.break_down(true);
        let source = Source { ciphertext: &sealed, cmk: None, context: &context() };
        let refused = [
            w.service.generate::<Dek>(&generate, &context()).await.map(drop),
            w.service.unwrap(&decrypt, &wrapped, &context()).await.map(drop),
            w.service.encrypt(&me(), &w.cmk, b"secret", &context()).await.map(drop),
            w.service.decrypt(&me(), source).await.map(drop),
            w.service.generate_data_key(&me(), &w.cmk, 32, &context(), true).await.map(drop),
            w.service.re_encrypt(&me(), source, &w.cmk, &context()).await.map(drop),
            w.service.random(&me(), 32).await.map(drop),
            w.service.authorize_use(&low_user_of("aa"), &w.cmk, Action::KmsDecrypt, &context()).await.map(drop),
        ];
        assert_eq!(refused, [const { Err(KmsError::AuditUnavailable) }; 8], "remote: {remote}");
        w.log.break_down(false);
        w.service.unwrap(&decrypt, &wrapped, &context()).await.unwrap();
    }
}

/// A key of an earlier event leaves none when it is used again, unless the log is known to take none: such a use is refused
/// then, and the one that finds it working again is on it.
#[tokio::test]
async fn a_key_that_was_handed_out_before_is_not_used_while_the_log_takes_nothing() {
    let w = watch(false).await;
    let decrypt = w.service.authorize_use(&me(), &w.cmk, Action::KmsDecrypt, &context()).await.unwrap();
    assert_eq!(w.service.use_again(&decrypt).await, Ok(()));
    w.log.break_down(true);
    assert_eq!(w.service.use_again(&decrypt).await, Ok(()), "nothing is known of it yet");
    assert_eq!(w.service.random(&me(), 32).await.map(drop), Err(KmsError::AuditUnavailable));
    for _ in 0..2 {
        assert_eq!(w.service.use_again(&decrypt).await, Err(KmsError::AuditUnavailable));
    }
    assert!(w.log.take().is_empty());
    w.log.break_down(false);
    assert_eq!((w.service.use_again(&decrypt).await, w.service.use_again(&decrypt).await), (Ok(()), Ok(())));
    let [event] = <[_; 1]>::try_from(w.log.take()).unwrap();
    assert_eq!((event.operation, event.outcome, event.key.unwrap().arn), ("Decrypt", Outcome::Ok, w.cmk.to_arn()));
    assert_eq!(event.details, [("cached", "true".to_owned())]);
}

#[tokio::test]
async fn what_fails_at_the_provider_is_on_record_as_failed() {
    let w = watch(false).await;
    let sealed = w.service.encrypt(&me(), &w.cmk, b"secret", &context()).await.unwrap().ciphertext;
    w.log.take();
    let other = EncryptionContext::new();
    let got = w.service.decrypt(&me(), Source { ciphertext: &sealed, cmk: None, context: &other }).await.map(drop);
    assert_eq!(got, Err(KmsError::InvalidCiphertext));
    assert_eq!(w.log.told(), [("Decrypt", Outcome::Failed, Some("InvalidCiphertext"))]);
    let w = watch(true).await;
    *w.provider.fault.lock().unwrap() = Some(ProviderFault::Unavailable("gone".to_owned()));
    assert!(w.service.encrypt(&me(), &w.cmk, b"secret", &context()).await.is_err());
    // The provider at the end of a wire was asked while the log was written: first allowed, then failed.
    let told = [("Encrypt", Outcome::Ok, None), ("Encrypt", Outcome::Failed, Some("Unavailable"))];
    assert_eq!(w.log.told(), told);
}

#[tokio::test]
async fn a_change_whose_caller_went_away_is_on_record() {
    let w = watch(false).await;
    {
        let user = me();
        let disable = w.service.disable(&user, &w.cmk);
        tokio::pin!(disable);
        let waker = std::task::Waker::noop();
        assert!(disable.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    // Changes take turns, so this one ends after the abandoned one, and so does its event.
    w.service.create_alias(&me(), "alias/after", &w.cmk).await.unwrap();
    let told = w.log.told();
    assert!(told.contains(&("DisableKey", Outcome::Failed, Some("Abandoned"))), "{told:?}");
}

#[tokio::test]
async fn no_plaintext_stands_in_an_event() {
    let w = watch(false).await;
    let secret = b"the plaintext of the caller";
    let sealed = w.service.encrypt(&me(), &w.cmk, secret, &context()).await.unwrap().ciphertext;
    let source = Source { ciphertext: &sealed, cmk: None, context: &context() };
    w.service.decrypt(&me(), source).await.unwrap();
    let (made, key) = w.service.generate_data_key(&me(), &w.cmk, 32, &context(), true).await.unwrap();
    let text = format!("{:?}", w.log.take());
    assert!(text.contains("GenerateDataKey"));
    for hidden in [&secret[..], &key.unwrap(), sealed.as_bytes(), made.ciphertext.as_bytes()] {
        let shown = format!("{hidden:?}");
        assert!(!text.contains(shown.trim_matches(['[', ']'])), "{shown}");
        assert!(!text.contains(&*String::from_utf8_lossy(hidden)));
    }
}
