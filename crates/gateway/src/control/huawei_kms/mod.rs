//! The Huawei KMS (DEW) API: `/v1.0/{project_id}/kms/…`. JSON in and out, signed with `SDK-HMAC-SHA256` or
//! `V11-HMAC-SHA256`, or with an identity token (kms-iam-api §1.1-1.7). The page for clients is docs/huawei-kms-api.md.
//!
//! A request flows so: [`routes`] finds the handler by method and decoded path, [`scope`] says who asks and in which of
//! the account's projects, the handler reads path, query and body into an operation of the key service, which asks for
//! the rights, and the outcome is shown in this API's shapes, or by [`fault`] in its codes. The catalogue is that of the
//! AWS KMS API: what is made here is seen there.

mod aad;
mod aliases;
mod call;
mod code;
mod data;
mod data_keys;
mod fault;
mod grants;
mod imports;
mod keys;
mod lifecycle;
mod operations;
mod page;
mod rotation;
mod routes;
mod scope;
mod secret;
mod shapes;
mod tags;
#[cfg(test)]
mod tests;
mod versions;

use super::huawei;
use super::plane::ControlRequest;
use super::signed::Refused;
use crate::reply::Reply;
use call::Call;
use code::Code;
use fault::{Doing, Fault};
use http::Method;
use routes::{Found, Route};
use scope::Sender;
use serde_json::Value;

/// Whether a request is one of this API's.
pub(super) fn owns(method: &Method, path: &str) -> bool {
    ["/v1.0/", "/v2/"].iter().any(|prefix| path.starts_with(prefix)) || versions::owns(method, path)
}

/// Serves one request.
pub(super) async fn serve(request: ControlRequest<'_>) -> Reply {
    let request_id = request.request_id;
    let (method, raw_path) = (request.head.method.as_str(), request.head.uri.path());
    if versions::owns(&request.head.method, raw_path) {
        return versions::show(&request).with("x-request-id", request_id);
    }
    let (doing, outcome) = match Route::find(method, raw_path) {
        Found::Route(route, parameters) => (route.doing, answer(&request, route, parameters).await),
        Found::OtherMethod => (Doing::Account, Err(Code::Method.into())),
        Found::Nothing => (Doing::Account, Err(Code::NoRoute.into())),
    };
    let reply = outcome.unwrap_or_else(|fault| {
        tracing::debug!(request_id, ?fault, "Huawei KMS request refused");
        fault.reply(doing, request_id)
    });
    reply.with("x-request-id", request_id)
}

/// A refusal from before the operation is known.
pub(super) fn refuse(why: &Refused, request_id: &str) -> Reply {
    Fault::door(why).reply(Doing::Account, request_id).with("x-request-id", request_id)
}

async fn answer(request: &ControlRequest<'_>, route: &Route, parameters: Vec<String>) -> Result<Reply, Fault> {
    let sender = scope::sender(request).await?;
    let outcome = answer_to(request, &sender, route, parameters).await;
    if let Err(fault) = &outcome
        && let Some(error) = fault.to_record()
    {
        // What this API refuses by itself; the key service puts on record what it is asked.
        request.gateway.keys.refused_unasked(&sender.user, route.operation, error).await?;
    }
    outcome
}

async fn answer_to(
    request: &ControlRequest<'_>,
    sender: &Sender,
    route: &Route,
    parameters: Vec<String>,
) -> Result<Reply, Fault> {
    let scope = scope::find(request, sender, parameters.first().map_or("", String::as_str)).await?;
    let body = if request.body.is_empty() { Value::Null } else { huawei::json::parse(&request.body)? };
    let query = huawei::call::query(request.head)?;
    let body = secret::Document::new(body);
    let call = Call { gateway: request.gateway, scope, parameters, query, body };
    call.check_sequence()?;
    (route.handler)(&call).await
}
