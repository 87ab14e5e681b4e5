//! The root key is changed under way: everything opens under the new one afterwards, nothing under the old one, and a fault
//! at any step leaves one of the two that fits.

use crate::setup::{Setup, me, new_key, root_key};
use async_trait::async_trait;
use crypto::{PassphraseCost, RootKey, SecretBytes, Wrappable};
use model::BucketUid;
use std::sync::{Arc, Mutex};
use store::engine::memory::MemoryStore;
use store::{StoreFault, Table};
use strongroom_kms::{
    Ciphertext, CmkId, EncryptionContext, KeyService, KeySpec, KmsError, NewRoot, RootKeeper, RootKeeperError,
    Source as Wrapped, root_fits,
};
use testkit::FaultyMeta;

/// A source in memory: the present key, the staged one, and what fails.
#[derive(Default)]
pub(crate) struct Source {
    present: Mutex<Vec<u8>>,
    staged: Mutex<Option<Vec<u8>>>,
    fails: Mutex<Option<&'static str>>,
}

impl Source {
    fn step(&self, name: &'static str) -> Result<(), RootKeeperError> {
        match *self.fails.lock().unwrap() {
            Some(step) if step == name => Err(RootKeeperError::Failed(format!("{name} fails"))),
            _ => Ok(()),
        }
    }

    /// The keys a start would find.
    fn found(&self) -> Vec<RootKey> {
        let staged = self.staged.lock().unwrap().clone();
        let bytes = std::iter::once(self.present.lock().unwrap().clone()).chain(staged).filter(|key| !key.is_empty());
        bytes.map(|key| RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(&key)))).collect()
    }
}

#[async_trait]
impl RootKeeper for Source {
    async fn stage(&self, next: &RootKey, _: &NewRoot) -> Result<(), RootKeeperError> {
        self.step("stage")?;
        assert!(self.staged.lock().unwrap().is_none(), "a staged key may be the only copy of the one in use");
        *self.staged.lock().unwrap() = Some(next.as_secret().expose().to_vec());
        Ok(())
    }

    async fn finish(&self) -> Result<(), RootKeeperError> {
        self.step("finish")?;
        *self.present.lock().unwrap() = self.staged.lock().unwrap().take().unwrap();
        Ok(())
    }

    async fn discard(&self) -> Result<(), RootKeeperError> {
        *self.staged.lock().unwrap() = None;
        Ok(())
    }

    fn passphrase_cost(&self) -> PassphraseCost {
        PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 }
    }
}

/// The source of the root key that the setup opens with.
fn source() -> Arc<Source> {
    let source = Source::default();
    *source.present.lock().unwrap() = vec![0x42; 32];
    Arc::new(source)
}

async fn change(service: &Arc<KeyService>, source: &Arc<Source>) -> Result<strongroom_kms::RootChanged, KmsError> {
    service.set_root_keeper(Arc::<Source>::clone(source));
    service.change_root(NewRoot::SameSource(None)).await
}

/// Starts again with whichever key at the source fits; exactly one does.
async fn restart(setup: &Setup, source: &Source) -> Arc<KeyService> {
    let mut fitting = Vec::new();
    for key in source.found() {
        if root_fits(&setup.store, &key).await.unwrap() == Some(true) {
            fitting.push(key);
        }
    }
    assert_eq!(fitting.len(), 1, "one key fits");
    setup.open_with_root(fitting.remove(0)).await.unwrap()
}

/// What was wrapped and made before, to be opened after.
struct Before {
    cmks: Vec<(CmkId, Ciphertext)>,
    metadata: Vec<u8>,
    bucket: Vec<u8>,
    token: Vec<u8>,
}

const BUCKET: [u8; 16] = [9; 16];

async fn fill(service: &Arc<KeyService>) -> Before {
    let mut cmks = Vec::new();
    for spec in [KeySpec::Aes256, KeySpec::Sm4] {
        let cmk = service.create(&me(), strongroom_kms::CreateCmk { spec, ..new_key("") }).await.unwrap().id;
        let sealed = service.encrypt(&me(), &cmk, b"plain", &EncryptionContext::new()).await.unwrap();
        cmks.push((cmk, sealed.ciphertext));
    }
    let tokens = service.token_keys().await.unwrap();
    Before {
        cmks,
        metadata: service.metadata_key().await.unwrap().seal_note(&[1; 16], b"note"),
        bucket: service.sse_obs_key(BucketUid::from_bytes(BUCKET)).await.unwrap().as_secret().expose().to_vec(),
        token: tokens.seal(crypto::TokenUse::Session, b"claims"),
    }
}

