//! An encryption room with its KMS, at the fingertips of a test.

use super::audit_log::Log;
use async_trait::async_trait;
use crypto::{Binding, KeyRole, RootKey, SecretBytes};
use kms::{
    Capabilities, CmkId, CreateCmk, EmbeddedProvider, EncryptionContext, KeyProvider, KeyService, KeyUser, NewVersion,
    Operation, Outcome, ProviderFault, ProviderName, RootSlot, VersionRef,
};
use model::{
    AccountId, AccountNumber, BucketKeyId, BucketName, BucketUid, CmkUid, EntityName, EntityPath, ObjectName,
    RegionName, UserUid, VersionUid,
};
use policy::{
    AccessRequest, Attached, Authorized, Authorizer, Caller, Denied, Grammar, Identity, Permissions, Policy, Principal,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::engine::memory::MemoryStore;
use store::{MetaStore, Table, Transaction};
use strongroom_sse::{
    BUCKET_KEY_OBJECTS_MAX, BodyKeys, DataCipher, EncryptionPlan, Envelope, RequireHttps, Sm4Offer, SseConfig,
    SseError, SseService, Target, Through,
};
use testkit::{SeededEntropy, TestClock};
use zeroize::Zeroizing;

pub const TTL_MILLIS: u64 = 180_000;
pub const USE: &str = r#""kms:GenerateDataKey","kms:Decrypt""#;

struct Decide;

impl Authorizer for Decide {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
        policy::decide(request)
    }
}

pub struct Room {
    pub sse: SseService,
    pub kms: Arc<KeyService>,
    pub store: Arc<dyn MetaStore>,
    pub clock: Arc<TestClock>,
    pub provider: Arc<Watched>,
    pub log: Arc<Log>,
    pub cmk: CmkId,
    entropy: Arc<SeededEntropy>,
    objects_max: u64,
}

impl Room {
    pub async fn new() -> Self {
        Self::with_objects_max(BUCKET_KEY_OBJECTS_MAX).await
    }

    /// With a limit of objects per bucket key.
    pub async fn with_objects_max(objects_max: u64) -> Self {
        let store = MemoryStore::shared();
        let (clock, entropy) = (Arc::<TestClock>::default(), Arc::new(SeededEntropy::new(11)));
        let provider = Watched::new(&entropy);
        let log = Arc::<Log>::default();
        let (kms, sse) = open(&store, &clock, &entropy, &provider, &log, objects_max).await;
        let cmk = new_cmk(&kms).await;
        Self { sse, kms, store, clock, provider, log, cmk, entropy, objects_max }
    }

    /// Another server over the same store: nothing is cached.
    pub async fn restart(&mut self) {
        let Self { store, clock, entropy, provider, log, objects_max, .. } = &*self;
        (self.kms, self.sse) = open(store, clock, entropy, provider, log, *objects_max).await;
    }

    /// Begins an object of a bucket through a bucket key; its envelope.
    pub async fn write(&self, user: &KeyUser, bucket: u8, object: u64) -> Result<Envelope, SseError> {
        self.write_under(&self.cmk, user, bucket, object).await
    }

    pub async fn write_under(
        &self,
        cmk: &CmkId,
        user: &KeyUser,
        bucket: u8,
        object: u64,
    ) -> Result<Envelope, SseError> {
        Ok(self.keys(cmk, user, bucket, object, true).await?.envelope().clone())
    }

    /// The keys of a new object, through a bucket key or without one.
    pub async fn keys(
        &self,
        cmk: &CmkId,
        user: &KeyUser,
        bucket: u8,
        object: u64,
        bucket_key: bool,
    ) -> Result<BodyKeys, SseError> {
        let plan = EncryptionPlan::Kms {
            cipher: DataCipher::Aes256Gcm,
            key_ref: Some(cmk.to_arn()),
            project: None,
            bucket_key,
            context: EncryptionContext::new(),
        };
        let place = Place::of(bucket);
        let (keys, _) = self.sse.begin_write(plan, place.target(object), user).await?;
        Ok(keys)
    }

