//! The control plane's door: which requests it knows, and who may make them.
//!
//! Unauthenticated: `/health/live`, `/health/ready`, `/metrics`, which tell counts and nothing else, and `GET /`, which
//! tells the version of the Huawei KMS API. Everything else is one of five APIs, each with its own way to sign; over
//! plain HTTP only from this machine, since replies carry data keys and secrets.

use super::signed::{Refused, Signer, authenticate};
use super::{admin, huawei, huawei_kms, kms_json, query};
use crate::body::ByteSource;
use crate::data::{IncomingSource, Intake};
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::listener::{Peer, Serve};
use crate::proxies::Client;
use crate::readiness::Readiness;
use crate::reply::{Reply, ReplyBody, WireReplyBody, safe_value};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use kms::KeyUser;
use policy::{ConditionKey, Conditions};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use zeroize::{Zeroize, Zeroizing};

/// Replies of the KMS API.
const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// The handler of the control plane's door.
pub(crate) struct ControlPlane {
    gateway: Arc<Gateway>,
    stop: watch::Receiver<bool>,
}

impl ControlPlane {
    /// `stop` also tells readiness: a server that is about to end wants no new clients.
    pub(crate) fn new(gateway: Arc<Gateway>, stop: watch::Receiver<bool>) -> Self {
        Self { gateway, stop }
    }
}

impl Serve for ControlPlane {
    async fn serve(&self, request: http::Request<Incoming>, peer: Peer) -> http::Response<WireReplyBody> {
        let started = Instant::now();
        let gateway = &self.gateway;
        let ids = gateway.ids.draw();
        let (head, body) = request.into_parts();
        let intake = Intake::new(body, &gateway.config.limits, gateway.metrics.received());
        let get = matches!(head.method, Method::GET | Method::HEAD);
        let (operation, mut reply) = match (get, head.uri.path()) {
            (true, "/health/live") => ("HealthLive", health(StatusCode::OK, "live")),
            (true, "/health/ready") => ("HealthReady", self.ready()),
            (true, "/metrics") => ("Metrics", self.metrics()),
            _ => match Face::of(&head) {
                Some(face) => (face.name(), self.ask(face, &head, &peer, &ids, &intake).await),
                None => {
                    ("Unknown", refused(StatusCode::NOT_FOUND, "UnknownOperationException", "There is nothing here."))
                }
            },
        };
        reply.set("x-amzn-requestid", &ids.request_id);
        reply.set("cache-control", "no-store");
        reply.set("x-content-type-options", "nosniff");
        reply.headers.insert(SERVER, safe_value(gateway.config.server_name.as_bytes()));
        if !intake.settle(head.headers.contains_key("expect")).await {
            peer.leaves_body_unread();
            reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let took = started.elapsed();
        gateway.metrics.request_done("control", operation, reply.status.as_u16(), took);
        tracing::debug!(
            request_id = ids.request_id,
            operation,
            target = shown_target(&head),
            status = reply.status.as_u16(),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            peer = %peer.address.ip(),
            secure = peer.secure,
            "control request"
        );
        reply.into_response(head.method == Method::HEAD, gateway.metrics.sent())
    }
}

impl ControlPlane {
    fn ready(&self) -> Reply {
        if *self.stop.borrow() {
            return health(StatusCode::SERVICE_UNAVAILABLE, "stopping");
        }
        let Readiness { missing, degraded } = self.gateway.readiness.ask();
        let (status, word) = match (missing.is_empty(), degraded.is_empty()) {
            (true, true) => return health(StatusCode::OK, "ready"),
            (true, false) => (StatusCode::OK, "degraded"),
            (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        };
        let mut reply = health(status, word);
        let without = [missing, degraded].concat();
        let body = serde_json::json!({ "status": word, "without": without });
        reply.body = ReplyBody::Full(Bytes::from(body.to_string()));
        reply
    }

    fn metrics(&self) -> Reply {
        match self.gateway.metrics.render() {
            Ok(text) => {
                let mut reply =
                    Reply::ok().with("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
                reply.body = ReplyBody::Full(Bytes::from(text));
                reply
            }
            Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "The metrics cannot be shown."),
        }
    }

    /// Leads a request to the API it belongs to. Replies carry secrets, so that plain HTTP is for this machine only.
    async fn ask(&self, face: Face, head: &Parts, peer: &Peer, ids: &RequestIds, intake: &Intake) -> Reply {
        let gateway = &*self.gateway;
        let body = if !peer.secure && !peer.address.ip().to_canonical().is_loopback() {
            Err(Refused::NeedsTls)
        } else {
            read(intake.source(), gateway.config.limits.control_body_bytes_max).await
        };
        let request = |body| ControlRequest { gateway, head, body, peer, request_id: &ids.request_id };
        match (face, body) {
            (Face::Kms, Ok(body)) => kms(request(body)).await,
            (Face::Kms, Err(why)) => why.reply(),
            (Face::AwsQuery, Ok(body)) => query::serve(request(body)).await,
            (Face::AwsQuery, Err(why)) => query::refuse(&why, &ids.request_id),
            (Face::Huawei, Ok(body)) => huawei::serve(request(body)).await,
            (Face::Huawei, Err(why)) => huawei::refuse(&why, &ids.request_id),
            (Face::HuaweiKms, Ok(body)) => huawei_kms::serve(request(body)).await,
            (Face::HuaweiKms, Err(why)) => huawei_kms::refuse(&why, &ids.request_id),
            (Face::Admin, Ok(body)) => admin::serve(request(body)).await,
            (Face::Admin, Err(why)) => admin::refuse(&why, &ids.request_id),
        }
    }
}

/// The APIs behind the control address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    /// AWS KMS: `POST /` with a target.
    Kms,
    /// AWS IAM and STS: `POST /` with a form.
    AwsQuery,
    /// Huawei IAM and STS: `/v3/…`, `/v3.0/…`, `/v5/…`.
    Huawei,
    /// Huawei KMS: `/v1.0/…`, `/v2/…`, and its versions at `GET /`.
    HuaweiKms,
    /// This server's own: `/admin/v1/…`.
    Admin,
}

impl Face {
    fn of(head: &Parts) -> Option<Self> {
        let path = head.uri.path();
        if path == "/" && head.method == Method::POST {
            return Some(if head.headers.contains_key("x-amz-target") { Self::Kms } else { Self::AwsQuery });
        }
        if ["/v3/", "/v3.0/", "/v5/"].iter().any(|prefix| path.starts_with(prefix)) {
            return Some(Self::Huawei);
        }
        if huawei_kms::owns(&head.method, path) {
            return Some(Self::HuaweiKms);
        }
        path.starts_with("/admin/v1/").then_some(Self::Admin)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Kms => "KmsApi",
            Self::AwsQuery => "IamApi",
            Self::Huawei => "HuaweiIamApi",
            Self::HuaweiKms => "HuaweiKmsApi",
            Self::Admin => "AdminApi",
        }
    }
}

