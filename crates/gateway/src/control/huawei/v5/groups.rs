//! Groups and who belongs to them: `/v5/groups`.

use super::super::call::{self, Call, show};
use super::super::fault::Fault;
use super::super::shapes::{marked_page, urn};
use super::users;
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::Group;
use model::EntityPath;
use serde_json::{Value, json};

fn shape(group: &Group) -> Value {
    json!({
        "group_id": group.uid.to_hex(),
        "group_name": group.name.as_str(),
        "description": group.description,
        "created_at": xml_date(group.created),
        "urn": urn(Some(&group.account), "group", &group.path, group.name.as_str()),
    })
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let name = call::name("group_name", asked.text("group_name")?)?;
    let description = asked.maybe_text("description")?.unwrap_or_default().to_owned();
    let group = call.directory().create_group(call.requester, name, EntityPath::default(), description).await?;
    Ok(show(StatusCode::CREATED, &json!({ "group": shape(&group) })))
}

pub(in super::super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let groups = match call.asked("user_id") {
        Some(user) => call.directory().groups_of_user(call.requester, call::user(user)?).await?,
        None => call.directory().list_groups(call.requester).await?,
    };
    let items = groups.iter().map(|group| (group.uid.to_hex(), shape(group))).collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "groups": shown, "page_info": page_info })))
}

pub(in super::super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let (group, _) = call.directory().get_group(call.requester, call.group(0)?).await?;
    Ok(show(StatusCode::OK, &json!({ "group": shape(&group) })))
}

pub(in super::super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let name = asked.maybe_text("new_group_name")?.map(|text| call::name("new_group_name", text)).transpose()?;
    let description = asked.maybe_text("new_group_description")?.map(str::to_owned);
    let group = call.directory().update_group(call.requester, call.group(0)?, name, None, description).await?;
    Ok(show(StatusCode::OK, &json!({ "group": shape(&group) })))
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_group(call.requester, call.group(0)?, false).await?;
    Ok(Reply::no_content())
}

pub(in super::super) async fn add_user(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().add_user_to_group(call.requester, call.group(0)?, users::named(call)?).await?;
    Ok(Reply::no_content())
}

pub(in super::super) async fn remove_user(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().remove_user_from_group(call.requester, call.group(0)?, users::named(call)?).await?;
    Ok(Reply::no_content())
}