    /// Opens an object.
    pub async fn read(
        &self,
        user: &KeyUser,
        bucket: u8,
        object: u64,
        envelope: &Envelope,
    ) -> Result<BodyKeys, SseError> {
        self.sse.begin_read(envelope, Place::of(bucket).target(object), None, user).await
    }

    /// Requests to the KMS that ended well: to make a key, to unwrap one.
    pub fn calls(&self) -> (u64, u64) {
        let of = |operation| self.kms.counters().requests(operation, Outcome::Ok);
        (of(Operation::GenerateDataKey), of(Operation::Decrypt))
    }

    /// The row of a bucket key.
    pub fn row(&self, id: BucketKeyId) -> Option<Vec<u8>> {
        self.store.snapshot().get(Table::BucketKeys, id.as_bytes()).unwrap().map(|row| row.to_vec())
    }

    pub async fn put_row(&self, id: BucketKeyId, row: &[u8]) {
        let mut tx = Transaction::new();
        tx.put(Table::BucketKeys, id.as_bytes().to_vec(), row.to_vec());
        self.store.commit(tx).await.unwrap();
    }

    /// Removes every row of the table of bucket keys.
    pub async fn lose_table(&self) {
        let mut tx = Transaction::new();
        self.store
            .snapshot()
            .scan(Table::BucketKeys, b"", None, &mut |key, _| {
                tx.delete(Table::BucketKeys, key.to_vec());
                true
            })
            .unwrap();
        self.store.commit(tx).await.unwrap();
    }
}

async fn open(
    store: &Arc<dyn MetaStore>,
    clock: &Arc<TestClock>,
    entropy: &Arc<SeededEntropy>,
    provider: &Arc<Watched>,
    log: &Arc<Log>,
    objects_max: u64,
) -> (Arc<KeyService>, SseService) {
    let parts = kms::Parts::new(
        Arc::clone(store),
        root_key(),
        Arc::new(Decide),
        RegionName::parse("local-1").unwrap(),
        Arc::<TestClock>::clone(clock),
        Arc::<SeededEntropy>::clone(entropy),
    );
    let providers: Vec<Arc<dyn KeyProvider>> = vec![Arc::<Watched>::clone(provider)];
    let kms = KeyService::open(kms::Parts { providers, audit: Arc::<Log>::clone(log), ..parts }).await.unwrap();
    let config = SseConfig {
        require_https: RequireHttps::Strict,
        server_default: None,
        sm4: Sm4Offer::All,
        bucket_key_ttl_millis: TTL_MILLIS,
        bucket_key_objects_max: objects_max,
    };
    let (clock, entropy) = (Arc::<TestClock>::clone(clock), Arc::<SeededEntropy>::clone(entropy));
    let sse = SseService::open(Arc::clone(&kms), Arc::clone(store), clock, entropy, config).await.unwrap();
    (kms, sse)
}

/// A CMK at the provider that is watched.
pub async fn new_cmk(kms: &KeyService) -> CmkId {
    let provider = Some(ProviderName::parse("watched").unwrap());
    kms.create(&root(), CreateCmk { provider, ..CreateCmk::default() }).await.unwrap().id
}

fn root_key() -> RootKey {
    RootKey::from_secret(SecretBytes::fill_with(|bytes| bytes.fill(0x42)))
}

/// The bucket key that an object is sealed through.
pub fn bucket_key_of(envelope: &Envelope) -> BucketKeyId {
    let Envelope::Kms { through: Through::BucketKey { id, .. }, .. } = envelope else { panic!("no bucket key") };
    *id
}

/// Whether two openings of an object gave the same DEK.
pub fn same(a: &BodyKeys, b: &BodyKeys) -> bool {
    a.record_auth().unwrap().code(b"record") == b.record_auth().unwrap().code(b"record")
}

/// Where an object lies.
pub struct Place {
    pub bucket_uid: BucketUid,
    pub bucket: BucketName,
    pub object: ObjectName,
}

