//! A data directory with everything in it: fjall and files, all methods and both ciphers, small and large bodies, parts,
//! an upload in progress.

use async_trait::async_trait;
use audit::{AuditTrail, Event};
use bytes::Bytes;
use crypto::SecretBytes;
use data_encoding::BASE64;
use kms::{CreateCmk, KeyService, KeyUser};
use model::{
    AccountId, AccountNumber, BucketName, Clock, Entropy, ObjectName, PartNumber, RegionName, Timestamp, UploadId,
};
use objects::api::*;
use objects::inspect::{FindingKind, Inspector};
use objects::{BodyError, ObjectService};
use policy::{Conditions, Evaluator, Principal};
use sse::{
    ChecksumAlgorithm, ChecksumValue, CustomerHeaders, EncryptionHeaders, EncryptionRules, RequireHttps, Sm4Offer,
    SseConfig, SseService, SseVerification, Transport,
};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use store::engine::files::{BlobFiles, FileBlobs};
use store::engine::fjall::FjallStore;
use store::{BlobStore, MetaStore, ReadOnly, Table, Transaction};
use strongroom_jobs::verify::{Circumstances, Options, Report, Silent, Tally, verify};
use testkit::{FaultyMeta, SeededEntropy, TestClock};

/// Longer than a body that lives in a record, and than two segments.
pub const LARGE: usize = 3 * 65_536 + 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Plain,
    Obs,
    Kms,
    BucketKey,
    Customer,
}

impl Method {
    pub const ALL: [Self; 5] = [Self::Plain, Self::Obs, Self::Kms, Self::BucketKey, Self::Customer];
}

/// Keeps what was put on record, until it may keep no more.
#[derive(Default)]
pub struct Trail(pub Mutex<Vec<Event>>, pub Mutex<Option<usize>>);

#[async_trait]
impl AuditTrail for Trail {
    async fn record(&self, event: Event) -> Result<(), audit::AuditFault> {
        let mut kept = self.0.lock().unwrap();
        if self.1.lock().unwrap().is_some_and(|max| kept.len() >= max) {
            return Err(audit::AuditFault("the disk is full".into()));
        }
        kept.push(event);
        Ok(())
    }
}

pub struct Dir {
    pub dir: tempfile::TempDir,
    pub meta: Arc<dyn MetaStore>,
    /// The same store; damages rows below the seam.
    pub below: Arc<FaultyMeta>,
    pub objects: Arc<ObjectService>,
    pub kms: Arc<KeyService>,
    pub trail: Arc<Trail>,
    pub bucket: BucketName,
    pub cmk: kms::CmkId,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
}

pub fn root() -> Principal {
    let account = AccountId::parse("0123456789abcdef0123456789abcdef").unwrap();
    Principal::root(account, AccountNumber::parse("000000000001").unwrap(), "root")
}

