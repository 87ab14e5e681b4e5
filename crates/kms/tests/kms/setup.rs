//! A key service, its store, its clock and its randomness, at the fingertips of a test.

use async_trait::async_trait;
use audit::{AuditFault, AuditTrail, Event, Outcome};
use crypto::{Binding, KeyRole, RootKey, SecretBytes};
use model::{AccountId, AccountNumber, CmkUid, Entropy, RegionName};
use policy::{
    AccessRequest, Attached, Authorized, Authorizer, Caller, Denied, Grammar, Identity, Permissions, Policy, Principal,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use store::engine::memory::MemoryStore;
use store::{MetaStore, Table, Transaction};
use strongroom_kms::{
    Capabilities, EmbeddedProvider, KeyProvider, KeyService, KeyUser, KmsConfig, KmsError, NewVersion, ProviderFault,
    ProviderName, RootSlot, VersionRef,
};
use testkit::{SeededEntropy, TestClock};
use zeroize::Zeroizing;

/// The action that tests want a CMK for, where it does not matter which.
pub(crate) const DECRYPT: policy::Action = policy::Action::KmsDecrypt;

pub(crate) const DAY_MILLIS: u64 = 86_400_000;

/// Decides as the server does: root rules its own account.
pub(crate) struct Roots;

impl Authorizer for Roots {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
        policy::decide(request)
    }
}

/// Seeded randomness that remembers what it gave, so that a test can look for it elsewhere.
pub(crate) struct Recorder {
    inner: SeededEntropy,
    drawn: Mutex<Vec<Vec<u8>>>,
}

impl Recorder {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { inner: SeededEntropy::new(seed), drawn: Mutex::default() })
    }

    pub(crate) fn drawn(&self) -> Vec<Vec<u8>> {
        self.drawn.lock().unwrap().clone()
    }
}

impl Entropy for Recorder {
    fn fill(&self, out: &mut [u8]) {
        self.inner.fill(out);
        self.drawn.lock().unwrap().push(out.to_vec());
    }
}

pub(crate) struct Setup {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) entropy: Arc<Recorder>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::over(MemoryStore::shared())
    }

    pub(crate) fn over(store: Arc<dyn MetaStore>) -> Self {
        Self { store, clock: Arc::default(), entropy: Recorder::new(1) }
    }

    pub(crate) async fn open(&self) -> Arc<KeyService> {
        self.open_with_root(root_key(0x42)).await.unwrap()
    }

    pub(crate) async fn open_with_root(&self, root: RootKey) -> Result<Arc<KeyService>, KmsError> {
        KeyService::open(strongroom_kms::Parts::new(
            Arc::clone(&self.store),
            root,
            Arc::new(Roots),
            region(),
            Arc::<TestClock>::clone(&self.clock),
            Arc::<Recorder>::clone(&self.entropy),
        ))
        .await
    }

    /// With other settings, and a log.
    pub(crate) async fn open_with(&self, config: KmsConfig) -> (Arc<KeyService>, Arc<Log>) {
        let parts = strongroom_kms::Parts::new(
            Arc::clone(&self.store),
            root_key(0x42),
            Arc::new(Roots),
            region(),
            Arc::<TestClock>::clone(&self.clock),
            Arc::<Recorder>::clone(&self.entropy),
        );
        let log = Arc::<Log>::default();
        let audit = Arc::<Log>::clone(&log);
        (KeyService::open(strongroom_kms::Parts { audit, config, ..parts }).await.unwrap(), log)
    }

    pub(crate) async fn open_with_provider(&self, provider: Arc<dyn KeyProvider>) -> Arc<KeyService> {
        let parts = strongroom_kms::Parts::new(
            Arc::clone(&self.store),
            root_key(0x42),
            Arc::new(Roots),
            region(),
            Arc::<TestClock>::clone(&self.clock),
            Arc::<Recorder>::clone(&self.entropy),
        );
        KeyService::open(strongroom_kms::Parts { providers: vec![provider], ..parts }).await.unwrap()
    }

    /// Opened with other parts than the usual ones.
    pub(crate) async fn open_as(&self, change: impl FnOnce(&mut strongroom_kms::Parts)) -> Arc<KeyService> {
        let mut parts = strongroom_kms::Parts::new(
            Arc::clone(&self.store),
            root_key(0x42),
            Arc::new(Roots),
            region(),
            Arc::<TestClock>::clone(&self.clock),
            Arc::<Recorder>::clone(&self.entropy),
        );
        change(&mut parts);
        KeyService::open(parts).await.unwrap()
    }

    pub(crate) fn rows(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        self.store
            .snapshot()
            .scan(table, b"", None, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                true
            })
            .unwrap();
        rows
    }

    pub(crate) async fn put(&self, table: Table, key: &[u8], value: &[u8]) {
        let mut tx = Transaction::new();
        tx.put(table, key.to_vec(), value.to_vec());
        self.store.commit(tx).await.unwrap();
    }

    pub(crate) async fn delete(&self, table: Table, key: &[u8]) {
        let mut tx = Transaction::new();
        tx.delete(table, key.to_vec());
        self.store.commit(tx).await.unwrap();
    }
}

