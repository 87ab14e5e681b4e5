//! Groups and who belongs to them: `/v3/groups`.

use super::call::{self, Call, show};
use super::fault::Fault;
use super::shapes::links;
use super::users;
use crate::reply::Reply;
use http::StatusCode;
use iam::{Group, Named};
use model::EntityPath;
use serde_json::{Value, json};

/// Keystone's shape.
pub(super) fn shape(call: &Call<'_>, group: &Group) -> Value {
    let id = group.uid.to_hex();
    json!({
        "id": id,
        "name": group.name.as_str(),
        "domain_id": group.account.as_str(),
        "description": group.description,
        "create_time": group.created.as_millis(),
        "links": links(call, &format!("/v3/groups/{id}")),
    })
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("group")?;
    call.own_account(asked.maybe_text("domain_id")?)?;
    let name = call::name("name", asked.text("name")?)?;
    let description = asked.maybe_text("description")?.unwrap_or_default().to_owned();
    let group = call.directory().create_group(call.requester, name, EntityPath::default(), description).await?;
    Ok(show(StatusCode::CREATED, &json!({ "group": shape(call, &group) })))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    call.own_account(call.asked("domain_id"))?;
    let groups = call.directory().list_groups(call.requester).await?;
    let named = |group: &&std::sync::Arc<Group>| call.asked("name").is_none_or(|name| group.name.as_str() == name);
    let shown: Vec<Value> = groups.iter().filter(named).map(|group| shape(call, group)).collect();
    Ok(show(StatusCode::OK, &json!({ "groups": shown, "links": links(call, "/v3/groups") })))
}

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let (group, _) = call.directory().get_group(call.requester, call.group(0)?).await?;
    Ok(show(StatusCode::OK, &json!({ "group": shape(call, &group) })))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("group")?;
    call.own_account(asked.maybe_text("domain_id")?)?;
    let name = asked.maybe_text("name")?.map(|text| call::name("name", text)).transpose()?;
    let description = asked.maybe_text("description")?.map(str::to_owned);
    let group = call.directory().update_group(call.requester, call.group(0)?, name, None, description).await?;
    Ok(show(StatusCode::OK, &json!({ "group": shape(call, &group) })))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_group(call.requester, call.group(0)?, true).await?;
    Ok(Reply::no_content())
}

pub(super) async fn members(call: &Call<'_>) -> Result<Reply, Fault> {
    let (_, members) = call.directory().get_group(call.requester, call.group(0)?).await?;
    let shown: Vec<Value> = members.iter().map(|user| users::shape(call, user)).collect();
    let path = format!("/v3/groups/{}/users", call.parameter(0));
    Ok(show(StatusCode::OK, &json!({ "users": shown, "links": links(call, &path) })))
}

pub(super) async fn add_member(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().add_user_to_group(call.requester, call.group(0)?, call.user(1)?).await?;
    Ok(Reply::no_content())
}

pub(super) async fn remove_member(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().remove_user_from_group(call.requester, call.group(0)?, call.user(1)?).await?;
    Ok(Reply::no_content())
}

/// 204 for a member, 404 for anybody else.
pub(super) async fn is_member(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = call.user(1)?;
    let (_, members) = call.directory().get_group(call.requester, call.group(0)?).await?;
    if members.iter().any(|member| Named::Uid(member.uid) == user) {
        Ok(Reply::no_content())
    } else {
        Err(Fault::NotFound("user", call.parameter(1).to_owned()))
    }
}
