//! Versions of a policy: `/v5/policies/{id}/versions`.

use super::super::call::{Call, show};
use super::super::fault::Fault;
use super::super::shapes::marked_page;
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::{ManagedPolicy, PolicyVersion};
use serde_json::{Value, json};

fn shape(policy: &ManagedPolicy, version: &PolicyVersion) -> Value {
    json!({
        "version_id": format!("v{}", version.number),
        "is_default": version.number == policy.default_version,
        "created_at": xml_date(version.created),
        "document": version.policy.text(),
    })
}

/// `v2` in the path.
fn number(call: &Call<'_>) -> Result<u32, Fault> {
    let text = call.parameter(1);
    let digits = text.strip_prefix('v').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| Fault::NotFound("policy version", text.to_owned()))
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let default = asked.maybe_bool("set_as_default")?.unwrap_or(false);
    let document = asked.text("policy_document")?;
    let policy = call.directory().create_policy_version(call.requester, call.policy(0)?, document, default).await?;
    let newest = policy.versions.last().ok_or_else(|| Fault::NotFound("policy version", String::new()))?;
    Ok(show(StatusCode::CREATED, &json!({ "policy_version": shape(&policy, newest) })))
}

pub(in super::super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let policy = call.directory().policy_versions(call.requester, call.policy(0)?).await?;
    let items = policy.versions.iter().map(|v| (format!("v{}", v.number), shape(&policy, v))).collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "versions": shown, "page_info": page_info })))
}

pub(in super::super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let number = number(call)?;
    let policy = call.directory().policy_version(call.requester, call.policy(0)?, number).await?;
    let version = policy.versions.iter().find(|version| version.number == number);
    let version = version.ok_or_else(|| Fault::NotFound("policy version", call.parameter(1).to_owned()))?;
    Ok(show(StatusCode::OK, &json!({ "policy_version": shape(&policy, version) })))
}

pub(in super::super) async fn set_default(call: &Call<'_>) -> Result<Reply, Fault> {
    let number = number(call)?;
    call.directory().set_default_policy_version(call.requester, call.policy(0)?, number).await?;
    Ok(Reply::no_content())
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let number = number(call)?;
    call.directory().delete_policy_version(call.requester, call.policy(0)?, number).await?;
    Ok(Reply::no_content())
}
