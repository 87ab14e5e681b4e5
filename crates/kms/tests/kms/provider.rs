//! What every key provider promises, held against the embedded one.

use crate::setup::{DAY_MILLIS, Setup, Watched, me, new_key, root_key};
use crypto::{Binding, KEY_BYTES, KeyRole};
use model::CmkUid;
use std::sync::Arc;
use strongroom_kms::{EmbeddedProvider, KeyProvider, KeySpec, NewVersion, ProviderFault, RootSlot, VersionRef};

fn embedded(root: u8) -> EmbeddedProvider {
    EmbeddedProvider::new(RootSlot::new(root_key(root)), crate::setup::Recorder::new(u64::from(root)))
}

fn secret(byte: u8) -> [u8; KEY_BYTES] {
    [byte; KEY_BYTES]
}

fn new(uid: CmkUid, version: u32) -> NewVersion<'static> {
    NewVersion { uid, version, spec: KeySpec::Aes256, existing: None }
}

#[tokio::test]
async fn the_embedded_provider_takes_its_own_references_only() {
    let provider = embedded(1);
    let uid = CmkUid::from_bytes([1; 16]);
    let reference = provider.create_version(new(uid, 1)).await.unwrap();
    let binding = Binding::new("test");
    let elsewhere = [
        (uid, 2, reference.clone()),
        (CmkUid::from_bytes([2; 16]), 1, reference.clone()),
        (uid, 1, reference[1..].to_vec()),
        (uid, 1, Vec::new()),
    ];
    for (uid, version, reference) in elsewhere {
        let version = VersionRef { uid, version, spec: KeySpec::Aes256, reference: &reference };
        let got = provider.wrap(version, KeyRole::Dek, &secret(7), &binding).await;
        assert_eq!(got, Err(ProviderFault::InvalidReference), "{version:?}");
    }
    let version = VersionRef { uid, version: 1, spec: KeySpec::Aes256, reference: &reference };
    let got = embedded(2).wrap(version, KeyRole::Dek, &secret(7), &binding).await;
    assert_eq!(got, Err(ProviderFault::InvalidReference), "another root key");
}

#[tokio::test]
async fn a_forgotten_key_needs_its_reference_again() {
    let provider = embedded(1);
    let (uid, binding) = (CmkUid::from_bytes([1; 16]), Binding::new("test"));
    let reference = provider.create_version(new(uid, 1)).await.unwrap();
    let version = VersionRef { uid, version: 1, spec: KeySpec::Aes256, reference: &reference };
    let without = VersionRef { reference: &[], ..version };
    provider.wrap(version, KeyRole::Dek, &secret(7), &binding).await.unwrap();
    assert!(provider.wrap(without, KeyRole::Dek, &secret(7), &binding).await.is_ok(), "cached");
    provider.forget(uid);
    let got = provider.wrap(without, KeyRole::Dek, &secret(7), &binding).await;
    assert_eq!(got, Err(ProviderFault::InvalidReference), "no longer in memory");
}

#[tokio::test]
async fn the_service_tells_its_provider_what_was_deleted() {
    let setup = Setup::new();
    let provider = Watched::new(&setup);
    let service = setup.open_with_provider(Arc::<Watched>::clone(&provider)).await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    service.create(&me(), new_key("")).await.unwrap();
    service.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    service.purge_due().await.unwrap();
    assert!(provider.forgotten.lock().unwrap().is_empty());
    setup.clock.advance_millis(7 * DAY_MILLIS);
    service.purge_due().await.unwrap();
    assert_eq!(*provider.forgotten.lock().unwrap(), vec![cmk.uid]);
}
