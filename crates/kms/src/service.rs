//! The key service: opening it, and the server's own keys. CMKs are found in `resolve.rs`, described in `describe.rs`,
//! made in `create.rs`, changed in `lifecycle.rs` and the files beside it, used in `usage.rs`; who may is asked in
//! `rights.rs`.

use crate::catalogue::Catalogue;
use crate::embedded::EmbeddedProvider;
use crate::impact::Counting;
use crate::import_pairs::ImportPairs;
use crate::internal::InternalKeys;
use crate::ledger::Ledger;
use crate::meter::Meter;
use crate::provider::KeyProvider;
use crate::rotation::Rotating;
use crate::throttle::Throttle;
use crate::wraps::Wraps;
use crate::{
    Dependents, KeyUser, KmsConfig, KmsCounters, KmsError, ProviderName, RootSlot, TokenKeys, root_change, root_check,
};
use audit::{AuditTrail, NoTrail};
use crypto::{AuditKey, BucketKey, MetadataKey, RootKey, SecretsKey};
use model::{AccountId, AccountNumber, BucketUid, Clock, Entropy, RegionName};
use policy::{Authorizer, ConditionKey};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use store::{Change, MetaStore};

/// The key management service. One per data directory: it keeps the catalogue of CMKs in memory.
pub struct KeyService {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) providers: BTreeMap<ProviderName, Arc<dyn KeyProvider>>,
    pub(crate) internal: Arc<InternalKeys>,
    pub(crate) root: Arc<RootSlot>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) region: RegionName,
    /// `kms:ViaService` of requests of the store.
    pub(crate) via_store: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) counters: Arc<KmsCounters>,
    pub(crate) audit: Arc<dyn AuditTrail>,
    pub(crate) dependents: OnceLock<Arc<dyn Dependents>>,
    pub(crate) counting: Counting,
    pub(crate) throttle: Throttle,
    pub(crate) wraps: Wraps,
    pub(crate) meter: Meter,
    pub(crate) rotating: Rotating,
    pub(crate) import_pairs: ImportPairs,
    pub(crate) config: KmsConfig,
    /// Itself, for what runs on without its caller.
    me: Weak<Self>,
}

/// What the service is opened with.
pub struct Parts {
    /// Where the catalogue is kept.
    pub store: Arc<dyn MetaStore>,
    /// The root key.
    pub root: Arc<RootSlot>,
    /// Key providers besides the embedded one. Their names differ.
    pub providers: Vec<Arc<dyn KeyProvider>>,
    /// Who decides about rights.
    pub authorizer: Arc<dyn Authorizer>,
    /// The region new CMKs live in.
    pub region: RegionName,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where key use is put on record before it happens.
    pub audit: Arc<dyn AuditTrail>,
    /// The settings.
    pub config: KmsConfig,
}

impl Parts {
    /// The embedded provider alone, the usual settings, and no audit log.
    pub fn new(
        store: Arc<dyn MetaStore>,
        root: RootKey,
        authorizer: Arc<dyn Authorizer>,
        region: RegionName,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            root: RootSlot::new(root),
            providers: Vec::new(),
            authorizer,
            region,
            clock,
            entropy,
            audit: Arc::new(NoTrail),
            config: KmsConfig::default(),
        }
    }
}