pub(crate) fn region() -> RegionName {
    RegionName::parse("local-1").unwrap()
}

pub(crate) fn root_key(byte: u8) -> RootKey {
    RootKey::from_secret(SecretBytes::fill_with(|bytes| bytes.fill(byte)))
}

/// The root identity of an account.
pub(crate) fn root_of(account: &str) -> KeyUser {
    let number = format!("{:012}", u32::from(account.as_bytes()[0]));
    let principal =
        Principal::root(AccountId::parse(account).unwrap(), AccountNumber::parse(&number).unwrap(), account);
    KeyUser { principal, access_key: None, via: "s3", request_id: "r-1".to_owned(), conditions: Default::default() }
}

/// A user of an account, without any policy.
pub(crate) fn low_user_of(account: &str) -> KeyUser {
    let root = root_of(account);
    let caller = root.principal.caller().unwrap();
    let identity = Identity::User {
        uid: model::UserUid::from_bytes([1; 16]),
        name: model::EntityName::parse("low").unwrap(),
        path: model::EntityPath::default(),
    };
    let (account, number) = (caller.account.clone(), caller.number.clone());
    let low = Caller::new(account, number, "aa".to_owned(), identity, None, Permissions::default());
    KeyUser { principal: Principal::Caller(Arc::new(low)), ..root }
}

/// A user of an account with one policy of its own, or without any.
pub(crate) fn user_with(account: &str, name: &str, policy: Option<&str>) -> KeyUser {
    caller_with(account, name, policy, None)
}

/// The same, narrowed by a session policy.
pub(crate) fn narrowed(account: &str, name: &str, policy: &str, session: &str) -> KeyUser {
    caller_with(account, name, Some(policy), Some(session))
}

fn caller_with(account: &str, name: &str, policy: Option<&str>, session: Option<&str>) -> KeyUser {
    let root = root_of(account);
    let caller = root.principal.caller().unwrap();
    let mut uid = [0; 16];
    uid[..name.len()].copy_from_slice(name.as_bytes());
    let identity = Identity::User {
        uid: model::UserUid::from_bytes(uid),
        name: model::EntityName::parse(name).unwrap(),
        path: model::EntityPath::default(),
    };
    let attached = |text: &str| Attached {
        source: "test".into(),
        policy: Arc::new(Policy::parse(text, Grammar::Identity).unwrap()),
    };
    let permissions = Permissions {
        identity: policy.map(attached).into_iter().collect(),
        boundary: None,
        session: session.map(|text| vec![attached(text)]),
    };
    let (account, number, account_name) = (caller.account.clone(), caller.number.clone(), account.to_owned());
    let caller = Caller::new(account, number, account_name, identity, None, permissions);
    KeyUser { principal: Principal::Caller(Arc::new(caller)), ..root }
}

/// An identity policy that allows some actions on everything.
pub(crate) fn allow(actions: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}]}}"#)
}

/// A log that keeps events in memory, and can be made to fail.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) full: AtomicBool,
    /// Events there is room for still; `None` for any number.
    room: Mutex<Option<u64>>,
}

impl Log {
    /// Lets so many events more onto the log, and is full then.
    pub(crate) fn full_after(&self, events: u64) {
        *self.room.lock().unwrap() = Some(events);
    }

