//! What is counted, and what is known and not offered.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::shapes;
use crate::reply::Reply;
use kms::{KeyFilter, KeyManager};
use serde_json::json;

/// Number of keys of the request's project. The default key does not count.
pub(super) async fn instances(call: &Call<'_>) -> Result<Reply, Fault> {
    let filter = KeyFilter { project: Some(call.scope.project), ..KeyFilter::default() };
    let found = call.keys().list_detailed(call.user(), &filter).await?;
    let own = found.iter().filter(|cmk| cmk.manager == KeyManager::Customer).count();
    Ok(shapes::show(&json!({ "instance_num": own })))
}

/// The limits, and how much of them the account uses up.
pub(super) async fn quotas(call: &Call<'_>) -> Result<Reply, Fault> {
    let quotas = call.keys().quotas(call.user()).await?;
    let resources = json!([
        { "type": "CMK", "used": quotas.keys, "quota": quotas.keys_max },
        { "type": "grant_per_CMK", "used": quotas.grants, "quota": quotas.grants_max },
    ]);
    Ok(shapes::show(&json!({ "quotas": { "resources": resources } })))
}

/// An operation of the cloud on what this server does not have.
pub(super) async fn not_offered(_call: &Call<'_>, what: &str) -> Result<Reply, Fault> {
    Err(Fault::said(Code::NotOffered, format!("it needs {what}, and there is none here")))
}
