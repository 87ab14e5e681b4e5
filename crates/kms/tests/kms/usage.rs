//! Keys under a CMK: what opens them, what does not, and what is counted.

use crate::setup::{Setup, Watched, me, new_key, nobody};
use crypto::{BucketKey, Dek, Wrappable};
use policy::Action;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use strongroom_kms::{
    CmkId, CmkWrapped, DataKey, EncryptionContext, KeyService, KmsError, Operation, Outcome, ProviderFault,
};

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    EncryptionContext::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))).unwrap()
}

async fn unwrap<K: Wrappable>(
    service: &KeyService,
    cmk: &CmkId,
    wrapped: &CmkWrapped<K>,
    context: &EncryptionContext,
) -> Result<K, KmsError> {
    let proof = service.authorize_use(&me(), cmk, Action::KmsDecrypt, context).await?;
    service.unwrap(&proof, wrapped, context).await
}

struct Made {
    service: Arc<KeyService>,
    cmk: CmkId,
    dek: Dek,
    wrapped: CmkWrapped<Dek>,
    context: EncryptionContext,
}

async fn make() -> Made {
    let service = Setup::new().open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let context = context(&[("aws:s3:arn", "arn:aws:s3:::b/k")]);
    let proof = service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &context).await.unwrap();
    let (dek, wrapped) = service.generate::<Dek>(&proof, &context).await.unwrap();
    Made { service, cmk, dek, wrapped, context }
}

#[tokio::test]
async fn a_wrapped_key_names_its_cmk_and_comes_back_as_it_was() {
    let m = make().await;
    assert_eq!((m.wrapped.cmk_uid(), m.wrapped.version()), (m.cmk.uid, 1));
    let stored = CmkWrapped::<Dek>::from_bytes(m.wrapped.as_bytes()).unwrap();
    let back = unwrap(&m.service, &m.cmk, &stored, &m.context).await.unwrap();
    assert!(back.as_secret().expose() == m.dek.as_secret().expose());
}

#[tokio::test]
async fn another_context_does_not_open_it() {
    let m = make().await;
    for other in [
        context(&[]),
        context(&[("aws:s3:arn", "arn:aws:s3:::b/K")]),
        context(&[("AWS:s3:arn", "arn:aws:s3:::b/k")]),
        context(&[("aws:s3:arn", "arn:aws:s3:::b/k"), ("more", "")]),
    ] {
        let got = unwrap(&m.service, &m.cmk, &m.wrapped, &other).await.map(drop);
        assert_eq!(got, Err(KmsError::InvalidCiphertext), "{other:?}");
    }
}

#[tokio::test]
async fn another_role_does_not_open_it() {
    let m = make().await;
    let as_bucket_key = CmkWrapped::<BucketKey>::from_bytes(m.wrapped.as_bytes()).unwrap();
    let got = unwrap(&m.service, &m.cmk, &as_bucket_key, &m.context).await.map(drop);
    assert_eq!(got, Err(KmsError::InvalidCiphertext));
    let as_data_key = CmkWrapped::<DataKey>::from_bytes(m.wrapped.as_bytes()).unwrap();
    let got = unwrap(&m.service, &m.cmk, &as_data_key, &m.context).await.map(drop);
    assert_eq!(got, Err(KmsError::InvalidCiphertext));
}

#[tokio::test]
async fn no_changed_byte_opens() {
    let m = make().await;
    for at in 0..m.wrapped.as_bytes().len() {
        let mut bytes = m.wrapped.as_bytes().to_vec();
        bytes[at] ^= 0x80;
        let got = match CmkWrapped::<Dek>::from_bytes(&bytes) {
            Ok(wrapped) => unwrap(&m.service, &m.cmk, &wrapped, &m.context).await.map(drop),
            Err(error) => Err(error),
        };
        let wanted = if (4..20).contains(&at) { KmsError::IncorrectKey } else { KmsError::InvalidCiphertext };
        assert_eq!(got, Err(wanted), "byte {at}");
    }
}

#[tokio::test]
async fn another_cmk_does_not_open_it_even_with_the_name_changed() {
    let m = make().await;
    let other = m.service.create(&me(), new_key("")).await.unwrap().id;
    let got = unwrap(&m.service, &other, &m.wrapped, &m.context).await.map(drop);
    assert_eq!(got, Err(KmsError::IncorrectKey));
    let mut renamed = m.wrapped.as_bytes().to_vec();
    renamed[4..20].copy_from_slice(other.uid.as_bytes());
    let renamed = CmkWrapped::<Dek>::from_bytes(&renamed).unwrap();
    let got = unwrap(&m.service, &other, &renamed, &m.context).await.map(drop);
    assert_eq!(got, Err(KmsError::InvalidCiphertext));
}

#[tokio::test]
async fn a_proof_serves_its_own_action_only() {
    let m = make().await;
    let decrypt = m.service.authorize_use(&me(), &m.cmk, Action::KmsDecrypt, &m.context).await.unwrap();
    let got = m.service.generate::<Dek>(&decrypt, &m.context).await.map(drop);
    assert_eq!(got, Err(KmsError::Denied));
    let generate = m.service.authorize_use(&me(), &m.cmk, Action::KmsGenerateDataKey, &m.context).await.unwrap();
    assert_eq!(m.service.unwrap(&generate, &m.wrapped, &m.context).await.map(drop), Err(KmsError::Denied));
    let describe = m.service.authorize_use(&me(), &m.cmk, Action::KmsDescribeKey, &m.context).await.unwrap();
    assert_eq!(m.service.unwrap(&describe, &m.wrapped, &m.context).await.map(drop), Err(KmsError::Denied));
}

