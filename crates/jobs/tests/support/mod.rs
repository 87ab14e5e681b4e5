//! A store of objects over engines in memory, with its KMS and its rewrap jobs, a seeded clock and entropy, and a
//! directory that is told who is who.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

pub mod gated;

use async_trait::async_trait;
use audit::{AuditFault, AuditTrail, Event};
use bytes::Bytes;
use crypto::SecretBytes;
use jobs::rewrap::{Identities, Job, Pause, RewrapService, RewrapWish};
use kms::{CmkId, CreateCmk, KeyService, KeySpec, KeyUser, Origin};
use model::{
    AccountId, AccountNumber, BucketName, Clock, EntityName, EntityPath, Entropy, JobId, ObjectName, RegionName,
    Timestamp, UploadId, UserUid,
};
use objects::api::*;
use objects::{BodyError, Fail, ObjectService};
use policy::{
    AccessRequest, Attached, Authorized, Authorizer, Caller, Conditions, Denied, Grammar, Identity, Permissions,
    Policy, Principal,
};
use sse::{
    ChecksumValue, CustomerHeaders, EncryptionHeaders, EncryptionRules, RequireHttps, Sm4Offer, SseConfig, SseService,
    Transport,
};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use store::engine::files::FileBlobs;
use store::engine::memory::MemoryStore;
use store::{BlobStore, MetaStore, Row, Table};
use strongroom_jobs as jobs;
use testkit::{SeededEntropy, TestClock};

pub const TTL_MILLIS: u64 = 180_000;
/// After this a bucket key that nothing needs may go: no write that took it is under way any more.
pub const OLD_MILLIS: u64 = TTL_MILLIS + 24 * 60 * 60 * 1000 + 1;
pub const ADMIN: &str = "AKADMIN";

pub struct Decide;

impl Authorizer for Decide {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
        policy::decide(request)
    }
}

/// Who is who, by access keys.
#[derive(Default)]
pub struct People(Mutex<BTreeMap<String, Principal>>);

impl People {
    pub fn set(&self, access_key: &str, principal: Principal) {
        self.0.lock().unwrap().insert(access_key.to_owned(), principal);
    }

    pub fn remove(&self, access_key: &str) {
        self.0.lock().unwrap().remove(access_key);
    }
}

impl Identities for People {
    fn principal(&self, access_key: &str) -> Option<Principal> {
        self.0.lock().unwrap().get(access_key).cloned()
    }
}

/// Waiting moves the clock and nothing else; while it is held it does not end.
pub struct Waits(pub Arc<TestClock>, pub Arc<AtomicBool>);

#[async_trait]
impl Pause for Waits {
    async fn pause(&self, millis: u64) {
        while self.1.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.0.advance_millis(millis);
        tokio::task::yield_now().await;
    }
}

/// Keeps operations and who asked.
#[derive(Default)]
pub struct Trail(pub Mutex<Vec<Event>>);

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        self.0.lock().unwrap().push(event);
        Ok(())
    }
}

pub struct World {
    pub meta: Arc<dyn MetaStore>,
    pub blobs: Arc<dyn BlobStore>,
    pub clock: Arc<TestClock>,
    pub entropy: Arc<dyn Entropy>,
    pub kms: Arc<KeyService>,
    pub sse: Arc<SseService>,
    pub objects: Arc<ObjectService>,
    pub jobs: Arc<RewrapService>,
    pub people: Arc<People>,
    pub trail: Arc<Trail>,
    /// Jobs that wait go on waiting.
    pub held: Arc<AtomicBool>,
    dir: Arc<tempfile::TempDir>,
}

pub fn account(n: u8) -> AccountId {
    AccountId::parse(&format!("{n:032x}")).unwrap()
}

pub fn number(n: u8) -> AccountNumber {
    AccountNumber::parse(&format!("{n:012}")).unwrap()
}

pub fn root_of(n: u8) -> Principal {
    Principal::root(account(n), number(n), &format!("account-{n}"))
}