impl KeyService {
    /// Opens the service: verifies the root key, then loads the catalogue. The first start of a data directory binds it
    /// to this root key.
    ///
    /// # Errors
    /// [`KmsError::WrongRootKey`]; [`KmsError::Damaged`] for unreadable records; [`KmsError::Unavailable`] when the
    /// store does not answer.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, KmsError> {
        let Parts { store, root, providers: others, authorizer, region, clock, entropy, audit, config } = parts;
        root_check::verify(&store, &root.get(), &*entropy).await?;
        let ledger = Ledger::load(Arc::clone(&store)).await?;
        ledger.set_vet(root_change::vet(Arc::clone(&root)));
        let embedded: Arc<dyn KeyProvider> = Arc::new(EmbeddedProvider::new(Arc::clone(&root), Arc::clone(&entropy)));
        let providers = std::iter::once(embedded).chain(others).map(|p| (p.name().clone(), p)).collect();
        let versions = ledger.read(Catalogue::all_versions);
        let wraps = Wraps::load(Arc::clone(&store), config.wraps_max, versions).await?;
        let (throttle, meter) = (Throttle::new(config.throttle.clone()), Meter::new(Arc::clone(&store)));
        let internal = Arc::new(InternalKeys::new(store, Arc::clone(&root), Arc::clone(&clock), Arc::clone(&entropy)));
        let (counters, dependents) = Default::default();
        Ok(Arc::new_cyclic(|me| Self {
            ledger,
            providers,
            internal,
            root,
            authorizer,
            via_store: ConditionKey::via_store(&region),
            region,
            clock,
            entropy,
            counters,
            audit,
            dependents,
            counting: Counting::default(),
            throttle,
            wraps,
            meter,
            rotating: Rotating::default(),
            import_pairs: ImportPairs::default(),
            config,
            me: Weak::clone(me),
        }))
    }

    /// Tells the service who keeps what is wrapped under CMKs. Until then nothing is known to need one, and deletions
    /// are not held up. To be called once, before the first request.
    pub fn set_dependents(&self, dependents: Arc<dyn Dependents>) {
        let _ = self.dependents.set(dependents);
    }

    /// The settings.
    pub fn config(&self) -> &KmsConfig {
        &self.config
    }

    /// Runs work to its end even if the caller goes away: what a provider has made or lost meanwhile is to be stored, or
    /// undone.
    ///
    /// # Errors
    /// Those of the work; [`KmsError::Unavailable`] if it does not end.
    pub(crate) async fn to_its_end<T, F>(&self, work: impl FnOnce(Arc<Self>) -> F) -> Result<T, KmsError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, KmsError>> + Send + 'static,
    {
        let closing = || KmsError::Unavailable("the key service is closing".to_owned());
        let me = self.me.upgrade().ok_or_else(closing)?;
        tokio::spawn(work(me))
            .await
            .unwrap_or_else(|error| Err(KmsError::Unavailable(format!("the work did not end: {error}"))))
    }

    /// The provider of a CMK version.
    pub(crate) fn provider(&self, name: &ProviderName) -> Result<&Arc<dyn KeyProvider>, KmsError> {
        self.providers.get(name).ok_or_else(|| {
            KmsError::Unavailable(format!("the CMK belongs to the key provider `{name}`, which is not configured"))
        })
    }

    /// The region new CMKs live in.
    pub fn region(&self) -> &RegionName {
        &self.region
    }

    /// How many requests to use a CMK there were.
    pub fn counters(&self) -> &Arc<KmsCounters> {
        &self.counters
    }

    /// The key that seals object metadata which must not stand in clear. Made at first use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn metadata_key(&self) -> Result<Arc<MetadataKey>, KmsError> {
        self.internal.metadata().await
    }

    /// The key that seals the secrets of access keys. Made at first use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn secrets_key(&self) -> Result<Arc<SecretsKey>, KmsError> {
        self.internal.secrets().await
    }

    /// The key that signs checkpoints of the audit log, and whether it was there before. Made at first
    /// use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn audit_key(&self) -> Result<(Arc<AuditKey>, bool), KmsError> {
        self.internal.audit().await
    }

    /// The keys that seal tokens. The first is made at first use. To be asked for once: each answer is a ring of its own
    /// in memory, and only the one that is rotated learns of its new key.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn token_keys(&self) -> Result<Arc<TokenKeys>, KmsError> {
        TokenKeys::load(Arc::clone(&self.internal), Arc::clone(&self.clock), Arc::clone(&self.entropy)).await
    }

    /// The key that takes a bucket key's place for SSE-OBS in one bucket. Made at first use.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn sse_obs_key(&self, bucket: BucketUid) -> Result<Arc<BucketKey>, KmsError> {
        self.internal.sse_obs(bucket).await
    }

    /// The change that removes a deleted bucket's SSE-OBS key, to be made part of the transaction that deletes the
    /// bucket. The cached key is dropped at once; should the transaction fail, it is read again at its next use.
    #[must_use = "the key's row is removed by committing the change"]
    pub fn forget_bucket(&self, bucket: BucketUid) -> Change {
        self.internal.forget_bucket(bucket)
    }
}

pub(crate) fn account_of(user: &KeyUser) -> Result<(&AccountId, &AccountNumber), KmsError> {
    user.principal.caller().map(|caller| (&caller.account, &caller.number)).ok_or(KmsError::Denied)
}