#[tokio::test]
async fn a_proof_serves_its_own_context_only() {
    let m = make().await;
    let other = context(&[("aws:s3:arn", "arn:aws:s3:::b/other")]);
    let decrypt = m.service.authorize_use(&me(), &m.cmk, Action::KmsDecrypt, &other).await.unwrap();
    assert_eq!(m.service.unwrap(&decrypt, &m.wrapped, &m.context).await.map(drop), Err(KmsError::Denied));
    let generate = m.service.authorize_use(&me(), &m.cmk, Action::KmsGenerateDataKey, &other).await.unwrap();
    assert_eq!(m.service.generate::<Dek>(&generate, &m.context).await.map(drop), Err(KmsError::Denied));
}

/// Decided on with more pairs than are bound to: the proof serves what is bound, and not what was only decided on. What was
/// not decided on is not bound to.
#[tokio::test]
async fn a_proof_of_more_pairs_serves_what_it_is_bound_to() {
    let m = make().await;
    let more = context(&[("aws:s3:arn", "arn:aws:s3:::b/k"), ("department", "finance")]);
    let within = async |decided: &EncryptionContext, bound: &EncryptionContext| {
        m.service.authorize_use_within(&me(), &m.cmk, Action::KmsDecrypt, decided, bound).await
    };
    let proof = within(&more, &m.context).await.unwrap();
    assert!(m.service.unwrap(&proof, &m.wrapped, &m.context).await.is_ok());
    assert_eq!(m.service.unwrap(&proof, &m.wrapped, &more).await.map(drop), Err(KmsError::Denied));
    for decided in [context(&[]), context(&[("aws:s3:arn", "arn:aws:s3:::b/other")])] {
        assert_eq!(within(&decided, &m.context).await.map(drop), Err(KmsError::Denied), "{decided:?}");
    }
}

#[tokio::test]
async fn two_wraps_share_nothing() {
    let m = make().await;
    let proof = m.service.authorize_use(&me(), &m.cmk, Action::KmsGenerateDataKey, &m.context).await.unwrap();
    let (dek, wrapped) = m.service.generate::<Dek>(&proof, &m.context).await.unwrap();
    assert!(dek.as_secret().expose() != m.dek.as_secret().expose());
    assert_ne!(wrapped.as_bytes()[24..56], m.wrapped.as_bytes()[24..56], "salts");
}

#[tokio::test]
async fn requests_are_counted_once_each_by_outcome() {
    use Operation::{Decrypt, GenerateDataKey};
    let setup = Setup::new();
    let provider = Watched::new(&setup);
    let service = setup.open_with_provider(Arc::<Watched>::clone(&provider)).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    let none = EncryptionContext::new();
    let counts = || -> Vec<(Operation, Outcome, u64)> {
        service.counters().snapshot().filter(|(_, _, count)| *count > 0).collect()
    };

    let generate =
        service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.unwrap();
    let decrypt = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.unwrap();
    service.describe(&me(), &cmk).await.unwrap();
    service.metadata_key().await.unwrap();
    service.sse_obs_key(model::BucketUid::from_bytes([1; 16])).await.unwrap();
    assert_eq!(counts(), vec![], "deciding, describing and the server's own keys are no requests");

    let (_, wrapped) = service.generate::<Dek>(&generate, &none).await.unwrap();
    service.unwrap(&decrypt, &wrapped, &none).await.unwrap();
    service.unwrap(&decrypt, &wrapped, &none).await.unwrap();
    assert_eq!(counts(), vec![(GenerateDataKey, Outcome::Ok, 1), (Decrypt, Outcome::Ok, 2)]);

    *provider.fault.lock().unwrap() = Some(ProviderFault::Unavailable("gone".to_owned()));
    let got = service.generate::<Dek>(&generate, &none).await.map(drop);
    let Err(KmsError::Unavailable(told)) = got else { panic!("{got:?}") };
    assert_eq!(told, "the key provider `embedded` did not answer", "what it said is for the log");
    *provider.fault.lock().unwrap() = None;
    let other = context(&[("a", "b")]);
    let decrypt_other = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &other).await.unwrap();
    assert!(service.unwrap(&decrypt_other, &wrapped, &other).await.is_err());
    assert!(service.authorize_use(&nobody(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.is_err());
    service.disable(&me(), &cmk).await.unwrap();
    assert!(service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.is_err());
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    assert!(service.unwrap(&decrypt, &wrapped, &none).await.is_err());
    let missing = CmkId { uid: model::CmkUid::from_bytes([9; 16]), ..cmk };
    assert!(service.authorize_use(&me(), &missing, Action::KmsDecrypt, &EncryptionContext::new()).await.is_err());
    assert_eq!(
        counts(),
        vec![
            (GenerateDataKey, Outcome::Ok, 1),
            (GenerateDataKey, Outcome::Disabled, 1),
            (GenerateDataKey, Outcome::Unavailable, 1),
            (Decrypt, Outcome::Ok, 2),
            (Decrypt, Outcome::Denied, 1),
            (Decrypt, Outcome::NotFound, 1),
            (Decrypt, Outcome::InvalidState, 1),
            (Decrypt, Outcome::Error, 1),
        ]
    );
    assert_eq!(service.counters().total(), 9);
    assert_eq!(
        (provider.wraps.load(Ordering::SeqCst), provider.unwraps.load(Ordering::SeqCst)),
        (2, 3),
        "what is refused before does not reach the provider"
    );
}
