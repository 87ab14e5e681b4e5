//! A crash or a fault at each step of a key write: before each commit, after it with its answer lost, and at the provider.
//! What the service tells afterwards is what one tells that is opened anew, an operation is done or not, and what was
//! wrapped before opens.

use crate::setup::{DAY_MILLIS, Setup, Watched, me, new_key};
use crypto::{OaepHash, wrap_for_import};
use model::Entropy;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::engine::memory::MemoryStore;
use store::{MetaStore, StoreFault, Table};
use strongroom_kms::{
    Ciphertext, CmkId, CreateCmk, EncryptionContext, ImportWrapping, KeyFilter, KeyService, KmsError, Origin,
    ProviderFault, Source,
};
use testkit::{FaultyMeta, SeededEntropy};

struct World {
    setup: Setup,
    faulty: Arc<FaultyMeta>,
    provider: Arc<Watched>,
    service: Arc<KeyService>,
    /// Its deletion is scheduled for no day yet.
    cmk: CmkId,
    sealed: Ciphertext,
    external: CmkId,
    sent: (Vec<u8>, Vec<u8>),
}

fn none() -> EncryptionContext {
    EncryptionContext::new()
}

impl World {
    async fn new() -> Self {
        let faulty = FaultyMeta::over(MemoryStore::shared());
        let store: Arc<dyn MetaStore> = Arc::<FaultyMeta>::clone(&faulty);
        let setup = Setup::over(store);
        let provider = Watched::new(&setup);
        let service = setup.open_with_provider(Arc::<Watched>::clone(&provider) as _).await;
        let cmk = service.create(&me(), new_key("")).await.unwrap().id;
        let sealed = service.encrypt(&me(), &cmk, b"before", &none()).await.unwrap().ciphertext;
        let external = CreateCmk { origin: Origin::External, ..new_key("") };
        let external = service.create(&me(), external).await.unwrap().id;
        let asked = service.import_parameters(&me(), &external, ImportWrapping::OaepSha256, 2048).await.unwrap();
        let wrapped = wrap_for_import(&asked.public_key, OaepHash::Sha256, &[7; 32]).unwrap();
        Self { setup, faulty, provider, service, cmk, sealed, external, sent: (asked.token, wrapped) }
    }

    /// Everything that a service tells of its keys.
    async fn told(&self, service: &KeyService) -> String {
        let keys = service.list_detailed(&me(), &KeyFilter::default()).await.unwrap();
        let mut told = format!("{keys:?} {:?}", service.list_aliases(&me(), None).await.unwrap());
        for key in keys {
            told.push_str(&format!(
                "{:?}",
                service.versions(&me(), &key.id).await.map(|versions| {
                    versions
                        .into_iter()
                        .map(|v| (v.version, v.cause, v.material_id, v.current, v.expires))
                        .collect::<Vec<_>>()
                })
            ));
        }
        told
    }

    async fn opened(&self) -> Arc<KeyService> {
        self.setup.open_with_provider(Arc::<Watched>::clone(&self.provider) as _).await
    }
}

type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), KmsError>> + 'a>>;
type Step = for<'a> fn(&'a World) -> Doing<'a>;

/// The writes. The last removes the CMK whose ciphertext the others leave open.
const WRITES: &[(&str, Step)] = &[
    ("create", |w| {
        let wanted = CreateCmk { alias: Some("alias/new".to_owned()), ..new_key("new") };
        Box::pin(async { w.service.create(&me(), wanted).await.map(drop) })
    }),
    ("rotate", |w| Box::pin(async { w.service.rotate(&me(), &w.cmk).await.map(drop) })),
    ("import", |w| {
        Box::pin(async { w.service.import_material(&me(), &w.external, &w.sent.0, &w.sent.1, None).await.map(drop) })
    }),
    ("schedule", |w| Box::pin(async { w.service.schedule_deletion(&me(), &w.cmk, 7, false).await.map(drop) })),
    ("delete", |w| Box::pin(async { w.service.purge_due().await.map(drop) })),
];

