//! Imported material: for one CMK, within its time, and only ever the same.

use crate::setup::{DAY_MILLIS, Setup, low_user_of, me, new_key, root_of};
use crypto::{OaepHash, wrap_for_import};
use model::Clock;
use std::sync::Arc;
use store::Table;
use strongroom_kms::{
    CmkId, CreateCmk, EncryptionContext, ImportParameters, ImportWrapping, KeyService, KeySpec, KeyState, KmsError,
    Origin, Source,
};

const WRAPPING: ImportWrapping = ImportWrapping::OaepSha256;

async fn waiting(service: &KeyService, spec: KeySpec) -> CmkId {
    let made = service.create(&me(), CreateCmk { origin: Origin::External, spec, ..new_key("") }).await.unwrap();
    assert_eq!(made.state, KeyState::PendingImport);
    made.id
}

async fn asked(service: &KeyService, cmk: &CmkId) -> ImportParameters {
    service.import_parameters(&me(), cmk, WRAPPING, 2048).await.unwrap()
}

fn wrapped(parameters: &ImportParameters, material: &[u8]) -> Vec<u8> {
    wrap_for_import(&parameters.public_key, OaepHash::Sha256, material).unwrap()
}

async fn import(service: &KeyService, cmk: &CmkId, material: &[u8]) -> Result<String, KmsError> {
    let parameters = asked(service, cmk).await;
    service.import_material(&me(), cmk, &parameters.token, &wrapped(&parameters, material), None).await
}

async fn state(service: &KeyService, cmk: &CmkId) -> KeyState {
    service.describe(&me(), cmk).await.unwrap().state
}

#[tokio::test]
async fn imported_material_wraps_survives_a_restart_and_is_stored_wrapped() {
    let setup = Setup::new();
    let service = setup.open().await;
    for (spec, material) in [(KeySpec::Aes256, vec![0xa7; 32]), (KeySpec::Sm4, vec![0xb9; 16])] {
        let cmk = waiting(&service, spec).await;
        let none = EncryptionContext::new();
        assert_eq!(service.encrypt(&me(), &cmk, b"x", &none).await.map(drop), Err(KmsError::PendingImport));
        let id = import(&service, &cmk, &material).await.unwrap();
        assert_eq!((id.len(), state(&service, &cmk).await), (64, KeyState::Enabled));
        let sealed = service.encrypt(&me(), &cmk, b"secret", &none).await.unwrap().ciphertext;
        let again = setup.open().await;
        let source = Source { ciphertext: &sealed, cmk: None, context: &none };
        assert_eq!(again.decrypt(&me(), source).await.unwrap().plaintext.as_slice(), b"secret");
        for (_, row) in Table::ALL.iter().flat_map(|table| setup.rows(*table)) {
            assert!(!row.windows(16).any(|window| window == &material[..16]), "{spec:?} in clear");
        }
    }
}

#[tokio::test]
async fn only_the_same_material_is_taken_again_and_opens_what_it_wrapped() {
    let service = Setup::new().open().await;
    let cmk = waiting(&service, KeySpec::Aes256).await;
    let id = import(&service, &cmk, &[1; 32]).await.unwrap();
    let none = EncryptionContext::new();
    let sealed = service.encrypt(&me(), &cmk, b"secret", &none).await.unwrap().ciphertext;
    assert_eq!(import(&service, &cmk, &[2; 32]).await, Err(KmsError::IncorrectMaterial));
    assert_eq!(import(&service, &cmk, &[1; 32]).await, Ok(id.clone()), "the same, while it is there");
    service.delete_imported_material(&me(), &cmk).await.unwrap();
    service.delete_imported_material(&me(), &cmk).await.unwrap();
    assert_eq!(state(&service, &cmk).await, KeyState::PendingImport);
    let source = Source { ciphertext: &sealed, cmk: None, context: &none };
    assert_eq!(service.decrypt(&me(), source).await.map(drop), Err(KmsError::PendingImport));
    assert_eq!(import(&service, &cmk, &[2; 32]).await, Err(KmsError::IncorrectMaterial), "remembered by its digest");
    assert_eq!(import(&service, &cmk, &[1; 32]).await, Ok(id));
    assert_eq!(service.decrypt(&me(), source).await.unwrap().plaintext.as_slice(), b"secret");
}

