//! The store fails: what was not acknowledged is not relied on, and memory follows the store.

use crate::setup::{DECRYPT, Setup, me, new_key};
use policy::Action;
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::{MetaStore, StoreFault, Table};
use strongroom_kms::{EncryptionContext, KeyState, KmsError};
use testkit::FaultyMeta;

fn faulty() -> (Setup, Arc<FaultyMeta>) {
    let faulty = FaultyMeta::over(MemoryStore::shared());
    let store: Arc<dyn MetaStore> = Arc::<FaultyMeta>::clone(&faulty);
    (Setup::over(store), faulty)
}

#[tokio::test]
async fn a_change_that_fails_is_not_seen() {
    let (setup, faulty) = faulty();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    for fault in [StoreFault::Full, StoreFault::Unavailable("down".to_owned())] {
        faulty.fail_commits_after(0, fault);
        assert!(matches!(service.disable(&me(), &cmk).await, Err(KmsError::Unavailable(_))));
        assert!(matches!(service.create(&me(), new_key("")).await, Err(KmsError::Unavailable(_))));
        assert!(matches!(service.default_key(&me(), DECRYPT).await, Err(KmsError::Unavailable(_))));
        assert!(matches!(service.metadata_key().await.map(drop), Err(KmsError::Unavailable(_))));
        faulty.heal();
        assert_eq!(service.describe(&me(), &cmk).await.unwrap().state, KeyState::Enabled);
        assert_eq!(service.list(&me()).await, Ok(vec![cmk.clone()]));
    }
    service.disable(&me(), &cmk).await.unwrap();
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_seen_as_the_store_has_it() {
    let (setup, faulty) = faulty();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    faulty.lose_answers_after(0);
    assert!(matches!(service.disable(&me(), &cmk).await, Err(KmsError::Unavailable(_))));
    assert_eq!(
        service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.map(drop),
        Err(KmsError::Disabled),
        "the key was disabled, so it is disabled"
    );
    faulty.heal();
    service.enable(&me(), &cmk).await.unwrap();
    assert!(service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.is_ok());
}

#[tokio::test]
async fn using_a_key_reads_nothing_from_the_store() {
    let (setup, faulty) = faulty();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    faulty.fail_reads(None, StoreFault::Unavailable("down".to_owned()));
    faulty.fail_commits_after(0, StoreFault::Unavailable("down".to_owned()));
    let generate =
        service.authorize_use(&me(), &cmk, Action::KmsGenerateDataKey, &EncryptionContext::new()).await.unwrap();
    let context = strongroom_kms::EncryptionContext::new();
    let (_, wrapped) = service.generate::<crypto::Dek>(&generate, &context).await.unwrap();
    let decrypt = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.unwrap();
    assert!(service.unwrap(&decrypt, &wrapped, &context).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_a_change() {
    let setup = Setup::new();
    let service = setup.open().await;
    let cmk = service.create(&me(), new_key("")).await.unwrap().id;
    {
        let user = me();
        let disable = service.disable(&user, &cmk);
        tokio::pin!(disable);
        // Polled once, then dropped: the client hung up while the store was at work.
        let waker = std::task::Waker::noop();
        let polled = disable.as_mut().poll(&mut std::task::Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    // Changes take turns, so this one ends after the abandoned one.
    service.create_alias(&me(), "alias/after", &cmk).await.unwrap();
    assert_eq!(service.describe(&me(), &cmk).await.unwrap().state, KeyState::Disabled);
    assert_eq!(setup.open().await.describe(&me(), &cmk).await.unwrap().state, KeyState::Disabled);
}

#[tokio::test]
async fn another_service_s_change_is_noticed_when_it_gets_in_the_way() {
    let setup = Setup::new();
    let (a, cmk) = {
        let a = setup.open().await;
        let cmk = a.create(&me(), new_key("")).await.unwrap().id;
        (a, cmk)
    };
    let b = setup.open().await;
    a.schedule_deletion(&me(), &cmk, 7, false).await.unwrap();
    assert_eq!(b.disable(&me(), &cmk).await, Err(KmsError::PendingDeletion), "b planned on a stale state, and re-read");
    assert_eq!(b.describe(&me(), &cmk).await, a.describe(&me(), &cmk).await);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_does_not_open() {
    let (setup, faulty) = faulty();
    setup.open().await;
    for (fault, table) in [
        (StoreFault::Corrupt("row".to_owned()), Table::CmkAliases),
        (StoreFault::Unavailable("down".to_owned()), Table::System),
    ] {
        faulty.fail_reads(Some(table), fault);
        assert!(setup.open_with_root(crate::setup::root_key(0x42)).await.is_err());
        faulty.heal();
    }
}
