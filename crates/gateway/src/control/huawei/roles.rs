//! Policies, which this API calls roles: custom ones under `/v3.0/OS-ROLE/roles`, those that come with the server under
//! `/v3/roles`.

use super::call::{self, Call, show};
use super::fault::Fault;
use super::shapes::{links, numbered_page};
use crate::reply::Reply;
use http::StatusCode;
use iam::{ManagedPolicy, PolicyRef};
use model::EntityPath;
use serde_json::{Value, json};
use std::sync::Arc;

/// The shape of a role. Its `type` is always `AX`: one server has no regions to tell apart, so that a policy counts the
/// same wherever it is assigned.
pub(super) fn shape(call: &Call<'_>, policy: &ManagedPolicy) -> Value {
    let id = policy.uid.to_hex();
    let custom = policy.account.is_some();
    json!({
        "id": id,
        "name": if custom { format!("custom_{id}") } else { policy.name.to_string() },
        "display_name": policy.name.as_str(),
        "type": "AX",
        "catalog": if custom { "CUSTOMED" } else { "BASE" },
        "flag": if custom { Value::Null } else { "fine_grained".into() },
        "domain_id": policy.account.as_ref().map(|account| account.as_str()),
        "description": policy.description,
        "description_cn": "",
        "policy": document(policy),
        "created_time": policy.created.as_millis().to_string(),
        "updated_time": policy.updated.as_millis().to_string(),
        "links": links(call, &format!("/v3/roles/{id}")),
    })
}

/// The document in force.
fn document(policy: &ManagedPolicy) -> Value {
    let version = policy.versions.iter().find(|version| version.number == policy.default_version);
    version.and_then(|version| serde_json::from_str(version.policy.text()).ok()).unwrap_or(Value::Null)
}

struct Asked {
    name: Option<model::EntityName>,
    description: Option<String>,
    document: Option<String>,
}

fn asked(call: &Call<'_>) -> Result<Asked, Fault> {
    let role = call.body().object("role")?;
    if !matches!(role.maybe_text("type")?, None | Some("AX" | "XA")) {
        return Err(Fault::parameter("type", "it must be AX or XA"));
    }
    Ok(Asked {
        name: role.maybe_text("display_name")?.map(|text| call::name("display_name", text)).transpose()?,
        description: role.maybe_text("description")?.map(str::to_owned),
        document: role.maybe_document("policy")?,
    })
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = asked(call)?;
    let name = asked.name.ok_or(Fault::Missing("display_name"))?;
    let document = asked.document.ok_or(Fault::Missing("policy"))?;
    let description = asked.description.unwrap_or_default();
    let policy =
        call.directory().create_policy(call.requester, name, EntityPath::default(), description, &document).await?;
    Ok(show(StatusCode::CREATED, &json!({ "role": shape(call, &policy) })))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let Asked { name, description, document } = asked(call)?;
    let policy = call.policy(0)?;
    let policy = call.directory().update_policy(call.requester, policy, name, description, document).await?;
    Ok(show(StatusCode::OK, &json!({ "role": shape(call, &policy) })))
}

pub(super) async fn list_custom(call: &Call<'_>) -> Result<Reply, Fault> {
    let policies = call.directory().list_policies(call.requester).await?;
    let custom = policies.into_iter().filter(|policy| policy.account.is_some()).collect();
    list(call, custom, "/v3.0/OS-ROLE/roles")
}

/// The built-in ones, or with `domain_id` the account's own.
pub(super) async fn list_known(call: &Call<'_>) -> Result<Reply, Fault> {
    call.own_account(call.asked("domain_id"))?;
    let custom = call.asked("domain_id").is_some();
    let policies = call.directory().list_policies(call.requester).await?;
    let known = policies.into_iter().filter(|policy| policy.account.is_some() == custom).collect();
    list(call, known, "/v3/roles")
}

fn list(call: &Call<'_>, policies: Vec<Arc<ManagedPolicy>>, path: &str) -> Result<Reply, Fault> {
    let mut shown: Vec<Value> = policies.iter().map(|policy| shape(call, policy)).collect();
    for filter in ["name", "display_name", "catalog", "type"] {
        if let Some(wanted) = call.asked(filter) {
            shown.retain(|role| role[filter] == wanted);
        }
    }
    let total = shown.len();
    let shown = numbered_page(call, shown)?;
    Ok(show(StatusCode::OK, &json!({ "roles": shown, "links": links(call, path), "total_number": total })))
}

pub(super) async fn read_custom(call: &Call<'_>) -> Result<Reply, Fault> {
    let policy = call.directory().get_policy(call.requester, call.policy(0)?).await?;
    if policy.account.is_none() {
        return Err(Fault::NotFound("role", call.parameter(0).to_owned()));
    }
    Ok(show(StatusCode::OK, &json!({ "role": shape(call, &policy) })))
}

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let policy = call.directory().get_policy(call.requester, call.policy(0)?).await?;
    Ok(show(StatusCode::OK, &json!({ "role": shape(call, &policy) })))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let policy = call.policy(0)?;
    if matches!(policy, PolicyRef::BuiltIn(_)) {
        return Err(Fault::ForeignScope);
    }
    call.directory().delete_policy(call.requester, policy, true).await?;
    Ok(Reply::no_content())
}
