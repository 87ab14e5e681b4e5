//! Agencies: roles entrusted to an account. `/v3.0/OS-AGENCY/agencies`.

use super::call::{self, Call, show};
use super::fault::Fault;
use super::json::Object;
use super::shapes::{bare_micros, numbered_page, urn};
use crate::reply::Reply;
use http::StatusCode;
use iam::{NewRole, Role, RoleChange, Trust};
use model::{AccountId, EntityPath};
use serde_json::{Value, json};
use std::sync::Arc;

/// Longest session of an agency made here, in seconds; this API does not let its clients choose.
pub(super) const SESSION_SECONDS_MAX: u32 = 43_200;

/// The shape of an agency. One made with a trust document shows no trusted account.
fn shape(call: &Call<'_>, role: &Role) -> Value {
    let trusted = role.trust_account.as_ref();
    let name = trusted.and_then(|account| call.directory().account(account)).map(|account| account.name.to_string());
    json!({
        "id": role.uid.to_hex(),
        "name": role.name.as_str(),
        "domain_id": role.account.as_str(),
        "trust_domain_id": trusted.map(AccountId::as_str),
        "trust_domain_name": name,
        "description": role.description,
        "duration": "FOREVER",
        "create_time": bare_micros(role.created),
        "expire_time": null,
        "agency_urn": urn(Some(&role.account), "agency", &role.path, role.name.as_str()),
    })
}

/// Agencies here do not end by themselves: one that should is refused rather than kept longer than asked.
fn check_duration(agency: Object<'_>) -> Result<(), Fault> {
    match agency.maybe_text("duration") {
        Ok(None | Some("FOREVER" | "")) => Ok(()),
        _ => Err(Fault::parameter("duration", "only FOREVER is offered")),
    }
}

fn trusted(call: &Call<'_>, agency: Object<'_>) -> Result<Option<Trust>, Fault> {
    let (id, name) = (agency.maybe_text("trust_domain_id")?, agency.maybe_text("trust_domain_name")?);
    if id.is_none() && name.is_none() {
        return Ok(None);
    }
    Ok(Some(Trust::Account(call.account_called(id, name)?)))
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("agency")?;
    call.own_account(asked.maybe_text("domain_id")?)?;
    check_duration(asked)?;
    let role = NewRole {
        name: call::name("name", asked.text("name")?)?,
        path: EntityPath::default(),
        description: asked.maybe_text("description")?.unwrap_or_default().to_owned(),
        trust: trusted(call, asked)?.ok_or(Fault::Missing("trust_domain_name"))?,
        session_seconds_max: SESSION_SECONDS_MAX,
        boundary: None,
    };
    let role = call.directory().create_role(call.requester, role).await?;
    Ok(show(StatusCode::CREATED, &json!({ "agency": shape(call, &role) })))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    call.own_account(call.asked("domain_id"))?;
    let roles = call.directory().list_roles(call.requester).await?;
    let wanted = |role: &Arc<Role>| {
        let trusted = role.trust_account.as_ref().map(AccountId::as_str);
        call.asked("name").is_none_or(|name| role.name.as_str() == name)
            && call.asked("trust_domain_id").is_none_or(|id| trusted == Some(id))
    };
    let shown = roles.iter().filter(|role| wanted(role)).map(|role| shape(call, role)).collect();
    Ok(show(StatusCode::OK, &json!({ "agencies": numbered_page(call, shown)? })))
}

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let role = call.directory().get_role(call.requester, call.agency(0)?).await?;
    Ok(show(StatusCode::OK, &json!({ "agency": shape(call, &role) })))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("agency")?;
    check_duration(asked)?;
    let change = RoleChange {
        description: asked.maybe_text("description")?.map(str::to_owned),
        session_seconds_max: None,
        trust: trusted(call, asked)?,
    };
    let role = call.directory().update_role(call.requester, call.agency(0)?, change).await?;
    Ok(show(StatusCode::OK, &json!({ "agency": shape(call, &role) })))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_role(call.requester, call.agency(0)?, true).await?;
    Ok(Reply::no_content())
}