/// A user of account 1 with these identity policies.
pub fn user(uid: u8, policies: &[&str]) -> Principal {
    let attached = |text: &&str| Attached {
        source: "test".into(),
        policy: Arc::new(Policy::parse(text, Grammar::Identity).unwrap()),
    };
    let identity = Identity::User {
        uid: UserUid::from_bytes([uid; 16]),
        name: EntityName::parse("ann").unwrap(),
        path: EntityPath::default(),
    };
    let permissions = Permissions { identity: policies.iter().map(attached).collect(), ..Permissions::default() };
    Principal::Caller(Arc::new(Caller::new(account(1), number(1), "account-1".into(), identity, None, permissions)))
}

pub fn allow(actions: &str, resources: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":{resources}}}}}"#)
}

pub fn cx_of(principal: &Principal) -> RequestContext {
    RequestContext {
        request_id: "test".into(),
        principal: principal.clone(),
        access_key: None,
        conditions: Arc::new(Conditions { secure_transport: true, ..Conditions::default() }),
        transport: Transport::Tls,
        via: "s3",
        rules: DialectRules {
            encryption: EncryptionRules::S3,
            part_bytes_min: 0,
            self_copy_keeps_method: false,
            recreate_own_bucket: false,
            delete_bucket_aborts_uploads: true,
            copy_tags_by_default: true,
            completion_needs_customer_key: false,
        },
    }
}

pub fn cx() -> RequestContext {
    cx_of(&root_of(1))
}

pub fn user_of(principal: &Principal, access_key: &str) -> KeyUser {
    KeyUser {
        principal: principal.clone(),
        access_key: Some(access_key.into()),
        via: "admin",
        request_id: "test".into(),
        conditions: Arc::new(Conditions { secure_transport: true, ..Conditions::default() }),
    }
}

pub fn admin() -> KeyUser {
    user_of(&root_of(1), ADMIN)
}

pub fn name(name: &str) -> ObjectName {
    ObjectName::parse(name.as_bytes()).unwrap()
}

struct Pieces(VecDeque<Bytes>);

#[async_trait]
impl BodySource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.pop_front())
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}

pub fn body(data: &[u8]) -> RequestBody {
    RequestBody {
        source: Box::new(Pieces(data.chunks(50_001).map(Bytes::copy_from_slice).collect())),
        length: Some(data.len() as u64),
        content_md5: None,
        content_sha256: None,
        checksum: None,
        trailing_algorithm: None,
    }
}

pub fn read(bucket: &BucketName, object: &str) -> ReadObject {
    ReadObject {
        bucket: bucket.clone(),
        name: name(object),
        version: None,
        range: None,
        part: None,
        preconditions: Preconditions::default(),
        customer: CustomerHeaders::default(),
        other_encryption_headers: false,
        want_checksum: false,
        if_range: None,
    }
}

/// How an object is written.
#[derive(Clone, Debug)]
pub enum How {
    Plain,
    Obs,
    Kms(CmkId),
    BucketKey(CmkId),
}

impl How {
    pub fn headers(&self) -> EncryptionHeaders {
        let mut headers = EncryptionHeaders::default();
        match self {
            Self::Plain => {}
            Self::Obs => headers.method = Some("AES256".into()),
            Self::Kms(cmk) | Self::BucketKey(cmk) => {
                headers.method = Some("aws:kms".into());
                headers.key_id = Some(cmk.to_arn());
                headers.bucket_key_enabled = matches!(self, Self::BucketKey(_)).then(|| "true".into());
            }
        }
        headers
    }
}