pub fn user() -> KeyUser {
    KeyUser { principal: root(), access_key: None, via: "test", request_id: "test".into(), conditions: Arc::default() }
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

async fn key_service(
    meta: Arc<dyn MetaStore>,
    trail: &Arc<Trail>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Arc<KeyService> {
    let root = crypto::RootKey::from_secret(SecretBytes::fill_with(|out: &mut [u8; 32]| out.fill(9)));
    let region = RegionName::parse("local-1").unwrap();
    let mut parts = kms::Parts::new(meta, root, Arc::new(Evaluator), region, Arc::clone(clock), Arc::clone(entropy));
    parts.audit = Arc::<Trail>::clone(trail);
    KeyService::open(parts).await.unwrap()
}

impl Dir {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let below = FaultyMeta::over(Arc::new(FjallStore::open(&dir.path().join("meta")).unwrap()));
        let meta: Arc<dyn MetaStore> = Arc::<FaultyMeta>::clone(&below);
        let blobs: Arc<dyn BlobStore> = Arc::new(FileBlobs::open(&dir.path().join("blobs")).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at(Timestamp::from_secs(1_800_000_000)));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let trail = Arc::new(Trail::default());
        let kms = key_service(Arc::clone(&meta), &trail, &clock, &entropy).await;
        let config = SseConfig {
            require_https: RequireHttps::Strict,
            server_default: None,
            sm4: Sm4Offer::All,
            bucket_key_ttl_millis: 180_000,
            bucket_key_objects_max: sse::BUCKET_KEY_OBJECTS_MAX,
        };
        let sse = SseService::open(kms.clone(), meta.clone(), clock.clone(), entropy.clone(), config).await.unwrap();
        let parts = objects::Parts {
            meta: meta.clone(),
            blobs,
            sse: Arc::new(sse),
            clock: clock.clone(),
            entropy: entropy.clone(),
            authorizer: Arc::new(Evaluator),
            access: AccessConfig::default(),
            accounts: Arc::new(AnyAccount),
        };
        let objects = ObjectService::open(parts).await.unwrap();
        let bucket = BucketName::parse("bucket").unwrap();
        objects.create_bucket(&cx(), &bucket, CreateBucket::default()).await.unwrap();
        let cmk = kms.create(&user(), CreateCmk::default()).await.unwrap().id;
        Self { dir, meta, below, objects, kms, trail, bucket, cmk, entropy, clock }
    }

    /// Everything that there can be.
    pub async fn full() -> Self {
        let dir = Self::new().await;
        for method in Method::ALL {
            for sm4 in [false, true] {
                if sm4 && method == Method::Plain {
                    continue;
                }
                let tail = if sm4 { "sm4" } else { "aes" };
                dir.put(&format!("{method:?}/{tail}/empty"), method, sm4, &[]).await;
                dir.put(&format!("{method:?}/{tail}/small"), method, sm4, b"a small body").await;
                dir.put(&format!("{method:?}/{tail}/large"), method, sm4, &pattern(LARGE)).await;
                let name = format!("{method:?}/{tail}/parts");
                dir.multipart(&name, method, sm4).await;
            }
        }
        dir.upload("unfinished", Method::BucketKey, true).await;
        dir.settle().await;
        dir
    }

    fn headers(&self, method: Method, sm4: bool) -> EncryptionHeaders {
        let mut headers = EncryptionHeaders::default();
        match method {
            Method::Plain => return headers,
            Method::Obs => headers.method = Some("AES256".into()),
            Method::Kms | Method::BucketKey => {
                headers.method = Some("aws:kms".into());
                headers.key_id = Some(self.cmk.to_arn());
                headers.bucket_key_enabled = Some((method == Method::BucketKey).to_string());
            }
            Method::Customer => headers.customer = customer(method),
        }
        if sm4 {
            headers.data_encryption = Some("SM4".into());
        }
        headers
    }

    pub async fn put(&self, object: &str, method: Method, sm4: bool, data: &[u8]) {
        let request = PutObject {
            bucket: self.bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption: self.headers(method, sm4),
            expectation: WriteExpectation::default(),
            acl: None,
            tags: Vec::new(),
        };
        self.objects.put_object(&cx(), request, body(data)).await.unwrap();
    }

    /// Three parts, of which one is small.
    pub async fn upload(&self, object: &str, method: Method, sm4: bool) -> (UploadId, Vec<CompletedPart>) {
        let request = CreateUpload {
            bucket: self.bucket.clone(),
            name: name(object),
            headers: ObjectHeaders::default(),
            encryption: self.headers(method, sm4),
            checksum: Some((ChecksumAlgorithm::Sha256, Some(false))).filter(|_| sm4),
            acl: None,
            tags: Vec::new(),
        };
        let upload = self.objects.create_upload(&cx(), request).await.unwrap().upload;
        let mut parts = Vec::new();
        for (number, len) in [(1, LARGE), (2, LARGE + 1), (3, 100)] {
            let part = PartNumber::new(number).unwrap();
            let request = UploadPart {
                bucket: self.bucket.clone(),
                name: name(object),
                upload,
                part,
                encryption: customer(method).into(),
            };
            let written = self.objects.upload_part(&cx(), request, body(&pattern(len))).await.unwrap();
            let checksum = written.checksum.map(|kept| kept.value).filter(|_| sm4);
            parts.push(CompletedPart { part, etag: written.etag.to_string(), checksum });
        }
        (upload, parts)
    }

    /// An object of three parts.
    pub async fn multipart(&self, object: &str, method: Method, sm4: bool) {
        let upload = self.upload(object, method, sm4).await;
        self.complete(object, upload, method).await;
    }

    async fn complete(&self, object: &str, (upload, parts): (UploadId, Vec<CompletedPart>), method: Method) {
        let request = CompleteUpload {
            bucket: self.bucket.clone(),
            name: name(object),
            upload,
            parts,
            customer: customer(method),
            checksum: None,
            checksum_parts: None,
            checksum_composite: None,
            object_size: None,
            expectation: WriteExpectation::default(),
        };
        self.objects.complete_upload(&cx(), request).await.unwrap();
    }

    /// Waits until upkeep is through: nothing pending, nothing to be removed.
    pub async fn settle(&self) {
        for _ in 0..1_000_000 {
            let pending = std::fs::read_dir(self.dir.path().join("blobs/pending")).unwrap().count();
            if pending == 0 && self.rows(Table::BlobGc).is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("upkeep does not end");
    }

    pub fn rows(&self, table: Table) -> Vec<(Bytes, Bytes)> {
        let mut rows = Vec::new();
        let all = &mut |key: &[u8], value: &[u8]| {
            rows.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            true
        };
        self.meta.snapshot().scan(table, &[], None, all).unwrap();
        rows
    }

    /// The row of an object's current version.
    pub fn row_of(&self, object: &str) -> (Bytes, Bytes) {
        let found = self.rows(Table::Current).into_iter().find(|(key, _)| &key[16..] == object.as_bytes());
        found.unwrap()
    }

    pub async fn set(&self, table: Table, key: &Bytes, value: Option<Bytes>) {
        let mut tx = Transaction::new();
        match value {
            Some(value) => tx.put(table, key.clone(), value),
            None => tx.delete(table, key.clone()),
        };
        self.meta.commit(tx).await.unwrap();
    }

    /// What a walk over all, or over the one bucket, finds without keys while rows do not match their checksums.
    pub async fn verify_with_damage(&self, rows: &[(Table, &[u8])], one_bucket: bool) -> Tally {
        rows.iter().for_each(|(table, key)| self.below.damage_row(*table, key));
        let bucket = Some(self.bucket.clone()).filter(|_| one_bucket);
        let tally = self.verify_with(false, Options { bucket, ..Options::default() }).await;
        self.below.heal();
        tally
    }

    /// Blob files of more than one segment, in order of their names.
    pub fn blobs(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for shard in std::fs::read_dir(self.dir.path().join("blobs")).unwrap() {
            found.extend(std::fs::read_dir(shard.unwrap().path()).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.sort();
        found
    }

    /// With keys, over a store that takes no commits.
    pub async fn verify(&self) -> Tally {
        self.verify_with(true, Options::default()).await
    }

    pub async fn verify_with(&self, keys: bool, options: Options) -> Tally {
        let meta = ReadOnly::over(Arc::clone(&self.meta));
        let inspector = Inspector::new(Arc::clone(&meta), Arc::new(BlobFiles::at(&self.dir.path().join("blobs"))));
        let keys = match keys {
            false => None,
            true => {
                let kms = key_service(Arc::clone(&meta), &self.trail, &self.clock, &self.entropy).await;
                let run = kms.for_verification(Vec::new()).await.unwrap();
                Some(Arc::new(SseVerification::begin(run, meta).await.unwrap()))
            }
        };
        verify(inspector, keys, options, Arc::new(Silent)).await.unwrap()
    }
}

/// A report about a run.
pub fn report_of(tally: Tally, with_keys: bool) -> Report {
    let circumstances = Circumstances {
        program: "0".into(),
        started: Timestamp::from_secs(1_800_000_000),
        ended: Timestamp::from_secs(1_800_000_060),
        directory: "/srv/strongroom".into(),
        audit_key: None,
        audit_head: None,
        broken: None,
        with_keys,
    };
    Report::new(circumstances, &Options::default(), tally)
}

/// What was found, as kinds and objects.
pub fn found(tally: &Tally) -> Vec<(FindingKind, Option<String>)> {
    tally.findings.iter().map(|finding| (finding.kind, finding.object.clone())).collect()
}

pub fn customer(method: Method) -> CustomerHeaders {
    if method != Method::Customer {
        return CustomerHeaders::default();
    }
    let key = [0x5a; 32];
    CustomerHeaders {
        algorithm: Some("AES256".into()),
        key: Some(BASE64.encode(&key).into()),
        key_md5: Some(BASE64.encode(&crypto::md5(&key))),
    }
}

pub fn name(name: &str) -> ObjectName {
    ObjectName::parse(name.as_bytes()).unwrap()
}

pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

struct Pieces(std::collections::VecDeque<Bytes>);

#[async_trait]
impl BodySource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(self.0.pop_front())
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}

fn body(data: &[u8]) -> RequestBody {
    RequestBody {
        source: Box::new(Pieces(data.chunks(50_001).map(Bytes::copy_from_slice).collect())),
        length: Some(data.len() as u64),
        content_md5: None,
        content_sha256: None,
        checksum: None,
        trailing_algorithm: None,
    }
}
