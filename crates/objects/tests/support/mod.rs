//! An object service over engines in memory and blobs in files, with a seeded clock and entropy.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

pub mod people;

use async_trait::async_trait;
use bytes::Bytes;
use crypto::SecretBytes;
use data_encoding::BASE64;
use kms::{KeyService, KeyUser};
use model::{AccountId, AccountNumber, BucketName, Clock, Entropy, ObjectName, RangeSpec, RegionName, Timestamp};
use policy::{AccessRequest, Authorized, Authorizer, Conditions, Denied, Principal};
use sse::{
    ChecksumValue, CustomerHeaders, EncryptionHeaders, EncryptionRules, RequireHttps, Sm4Offer, SseConfig, SseService,
    Transport,
};
use std::path::PathBuf;
use std::sync::Arc;
use store::engine::files::FileBlobs;
use store::engine::memory::MemoryStore;
use store::{BlobStore, MetaStore};
use strongroom_objects::api::*;
use strongroom_objects::{BodyError, Fail, ObjectService, Parts};
use testkit::{SeededEntropy, TestClock};

pub struct Decide;

impl Authorizer for Decide {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
        policy::decide(request)
    }
}

pub struct Harness {
    pub objects: Arc<ObjectService>,
    pub kms: Arc<KeyService>,
    pub sse: Arc<SseService>,
    pub meta: Arc<dyn MetaStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub clock: Arc<TestClock>,
    pub dir: tempfile::TempDir,
    entropy: Arc<dyn Entropy>,
    access: AccessConfig,
    accounts: Arc<dyn AccountNames>,
}

pub fn root() -> Principal {
    let account = AccountId::parse("0123456789abcdef0123456789abcdef").unwrap();
    Principal::root(account, AccountNumber::parse("000000000001").unwrap(), "root")
}

/// The root of the account, at the KMS.
pub fn operator() -> KeyUser {
    KeyUser {
        principal: root(),
        access_key: None,
        via: "kms",
        request_id: "test".into(),
        conditions: Default::default(),
    }
}

impl Harness {
    pub async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new())).await
    }

    pub async fn over(meta: Arc<dyn MetaStore>) -> Self {
        Self::build(meta, AccessConfig::default(), Arc::new(AnyAccount)).await
    }

    pub async fn with_access(access: AccessConfig) -> Self {
        Self::build(Arc::new(MemoryStore::new()), access, Arc::new(AnyAccount)).await
    }

    pub async fn with_names(accounts: Arc<dyn AccountNames>) -> Self {
        Self::build(Arc::new(MemoryStore::new()), AccessConfig::default(), accounts).await
    }

    async fn build(meta: Arc<dyn MetaStore>, access: AccessConfig, accounts: Arc<dyn AccountNames>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs: Arc<dyn BlobStore> = Arc::new(FileBlobs::open(dir.path()).unwrap());
        let clock = Arc::new(TestClock::at(Timestamp::from_secs(1_800_000_000)));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let (objects, kms, sse) = open(&meta, &blobs, &clock, &entropy, access, &accounts).await;
        Self { objects, kms, sse, meta, blobs, clock, dir, entropy, access, accounts }
    }

    /// Opens everything again over the same stores, with cold caches.
    pub async fn restart(&mut self) {
        (self.objects, self.kms, self.sse) =
            open(&self.meta, &self.blobs, &self.clock, &self.entropy, self.access, &self.accounts).await;
    }

    pub async fn bucket(&self, name: &str) -> BucketName {
        let bucket = BucketName::parse(name).unwrap();
        self.objects.create_bucket(&cx(), &bucket, CreateBucket::default()).await.unwrap();
        bucket
    }

    pub async fn put(&self, bucket: &BucketName, object: &str, method: Method, data: &[u8]) -> WriteOutcome {
        self.try_put(bucket, object, method, data).await.unwrap()
    }

    pub async fn try_put(
        &self,
        bucket: &BucketName,
        object: &str,
        method: Method,
        data: &[u8],
    ) -> Result<WriteOutcome, Fail> {
        self.put_with(bucket, object, method.headers(), data).await
    }

    pub async fn put_with(
        &self,
        bucket: &BucketName,
        object: &str,
        encryption: EncryptionHeaders,
        data: &[u8],
    ) -> Result<WriteOutcome, Fail> {
        let request = PutObject {
            bucket: bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption,
            expectation: WriteExpectation::default(),
            acl: None,
            tags: Vec::new(),
        };
        self.objects.put_object(&cx(), request, body(data)).await
    }

    pub async fn get(&self, bucket: &BucketName, object: &str, method: Method) -> Result<Vec<u8>, Fail> {
        self.get_range(bucket, object, method, None).await
    }

    pub async fn get_range(
        &self,
        bucket: &BucketName,
        object: &str,
        method: Method,
        range: Option<RangeSpec>,
    ) -> Result<Vec<u8>, Fail> {
        let request = ReadObject { range, ..read(bucket, object, method) };
        let outcome = self.objects.get_object(&cx(), request).await?;
        let length = outcome.info.length;
        let data = drain(outcome.body).await?;
        assert_eq!(data.len() as u64, length, "a body is as long as announced");
        Ok(data)
    }

    /// Files under the data directory, by path.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut dirs = vec![self.dir.path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { dirs.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// Number of blob files larger than the ones the store itself keeps.
    pub fn bodies(&self) -> usize {
        // A file may go between listing and looking.
        self.files().iter().filter(|f| f.metadata().is_ok_and(|m| m.len() > 1000)).count()
    }

    pub fn kms_requests(&self) -> u64 {
        self.kms.counters().total()
    }
}

