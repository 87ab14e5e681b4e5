//! Agencies with a trust document: `/v5/agencies`.

use super::super::call::{self, Call, show};
use super::super::fault::Fault;
use super::super::shapes::{marked_page, path, shown_path, urn};
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::{NewRole, Role, RoleChange, Trust};
use model::AccountId;
use serde_json::{Value, json};

/// Longest session in seconds, unless something else is asked for.
const SESSION_SECONDS_DEFAULT: u32 = 3600;

fn shape(call: &Call<'_>, role: &Role) -> Value {
    let trusted = role.trust_account.as_ref();
    let name = trusted.and_then(|account| call.directory().account(account)).map(|account| account.name.to_string());
    json!({
        "agency_id": role.uid.to_hex(),
        "agency_name": role.name.as_str(),
        "path": shown_path(&role.path),
        "urn": urn(Some(&role.account), "agency", &role.path, role.name.as_str()),
        "trust_policy": role.trust.text(),
        "trust_domain_id": trusted.map(AccountId::as_str),
        "trust_domain_name": name,
        "max_session_duration": role.session_seconds_max,
        "description": role.description,
        "created_at": xml_date(role.created),
    })
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let role = NewRole {
        name: call::name("agency_name", asked.text("agency_name")?)?,
        path: path(asked.maybe_text("path")?)?,
        description: asked.maybe_text("description")?.unwrap_or_default().to_owned(),
        trust: Trust::Document(asked.text("trust_policy")?.to_owned()),
        session_seconds_max: asked.maybe_number("max_session_duration")?.unwrap_or(SESSION_SECONDS_DEFAULT),
        boundary: None,
    };
    let role = call.directory().create_role(call.requester, role).await?;
    Ok(show(StatusCode::CREATED, &json!({ "agency": shape(call, &role) })))
}

pub(in super::super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let mut roles = call.directory().list_roles(call.requester).await?;
    roles.retain(|role| call.asked("path_prefix").is_none_or(|prefix| shown_path(&role.path).starts_with(prefix)));
    let items = roles.iter().map(|role| (role.uid.to_hex(), shape(call, role))).collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "agencies": shown, "page_info": page_info })))
}

pub(in super::super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let role = call.directory().get_role(call.requester, call.agency(0)?).await?;
    Ok(show(StatusCode::OK, &json!({ "agency": shape(call, &role) })))
}

async fn change(call: &Call<'_>, change: RoleChange) -> Result<Reply, Fault> {
    let role = call.directory().update_role(call.requester, call.agency(0)?, change).await?;
    Ok(show(StatusCode::OK, &json!({ "agency": shape(call, &role) })))
}

pub(in super::super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let description = asked.maybe_text("description")?.map(str::to_owned);
    let session_seconds_max = asked.maybe_number("max_session_duration")?;
    change(call, RoleChange { description, session_seconds_max, trust: None }).await
}

pub(in super::super) async fn update_trust(call: &Call<'_>) -> Result<Reply, Fault> {
    let trust = Trust::Document(call.body().text("trust_policy")?.to_owned());
    change(call, RoleChange { trust: Some(trust), ..RoleChange::default() }).await
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_role(call.requester, call.agency(0)?, false).await?;
    Ok(Reply::no_content())
}