async fn prepared(write: &str) -> World {
    let w = World::new().await;
    if write == "delete" {
        w.service.schedule_deletion(&me(), &w.cmk, 7, false).await.unwrap();
        w.setup.clock.advance_millis(7 * DAY_MILLIS);
    }
    w
}

#[tokio::test]
async fn a_fault_of_the_store_at_any_step_leaves_all_or_nothing() {
    for (write, step) in WRITES {
        for lost in [false, true] {
            let mut at = 0;
            loop {
                let w = prepared(write).await;
                let before = w.told(&w.service).await;
                if lost {
                    w.faulty.lose_answers_after(at);
                } else {
                    w.faulty.fail_commits_after(at, StoreFault::Full);
                }
                let result = step(&w).await;
                w.faulty.heal();
                let case = format!("{write}, fault {at}, answer lost: {lost}: {result:?}");
                let (kept, anew) = (w.told(&w.service).await, w.opened().await);
                assert_eq!(kept, w.told(&anew).await, "memory is as the store: {case}");
                if *write != "delete" && *write != "schedule" {
                    let source = Source { ciphertext: &w.sealed, cmk: None, context: &none() };
                    for service in [&w.service, &anew] {
                        assert_eq!(service.decrypt(&me(), source).await.unwrap().plaintext[..], *b"before", "{case}");
                    }
                }
                if result.is_ok() {
                    break;
                }
                assert!(lost || kept == before, "nothing was done: {case}");
                assert!(matches!(result, Err(KmsError::Unavailable(_))), "{case}");
                at += 1;
            }
            assert!(at > 0, "{write} commits");
        }
    }
}

#[tokio::test]
async fn a_fault_of_the_provider_leaves_nothing() {
    for (write, step) in &WRITES[..3] {
        let w = prepared(write).await;
        let before = w.told(&w.service).await;
        let made = w.provider.created.load(Ordering::SeqCst);
        *w.provider.fault.lock().unwrap() = Some(ProviderFault::Unavailable("gone".to_owned()));
        assert!(matches!(step(&w).await, Err(KmsError::Unavailable(_))), "{write}");
        *w.provider.fault.lock().unwrap() = None;
        assert_eq!((w.told(&w.service).await, w.told(&*w.opened().await).await), (before.clone(), before), "{write}");
        assert_eq!(w.provider.created.load(Ordering::SeqCst), made);
        step(&w).await.unwrap();
    }
}

/// Draws the same id for every CMK.
struct SameId(SeededEntropy);

impl Entropy for SameId {
    fn fill(&self, out: &mut [u8]) {
        if out.len() == 16 { out.fill(7) } else { self.0.fill(out) }
    }
}

#[tokio::test]
async fn of_two_creators_of_one_id_one_succeeds_and_its_key_is_not_touched() {
    let setup = Setup::new();
    let open = async || setup.open_as(|parts| parts.entropy = Arc::new(SameId(SeededEntropy::new(3)))).await;
    // Two that know of each other's key, and two that do not.
    let (first, late) = (open().await, open().await);
    let cmk = first.create(&me(), new_key("first")).await.unwrap().id;
    let sealed = first.encrypt(&me(), &cmk, b"x", &none()).await.unwrap().ciphertext;
    let rows = [Table::Cmks, Table::CmkVersions].map(|table| setup.rows(table));
    for (service, words) in [(&first, "again"), (&late, "late")] {
        let refused = service.create(&me(), new_key(words)).await.map(|made| made.id);
        assert!(matches!(refused, Err(KmsError::Unavailable(_))), "{words}: {refused:?}");
        assert_eq!([Table::Cmks, Table::CmkVersions].map(|table| setup.rows(table)), rows, "{words}");
        let source = Source { ciphertext: &sealed, cmk: None, context: &none() };
        assert_eq!(service.decrypt(&me(), source).await.unwrap().plaintext[..], *b"x", "{words}");
        assert_eq!(service.describe(&me(), &cmk).await.unwrap().description, "first");
    }
}