async fn opens(service: &Arc<KeyService>, before: &Before) {
    for (_, sealed) in &before.cmks {
        let context = EncryptionContext::new();
        let source = Wrapped { ciphertext: sealed, context: &context, cmk: None };
        let decrypted = service.decrypt(&me(), source).await.unwrap();
        assert_eq!(decrypted.plaintext[..], *b"plain");
    }
    let note = service.metadata_key().await.unwrap().open_note(&[1; 16], &before.metadata).unwrap();
    assert_eq!(note[..], *b"note");
    let bucket = service.sse_obs_key(BucketUid::from_bytes(BUCKET)).await.unwrap();
    assert_eq!(bucket.as_secret().expose()[..], before.bucket);
    let tokens = service.token_keys().await.unwrap();
    assert_eq!(tokens.open(crypto::TokenUse::Session, &before.token).unwrap()[..], *b"claims");
}

#[tokio::test]
async fn everything_opens_under_the_new_key_and_the_old_one_is_refused() {
    let (setup, source) = (Setup::new(), source());
    let service = setup.open().await;
    let before = fill(&service).await;
    let rows = |table| setup.rows(table);
    let (old_internal, old_versions) = (rows(Table::InternalKeys), rows(Table::CmkVersions));

    let changed = change(&service, &source).await.unwrap();
    assert_eq!(changed.keys as usize, old_internal.len() + old_versions.len());
    assert_eq!(changed.unfinished, None);
    for (old, new) in
        old_internal.iter().zip(rows(Table::InternalKeys)).chain(old_versions.iter().zip(rows(Table::CmkVersions)))
    {
        assert_eq!(old.0, new.0);
        assert_ne!(old.1, new.1, "wrapped anew");
    }
    opens(&service, &before).await;
    let more = fill(&service).await;

    assert_eq!(setup.open_with_root(root_key(0x42)).await.map(drop), Err(KmsError::WrongRootKey));
    let again = restart(&setup, &source).await;
    opens(&again, &before).await;
    for (cmk, _) in &more.cmks {
        assert!(again.describe(&me(), cmk).await.is_ok());
    }
    change(&again, &source).await.unwrap();
    opens(&restart(&setup, &source).await, &before).await;
}

#[tokio::test]
async fn a_fault_at_any_step_leaves_one_key_that_fits() {
    for step in ["stage", "commit refused", "finish"] {
        let faulty = FaultyMeta::over(MemoryStore::shared());
        let setup = Setup::over(Arc::<FaultyMeta>::clone(&faulty));
        let source = source();
        let service = setup.open().await;
        let before = fill(&service).await;
        let expected = match step {
            "commit refused" => {
                faulty.fail_commits_after(0, StoreFault::Full);
                false
            }
            _ => {
                *source.fails.lock().unwrap() = Some(step);
                step == "finish"
            }
        };
        let changed = change(&service, &source).await;
        assert_eq!(changed.is_ok(), expected, "{step}: {changed:?}");
        if step == "finish" {
            assert!(changed.unwrap().unfinished.unwrap().contains("finish fails"));
        }
        if !expected {
            assert!(
                source.staged.lock().unwrap().is_none(),
                "{step}: a key that was not taken into use does not lie about"
            );
        }
        faulty.heal();
        opens(&service, &before).await;
        let cmk = service.create(&me(), new_key("after")).await.unwrap().id;
        let again = restart(&setup, &source).await;
        opens(&again, &before).await;
        assert!(again.describe(&me(), &cmk).await.is_ok(), "{step}");
    }
}

#[tokio::test]
async fn a_change_that_was_not_finished_is_finished_before_the_next() {
    let (setup, source) = (Setup::new(), source());
    let service = setup.open().await;
    let before = fill(&service).await;
    *source.fails.lock().unwrap() = Some("finish");
    assert!(change(&service, &source).await.unwrap().unfinished.is_some());
    let in_use = source.staged.lock().unwrap().clone();

    // The only copy of the key in use is not overwritten.
    assert!(matches!(change(&service, &source).await, Err(KmsError::Unavailable(why)) if why.contains("finish fails")));
    assert_eq!(*source.staged.lock().unwrap(), in_use);
    opens(&restart(&setup, &source).await, &before).await;

    *source.fails.lock().unwrap() = None;
    assert_eq!(change(&service, &source).await.unwrap().unfinished, None);
    assert!(source.staged.lock().unwrap().is_none());
    assert_ne!(Some(source.present.lock().unwrap().clone()), in_use, "changed once more");
    opens(&restart(&setup, &source).await, &before).await;
}

