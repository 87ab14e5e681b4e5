//! Access keys: `/v3.0/OS-CREDENTIAL/credentials`. The secret is shown once, when a key is made.

use super::call::{self, Call, show};
use super::fault::Fault;
use super::shapes::micros;
use crate::reply::Reply;
use http::StatusCode;
use iam::{AccessKeyInfo, KeyOwner, Named};
use model::{AccessKeyId, UserUid};
use serde_json::{Value, json};

/// Whose keys are meant: `None` is the caller's own identity. The account's root identity goes by the account's id.
pub(super) fn owner(call: &Call<'_>, user: Option<&str>) -> Result<Option<Named<UserUid>>, Fault> {
    match user {
        None => Ok(None),
        Some(id) if call.caller()?.is_root() && id == call.account()?.as_str() => Ok(None),
        Some(id) => call::user(id).map(Some),
    }
}

/// The id that stands for an owner.
pub(super) fn owner_id(key: &AccessKeyInfo) -> String {
    match key.owner {
        KeyOwner::Root => key.account.to_string(),
        KeyOwner::User(uid) => uid.to_hex(),
    }
}

pub(super) fn access_key(text: &str) -> Result<AccessKeyId, Fault> {
    AccessKeyId::parse(text).ok_or_else(|| Fault::NotFound("credential", text.to_owned()))
}

/// `active` or `inactive`.
pub(super) fn status(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

/// What a client says of it.
pub(super) fn is_active(text: &str) -> Result<bool, Fault> {
    match text {
        "active" => Ok(true),
        "inactive" => Ok(false),
        _ => Err(Fault::parameter("status", "it must be active or inactive")),
    }
}

fn shape(key: &AccessKeyInfo) -> Value {
    json!({
        "access": key.id.as_str(),
        "status": status(key.active),
        "user_id": owner_id(key),
        "description": key.description,
        "create_time": micros(key.created),
    })
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("credential")?;
    let user = owner(call, Some(asked.text("user_id")?))?;
    let description = asked.maybe_text("description")?.unwrap_or_default().to_owned();
    let made = call.directory().create_access_key(call.requester, user, description, None).await?;
    let mut shown = shape(&made.info);
    shown["secret"] = made.secret.expose().into();
    Ok(show(StatusCode::CREATED, &json!({ "credential": shown })))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = owner(call, call.asked("user_id"))?;
    let keys = call.directory().list_access_keys(call.requester, user).await?;
    let shown: Vec<Value> = keys.iter().map(shape).collect();
    Ok(show(StatusCode::OK, &json!({ "credentials": shown })))
}

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = access_key(call.parameter(0))?;
    let (key, _) = call.directory().access_key_last_used(call.requester, &id).await?;
    let mut shown = shape(&key);
    shown["last_use_time"] = key.last_used.as_ref().map_or(Value::Null, |used| micros(used.at).into());
    Ok(show(StatusCode::OK, &json!({ "credential": shown })))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("credential")?;
    let active = asked.maybe_text("status")?.map(is_active).transpose()?;
    let description = asked.maybe_text("description")?.map(str::to_owned);
    let id = access_key(call.parameter(0))?;
    let key = call.directory().update_access_key(call.requester, &id, active, description).await?;
    Ok(show(StatusCode::OK, &json!({ "credential": shape(&key) })))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = access_key(call.parameter(0))?;
    call.directory().delete_access_key(call.requester, &id).await?;
    Ok(Reply::no_content())
}
