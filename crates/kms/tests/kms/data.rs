//! Bytes of callers outside: what comes back, to whom, and what never opens.

use crate::setup::{Setup, Watched, low_user_of, me, new_key, root_of};
use crypto::{BucketKey, Dek};
use policy::Action;
use std::sync::Arc;
use strongroom_kms::{
    CIPHERTEXT_BYTES_MAX, Ciphertext, CmkId, CreateCmk, EncryptionContext, KeyService, KeySpec, KmsError,
    PLAINTEXT_BYTES_MAX, ProviderName, Source,
};

fn none() -> EncryptionContext {
    EncryptionContext::new()
}

fn context(value: &str) -> EncryptionContext {
    EncryptionContext::from_pairs([("purpose".to_owned(), value.to_owned())]).unwrap()
}

async fn decrypt(service: &KeyService, sealed: &Ciphertext, context: &EncryptionContext) -> Result<Vec<u8>, KmsError> {
    let source = Source { ciphertext: sealed, cmk: None, context };
    service.decrypt(&me(), source).await.map(|opened| opened.plaintext.to_vec())
}

async fn one() -> (Arc<KeyService>, CmkId) {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    (service, cmk)
}

#[tokio::test]
async fn what_was_encrypted_comes_back_at_every_length_and_spec() {
    let service = Setup::new().open().await;
    for spec in [KeySpec::Aes256, KeySpec::Sm4] {
        let cmk = service.create(&me(), CreateCmk { spec, ..new_key("") }).await.unwrap().id;
        for bytes in [1, 31, 32, 33, 1000, PLAINTEXT_BYTES_MAX] {
            let plain = vec![7; bytes];
            let made = service.encrypt(&me(), &cmk, &plain, &context("a")).await.unwrap();
            assert_eq!((&made.cmk, made.material_id.len()), (&cmk, 64));
            let length = made.ciphertext.as_bytes().len();
            // Huawei's clients take 128 to 5648 characters of base64, AWS's 6144 bytes.
            assert!((94..=4236).contains(&length) && length <= CIPHERTEXT_BYTES_MAX, "{bytes}: {length}");
            let sent = Ciphertext::from_bytes(made.ciphertext.as_bytes()).unwrap();
            assert_eq!(decrypt(&service, &sent, &context("a")).await, Ok(plain));
        }
    }
}

#[tokio::test]
async fn lengths_out_of_bounds_are_refused() {
    let (service, cmk) = one().await;
    for bytes in [0, PLAINTEXT_BYTES_MAX + 1] {
        let got = service.encrypt(&me(), &cmk, &vec![0; bytes], &none()).await.map(drop);
        assert!(matches!(got, Err(KmsError::Validation(_))), "{bytes}");
    }
    for bytes in [0, 1025] {
        let got = service.generate_data_key(&me(), &cmk, bytes, &none(), true).await.map(drop);
        assert!(matches!(got, Err(KmsError::Validation(_))), "{bytes}");
        assert!(matches!(service.random(&me(), bytes).await.map(drop), Err(KmsError::Validation(_))), "{bytes}");
    }
    for bytes in [1, 1024] {
        assert_eq!(service.random(&me(), bytes).await.unwrap().len(), bytes);
    }
}

#[tokio::test]
async fn another_context_or_a_changed_byte_opens_nothing() {
    let (service, cmk) = one().await;
    let sealed = service.encrypt(&me(), &cmk, b"secret", &context("a")).await.unwrap().ciphertext;
    for other in [context("b"), none()] {
        assert_eq!(decrypt(&service, &sealed, &other).await, Err(KmsError::InvalidCiphertext));
    }
    for at in 0..sealed.as_bytes().len() {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(changed) = Ciphertext::from_bytes(&bytes) else { continue };
        let wanted = if (4..20).contains(&at) { KmsError::Denied } else { KmsError::InvalidCiphertext };
        assert_eq!(decrypt(&service, &changed, &context("a")).await, Err(wanted), "byte {at}");
    }
}

