//! A user's password: `/v5/users/{id}/login-profile`.

use super::super::call::{Call, show};
use super::super::fault::Fault;
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use serde_json::json;

async fn set(call: &Call<'_>, create: bool, status: StatusCode) -> Result<Reply, Fault> {
    let asked = call.body();
    if asked.maybe_bool("password_reset_required")? == Some(true) {
        return Err(Fault::parameter("password_reset_required", "it is not offered"));
    }
    let password = asked.text("password")?;
    call.directory().set_password(call.requester, call.user(0)?, password, create).await?;
    Ok(show(status, &json!({ "login_profile": { "user_id": call.parameter(0), "password_reset_required": false } })))
}

pub(in super::super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    set(call, true, StatusCode::CREATED).await
}

pub(in super::super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    set(call, false, StatusCode::OK).await
}

pub(in super::super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let (_, set) = call.directory().login_profile(call.requester, call.user(0)?).await?;
    let profile = json!({
        "user_id": call.parameter(0),
        "password_reset_required": false,
        "password_expires_at": null,
        "created_at": xml_date(set),
    });
    Ok(show(StatusCode::OK, &json!({ "login_profile": profile })))
}

pub(in super::super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_password(call.requester, call.user(0)?).await?;
    Ok(Reply::no_content())
}
