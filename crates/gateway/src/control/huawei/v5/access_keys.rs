//! Access keys of a user: `/v5/users/{id}/access-keys`.

use super::super::call::{Call, show};
use super::super::credentials::{access_key, is_active, owner, owner_id, status};
use super::super::fault::Fault;
use super::super::shapes::marked_page;
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::AccessKeyInfo;
use model::AccessKeyId;
use serde_json::{Value, json};

fn shape(key: &AccessKeyInfo) -> Value {
    json!({
        "access_key_id": key.id.as_str(),
        "user_id": owner_id(key),
        "status": status(key.active),
        "created_at": xml_date(key.created),
    })
}

/// The keys of the user in the path.
async fn keys(call: &Call<'_>) -> Result<Vec<AccessKeyInfo>, Fault> {
    let user = owner(call, Some(call.parameter(0)))?;
    Ok(call.directory().list_access_keys(call.requester, user).await?)
}

/// The key in the path, if it is one of the user's in the path.
async fn named(call: &Call<'_>) -> Result<AccessKeyId, Fault> {
    let id = access_key(call.parameter(1))?;
    if keys(call).await?.iter().any(|key| key.id == id) {
        Ok(id)
    } else {
        Err(Fault::NotFound("access key", id.to_string()))
    }
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = owner(call, Some(call.parameter(0)))?;
    let made = call.directory().create_access_key(call.requester, user, String::new(), None).await?;
    let mut shown = shape(&made.info);
    shown["secret_access_key"] = made.secret.expose().into();
    Ok(show(StatusCode::CREATED, &json!({ "access_key": shown })))
}

pub(in super::super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let items = keys(call).await?.iter().map(|key| (key.id.to_string(), shape(key))).collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "access_keys": shown, "page_info": page_info })))
}

pub(in super::super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let active = is_active(call.body().text("status")?)?;
    let id = named(call).await?;
    call.directory().update_access_key(call.requester, &id, Some(active), None).await?;
    Ok(Reply::no_content())
}

pub(in super::super) async fn last_used(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = named(call).await?;
    let (key, _) = call.directory().access_key_last_used(call.requester, &id).await?;
    let at = key.last_used.as_ref().map(|used| xml_date(used.at));
    Ok(show(StatusCode::OK, &json!({ "access_key_last_used": { "last_used_at": at } })))
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = named(call).await?;
    call.directory().delete_access_key(call.requester, &id).await?;
    Ok(Reply::no_content())
}