impl World {
    pub async fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new())).await
    }

    pub async fn over(meta: Arc<dyn MetaStore>) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let blobs: Arc<dyn BlobStore> = Arc::new(FileBlobs::open(dir.path()).unwrap());
        let people = Arc::new(People::default());
        people.set(ADMIN, root_of(1));
        let clock = Arc::new(TestClock::at(Timestamp::from_secs(1_800_000_000)));
        Self::open(meta, blobs, clock, Arc::new(SeededEntropy::new(7)), people, dir).await
    }

    /// Opens everything again over another view of the same stores, with cold caches; no job goes on yet.
    pub async fn reopened(&self, meta: Arc<dyn MetaStore>) -> Self {
        let (blobs, clock, people) = (self.blobs.clone(), self.clock.clone(), self.people.clone());
        Self::open(meta, blobs, clock, self.entropy.clone(), people, self.dir.clone()).await
    }

    async fn open(
        meta: Arc<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<TestClock>,
        entropy: Arc<dyn Entropy>,
        people: Arc<People>,
        dir: Arc<tempfile::TempDir>,
    ) -> Self {
        let root = crypto::RootKey::from_secret(SecretBytes::fill_with(|out: &mut [u8; 32]| out.fill(9)));
        let seam: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let authorizer: Arc<dyn Authorizer> = Arc::new(Decide);
        let region = RegionName::parse("local-1").unwrap();
        let trail = Arc::new(Trail::default());
        let mut parts = kms::Parts::new(meta.clone(), root, authorizer.clone(), region, seam.clone(), entropy.clone());
        parts.audit = trail.clone();
        let kms = KeyService::open(parts).await.unwrap();
        let config = SseConfig {
            require_https: RequireHttps::Strict,
            server_default: None,
            sm4: Sm4Offer::All,
            bucket_key_ttl_millis: TTL_MILLIS,
            bucket_key_objects_max: sse::BUCKET_KEY_OBJECTS_MAX,
        };
        let sse = SseService::open(kms.clone(), meta.clone(), seam.clone(), entropy.clone(), config).await.unwrap();
        let sse = Arc::new(sse);
        let objects = ObjectService::open(objects::Parts {
            meta: meta.clone(),
            blobs: blobs.clone(),
            sse: sse.clone(),
            clock: seam.clone(),
            entropy: entropy.clone(),
            authorizer,
            access: AccessConfig::default(),
            accounts: Arc::new(AnyAccount),
        })
        .await
        .unwrap();
        kms.set_dependents(objects.dependents());
        let held = Arc::new(AtomicBool::new(false));
        let jobs = Arc::new(RewrapService::open(jobs::rewrap::Parts {
            objects: objects.clone(),
            keys: kms.clone(),
            sse: sse.clone(),
            store: meta.clone(),
            identities: people.clone(),
            clock: seam,
            entropy: entropy.clone(),
            pause: Arc::new(Waits(clock.clone(), held.clone())),
        }));
        Self { meta, blobs, clock, entropy, kms, sse, objects, jobs, people, trail, held, dir }
    }

    pub async fn bucket(&self, name: &str) -> BucketName {
        let bucket = BucketName::parse(name).unwrap();
        self.objects.create_bucket(&cx(), &bucket, CreateBucket::default()).await.unwrap();
        bucket
    }

    pub async fn cmk(&self) -> CmkId {
        self.kms.create(&admin(), new_cmk()).await.unwrap().id
    }

    pub async fn rotate(&self, cmk: &CmkId) -> u32 {
        self.kms.rotate(&admin(), cmk).await.unwrap()
    }

    pub async fn put(&self, bucket: &BucketName, object: &str, how: &How, data: &[u8]) {
        self.try_put(bucket, object, how, data).await.unwrap();
    }

    pub async fn put_as(&self, who: &Principal, bucket: &BucketName, object: &str, how: &How, data: &[u8]) {
        self.try_put_as(&cx_of(who), bucket, object, how, data).await.unwrap();
    }

    pub async fn try_put(&self, bucket: &BucketName, object: &str, how: &How, data: &[u8]) -> Result<(), Fail> {
        self.try_put_as(&cx(), bucket, object, how, data).await
    }

    async fn try_put_as(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        object: &str,
        how: &How,
        data: &[u8],
    ) -> Result<(), Fail> {
        let request = PutObject {
            bucket: bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption: how.headers(),
            expectation: WriteExpectation::default(),
            acl: None,
            tags: Vec::new(),
        };
        self.objects.put_object(cx, request, body(data)).await.map(drop)
    }

    pub async fn get(&self, bucket: &BucketName, object: &str) -> Result<Vec<u8>, Fail> {
        let mut outcome = self.objects.get_object(&cx(), read(bucket, object)).await?;
        let mut data = Vec::new();
        while let Some(piece) = outcome.body.next().await? {
            data.extend_from_slice(&piece);
        }
        Ok(data)
    }

    pub async fn delete(&self, bucket: &BucketName, object: &str) {
        self.objects.delete_object(&cx(), bucket, &name(object), None).await.unwrap();
    }

    pub async fn begin_upload(&self, bucket: &BucketName, object: &str, how: &How) -> UploadId {
        let request = CreateUpload {
            bucket: bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption: how.headers(),
            checksum: None,
            acl: None,
            tags: Vec::new(),
        };
        self.objects.create_upload(&cx(), request).await.unwrap().upload
    }

    pub async fn part(
        &self,
        bucket: &BucketName,
        object: &str,
        upload: UploadId,
        n: u64,
        data: &[u8],
    ) -> CompletedPart {
        let part = model::PartNumber::new(n).unwrap();
        let request = UploadPart {
            bucket: bucket.clone(),
            name: name(object),
            upload,
            part,
            encryption: CustomerHeaders::default().into(),
        };
        let etag = self.objects.upload_part(&cx(), request, body(data)).await.unwrap().etag;
        CompletedPart { part, etag: etag.to_string(), checksum: None }
    }

    pub async fn complete(&self, bucket: &BucketName, object: &str, upload: UploadId, parts: Vec<CompletedPart>) {
        let request = CompleteUpload {
            bucket: bucket.clone(),
            name: name(object),
            upload,
            parts,
            expectation: WriteExpectation::default(),
            customer: CustomerHeaders::default(),
            checksum: None,
            checksum_parts: None,
            checksum_composite: None,
            object_size: None,
        };
        self.objects.complete_upload(&cx(), request).await.unwrap();
    }

    /// Starts a job as the administrator and waits for its end.
    pub async fn rewrap(&self, wish: RewrapWish) -> Job {
        let job = self.jobs.start(&cx(), &admin(), &wish).await.unwrap();
        self.ended(job.id).await
    }

    pub async fn ended(&self, id: JobId) -> Job {
        self.jobs.wait(id).await;
        self.jobs.status(&admin(), id).await.unwrap()
    }

    /// Objects, uploads and bucket keys that need a version.
    pub async fn needs(&self, cmk: &CmkId, version: Option<u32>) -> (u64, u64, u64) {
        // A count is shown again for some seconds where it is large; here it is not.
        let impact = self.kms.impact(&admin(), cmk, version).await.unwrap();
        (impact.objects, impact.uploads, impact.bucket_keys)
    }

    pub fn rows(&self, table: Table) -> Vec<Row> {
        let mut rows = Vec::new();
        let snapshot = self.meta.snapshot();
        let mut visit = |key: &[u8], value: &[u8]| {
            rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            true
        };
        snapshot.scan(table, &[], None, &mut visit).unwrap();
        rows
    }

    pub fn everything(&self) -> Vec<(Table, Vec<Row>)> {
        Table::ALL.iter().map(|table| (*table, self.rows(*table))).collect()
    }

    /// Operations on record through the door of jobs and of jobs themselves.
    pub fn recorded(&self, operation: &str) -> Vec<Event> {
        self.trail.0.lock().unwrap().iter().filter(|event| event.operation == operation).cloned().collect()
    }
}

/// Polls once: whether it waits.
pub async fn waits<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}

pub fn of(cmk: &CmkId) -> RewrapWish {
    RewrapWish { key: Some(cmk.to_arn()), ..RewrapWish::default() }
}

pub fn new_cmk() -> CreateCmk {
    CreateCmk {
        spec: KeySpec::Aes256,
        origin: Origin::Kms,
        description: String::new(),
        project: None,
        provider: None,
        existing: None,
        alias: None,
        tags: Vec::new(),
        policy: None,
        bypass_lockout_check: false,
    }
}