#[tokio::test]
async fn a_data_key_comes_back_and_is_hidden_when_it_is_to_be() {
    let (service, cmk) = one().await;
    for bytes in [1, 16, 32, 64, 1024] {
        let (made, key) = service.generate_data_key(&me(), &cmk, bytes, &none(), true).await.unwrap();
        let key = key.unwrap();
        assert_eq!(key.len(), bytes);
        assert_eq!(decrypt(&service, &made.ciphertext, &none()).await.unwrap(), *key);
        let (made, hidden) = service.generate_data_key(&me(), &cmk, bytes, &none(), false).await.unwrap();
        assert!(hidden.is_none());
        assert_eq!(decrypt(&service, &made.ciphertext, &none()).await.unwrap().len(), bytes);
    }
}

/// Whatever bytes a caller brings, the store's own keys do not come out; nor do a caller's bytes become keys of the store.
#[tokio::test]
async fn keys_of_the_store_are_not_opened_for_callers() {
    let (service, cmk) = one().await;
    let generate = service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &none()).await.unwrap();
    let (_, dek) = service.generate::<Dek>(&generate, &none()).await.unwrap();
    let (_, bucket_key) = service.generate::<BucketKey>(&generate, &none()).await.unwrap();
    for bytes in [dek.as_bytes(), bucket_key.as_bytes()] {
        let brought = Ciphertext::from_bytes(bytes).unwrap();
        assert_eq!(decrypt(&service, &brought, &none()).await, Err(KmsError::InvalidCiphertext));
        let source = Source { ciphertext: &brought, cmk: Some(&cmk), context: &none() };
        let got = service.re_encrypt(&me(), source, &cmk, &none()).await.map(drop);
        assert_eq!(got, Err(KmsError::InvalidCiphertext));
    }
    let (made, _) = service.generate_data_key(&me(), &cmk, 32, &none(), true).await.unwrap();
    let unwrap = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &none()).await.unwrap();
    let as_dek = strongroom_kms::CmkWrapped::<Dek>::from_bytes(made.ciphertext.as_bytes()).unwrap();
    assert_eq!(service.unwrap(&unwrap, &as_dek, &none()).await.map(drop), Err(KmsError::InvalidCiphertext));
}

#[tokio::test]
async fn who_may_not_use_a_cmk_learns_nothing_from_its_ciphertexts() {
    let (service, cmk) = one().await;
    let sealed = service.encrypt(&me(), &cmk, b"secret", &none()).await.unwrap().ciphertext;
    let mut unknown = sealed.as_bytes().to_vec();
    unknown[4..20].fill(9);
    let unknown = Ciphertext::from_bytes(&unknown).unwrap();
    let mut changed = sealed.as_bytes().to_vec();
    changed[60] ^= 1;
    let changed = Ciphertext::from_bytes(&changed).unwrap();
    for disabled in [false, true] {
        if disabled {
            service.disable(&me(), &cmk).await.unwrap();
        }
        for user in [root_of("bb"), low_user_of("aa")] {
            for ciphertext in [&sealed, &unknown, &changed] {
                let source = Source { ciphertext, cmk: None, context: &none() };
                assert_eq!(service.decrypt(&user, source).await.map(drop), Err(KmsError::Denied));
                let named = Source { cmk: Some(&cmk), ..source };
                assert_eq!(service.decrypt(&user, named).await.map(drop), Err(KmsError::Denied));
                assert_eq!(service.re_encrypt(&user, source, &cmk, &none()).await.map(drop), Err(KmsError::Denied));
            }
        }
    }
    assert_eq!(decrypt(&service, &sealed, &none()).await, Err(KmsError::Disabled), "its owner is told why");
}

#[tokio::test]
async fn a_named_cmk_must_be_the_ciphertext_s_own() {
    let (service, cmk) = one().await;
    let other = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &cmk, b"secret", &none()).await.unwrap().ciphertext;
    let source = Source { ciphertext: &sealed, cmk: Some(&other), context: &none() };
    assert_eq!(service.decrypt(&me(), source).await.map(drop), Err(KmsError::IncorrectKey));
    assert_eq!(service.re_encrypt(&me(), source, &cmk, &none()).await.map(drop), Err(KmsError::IncorrectKey));
}

