//! Policies: `/v5/policies`. Documents are texts here.

use super::super::call::{self, Call, show};
use super::super::fault::Fault;
use super::super::shapes::{marked_page, path, shown_path, urn};
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::ManagedPolicy;
use serde_json::{Value, json};

pub(super) fn policy_urn(policy: &ManagedPolicy) -> String {
    urn(policy.account.as_ref(), "policy", &policy.path, policy.name.as_str())
}

fn shape(policy: &ManagedPolicy) -> Value {
    json!({
        "policy_id": policy.uid.to_hex(),
        "policy_name": policy.name.as_str(),
        "policy_type": if policy.account.is_some() { "custom" } else { "system" },
        "urn": policy_urn(policy),
        "path": shown_path(&policy.path),
        "default_version_id": format!("v{}", policy.default_version),
        "description": policy.description,
        "created_at": xml_date(policy.created),
        "updated_at": xml_date(policy.updated),
    })
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let name = call::name("policy_name", asked.text("policy_name")?)?;
    let path = path(asked.maybe_text("path")?)?;
    let description = asked.maybe_text("description")?.unwrap_or_default().to_owned();
    let document = asked.text("policy_document")?;
    let policy = call.directory().create_policy(call.requester, name, path, description, document).await?;
    Ok(show(StatusCode::CREATED, &json!({ "policy": shape(&policy) })))
}

pub(in super::super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let custom = match call.asked("policy_type") {
        None => None,
        Some("custom") => Some(true),
        Some("system") => Some(false),
        Some(_) => return Err(Fault::parameter("policy_type", "it must be custom or system")),
    };
    if call.asked_bool("only_attached")? == Some(true) {
        return Err(Fault::parameter("only_attached", "it is not offered"));
    }
    let mut policies = call.directory().list_policies(call.requester).await?;
    policies.retain(|policy| {
        custom.is_none_or(|custom| policy.account.is_some() == custom)
            && call.asked("path_prefix").is_none_or(|prefix| shown_path(&policy.path).starts_with(prefix))
    });
    let items = policies.iter().map(|policy| (policy.uid.to_hex(), shape(policy))).collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "policies": shown, "page_info": page_info })))
}

pub(in super::super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let policy = call.directory().get_policy(call.requester, call.policy(0)?).await?;
    Ok(show(StatusCode::OK, &json!({ "policy": shape(&policy) })))
}

pub(in super::super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let description = call.body().maybe_text("description")?.map(str::to_owned);
    let policy = call.directory().update_policy(call.requester, call.policy(0)?, None, description, None).await?;
    Ok(show(StatusCode::OK, &json!({ "policy": shape(&policy) })))
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_policy(call.requester, call.policy(0)?, false).await?;
    Ok(Reply::no_content())
}