    /// How operations ended that are on the log, and forgets them: operation, outcome, error.
    pub(crate) fn take(&self) -> Vec<(&'static str, Outcome, Option<&'static str>)> {
        let ended =
            self.events.lock().unwrap().drain(..).filter(|event| event.outcome != Outcome::Begun).collect::<Vec<_>>();
        ended.into_iter().map(|event| (event.operation, event.outcome, event.error)).collect()
    }
}

#[async_trait]
impl AuditTrail for Log {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        let room = self.room.lock().unwrap().take();
        if let Some(room) = room {
            *self.room.lock().unwrap() = room.checked_sub(1);
            self.full.store(room == 0, Ordering::SeqCst);
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(AuditFault("full".to_owned()));
        }
        self.events.lock().unwrap().push(event);
        Ok(())
    }
}

pub(crate) fn me() -> KeyUser {
    root_of("aa")
}

pub(crate) fn nobody() -> KeyUser {
    KeyUser { principal: Principal::Anonymous, ..me() }
}

/// A provider over the embedded one that counts what it is asked, and fails when told to.
pub(crate) struct Watched {
    inner: EmbeddedProvider,
    pub(crate) wraps: AtomicU64,
    pub(crate) unwraps: AtomicU64,
    pub(crate) created: AtomicU64,
    pub(crate) destroyed: AtomicU64,
    pub(crate) forgotten: Mutex<Vec<CmkUid>>,
    pub(crate) fault: Mutex<Option<ProviderFault>>,
    name: ProviderName,
    capabilities: Capabilities,
}

impl Watched {
    pub(crate) fn new(setup: &Setup) -> Arc<Self> {
        Self::with(setup, |_| ())
    }

    /// One that says something else of what it can do.
    pub(crate) fn with(setup: &Setup, change: impl FnOnce(&mut Capabilities)) -> Arc<Self> {
        Self::named(setup, "embedded", change)
    }

    /// One beside the embedded provider.
    pub(crate) fn named(setup: &Setup, name: &str, change: impl FnOnce(&mut Capabilities)) -> Arc<Self> {
        let entropy = Arc::<Recorder>::clone(&setup.entropy);
        let inner = EmbeddedProvider::new(RootSlot::new(root_key(0x42)), entropy);
        let mut capabilities = inner.capabilities();
        change(&mut capabilities);
        Arc::new(Self {
            inner,
            wraps: AtomicU64::default(),
            unwraps: AtomicU64::default(),
            created: AtomicU64::default(),
            destroyed: AtomicU64::default(),
            forgotten: Mutex::default(),
            fault: Mutex::default(),
            name: ProviderName::parse(name).unwrap(),
            capabilities,
        })
    }

    fn fails(&self) -> Result<(), ProviderFault> {
        self.fault.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl KeyProvider for Watched {
    /// In the place of the provider it watches.
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        self.fails()?;
        self.created.fetch_add(1, Ordering::SeqCst);
        // An answer takes a while.
        tokio::task::yield_now().await;
        match new.existing {
            Some(existing) => Ok(existing.as_bytes().to_vec()),
            None => self.inner.create_version(new).await,
        }
    }

    async fn import_version(&self, new: NewVersion<'_>, material: &[u8]) -> Result<Vec<u8>, ProviderFault> {
        self.fails()?;
        self.created.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.inner.import_version(new, material).await
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        plain: &[u8],
        binding: &Binding,
    ) -> Result<Vec<u8>, ProviderFault> {
        self.wraps.fetch_add(1, Ordering::SeqCst);
        self.fails()?;
        self.inner.wrap(version, role, plain, binding).await
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8],
        binding: &Binding,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        self.fails()?;
        self.inner.unwrap(version, role, wrapped, binding).await
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        tokio::task::yield_now().await;
        self.destroyed.fetch_add(1, Ordering::SeqCst);
        self.inner.destroy(version).await
    }

    fn forget(&self, uid: CmkUid) {
        self.forgotten.lock().unwrap().push(uid);
        self.inner.forget(uid);
    }
}

pub(crate) fn new_key(description: &str) -> strongroom_kms::CreateCmk {
    strongroom_kms::CreateCmk { description: description.to_owned(), ..Default::default() }
}
