//! The load: requests as an S3 program sends them, over connections that are kept.

use super::child::Child;
use crate::client::{Connection, ControlClient, Credentials, Endpoint};
use crate::clock::SystemClock;
use crate::failure::Failure;
use bytes::Bytes;
use gateway::auth::signer::{SignedPayload, SignerV4, SigningCredential};
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use model::{Clock, RegionName};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

const BUCKET: &str = "bench";
/// Objects of a size and method; requests go over them in turn.
const NAMES: usize = 64;
/// Bodies up to this are hashed for the signature, as small uploads of SDKs are; larger ones are sent unsigned.
const SIGNED_BYTES_MAX: usize = 64 * 1024;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Put,
    Get,
}

impl Operation {
    pub(super) const ALL: [Self; 2] = [Self::Put, Self::Get];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Put => "PUT",
            Self::Get => "GET",
        }
    }
}

/// How objects are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Plain,
    /// With a warm bucket key: no request to the KMS.
    SseKms,
    /// One request to the KMS, and one event on the audit log, for each object.
    SseKmsNoBucketKey,
}

impl Method {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::SseKms, Self::SseKmsNoBucketKey];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SseKms => "sse-kms",
            Self::SseKmsNoBucketKey => "sse-kms-no-bucket-key",
        }
    }
}

/// A prepared server: bucket, CMK, and what is needed to sign.
pub(super) struct Load {
    shared: Arc<Shared>,
    connections: Vec<Connection>,
}

struct Shared {
    endpoint: Endpoint,
    region: String,
    credentials: Credentials,
    cmk: String,
}

impl Load {
    /// Makes a CMK and a bucket.
    pub(super) async fn prepare(child: &Child) -> Result<Self, Failure> {
        let region = RegionName::parse(child.region()).ok_or_else(|| Failure::new("the region is not one"))?;
        let mut kms = ControlClient::connect(&child.control()?, child.credentials(), region).await?;
        let made = kms.kms("CreateKey", &json!({ "Description": "benchmark" })).await?;
        let cmk = made.pointer("/KeyMetadata/Arn").and_then(|arn| arn.as_str());
        let cmk = cmk.ok_or_else(|| Failure::new("the server's answer was not understood"))?.to_owned();
        let shared = Arc::new(Shared {
            endpoint: child.objects()?,
            region: child.region().to_owned(),
            credentials: child.credentials(),
            cmk,
        });
        let mut first = Connection::open(&shared.endpoint).await?;
        shared.send(&mut first, HttpMethod::PUT, &format!("/{BUCKET}"), Bytes::new(), Method::Plain).await?;
        Ok(Self { shared, connections: vec![first] })
    }

    /// Sends `requests` requests over `connections` connections and checks every answer. A GET reads objects that the
    /// PUT of the same size and method has written.
    pub(super) async fn run(
        &mut self,
        operation: Operation,
        method: Method,
        size: usize,
        requests: usize,
        connections: usize,
    ) -> Result<(), Failure> {
        while self.connections.len() < connections {
            self.connections.push(Connection::open(&self.shared.endpoint).await?);
        }
        let body = match operation {
            Operation::Put => pattern(size),
            Operation::Get => Bytes::new(),
        };
        let next = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for mut connection in self.connections.drain(..connections) {
            let (shared, next, body) = (Arc::clone(&self.shared), Arc::clone(&next), body.clone());
            workers.spawn(async move {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= requests {
                        return Ok::<_, Failure>(connection);
                    }
                    let path = format!("/{BUCKET}/{}/{size}/{}", method.name(), turn % NAMES.min(requests));
                    let http = match operation {
                        Operation::Put => HttpMethod::PUT,
                        Operation::Get => HttpMethod::GET,
                    };
                    let received = shared.send(&mut connection, http, &path, body.clone(), method).await?;
                    if operation == Operation::Get && received != size {
                        return Err(Failure::new(format!("{path} has {received} bytes instead of {size}")));
                    }
                }
            });
        }
        while let Some(worker) = workers.join_next().await {
            self.connections.push(worker.map_err(|error| Failure::new(error.to_string()))??);
        }
        Ok(())
    }
}

impl Shared {
    /// Sends one request and reads the answer's body; returns its length in bytes.
    async fn send(
        &self,
        connection: &mut Connection,
        http: HttpMethod,
        path: &str,
        body: Bytes,
        method: Method,
    ) -> Result<usize, Failure> {
        let mut headers = HeaderMap::new();
        let value =
            |text: &str| HeaderValue::from_str(text).map_err(|_| Failure::new("a value cannot be sent in a header"));
        headers.insert(HOST, value(&self.endpoint.authority())?);
        let is_object_put = http == HttpMethod::PUT && path.matches('/').count() > 1;
        if is_object_put && method != Method::Plain {
            let bucket_key = if method == Method::SseKms { "true" } else { "false" };
            for (name, text) in [
                ("x-amz-server-side-encryption", "aws:kms"),
                ("x-amz-server-side-encryption-aws-kms-key-id", &self.cmk),
                ("x-amz-server-side-encryption-bucket-key-enabled", bucket_key),
            ] {
                headers.insert(HeaderName::from_static(name), value(text)?);
            }
        }
        let payload = if body.len() <= SIGNED_BYTES_MAX {
            SignedPayload::Sha256(crypto::sha256(&body))
        } else {
            SignedPayload::Unsigned
        };
        let credential = SigningCredential {
            access_key_id: &self.credentials.access_key,
            secret: self.credentials.secret_key.as_bytes(),
            session_token: None,
        };
        SignerV4 { credential, region: &self.region, service: "s3" }
            .sign(http.as_str(), path, &mut headers, payload, SystemClock.now())
            .map_err(|error| Failure::new(error.to_string()))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http;
        *request.uri_mut() = path.parse().map_err(|_| Failure::new("the path cannot be sent"))?;
        *request.headers_mut() = headers;
        let answer = connection.send(request).await?;
        let status = answer.status();
        let mut received = answer.into_body();
        let (mut length, mut refusal) = (0, Vec::new());
        while let Some(frame) = received.frame().await {
            let frame = frame.map_err(|error| Failure::new(format!("{path}: the answer broke off: {error}")))?;
            if let Some(data) = frame.data_ref() {
                length += data.len();
                if status != StatusCode::OK {
                    refusal.extend_from_slice(data);
                }
            }
        }
        if status == StatusCode::OK {
            Ok(length)
        } else {
            Err(Failure::new(format!("{path}: {status}: {}", String::from_utf8_lossy(&refusal))))
        }
    }
}

/// Bytes that no layer could compress or share.
fn pattern(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut out = Vec::with_capacity(size + 8);
    while out.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(size);
    out.into()
}
