//! A gateway over rooms in memory, on a port of this machine, and clients that sign as real ones do.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support"
)]

use bytes::Bytes;
use crypto::{PasswordHash, RootKey, SecretBytes, SecretsKey, TokenUse, sha256};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use iam::{Directory, GivenRoot, PasswordHasher, SecretAccessKey, SecretSealer, TokenKind, TokenSealer};
use kms::{KeyService, TokenKeys};
use model::{AccessKeyId, Clock, Entropy, RegionName, Timestamp};
use objects::ObjectService;
use policy::{Authorizer, Evaluator};
use sse::{RequireHttps, Sm4Offer, SseConfig, SseService};
use std::net::SocketAddr;
use std::sync::Arc;
use store::engine::memory::MemoryStore;
use store::engine::memory_blobs::MemoryBlobs;
use store::{BlobStore, MetaStore};
use strongroom_gateway::auth::Dialect;
use strongroom_gateway::auth::signer::{LegacySigner, SignedPayload, SignerV4, SigningCredential};
use strongroom_gateway::{Gateway, GatewayConfig, Metrics, Parts, TlsSlot};
use testkit::{SeededEntropy, TestClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const ACCESS_KEY: &str = "TESTAK0000000000EX01";
pub const SECRET: &str = "testsk00000000000000000000000000000EX01";
pub const REGION: &str = "local-1";
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub struct Server {
    pub data: SocketAddr,
    pub control: SocketAddr,
    pub clock: Arc<TestClock>,
    pub metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    doors: Vec<tokio::task::JoinHandle<std::io::Result<()>>>,
}

struct Sealer(Arc<SecretsKey>);

impl SecretSealer for Sealer {
    fn seal(&self, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        self.0.seal_note(id, plain)
    }

    fn open(&self, id: &[u8; 16], sealed: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        self.0.open_note(id, sealed).ok()
    }
}

struct Tokens(Arc<TokenKeys>);

fn purpose(kind: TokenKind) -> TokenUse {
    match kind {
        TokenKind::Session => TokenUse::Session,
        TokenKind::Identity => TokenUse::Identity,
    }
}

#[async_trait::async_trait]
impl TokenSealer for Tokens {
    fn seal(&self, kind: TokenKind, claims: &[u8]) -> Vec<u8> {
        self.0.seal(purpose(kind), claims)
    }

    fn open(&self, kind: TokenKind, token: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        self.0.open(purpose(kind), token)
    }

    async fn rotate(&self) -> Result<(), String> {
        self.0.rotate().await.map_err(|error| error.to_string())
    }
}

struct Passwords(Arc<dyn Entropy>);

impl PasswordHasher for Passwords {
    fn hash(&self, password: &str) -> Option<Vec<u8>> {
        PasswordHash::new(password, &*self.0).map(|hash| hash.encode())
    }

    fn verify(&self, password: &str, hash: &[u8]) -> bool {
        PasswordHash::decode(hash).is_ok_and(|hash| hash.verify(password))
    }
}

impl Server {
    /// A server that asks nothing of the transport, so that tests may speak plain HTTP.
    pub async fn start() -> Self {
        Self::with(|_| {}, RequireHttps::Off, None).await
    }

    pub async fn with(
        configure: impl FnOnce(&mut GatewayConfig),
        require_https: RequireHttps,
        tls: Option<Arc<TlsSlot>>,
    ) -> Self {
        let meta: Arc<dyn MetaStore> = Arc::new(MemoryStore::new());
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::new());
        let clock = Arc::new(TestClock::at(NOW));
        let dyn_clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(11));
        let authorizer: Arc<dyn Authorizer> = Arc::new(Evaluator);
        let region = RegionName::parse(REGION).unwrap();
        let root = RootKey::from_secret(SecretBytes::fill_with(|bytes| bytes.fill(7)));
        let keys = KeyService::open(kms::Parts::new(
            Arc::clone(&meta),
            root,
            Arc::clone(&authorizer),
            region.clone(),
            Arc::clone(&dyn_clock),
            Arc::clone(&entropy),
        ))
        .await
        .unwrap();
        let given =
            GivenRoot { id: AccessKeyId::parse(ACCESS_KEY).unwrap(), secret: SecretAccessKey::parse(SECRET).unwrap() };
        let parts = iam::Parts {
            store: Arc::clone(&meta),
            sealer: Arc::new(Sealer(keys.secrets_key().await.unwrap())),
            tokens: Arc::new(Tokens(keys.token_keys().await.unwrap())),
            passwords: Arc::new(Passwords(Arc::clone(&entropy))),
            authorizer: Arc::clone(&authorizer),
            clock: Arc::clone(&dyn_clock),
            entropy: Arc::clone(&entropy),
            region: region.clone(),
        };
        let directory = Directory::open(parts, Some(given)).await.unwrap();
        let config = SseConfig {
            require_https,
            server_default: None,
            sm4: Sm4Offer::All,
            bucket_key_ttl_millis: 180_000,
            bucket_key_objects_max: sse::BUCKET_KEY_OBJECTS_MAX,
        };
        let sse = SseService::open(
            Arc::clone(&keys),
            Arc::clone(&meta),
            Arc::clone(&dyn_clock),
            Arc::clone(&entropy),
            config,
        )
        .await
        .unwrap();
        let objects = ObjectService::open(objects::Parts {
            meta,
            blobs,
            sse: Arc::new(sse),
            clock: Arc::clone(&dyn_clock),
            entropy: Arc::clone(&entropy),
            authorizer,
            access: objects::api::AccessConfig::default(),
            accounts: Arc::new(objects::api::AnyAccount),
        })
        .await
        .unwrap();
        let mut config = GatewayConfig::new(region, vec!["obs.local.test".to_owned()]);
        configure(&mut config);
        let metrics = Arc::new(Metrics::new());
        let gateway = Gateway::new(Parts {
            objects,
            keys,
            directory: Arc::new(directory),
            clock: dyn_clock,
            entropy,
            metrics: Arc::clone(&metrics),
            config,
        });
        let (stop, stopping) = watch::channel(false);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (data, control) = (listener.local_addr().unwrap(), control_listener.local_addr().unwrap());
        let doors = vec![
            tokio::spawn({
                let (gateway, tls, stopping) = (Arc::clone(&gateway), tls.clone(), stopping.clone());
                async move { gateway.serve_data(listener, tls, stopping).await }
            }),
            tokio::spawn(async move { gateway.serve_control(control_listener, tls, stopping).await }),
        ];
        Self { data, control, clock, metrics, stop, doors }
    }

    /// Tells the server to stop and waits until it has.
    pub async fn stop(self) {
        // Fails when the doors have ended already.
        let _ = self.stop.send(true);
        for door in self.doors {
            door.await.unwrap().unwrap();
        }
    }

    pub fn begin_stop(&self) {
        self.stop.send(true).unwrap();
    }

    /// A request signed with V4 by an AWS client, path style.
    pub fn s3(&self, method: &str, target: &str) -> Call {
        Call::new(self.data, method, target, Signed::V4)
    }

    /// A request signed in the OBS dialect, virtual-hosted.
    pub fn obs(&self, method: &str, bucket: &str, target: &str) -> Call {
        let mut call = Call::new(self.data, method, target, Signed::Legacy(Dialect::Obs, Some(bucket.to_owned())));
        call.host = format!("{bucket}.obs.local.test");
        call
    }

    /// A request signed with V2, path style.
    pub fn v2(&self, method: &str, target: &str) -> Call {
        Call::new(self.data, method, target, Signed::Legacy(Dialect::S3, None))
    }

    /// A signed URL of the OBS dialect, virtual-hosted, valid for a minute.
    pub fn obs_url(&self, method: &str, bucket: &str, target: &str) -> Call {
        let mut call = self.obs(method, bucket, target);
        let signer = LegacySigner { credential: credential(SECRET), dialect: Dialect::Obs, host_bucket: Some(bucket) };
        let expires = NOW.plus_millis(60_000);
        call.target = signer.presign(method, target, &HeaderMap::new(), expires).unwrap();
        call.signed = Signed::Not;
        call
    }

    /// A V4 presigned URL, path style, valid for a minute, that covers `headers` beside the host.
    pub fn s3_url(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Call {
        let mut call = Call::new(self.data, method, target, Signed::Not);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let mut signed = call.headers.clone();
        signed.insert("host", HeaderValue::from_str(&call.host).unwrap());
        let signer = SignerV4 { credential: credential(SECRET), region: REGION, service: "s3" };
        call.target = signer.presign(method, target, &signed, 60, NOW).unwrap();
        call
    }

    /// A request without a signature.
    pub fn unsigned(&self, method: &str, target: &str) -> Call {
        Call::new(self.data, method, target, Signed::Not)
    }

    /// A request of the control plane.
    pub fn control(&self, method: &str, target: &str, signed: Signed) -> Call {
        Call::new(self.control, method, target, signed)
    }
}