impl Place {
    /// In the bucket of this number.
    pub fn of(bucket: u8) -> Self {
        Self {
            bucket_uid: BucketUid::from_bytes([bucket; 16]),
            bucket: BucketName::parse(&format!("bucket-{bucket}")).unwrap(),
            object: ObjectName::parse(b"object").unwrap(),
        }
    }

    pub fn target(&self, object: u64) -> Target<'_> {
        let version = VersionUid::from_bytes(u128::from(object).to_be_bytes());
        Target { bucket_uid: self.bucket_uid, bucket: &self.bucket, object: &self.object, version }
    }
}

fn account() -> (AccountId, AccountNumber) {
    (AccountId::parse("aa").unwrap(), AccountNumber::parse("000000000097").unwrap())
}

pub fn of_principal(principal: Principal) -> KeyUser {
    KeyUser { principal, access_key: None, via: "s3", request_id: "r-1".to_owned(), conditions: Default::default() }
}

/// The account's root identity.
pub fn root() -> KeyUser {
    let (id, number) = account();
    of_principal(Principal::root(id, number, "aa"))
}

/// An identity policy that allows some actions on everything.
pub fn allow(actions: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}]}}"#)
}

/// User `n` of the account with one policy, or without any, perhaps narrowed by a session policy.
pub fn user_with(n: u8, policy: Option<&str>, session: Option<&str>) -> KeyUser {
    let attached = |text: &str| Attached {
        source: "test".into(),
        policy: Arc::new(Policy::parse(text, Grammar::Identity).unwrap()),
    };
    let identity = Identity::User {
        uid: UserUid::from_bytes([n; 16]),
        name: EntityName::parse(&format!("user-{n}")).unwrap(),
        path: EntityPath::default(),
    };
    let permissions = Permissions {
        identity: policy.map(attached).into_iter().collect(),
        boundary: None,
        session: session.map(|text| vec![attached(text)]),
    };
    let (id, number) = account();
    let caller = Caller::new(id, number, "aa".to_owned(), identity, None, permissions);
    of_principal(Principal::Caller(Arc::new(caller)))
}

/// User `n`, who may use every CMK.
pub fn user(n: u8) -> KeyUser {
    user_with(n, Some(&allow(USE)), None)
}

/// A provider over the embedded one whose answers take a while, that counts what it is asked, and fails or answers with
/// another key when told to.
pub struct Watched {
    inner: EmbeddedProvider,
    name: ProviderName,
    pub wraps: AtomicU64,
    pub unwraps: AtomicU64,
    pub fault: Mutex<Option<ProviderFault>>,
    pub wraps_another_key: Mutex<bool>,
    /// How long each call takes, if it is to take any time.
    pub pause: Mutex<Option<Duration>>,
}

impl Watched {
    fn new(entropy: &Arc<SeededEntropy>) -> Arc<Self> {
        let entropy = Arc::<SeededEntropy>::clone(entropy);
        Arc::new(Self {
            inner: EmbeddedProvider::new(RootSlot::new(root_key()), entropy),
            name: ProviderName::parse("watched").unwrap(),
            wraps: AtomicU64::default(),
            unwraps: AtomicU64::default(),
            fault: Mutex::default(),
            wraps_another_key: Mutex::default(),
            pause: Mutex::default(),
        })
    }

    async fn take_a_while(&self, counter: &AtomicU64) -> Result<(), ProviderFault> {
        counter.fetch_add(1, Ordering::SeqCst);
        let pause = *self.pause.lock().unwrap();
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.fault.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl KeyProvider for Watched {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        self.inner.create_version(new).await
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        plain: &[u8],
        binding: &Binding,
    ) -> Result<Vec<u8>, ProviderFault> {
        self.take_a_while(&self.wraps).await?;
        let another = [0x66; 32];
        let plain = if *self.wraps_another_key.lock().unwrap() { &another } else { plain };
        self.inner.wrap(version, role, plain, binding).await
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8],
        binding: &Binding,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        self.take_a_while(&self.unwraps).await?;
        self.inner.unwrap(version, role, wrapped, binding).await
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        self.inner.destroy(version).await
    }

    fn forget(&self, uid: CmkUid) {
        self.inner.forget(uid);
    }
}