async fn open(
    meta: &Arc<dyn MetaStore>,
    blobs: &Arc<dyn BlobStore>,
    clock: &Arc<TestClock>,
    entropy: &Arc<dyn Entropy>,
    access: AccessConfig,
    accounts: &Arc<dyn AccountNames>,
) -> (Arc<ObjectService>, Arc<KeyService>, Arc<SseService>) {
    let root = crypto::RootKey::from_secret(SecretBytes::fill_with(|out: &mut [u8; 32]| out.fill(9)));
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(clock);
    let region = RegionName::parse("local-1").unwrap();
    let authorizer: Arc<dyn Authorizer> = Arc::new(Decide);
    let kms = KeyService::open(kms::Parts::new(
        meta.clone(),
        root,
        authorizer.clone(),
        region,
        clock.clone(),
        entropy.clone(),
    ))
    .await
    .unwrap();
    let config = SseConfig {
        require_https: RequireHttps::Strict,
        server_default: None,
        sm4: Sm4Offer::All,
        bucket_key_ttl_millis: 180_000,
        bucket_key_objects_max: sse::BUCKET_KEY_OBJECTS_MAX,
    };
    let sse = SseService::open(kms.clone(), meta.clone(), clock.clone(), entropy.clone(), config).await.unwrap();
    let sse = Arc::new(sse);
    let parts = Parts {
        meta: meta.clone(),
        blobs: blobs.clone(),
        sse: sse.clone(),
        clock,
        entropy: entropy.clone(),
        authorizer,
        access,
        accounts: Arc::clone(accounts),
    };
    (ObjectService::open(parts).await.unwrap(), kms, sse)
}

/// How an object is written and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Plain,
    Obs,
    Kms,
    KmsBucketKey,
    Customer(u8),
}

impl Method {
    pub const ALL: [Self; 5] = [Self::Plain, Self::Obs, Self::Kms, Self::KmsBucketKey, Self::Customer(1)];

    pub fn headers(self) -> EncryptionHeaders {
        let mut headers = EncryptionHeaders::default();
        match self {
            Self::Plain => {}
            Self::Obs => headers.method = Some("AES256".into()),
            Self::Kms => headers.method = Some("aws:kms".into()),
            Self::KmsBucketKey => {
                headers.method = Some("aws:kms".into());
                headers.bucket_key_enabled = Some("true".into());
            }
            Self::Customer(_) => headers.customer = self.customer(),
        }
        headers
    }

    pub fn customer(self) -> CustomerHeaders {
        let Self::Customer(seed) = self else { return CustomerHeaders::default() };
        let key = [seed; 32];
        CustomerHeaders {
            algorithm: Some("AES256".into()),
            key: Some(BASE64.encode(&key).into()),
            key_md5: Some(BASE64.encode(&crypto::md5(&key))),
        }
    }
}

pub fn cx() -> RequestContext {
    RequestContext {
        request_id: "test".into(),
        principal: root(),
        access_key: None,
        conditions: Arc::new(Conditions { secure_transport: true, ..Conditions::default() }),
        transport: Transport::Tls,
        via: "s3",
        rules: DialectRules {
            encryption: EncryptionRules::S3,
            part_bytes_min: 0,
            self_copy_keeps_method: false,
            recreate_own_bucket: false,
            delete_bucket_aborts_uploads: false,
            copy_tags_by_default: true,
            completion_needs_customer_key: false,
        },
    }
}

pub fn name(name: &str) -> ObjectName {
    ObjectName::parse(name.as_bytes()).unwrap()
}

pub fn read(bucket: &BucketName, object: &str, method: Method) -> ReadObject {
    ReadObject {
        bucket: bucket.clone(),
        name: name(object),
        version: None,
        range: None,
        part: None,
        preconditions: Preconditions::default(),
        customer: method.customer(),
        other_encryption_headers: false,
        want_checksum: false,
        if_range: None,
    }
}

pub struct Pieces(std::collections::VecDeque<Bytes>);

#[async_trait]
impl BodySource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.pop_front())
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}

/// A body in pieces that do not line up with segments.
pub fn body(data: &[u8]) -> RequestBody {
    body_in_pieces(data, 50_001)
}

pub fn body_in_pieces(data: &[u8], piece: usize) -> RequestBody {
    RequestBody {
        source: Box::new(Pieces(data.chunks(piece).map(Bytes::copy_from_slice).collect())),
        length: Some(data.len() as u64),
        content_md5: None,
        content_sha256: None,
        checksum: None,
        trailing_algorithm: None,
    }
}

pub async fn drain(mut body: Box<dyn ResponseBody>) -> Result<Vec<u8>, Fail> {
    let mut data = Vec::new();
    while let Some(piece) = body.next().await? {
        data.extend_from_slice(&piece);
    }
    Ok(data)
}

/// Bytes that tell their place.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

/// Waits until background upkeep came to `done`, by yielding; no wall clock.
pub async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..1_000_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the condition was not reached");
}
