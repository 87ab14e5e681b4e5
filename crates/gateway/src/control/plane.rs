//! The control plane's door: which requests it knows, and who may make them.
//!
//! Unauthenticated: `/health/live`, `/health/ready`, `/metrics`. They tell counts and nothing else. Everything else is
//! `POST /` with a target of the KMS API, signed with V4; over plain HTTP only from this machine, since replies carry
//! data keys.

use super::kms_json;
use super::signed::{Refused, authenticate};
use crate::body::ByteSource;
use crate::data::{IncomingSource, Intake};
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::listener::{Peer, Serve};
use crate::reply::{Reply, ReplyBody, WireReplyBody, safe_value};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use kms::KeyUser;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

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
            (false, "/") if head.method == Method::POST && head.headers.contains_key("x-amz-target") => {
                ("KmsApi", self.kms(&head, &peer, &ids, &intake).await)
            }
            _ => ("Unknown", refused(StatusCode::NOT_FOUND, "UnknownOperationException", "There is nothing here.")),
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
            health(StatusCode::SERVICE_UNAVAILABLE, "stopping")
        } else {
            health(StatusCode::OK, "ready")
        }
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

    async fn kms(&self, head: &Parts, peer: &Peer, ids: &RequestIds, intake: &Intake) -> Reply {
        if !peer.secure && !peer.address.ip().to_canonical().is_loopback() {
            return Refused::NeedsTls.reply();
        }
        let body = match read(intake.source(), self.gateway.config.limits.control_body_bytes_max).await {
            Ok(body) => body,
            Err(refused) => return refused.reply(),
        };
        let principal = match authenticate(&self.gateway, head, &body) {
            Ok(principal) => principal,
            Err(refused) => {
                tracing::debug!(request_id = ids.request_id, ?refused, "KMS request refused");
                return refused.reply();
            }
        };
        let user =
            KeyUser { principal, via: "kms", request_id: ids.request_id.clone(), conditions: Default::default() };
        // More than one target, or one that is no text, is no operation.
        let mut targets = head.headers.get_all("x-amz-target").iter();
        let target = match (targets.next(), targets.next()) {
            (Some(target), None) => target.to_str().unwrap_or_default(),
            _ => "",
        };
        let answer = kms_json::handle(&self.gateway.keys, &user, target, &body).await;
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Reply::new(status).with("content-type", AMZ_JSON);
        reply.body = ReplyBody::Full(Bytes::from(answer.body));
        reply
    }
}

/// The body is part of what is signed, so it is read before the signature is checked: under a small cap.
async fn read(mut source: IncomingSource, bytes_max: usize) -> Result<Bytes, Refused> {
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
