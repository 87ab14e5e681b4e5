//! Users: `/v5/users`.

use super::super::call::{self, Call, show};
use super::super::credentials::access_key;
use super::super::fault::Fault;
use super::super::shapes::{marked_page, urn};
use super::super::users::replace_password;
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::{KeyOwner, Named, NewUser, User, UserChange};
use model::EntityPath;
use serde_json::{Value, json};

fn shape(user: &User) -> Value {
    json!({
        "user_id": user.uid.to_hex(),
        "user_name": user.name.as_str(),
        "description": user.description,
        "enabled": user.enabled,
        "is_root_user": false,
        "created_at": xml_date(user.created),
        "urn": urn(Some(&user.account), "user", &user.path, user.name.as_str()),
    })
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let user = NewUser {
        name: call::name("name", asked.text("name")?)?,
        path: EntityPath::default(),
        description: asked.maybe_text("description")?.unwrap_or_default().to_owned(),
        boundary: None,
        enabled: asked.maybe_bool("enabled")?.unwrap_or(true),
    };
    let user = call.directory().create_user(call.requester, user).await?;
    Ok(show(StatusCode::CREATED, &json!({ "user": shape(&user) })))
}

pub(in super::super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let mut users = match call.asked("group_id") {
        Some(group) => call.directory().get_group(call.requester, call::group(group)?).await?.1,
        None => call.directory().list_users(call.requester).await?,
    };
    if let Some(key) = call.asked("access_key_id") {
        let (_, owner) = call.directory().access_key_last_used(call.requester, &access_key(key)?).await?;
        users.retain(|user| owner == KeyOwner::User(user.uid));
    }
    let items = users.iter().map(|user| (user.uid.to_hex(), shape(user))).collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "users": shown, "page_info": page_info })))
}

pub(in super::super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = call.directory().get_user(call.requester, Some(call.user(0)?)).await?;
    let mut shown = shape(&user);
    shown["tags"] = json!([]);
    Ok(show(StatusCode::OK, &json!({ "user": shown })))
}

pub(in super::super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    let change = UserChange {
        name: asked.maybe_text("new_user_name")?.map(|text| call::name("new_user_name", text)).transpose()?,
        path: None,
        description: asked.maybe_text("new_description")?.map(str::to_owned),
        enabled: asked.maybe_bool("enabled")?,
    };
    let user = call.directory().update_user(call.requester, call.user(0)?, change).await?;
    Ok(show(StatusCode::OK, &json!({ "user": shape(&user) })))
}

/// Unlike the older API this one deletes nothing that still has keys, policies or groups.
pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_user(call.requester, call.user(0)?, false).await?;
    Ok(Reply::no_content())
}

/// The caller's own password, by the old one.
pub(in super::super) async fn password(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    replace_password(call, None, asked.text("old_password")?, asked.text("new_password")?).await
}

/// A user as named in a body.
pub(super) fn named(call: &Call<'_>) -> Result<Named<model::UserUid>, Fault> {
    call::user(call.body().text("user_id")?)
}