fn credential(secret: &'static str) -> SigningCredential<'static> {
    SigningCredential { access_key_id: ACCESS_KEY, secret: secret.as_bytes(), session_token: None }
}

#[derive(Clone)]
pub enum Signed {
    Not,
    V4,
    V4Kms,
    Legacy(Dialect, Option<String>),
}

pub struct Call {
    address: SocketAddr,
    method: String,
    target: String,
    pub host: String,
    headers: HeaderMap,
    body: Bytes,
    signed: Signed,
    secret: &'static str,
}

impl Call {
    fn new(address: SocketAddr, method: &str, target: &str, signed: Signed) -> Self {
        Self {
            address,
            method: method.to_owned(),
            target: target.to_owned(),
            host: address.to_string(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            signed,
            secret: SECRET,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn secret(mut self, secret: &'static str) -> Self {
        self.secret = secret;
        self
    }

    pub async fn send(self) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        self.send_over(TokioIo::new(stream)).await
    }

    pub async fn send_over(mut self, io: impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static) -> Answer {
        self.sign();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.target);
        *request.headers_mut().unwrap() = self.headers;
        let response = sender.send_request(request.body(Full::new(self.body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|collected| collected.to_bytes());
        drop(sender);
        driver.abort();
        Answer { status: head.status, headers: head.headers, body: body.unwrap_or_default() }
    }

    /// The signed head, as it goes over the wire.
    pub fn wire_head(&mut self) -> String {
        self.sign();
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head.push_str("\r\n");
        head
    }

    fn sign(&mut self) {
        self.headers.insert("host", HeaderValue::from_str(&self.host).unwrap());
        let credential = credential(self.secret);
        match &self.signed {
            Signed::Not => {}
            Signed::V4 | Signed::V4Kms => {
                let service = if matches!(self.signed, Signed::V4) { "s3" } else { "kms" };
                let signer = SignerV4 { credential, region: REGION, service };
                let payload = SignedPayload::Sha256(sha256(&self.body));
                let _chunks = signer.sign(&self.method, &self.target, &mut self.headers, payload, NOW).unwrap();
            }
            Signed::Legacy(dialect, bucket) => {
                let signer = LegacySigner { credential, dialect: *dialect, host_bucket: bucket.as_deref() };
                signer.sign(&self.method, &self.target, &mut self.headers, NOW).unwrap();
            }
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The text of the first element of this name.
    pub fn element(&self, name: &str) -> String {
        let text = self.text();
        let open = format!("<{name}>");
        let rest = text.split_once(&open).unwrap_or_else(|| panic!("no {name} in {text}")).1;
        rest.split_once('<').unwrap().0.to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?} {}", self.headers, String::from_utf8_lossy(&self.body));
        self
    }

    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.element("Code"), code, "{}", answer.text());
        answer
    }
}
