//! Projects: names that requests are scoped to. SDKs look up the project that is called like the region before anything
//! else, so that everybody may list those of their own account.

use super::call::{Call, show};
use super::fault::Fault;
use super::shapes::{links, numbered_page};
use crate::reply::Reply;
use http::StatusCode;
use iam::Project;
use model::AccountId;
use serde_json::{Value, json};
use std::sync::Arc;

fn shape(call: &Call<'_>, project: &Project) -> Value {
    let id = project.uid.to_hex();
    json!({
        "id": id,
        "name": project.name,
        "domain_id": project.account.as_str(),
        "parent_id": project.account.as_str(),
        "is_domain": false,
        "enabled": project.enabled,
        "description": project.description,
        "links": links(call, &format!("/v3/projects/{id}")),
    })
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    list_all(call, "/v3/projects").await
}

/// Those a caller may scope a token to: the enabled ones.
pub(super) async fn list_enterable(call: &Call<'_>) -> Result<Reply, Fault> {
    let mut projects = call.directory().list_projects(call.requester).await?;
    projects.retain(|project| project.enabled);
    shown(call, &projects, "/v3/auth/projects")
}

pub(super) async fn list_all(call: &Call<'_>, path: &str) -> Result<Reply, Fault> {
    call.own_account(call.asked("domain_id"))?;
    let enabled = call.asked_bool("enabled")?;
    let domains = call.asked_bool("is_domain")?;
    let parent = call.asked("parent_id");
    let mut projects = call.directory().list_projects(call.requester).await?;
    projects.retain(|project| {
        call.asked("name").is_none_or(|name| project.name == name)
            && parent.is_none_or(|parent| project.account.as_str() == parent)
            && enabled.is_none_or(|enabled| project.enabled == enabled)
            && domains != Some(true)
    });
    shown(call, &projects, path)
}

fn shown(call: &Call<'_>, projects: &[Arc<Project>], path: &str) -> Result<Reply, Fault> {
    let shown: Vec<Value> = projects.iter().map(|project| shape(call, project)).collect();
    Ok(show(StatusCode::OK, &json!({ "projects": numbered_page(call, shown)?, "links": links(call, path) })))
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("project")?;
    call.own_account(asked.maybe_text("domain_id")?)?;
    let name = asked.text("name")?.to_owned();
    let description = asked.maybe_text("description")?.unwrap_or_default().to_owned();
    let project = call.directory().create_project(call.requester, name, description).await?;
    Ok(show(StatusCode::CREATED, &json!({ "project": shape(call, &project) })))
}

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let uid = call.project(0)?;
    let projects = call.directory().list_projects(call.requester).await?;
    let project = projects.iter().find(|project| project.uid == uid);
    let project = project.ok_or_else(|| Fault::NotFound("project", call.parameter(0).to_owned()))?;
    Ok(show(StatusCode::OK, &json!({ "project": shape(call, project) })))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("project")?;
    let name = asked.maybe_text("name")?.map(str::to_owned);
    let description = asked.maybe_text("description")?.map(str::to_owned);
    let enabled = asked.maybe_bool("enabled")?;
    let project = call.directory().update_project(call.requester, call.project(0)?, name, description, enabled).await?;
    Ok(show(StatusCode::OK, &json!({ "project": shape(call, &project) })))
}

/// Refused while a CMK is of the project, one that waits for its deletion too: no request could name it any more.
pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let keys = Arc::clone(&call.gateway().keys);
    let has = move |account: &AccountId, project| {
        (keys.cmks_of_project(account, project) > 0).then_some("customer master keys")
    };
    call.directory().delete_project(call.requester, call.project(0)?, has).await?;
    Ok(Reply::no_content())
}
