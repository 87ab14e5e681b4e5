//! Callers that hang up while a provider is at work: what it made is stored, what it is to lose is lost.

use crate::setup::{DECRYPT, Setup, Watched, me, new_key};
use crypto::{OaepHash, wrap_for_import};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::Table;
use strongroom_kms::{CreateCmk, ImportWrapping, KeyService, KeyState, Origin};

async fn watched() -> (Setup, Arc<Watched>, Arc<KeyService>) {
    let setup = Setup::new();
    let watched = Watched::new(&setup);
    let service = setup.open_with_provider(Arc::<Watched>::clone(&watched)).await;
    (setup, watched, service)
}

/// Runs work until something is so, and drops it then.
async fn hang_up_when(reached: impl Fn() -> bool, work: impl Future) {
    tokio::pin!(work);
    while !reached() {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(work.as_mut().poll(&mut context).is_pending(), "it ended before");
        tokio::task::yield_now().await;
    }
}

async fn until(so: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    unreachable!("it did not come to pass");
}

#[tokio::test]
async fn a_cmk_that_a_provider_has_made_is_stored() {
    let (setup, watched, service) = watched().await;
    let user = me();
    hang_up_when(|| watched.created.load(Ordering::SeqCst) == 1, service.create(&user, new_key(""))).await;
    until(|| setup.rows(Table::CmkVersions).len() == 1).await;
    hang_up_when(|| watched.created.load(Ordering::SeqCst) == 2, service.default_key(&user, DECRYPT)).await;
    until(|| setup.rows(Table::CmkVersions).len() == 2).await;
    assert_eq!(setup.rows(Table::Cmks).len(), 2);
}

#[tokio::test]
async fn a_version_that_a_provider_has_made_is_stored() {
    let (setup, watched, service) = watched().await;
    let (user, cmk) = (me(), service.create(&me(), new_key("")).await.unwrap().id);
    hang_up_when(|| watched.created.load(Ordering::SeqCst) == 2, service.rotate(&user, &cmk)).await;
    until(|| setup.rows(Table::CmkVersions).len() == 2).await;
    let again = setup.open_with_provider(watched).await;
    assert_eq!(again.versions(&me(), &cmk).await.unwrap().len(), 2);
}

#[tokio::test]
async fn imported_material_is_stored_and_deleted_material_destroyed() {
    let (setup, watched, service) = watched().await;
    let outside = CreateCmk { origin: Origin::External, ..new_key("") };
    let (user, cmk) = (me(), service.create(&me(), outside).await.unwrap().id);
    let asked = service.import_parameters(&user, &cmk, ImportWrapping::OaepSha256, 2048).await.unwrap();
    let sent = wrap_for_import(&asked.public_key, OaepHash::Sha256, &[7; 32]).unwrap();
    let import = service.import_material(&user, &cmk, &asked.token, &sent, None);
    hang_up_when(|| watched.created.load(Ordering::SeqCst) == 1, import).await;
    until(|| setup.rows(Table::CmkVersions).len() == 1).await;
    until(|| service.glimpse(&cmk).unwrap().state == KeyState::Enabled).await;
    let waiting = || service.glimpse(&cmk).unwrap().state == KeyState::PendingImport;
    hang_up_when(waiting, service.delete_imported_material(&user, &cmk)).await;
    until(|| watched.destroyed.load(Ordering::SeqCst) == 1).await;
    assert_eq!(*watched.forgotten.lock().unwrap(), [cmk.uid]);
}
