//! The Huawei IAM and STS APIs: `/v3` and `/v3.0` in Keystone's shapes, `/v5` in those of the newer API. JSON in and
//! out, signed with `SDK-HMAC-SHA256` or `V11-HMAC-SHA256`, or with an identity token (kms-iam-api §1.2, §1.10). The
//! page for clients is docs/huawei-iam-api.md.
//!
//! A request flows so: [`routes`] finds the handler by method and decoded path, [`authenticate`] says who asks, the
//! handler reads path, query and body into the neutral operations of the directory, which asks for the rights, and the
//! outcome is shown in the shapes of its family, or by [`fault`] in the words of its route.

mod agencies;
mod assignments;
pub(super) mod authenticate;
pub(super) mod call;
mod credentials;
pub(super) mod fault;
mod groups;
pub(super) mod json;
mod places;
mod projects;
mod roles;
pub(super) mod routes;
mod security_tokens;
mod shapes;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod v5;

use super::plane::ControlRequest;
use super::signed::Refused;
use crate::reply::Reply;
use call::Call;
use fault::{Fault, Style};
use iam::Requester;
use policy::Principal;
use routes::{Access, Route};
use serde_json::Value;

/// Serves one request.
pub(super) async fn serve(request: ControlRequest<'_>) -> Reply {
    let request_id = request.request_id;
    let raw_path = request.head.uri.path();
    let (style, outcome) = match Route::find(request.head.method.as_str(), raw_path) {
        Some((route, parameters)) => (route.style, answer(&request, route, parameters).await),
        None => (Style::of_path(raw_path), Err(Fault::NoRoute)),
    };
    let reply = outcome.unwrap_or_else(|fault| {
        tracing::debug!(request_id, ?fault, "Huawei IAM request refused");
        fault.reply(style, request_id)
    });
    traced(reply, request_id)
}

/// A refusal from before the operation is known.
pub(super) fn refuse(why: &Refused, request_id: &str) -> Reply {
    traced(Fault::Door(why.clone()).reply(Style::Keystone, request_id), request_id)
}

async fn answer(request: &ControlRequest<'_>, route: &Route, parameters: Vec<String>) -> Result<Reply, Fault> {
    let conditions = request.conditions();
    let bearer = authenticate::authenticate(request, &["iam", "sts"], &conditions).await?;
    let (principal, by_token) = match (bearer, route.access) {
        (Some(bearer), _) => (bearer.principal, bearer.by_token),
        (None, Access::Open) => (Principal::Anonymous, false),
        (None, Access::Authenticated) => return Err(Fault::Unauthenticated),
    };
    let body = if request.body.is_empty() { Value::Null } else { json::parse(&request.body)? };
    let requester = Requester { principal: &principal, conditions: &conditions };
    let query = call::query(request.head)?;
    (route.handler)(&Call { request, requester, by_token, parameters, query, body }).await
}

/// Both ids that SDKs quote in their errors.
fn traced(reply: Reply, request_id: &str) -> Reply {
    reply.with("x-request-id", request_id).with("x-iam-trace-id", request_id)
}
