//! STS at the address of buckets and objects: `POST /` with a form (kms-iam-api §2.9), for clients that know one address.
//! Replies carry secrets, so that plain HTTP is for this machine only.

use super::Intake;
use crate::control::query::{self, QueryRequest};
use crate::control::read;
use crate::control::signed::Refused;
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::proxies::Client;
use crate::reply::Reply;
use crate::route::Place;
use http::Method;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use policy::{ConditionKey, Conditions};
use tokio::time::timeout;

/// Whether a request is one of STS. No operation on the service takes a form.
pub(super) fn asked(head: &Parts, place: &Place) -> bool {
    *place == Place::Service && head.method == Method::POST && query::is_form(head)
}

/// Serves one.
pub(super) async fn serve(
    gateway: &Gateway,
    head: &Parts,
    client: &Client,
    ids: &RequestIds,
    intake: &Intake,
) -> Reply {
    let near = client.address.is_some_and(|address| address.to_canonical().is_loopback());
    let mut reply = if client.secure || near {
        answer(gateway, head, client, ids, intake).await.unwrap_or_else(|why| query::refuse_sts(&why, &ids.request_id))
    } else {
        query::refuse_sts(&Refused::NeedsTls, &ids.request_id)
    };
    reply.set("x-amzn-requestid", &ids.request_id);
    reply.set("cache-control", "no-store");
    reply
}

async fn answer(
    gateway: &Gateway,
    head: &Parts,
    client: &Client,
    ids: &RequestIds,
    intake: &Intake,
) -> Result<Reply, Refused> {
    let limits = &gateway.config.limits;
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| usize::try_from(bytes).map_or(true, |b| b > limits.control_body_bytes_max)) {
        return Err(Refused::TooLarge);
    }
    // The body is part of what is signed. Nobody is known yet, so it takes its place among the documents.
    let _room = gateway.documents.take(announced, limits.control_body_bytes_max).await;
    let reading = read(intake.source(), limits.control_body_bytes_max);
    let body = timeout(limits.document_timeout, reading).await.map_err(|_| Refused::Incomplete)??;
    let conditions = conditions(gateway, head, client);
    let request = QueryRequest { gateway, head, body: &body, conditions: &conditions, request_id: &ids.request_id };
    Ok(query::serve_sts(request).await)
}

fn conditions(gateway: &Gateway, head: &Parts, client: &Client) -> Conditions {
    let mut conditions = Conditions {
        time: gateway.clock.now(),
        secure_transport: client.secure,
        source_ip: client.address,
        ..Conditions::default()
    };
    for (key, name) in [(ConditionKey::UserAgent, "user-agent"), (ConditionKey::Referer, "referer")] {
        if let Some(value) = head.headers.get(name).and_then(|value| value.to_str().ok()) {
            conditions.add(key, value);
        }
    }
    conditions
}