#[tokio::test]
async fn an_outcome_that_nobody_knows_keeps_both_keys_and_stores_nothing_more_until_the_next_start() {
    for applied in [true, false] {
        let faulty = FaultyMeta::over(MemoryStore::shared());
        let setup = Setup::over(Arc::<FaultyMeta>::clone(&faulty));
        let source = source();
        let service = setup.open().await;
        let before = fill(&service).await;
        let check = setup.rows(Table::System);
        match applied {
            true => faulty.lose_answers_after(0),
            false => faulty.fail_commits_after(0, StoreFault::Unavailable("down".to_owned())),
        }
        let restart_needed = |error: KmsError| assert!(error.to_string().contains("restart"), "{error}");
        restart_needed(change(&service, &source).await.map(drop).unwrap_err());
        faulty.heal();
        assert_eq!(setup.rows(Table::System) != check, applied);
        // What the store shows now is no proof: neither key is removed.
        assert!(source.staged.lock().unwrap().is_some());
        assert_eq!(*source.present.lock().unwrap(), [0x42; 32]);

        // Nothing is stored under a key that may be the wrong one; what was open stays open.
        restart_needed(service.create(&me(), new_key("")).await.map(drop).unwrap_err());
        restart_needed(service.sse_obs_key(BucketUid::from_bytes([7; 16])).await.map(drop).unwrap_err());
        restart_needed(change(&service, &source).await.map(drop).unwrap_err());
        let bucket = service.sse_obs_key(BucketUid::from_bytes(BUCKET)).await.unwrap();
        assert_eq!(bucket.as_secret().expose()[..], before.bucket);

        let again = restart(&setup, &source).await;
        opens(&again, &before).await;
        assert!(again.create(&me(), new_key("")).await.is_ok());
    }
}

#[tokio::test]
async fn a_row_that_does_not_open_stops_the_change_before_anything_is_written() {
    let (setup, source) = (Setup::new(), source());
    let service = setup.open().await;
    fill(&service).await;
    let (key, row) = setup.rows(Table::CmkVersions).remove(0);
    let mut damaged = row.clone();
    let last = damaged.len() / 2;
    damaged[last] ^= 1;
    setup.put(Table::CmkVersions, &key, &damaged).await;
    let check = setup.rows(Table::System);
    assert!(matches!(change(&service, &source).await, Err(KmsError::Damaged(_))));
    assert_eq!(setup.rows(Table::System), check);
    assert!(source.staged.lock().unwrap().is_none());
    setup.put(Table::CmkVersions, &key, &row).await;
    change(&service, &source).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_made_while_the_root_key_changes_open_afterwards() {
    let (setup, source) = (Setup::new(), source());
    let service = setup.open().await;
    fill(&service).await;
    let makers: Vec<_> = (0..4u8)
        .map(|n| {
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                let mut made = Vec::new();
                for i in 0..40 {
                    match service.create(&me(), new_key("")).await {
                        Ok(cmk) => made.push(cmk.id),
                        // Its material was wrapped just before the change.
                        Err(KmsError::Unavailable(why)) => assert!(why.contains("try again"), "{why}"),
                        Err(other) => panic!("{other}"),
                    }
                    service.sse_obs_key(BucketUid::from_bytes([n * 40 + i; 16])).await.unwrap();
                }
                made
            })
        })
        .collect();
    for _ in 0..5 {
        change(&service, &source).await.unwrap();
    }
    let mut made = Vec::new();
    for maker in makers {
        made.extend(maker.await.unwrap());
    }
    assert!(made.len() > 100, "most were made");
    change(&service, &source).await.unwrap();
    let again = restart(&setup, &source).await;
    for cmk in &made {
        again.encrypt(&me(), cmk, b"x", &EncryptionContext::new()).await.unwrap();
    }
    for n in 0..160u8 {
        again.sse_obs_key(BucketUid::from_bytes([n; 16])).await.unwrap();
    }
}