#[tokio::test]
async fn re_encrypting_moves_to_another_cmk_and_context_and_needs_both_in_use() {
    let (service, from) = one().await;
    let to = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &from, b"secret", &context("a")).await.unwrap().ciphertext;
    let source = Source { ciphertext: &sealed, cmk: None, context: &context("a") };
    let (made, was, _) = service.re_encrypt(&me(), source, &to, &context("b")).await.unwrap();
    assert_eq!((&made.cmk, &was, made.ciphertext.cmk_uid()), (&to, &from, to.uid));
    assert_eq!(decrypt(&service, &made.ciphertext, &context("b")).await.unwrap(), b"secret");
    assert!(decrypt(&service, &made.ciphertext, &context("a")).await.is_err());
    service.disable(&me(), &to).await.unwrap();
    let got = service.re_encrypt(&me(), source, &to, &none()).await.map(drop);
    assert_eq!(got, Err(KmsError::Disabled));
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_does_nothing() {
    let (service, cmk) = one().await;
    for action in [Action::KmsEncrypt, Action::KmsDecrypt, Action::KmsGenerateDataKey] {
        assert_eq!(service.dry_run(&me(), &cmk, action, &none()).await, Ok(()));
        assert_eq!(service.dry_run(&low_user_of("aa"), &cmk, action, &none()).await, Err(KmsError::Denied));
    }
    service.disable(&me(), &cmk).await.unwrap();
    assert_eq!(service.dry_run(&me(), &cmk, Action::KmsEncrypt, &none()).await, Err(KmsError::Disabled));
    assert_eq!(service.versions(&me(), &cmk).await.unwrap()[0].wraps, 0, "nothing was wrapped");
}

/// A provider that takes 32 bytes at once serves Encrypt of 4096 all the same.
#[tokio::test]
async fn a_provider_of_few_bytes_serves_long_plaintexts() {
    let setup = Setup::new();
    let small = Watched::named(&setup, "small", |capabilities| capabilities.plain_bytes_max = 32);
    let service = setup.open_with_provider(small).await;
    let wanted = CreateCmk { provider: ProviderName::parse("small"), ..new_key("") };
    let cmk = service.create(&me(), wanted).await.unwrap().id;
    for bytes in [1, 32, 33, PLAINTEXT_BYTES_MAX] {
        let plain = vec![5; bytes];
        let sealed = service.encrypt(&me(), &cmk, &plain, &context("a")).await.unwrap().ciphertext;
        assert_eq!(sealed.as_bytes()[3], if bytes > 32 { 4 } else { 3 }, "algorithm for {bytes} bytes");
        assert!(sealed.as_bytes().len() <= CIPHERTEXT_BYTES_MAX);
        assert_eq!(decrypt(&service, &sealed, &context("a")).await, Ok(plain));
        assert_eq!(decrypt(&service, &sealed, &context("b")).await, Err(KmsError::InvalidCiphertext));
        let step = 1 + sealed.as_bytes().len() / 200;
        for at in (20..sealed.as_bytes().len()).step_by(step).chain([3, 24, 25]) {
            let mut changed = sealed.as_bytes().to_vec();
            changed[at] ^= 7;
            let Ok(changed) = Ciphertext::from_bytes(&changed) else { continue };
            assert_eq!(decrypt(&service, &changed, &context("a")).await, Err(KmsError::InvalidCiphertext), "byte {at}");
        }
    }
}

#[tokio::test]
async fn whether_a_rewrap_stays_with_the_cmk_is_told_to_policies() {
    let (service, from) = one().await;
    let to = service.create(&me(), new_key("")).await.unwrap().id;
    let sealed = service.encrypt(&me(), &from, b"secret", &none()).await.unwrap().ciphertext;
    let source = Source { ciphertext: &sealed, cmk: None, context: &none() };
    for (same, [to_own, to_other]) in [("true", [true, false]), ("false", [false, true])] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["kms:ReEncrypt*"],"Resource":"*","Condition":{{"Bool":{{"kms:ReEncryptOnSameKey":"{same}"}}}}}}]}}"#
        );
        let user = crate::setup::user_with("aa", "u", Some(&policy));
        assert_eq!(service.re_encrypt(&user, source, &from, &none()).await.is_ok(), to_own, "{same}");
        assert_eq!(service.re_encrypt(&user, source, &to, &none()).await.is_ok(), to_other, "{same}");
    }
}