#[tokio::test]
async fn a_token_is_for_its_cmk_and_its_day() {
    let setup = Setup::new();
    let service = setup.open().await;
    let (cmk, other) = (waiting(&service, KeySpec::Aes256).await, waiting(&service, KeySpec::Aes256).await);
    let parameters = asked(&service, &cmk).await;
    let material = wrapped(&parameters, &[1; 32]);
    let send = async |cmk: &CmkId, token: &[u8], material: &[u8]| {
        service.import_material(&me(), cmk, token, material, None).await.map(drop)
    };
    assert_eq!(send(&other, &parameters.token, &material).await, Err(KmsError::InvalidImportToken), "another CMK");
    for at in [0, 5, 40, parameters.token.len() - 1] {
        let mut changed = parameters.token.clone();
        changed[at] ^= 1;
        assert_eq!(send(&cmk, &changed, &material).await, Err(KmsError::InvalidImportToken), "byte {at}");
    }
    assert_eq!(send(&cmk, b"", &material).await, Err(KmsError::InvalidImportToken));
    let elsewhere = asked(&service, &cmk).await;
    assert_eq!(send(&cmk, &elsewhere.token, &material).await, Err(KmsError::InvalidCiphertext), "another key pair");
    assert_eq!(send(&cmk, &parameters.token, b"").await, Err(KmsError::InvalidCiphertext));
    setup.clock.set(parameters.valid_to);
    assert_eq!(send(&cmk, &parameters.token, &material).await, Err(KmsError::ExpiredImportToken), "at its end");
    setup.clock.set(model::Timestamp::from_millis(parameters.valid_to.as_millis() - 1));
    assert_eq!(send(&cmk, &parameters.token, &material).await, Ok(()), "just before");
}

#[tokio::test]
async fn material_past_its_time_is_not_used_and_then_deleted() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = waiting(&service, KeySpec::Aes256).await;
    let parameters = asked(&service, &cmk).await;
    let (none, end) = (EncryptionContext::new(), setup.clock.now().plus_millis(2 * DAY_MILLIS));
    let sent = wrapped(&parameters, &[1; 32]);
    let take = async |expires| service.import_material(&me(), &cmk, &parameters.token, &sent, expires).await;
    assert!(matches!(take(Some(setup.clock.now())).await, Err(KmsError::Validation(_))), "already over");
    take(Some(end)).await.unwrap();
    setup.clock.advance_millis(2 * DAY_MILLIS - 1);
    let sealed = service.encrypt(&me(), &cmk, b"x", &none).await.unwrap().ciphertext;
    assert_eq!(service.expire_material().await, Ok(vec![]));
    setup.clock.advance_millis(1);
    let source = Source { ciphertext: &sealed, cmk: None, context: &none };
    assert_eq!(service.decrypt(&me(), source).await.map(drop), Err(KmsError::PendingImport), "at its end, to the ms");
    assert_eq!(service.encrypt(&me(), &cmk, b"x", &none).await.map(drop), Err(KmsError::PendingImport));
    assert_eq!(service.expire_material().await, Ok(vec![cmk.clone()]));
    assert_eq!(service.expire_material().await, Ok(vec![]));
    assert_eq!(state(&service, &cmk).await, KeyState::PendingImport);
    let again = setup.open().await;
    assert_eq!(again.decrypt(&me(), source).await.map(drop), Err(KmsError::PendingImport));
    import(&again, &cmk, &[1; 32]).await.unwrap();
    assert_eq!(again.decrypt(&me(), source).await.unwrap().plaintext.as_slice(), b"x");
    setup.clock.advance_millis(9999 * DAY_MILLIS);
    assert_eq!(again.expire_material().await, Ok(vec![]), "without an end it does not expire");
}

#[tokio::test]
async fn who_may_not_and_what_cannot() {
    let service: Arc<KeyService> = Setup::new().open().await;
    let cmk = waiting(&service, KeySpec::Aes256).await;
    let own = service.create(&me(), new_key("")).await.unwrap().id;
    for user in [low_user_of("aa"), root_of("bb")] {
        assert_eq!(service.import_parameters(&user, &cmk, WRAPPING, 2048).await.map(drop), Err(KmsError::Denied));
        assert_eq!(service.import_material(&user, &cmk, b"", b"", None).await.map(drop), Err(KmsError::Denied));
        assert_eq!(service.delete_imported_material(&user, &cmk).await, Err(KmsError::Denied));
    }
    let got = service.import_parameters(&me(), &own, WRAPPING, 2048).await.map(drop);
    assert!(matches!(got, Err(KmsError::Unsupported(_))));
    assert!(matches!(service.delete_imported_material(&me(), &own).await, Err(KmsError::Unsupported(_))));
    let got = service.import_parameters(&me(), &cmk, WRAPPING, 1024).await.map(drop);
    assert!(matches!(got, Err(KmsError::Validation(_))));
    for bytes in [16, 31, 33] {
        assert!(matches!(import(&service, &cmk, &vec![1; bytes]).await, Err(KmsError::Validation(_))), "{bytes}");
    }
    service.schedule_deletion(&me(), &cmk, 7, true).await.unwrap();
    assert_eq!(service.import_parameters(&me(), &cmk, WRAPPING, 2048).await.map(drop), Err(KmsError::PendingDeletion));
}
