//! Making CMKs: what they may be, and what is refused before anything is made.

use crate::setup::{DECRYPT, Setup, Watched, allow, me, narrowed, new_key, user_with};
use model::ProjectUid;
use policy::Action;
use store::Table;
use strongroom_kms::{
    CreateCmk, EncryptionContext, KeyFilter, KeyManager, KeySpec, KeyState, KmsConfig, KmsError, Origin, ProviderName,
};

const OWN_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000097:root"},"Action":"kms:*","Resource":"*"}]}"#;

#[tokio::test]
async fn everything_that_was_asked_for_is_there_and_stays() {
    let setup = Setup::new();
    let service = setup.open().await;
    let wanted = CreateCmk {
        spec: KeySpec::Sm4,
        project: Some(ProjectUid::from_bytes([7; 16])),
        alias: Some("alias/all".to_owned()),
        tags: vec![("b".to_owned(), "2".to_owned()), ("a".to_owned(), String::new())],
        policy: Some(OWN_POLICY.to_owned()),
        ..new_key("words")
    };
    let made = service.create(&me(), wanted).await.unwrap();
    assert_eq!((made.spec, made.origin, made.state), (KeySpec::Sm4, Origin::Kms, KeyState::Enabled));
    assert_eq!((made.manager, made.current_version, &*made.description), (KeyManager::Customer, 1, "words"));
    assert_eq!(made.tags, [("a".to_owned(), String::new()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(service.resolve(&me(), "alias/all", DECRYPT), Ok(made.id.clone()));
    assert_eq!(service.key_policy(&me(), &made.id).await.unwrap(), OWN_POLICY);
    let again = setup.open().await;
    assert_eq!(again.describe(&me(), &made.id).await, Ok(made.clone()));
    for (filter, found) in [
        (KeyFilter { project: Some(None), ..KeyFilter::default() }, 0),
        (KeyFilter { project: Some(made.project), ..KeyFilter::default() }, 1),
        (KeyFilter { spec: Some(KeySpec::Aes256), ..KeyFilter::default() }, 0),
        (KeyFilter { spec: Some(KeySpec::Sm4), state: Some("Enabled"), ..KeyFilter::default() }, 1),
        (KeyFilter { state: Some("Disabled"), ..KeyFilter::default() }, 0),
    ] {
        assert_eq!(again.list_detailed(&me(), &filter).await.unwrap().len(), found, "{filter:?}");
    }
}

#[tokio::test]
async fn a_cmk_for_imported_material_waits_for_it() {
    let setup = Setup::new();
    let service = setup.open().await;
    let made = service.create(&me(), CreateCmk { origin: Origin::External, ..new_key("") }).await.unwrap();
    assert_eq!((made.state, made.current_version), (KeyState::PendingImport, 0));
    assert_eq!(setup.rows(Table::CmkVersions), []);
    let service = setup.open().await;
    let context = EncryptionContext::new();
    assert_eq!(
        service.authorize_use(&me(), &made.id, Action::KmsGenerateDataKey, &context).await.map(drop),
        Err(KmsError::PendingImport)
    );
    assert_eq!(service.enable(&me(), &made.id).await, Err(KmsError::PendingImport));
    // Its deletion, cancelled, does not make it usable.
    service.schedule_deletion(&me(), &made.id, 7, false).await.unwrap();
    service.cancel_deletion(&me(), &made.id).await.unwrap();
    assert_eq!(service.describe(&me(), &made.id).await.unwrap().state, KeyState::PendingImport);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let setup = Setup::new();
    let service = setup.open().await;
    service.create(&me(), CreateCmk { alias: Some("taken".to_owned()), ..new_key("") }).await.unwrap();
    let tags = |tags: &[(&str, &str)]| CreateCmk {
        tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..new_key("")
    };
    let existing = Some("arn:x".to_owned());
    let alias = |name: &str| CreateCmk { alias: Some(name.to_owned()), ..new_key("") };
    let policy = |text: &str| CreateCmk { policy: Some(text.to_owned()), ..new_key("") };
    let locked_out = OWN_POLICY.replace("000000000097", "000000000098");
    for (wanted, error) in [
        (new_key(&"x".repeat(8193)), "Validation"),
        (CreateCmk { provider: ProviderName::parse("nobody"), ..new_key("") }, "Validation"),
        (CreateCmk { existing: existing.clone(), ..new_key("") }, "Unsupported"),
        (CreateCmk { existing, origin: Origin::External, ..new_key("") }, "Validation"),
        (alias("taken"), "AlreadyExists"),
        (alias("aws/mine"), "InvalidAlias"),
        (alias("a b"), "InvalidAlias"),
        (tags(&[("aws:x", "")]), "Tag"),
        (tags(&[("", "")]), "Tag"),
        (tags(&[("a", "1"), ("a", "2")]), "Tag"),
        (tags(&[(&"k".repeat(129), "")]), "Tag"),
        (tags(&[("k", &"v".repeat(257))]), "Tag"),
        (tags(&[("k", "line\nbreak")]), "Tag"),
        (policy("{}"), "MalformedPolicy"),
        (policy(&format!("{OWN_POLICY}{}", " ".repeat(32 * 1024))), "MalformedPolicy"),
    ] {
        let got = service.create(&me(), wanted.clone()).await.unwrap_err();
        assert_eq!(got.name(), error, "{wanted:?}");
    }
    let user = user_with("aa", "maker", Some(&allow(r#""kms:CreateKey""#)));
    let of_another = service.create(&user, policy(&locked_out)).await.unwrap_err();
    assert_eq!(of_another.name(), "MalformedPolicy", "it would lock its author out");
    let tagged = service.create(&user, tags(&[("k", "v")])).await;
    assert_eq!(tagged, Err(KmsError::Denied), "tags ask for a right of their own");
    let session = narrowed("aa", "maker", &allow(r#""kms:*""#), &allow(r#""kms:*""#));
    let given = CreateCmk { bypass_lockout_check: true, ..policy(OWN_POLICY) };
    assert_eq!(
        service.create(&session, given.clone()).await,
        Err(KmsError::Denied),
        "a narrowed session sets no policy"
    );
    assert_eq!(setup.rows(Table::Cmks).len(), 1);
    assert_eq!(setup.rows(Table::CmkVersions).len(), 1);
    service.create(&user, CreateCmk { policy: Some(locked_out), ..given }).await.unwrap();
}

#[tokio::test]
async fn an_account_has_so_many_cmks_and_no_more() {
    let (service, _) = Setup::new().open_with(KmsConfig { keys_max: 2, ..KmsConfig::default() }).await;
    service.default_key(&me(), DECRYPT).await.unwrap();
    service.create(&me(), new_key("")).await.unwrap();
    let second = service.create(&me(), new_key("")).await.unwrap().id;
    let full = Err(KmsError::LimitExceeded("the number of CMKs of an account"));
    assert_eq!(service.create(&me(), new_key("")).await, full, "the default key does not count");
    service.schedule_deletion(&me(), &second, 7, false).await.unwrap();
    assert_eq!(service.create(&me(), new_key("")).await, full, "one that waits for its deletion does");
    let quotas = service.quotas(&me()).await.unwrap();
    assert_eq!((quotas.keys, quotas.keys_max, quotas.grants), (2, 2, 0));
    service.create(&crate::setup::root_of("bb"), new_key("")).await.unwrap();
}

#[tokio::test]
async fn a_provider_is_not_asked_for_what_will_not_be_stored() {
    let setup = Setup::new();
    let watched = Watched::new(&setup);
    let service = setup.open_with_provider(std::sync::Arc::<Watched>::clone(&watched)).await;
    service.create(&me(), CreateCmk { alias: Some("a".to_owned()), ..new_key("") }).await.unwrap();
    let before = watched.created.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        service.create(&me(), CreateCmk { alias: Some("a".to_owned()), ..new_key("") }).await,
        Err(KmsError::AlreadyExists)
    );
    assert_eq!(watched.created.load(std::sync::atomic::Ordering::SeqCst), before);
    // Two at once: one of them is stored, and what the provider made for the other is destroyed again.
    let twice = CreateCmk { alias: Some("b".to_owned()), ..new_key("") };
    let (user, other) = (me(), me());
    let (one, two) = tokio::join!(service.create(&user, twice.clone()), service.create(&other, twice));
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ok| **ok).count(), 1);
    let (made, destroyed) = (&watched.created, &watched.destroyed);
    let made = made.load(std::sync::atomic::Ordering::SeqCst) - before;
    assert_eq!(made - destroyed.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert_eq!(setup.rows(Table::Cmks).len(), 2);
}

#[tokio::test]
async fn a_key_of_a_provider_is_taken_up_once_and_survives_a_second_try() {
    let setup = Setup::new();
    let watched = Watched::named(&setup, "outside", |_| ());
    let service = setup.open_with_provider(std::sync::Arc::<Watched>::clone(&watched)).await;
    let taking = |name: &str| CreateCmk {
        provider: ProviderName::parse("outside"),
        existing: Some(name.to_owned()),
        ..new_key("")
    };
    service.create(&me(), taking("k1")).await.unwrap();
    let again = service.create(&crate::setup::root_of("bb"), taking("k1")).await;
    assert_eq!(again, Err(KmsError::Conflict("another CMK holds this key of the key provider")));
    assert_eq!(watched.destroyed.load(std::sync::atomic::Ordering::SeqCst), 0, "it is the first one's");
    service.create(&crate::setup::root_of("bb"), taking("k2")).await.unwrap();
}
