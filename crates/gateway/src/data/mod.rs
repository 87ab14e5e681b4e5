//! The data plane: one request from its head to its reply.
//!
//! The order of the checks is that of s3-sse-behaviour §2: the target is read, the dialect recognised, the signature
//! verified; then the operation asks for existence, rights and encryption; only then is the body read.

mod charge;
mod documents;
pub(crate) mod identity;
mod intake;
mod object_audit;
mod sts;

pub(crate) use documents::DocumentRoom;
pub(crate) use intake::{IncomingSource, Intake};
pub use object_audit::ObjectAudit;
pub(crate) use object_audit::ObjectTrail;

use self::object_audit::Kept;
use crate::auth::{self, SignedRequest};
use crate::dialect::{Dialect, Family, HeaderView};
use crate::errors::{Asked, Refusal, WireFault, error_reply};
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::listener::{Peer, Serve};
use crate::ops::{self, Call};
use crate::proxies::Client;
use crate::query::Query;
use crate::redact;
use crate::reply::{Reply, WireReplyBody};
use crate::route::{HostStyle, NoOperation, Operation, Place, PlaceError, host_style};
use http::header::{CONNECTION, HOST, SERVER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use hyper::body::Incoming;
use objects::Fail;
use policy::Principal;
use std::sync::Arc;
use std::time::Instant;

/// The handler of the data plane's door.
pub(crate) struct DataPlane {
    gateway: Arc<Gateway>,
}

/// What is known of a request by the time it is answered.
struct Progress {
    dialect: &'static Dialect,
    operation: &'static str,
    access_key: Option<String>,
    /// What the request is about.
    place: Option<Place>,
    /// Who asks, once the signature is verified.
    principal: Option<Principal>,
}

impl DataPlane {
    pub(crate) fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

impl Serve for DataPlane {
    async fn serve(&self, request: http::Request<Incoming>, peer: Peer) -> http::Response<WireReplyBody> {
        let started = Instant::now();
        let gateway = &self.gateway;
        let _under_way = gateway.metrics.request_begins();
        let ids = gateway.ids.draw();
        let (head, body) = request.into_parts();
        let intake = Intake::new(body, &gateway.config.limits, gateway.metrics.received());
        let progress = Progress {
            dialect: dialect_hint(&head.headers),
            operation: "Unknown",
            access_key: None,
            place: None,
            principal: None,
        };
        let client = Client::of(&peer, &head.headers, &gateway.config.trusted_proxies);
        let (trail, clock) = (&gateway.object_trail, &*gateway.clock);
        let mut kept = Kept { trail, clock, head: &head, client: &client, ids: &ids, progress, told: false };
        let result = answer(gateway, &head, &client, &ids, &intake, &mut kept.progress).await;
        let result = kept.recorded(gateway.config.compat, result).await;
        let progress = &kept.progress;
        let is_head = head.method == Method::HEAD;
        let dialect = progress.dialect;
        let mut reply = match result {
            Ok(reply) => reply,
            Err(refusal) => {
                log_refusal(&ids, progress, &refusal);
                let resource = resource(&head);
                let asked = Asked {
                    head: is_head,
                    resource: &resource,
                    request_id: &ids.request_id,
                    id_2: &ids.id_2,
                    access_key: progress.access_key.as_deref(),
                };
                error_reply(dialect, gateway.config.compat, &refusal, &asked)
            }
        };
        reply.set(dialect.names.request_id, &ids.request_id);
        reply.set(dialect.names.id_2, &ids.id_2);
        reply.headers.insert(SERVER, crate::reply::safe_value(gateway.config.server_name.as_bytes()));
        if !intake.settle(expects_continue(&head.headers)).await {
            peer.leaves_body_unread();
            reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let took = started.elapsed();
        gateway.metrics.request_done(dialect.name, progress.operation, reply.status.as_u16(), took);
        let sent = charge::charge(gateway, progress, reply.status, &intake);
        tracing::info!(
            request_id = ids.request_id,
            dialect = dialect.name,
            operation = progress.operation,
            method = %head.method,
            target = redact::target(raw_target(&head)),
            status = reply.status.as_u16(),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            access_key = progress.access_key.as_deref(),
            peer = %peer.address.ip(),
            client = client.address.map(tracing::field::display),
            secure = client.secure,
            "request"
        );
        let mut response = reply.into_response(is_head, gateway.metrics.sent());
        response.body_mut().tell_what_is_sent(sent);
        response
    }
}

async fn answer(
    gateway: &Gateway,
    head: &Parts,
    client: &Client,
    ids: &RequestIds,
    intake: &Intake,
    progress: &mut Progress,
) -> Result<Reply, Refusal> {
    let headers = &head.headers;
    let host = host(head)?;
    let style = host_style(host, &gateway.config.base_domains);
    let raw_target = raw_target(head);
    let signed = SignedRequest {
        method: head.method.as_str(),
        raw_target,
        headers,
        host_bucket: match &style {
            HostStyle::Bucket(bucket) => Some(bucket),
            HostStyle::Path => None,
        },
    };
    let credential = auth::detect(&signed);
    if let Ok(found) = &credential {
        progress.dialect = match found {
            Some(credential) => Dialect::of_family(credential.dialect(), headers),
            None => Dialect::of_unsigned(headers),
        };
        progress.access_key = found.as_ref().map(|credential| credential.access_key().to_string());
    }
    let dialect = progress.dialect;
    let query = Query::parse(head.uri.query().unwrap_or_default())?;
    if head.method == Method::OPTIONS {
        progress.operation = "Options";
        return Err(preflight(headers).into());
    }
    let place = Place::parse(&style, head.uri.path()).map_err(|error| match error {
        PlaceError::Path => Refusal::Wire(WireFault::BadTarget),
        PlaceError::Name(error) => Refusal::Fail(Fail::Name(error)),
    })?;
    progress.place = Some(place.clone());
    if sts::asked(head, &place) {
        progress.operation = "Sts";
        return Ok(sts::serve(gateway, head, client, ids, intake).await);
    }
    let copies = [Dialect::S3, Dialect::OBS].iter().any(|d| {
        headers.contains_key(d.names.copy_source) || query.names().any(|n| n.eq_ignore_ascii_case(d.names.copy_source))
    });
    let operation = Operation::find(&head.method, &place, &query, copies).map_err(no_operation);
    if let Ok(operation) = &operation {
        progress.operation = operation.name();
    }
    // Unsigned by design: an OBS client asks it before it decides how to sign (obs-api §1.3).
    if operation.as_ref().is_ok_and(|operation| *operation == Operation::ApiVersion) {
        return ops::api_version(gateway, &place).await;
    }
    // Its credential stands in its body.
    if let (Ok(Operation::PostObject), Place::Bucket(bucket)) = (&operation, &place) {
        let signed = credential?.is_some();
        let opened = ops::post_form::open(gateway, headers, signed, intake).await?;
        let dialect = opened.dialect();
        (progress.dialect, progress.access_key) = (dialect, opened.access_key());
        let virtual_hosted = matches!(style, HostStyle::Bucket(_));
        let form = opened.admit(gateway, headers, bucket, virtual_hosted)?;
        let (place, identity, posted) = (Place::Object(bucket.clone(), form.name), form.identity, Some(form.posted));
        (progress.place, progress.principal) = (Some(place.clone()), Some(identity.principal.clone()));
        let view = HeaderView::new(dialect, &form.headers, &query, false)?;
        let cx = ops::context(gateway, dialect, &identity, client, ids, &view);
        let call = Call { gateway, dialect, cx, view, query, place, identity, intake, host, client, posted };
        return ops::dispatch(Operation::PostObject, call).await;
    }
    let identity = identity::establish(gateway, dialect, credential?, &signed)?;
    progress.principal = Some(identity.principal.clone());
    let operation = operation?;
    let view = HeaderView::new(dialect, headers, &query, identity.is_presigned())?;
    let cx = ops::context(gateway, dialect, &identity, client, ids, &view);
    let call = Call { gateway, dialect, cx, view, query, place, identity, intake, host, client, posted: None };
    ops::dispatch(operation, call).await
}

fn no_operation(reason: NoOperation) -> Refusal {
    Refusal::Wire(match reason {
        NoOperation::NotOffered(what) => WireFault::NotOffered(what),
        NoOperation::Method => WireFault::MethodNotAllowed,
        NoOperation::HalfAPart => WireFault::argument("partNumber", "partNumber and uploadId go together."),
    })
}

/// Cross-origin rules are not offered, so no preflight request is granted.
fn preflight(headers: &HeaderMap) -> WireFault {
    let complete = headers.contains_key("origin") && headers.contains_key("access-control-request-method");
    if complete { WireFault::CrossOriginDenied } else { WireFault::BadPreflight }
}

/// The one host. A target in absolute form must agree with it.
fn host(head: &Parts) -> Result<Option<&str>, WireFault> {
    let mut values = head.headers.get_all(HOST).iter();
    let host = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().map_err(|_| WireFault::BadHost)?),
        (Some(_), Some(_)) => return Err(WireFault::BadHost),
    };
    match head.uri.authority() {
        Some(authority) if host != Some(authority.as_str()) => Err(WireFault::BadHost),
        _ => Ok(host),
    }
}

fn raw_target(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("", |target| target.as_str())
}

/// The path for the error document: decoded where it can be, since people read it.
fn resource(head: &Parts) -> String {
    let path = head.uri.path();
    let decoded = crate::query::percent_decode(path, false);
    decoded.ok().and_then(|bytes| String::from_utf8(bytes.into_owned()).ok()).unwrap_or_else(|| path.to_owned())
}

/// The dialect to refuse a request in whose credential cannot be read.
fn dialect_hint(headers: &HeaderMap) -> &'static Dialect {
    let scheme = headers.get("authorization").map(HeaderValue::as_bytes).unwrap_or_default();
    if scheme.starts_with(b"OBS ") {
        Dialect::of_family(Family::Obs, headers)
    } else if scheme.starts_with(b"AWS") {
        Dialect::of_family(Family::S3, headers)
    } else {
        Dialect::of_unsigned(headers)
    }
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get("expect").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn log_refusal(ids: &RequestIds, progress: &Progress, refusal: &Refusal) {
    let status = refusal.wording(progress.dialect, crate::Compat::Aws).status;
    let why = refusal.for_the_log();
    if status.is_server_error() {
        tracing::error!(request_id = ids.request_id, operation = progress.operation, why, "request failed");
    } else {
        tracing::debug!(request_id = ids.request_id, operation = progress.operation, why, "request refused");
    }
}