/// A request of the control plane, read whole.
pub(super) struct ControlRequest<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) head: &'a Parts,
    pub(super) body: Bytes,
    pub(super) peer: &'a Peer,
    pub(super) request_id: &'a str,
}

impl ControlRequest<'_> {
    /// What the conditions of policies see.
    pub(super) fn conditions(&self) -> Conditions {
        let client = Client::of(self.peer, &self.head.headers, &self.gateway.config.trusted_proxies);
        let mut conditions = Conditions {
            time: self.gateway.clock.now(),
            secure_transport: client.secure,
            source_ip: client.address,
            ..Conditions::default()
        };
        for (key, name) in [(ConditionKey::UserAgent, "user-agent"), (ConditionKey::Referer, "referer")] {
            if let Some(value) = self.head.headers.get(name).and_then(|value| value.to_str().ok()) {
                conditions.add(key, value);
            }
        }
        conditions
    }
}

/// A reply that may hold a data key in clear.
pub(super) struct Wiped<T: Zeroize>(pub(super) Zeroizing<T>);

impl<T: Zeroize + AsRef<[u8]>> AsRef<[u8]> for Wiped<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

async fn kms(request: ControlRequest<'_>) -> Reply {
    let ControlRequest { gateway, head, body, request_id, .. } = &request;
    let Signer { principal, access_key } = match authenticate(gateway, head, body, "kms") {
        Ok(signer) => signer,
        Err(refused) => {
            tracing::debug!(request_id, ?refused, "KMS request refused");
            return refused.reply();
        }
    };
    let conditions = Arc::new(request.conditions());
    let user = KeyUser {
        principal,
        access_key: Some(access_key),
        via: "kms",
        request_id: (*request_id).to_owned(),
        conditions,
    };
    // More than one target, or one that is no text, is no operation.
    let mut targets = head.headers.get_all("x-amz-target").iter();
    let target = match (targets.next(), targets.next()) {
        (Some(target), None) => target.to_str().unwrap_or_default(),
        _ => "",
    };
    let answer = kms_json::handle(&gateway.keys, &user, target, body).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = Reply::new(status).with("content-type", AMZ_JSON);
    // The bytes are wiped when the last of the connection lets go of them.
    reply.body = ReplyBody::Full(Bytes::from_owner(Wiped(answer.body)));
    reply
}

/// The body is part of what is signed, so it is read before the signature is checked: under a small cap.
pub(crate) async fn read(mut source: IncomingSource, bytes_max: usize) -> Result<Bytes, Refused> {
    let mut whole = BytesMut::new();
    while let Some(piece) = source.next().await.map_err(|_| Refused::Incomplete)? {
        if whole.len() + piece.len() > bytes_max {
            return Err(Refused::TooLarge);
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

fn health(status: StatusCode, word: &str) -> Reply {
    let mut reply = Reply::new(status).with("content-type", "application/json");
    reply.body = ReplyBody::Full(Bytes::from(format!("{{\"status\":\"{word}\"}}")));
    reply
}

/// An error of the control plane in AWS's JSON form.
pub(super) fn refused(status: StatusCode, kind: &'static str, message: &str) -> Reply {
    let mut reply = Reply::new(status).with("content-type", AMZ_JSON);
    let body = serde_json::json!({ "__type": kind, "message": message });
    reply.body = ReplyBody::Full(Bytes::from(body.to_string()));
    reply
}

/// The target for the log, if it has the form of one.
fn shown_target(head: &Parts) -> &str {
    head.headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .filter(|target| target.len() <= 64 && target.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'))
        .unwrap_or_default()
}
