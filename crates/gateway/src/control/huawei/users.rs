//! Users: `/v3/users` in Keystone's shape, `/v3.0/OS-USER/users` with more members.

use super::call::{self, Call, show};
use super::fault::Fault;
use super::shapes::{bare_micros, links};
use super::{groups, projects};
use crate::reply::Reply;
use http::StatusCode;
use iam::{Named, NewUser, PasswordLogin, User, UserChange};
use model::{EntityPath, UserUid};
use policy::Identity;
use serde_json::{Value, json};

/// Keystone's shape.
pub(super) fn shape(call: &Call<'_>, user: &User) -> Value {
    let id = user.uid.to_hex();
    json!({
        "id": id,
        "name": user.name.as_str(),
        "domain_id": user.account.as_str(),
        "enabled": user.enabled,
        "description": user.description,
        "pwd_status": user.password_set.is_some(),
        "password_expires_at": "",
        "access_mode": "default",
        "links": links(call, &format!("/v3/users/{id}")),
    })
}

/// The wider shape. What this server does not keep is empty.
fn wide_shape(call: &Call<'_>, user: &User) -> Value {
    let mut shown = shape(call, user);
    if let Value::Object(members) = &mut shown {
        members.insert("create_time".into(), bare_micros(user.created).into());
        members.insert("pwd_create_time".into(), user.password_set.map(bare_micros).unwrap_or_default().into());
        members.insert("is_domain_owner".into(), false.into());
        for empty in ["xuser_id", "xuser_type", "areacode", "phone", "email"] {
            members.insert(empty.into(), "".into());
        }
    }
    shown
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = make(call).await?;
    Ok(show(StatusCode::CREATED, &json!({ "user": shape(call, &user) })))
}

pub(super) async fn create_wide(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = make(call).await?;
    Ok(show(StatusCode::CREATED, &json!({ "user": wide_shape(call, &user) })))
}

async fn make(call: &Call<'_>) -> Result<User, Fault> {
    let asked = call.body().object("user")?;
    call.own_account(asked.maybe_text("domain_id")?)?;
    let user = NewUser {
        name: call::name("name", asked.text("name")?)?,
        path: EntityPath::default(),
        description: asked.maybe_text("description")?.unwrap_or_default().to_owned(),
        boundary: None,
        enabled: asked.maybe_bool("enabled")?.unwrap_or(true),
    };
    let password = asked.maybe_text("password")?;
    let made = call.directory().create_user(call.requester, user).await?;
    let named = Named::Uid(made.uid);
    if let Some(password) = password {
        let set = call.directory().set_password(call.requester, named.clone(), password, true).await;
        if let Err(error) = set {
            // A user whose password was refused is not what was asked for.
            call.directory().delete_user(call.requester, named, true).await?;
            return Err(error.into());
        }
        return Ok(User::clone(&*call.directory().get_user(call.requester, Some(named)).await.unwrap_or(made)));
    }
    Ok(User::clone(&made))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    call.own_account(call.asked("domain_id"))?;
    let enabled = call.asked_bool("enabled")?;
    let users = call.directory().list_users(call.requester).await?;
    let shown: Vec<Value> = users
        .iter()
        .filter(|user| call.asked("name").is_none_or(|name| user.name.as_str() == name))
        .filter(|user| enabled.is_none_or(|enabled| user.enabled == enabled))
        .map(|user| shape(call, user))
        .collect();
    Ok(show(StatusCode::OK, &json!({ "users": shown, "links": links(call, "/v3/users") })))
}

pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = call.directory().get_user(call.requester, Some(call.user(0)?)).await?;
    Ok(show(StatusCode::OK, &json!({ "user": shape(call, &user) })))
}

pub(super) async fn read_wide(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = call.directory().get_user(call.requester, Some(call.user(0)?)).await?;
    Ok(show(StatusCode::OK, &json!({ "user": wide_shape(call, &user) })))
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = change(call).await?;
    Ok(show(StatusCode::OK, &json!({ "user": shape(call, &user) })))
}

pub(super) async fn update_wide(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = change(call).await?;
    Ok(show(StatusCode::OK, &json!({ "user": wide_shape(call, &user) })))
}

async fn change(call: &Call<'_>) -> Result<User, Fault> {
    let asked = call.body().object("user")?;
    call.own_account(asked.maybe_text("domain_id")?)?;
    let change = UserChange {
        name: asked.maybe_text("name")?.map(|text| call::name("name", text)).transpose()?,
        path: None,
        description: asked.maybe_text("description")?.map(str::to_owned),
        enabled: asked.maybe_bool("enabled")?,
    };
    let password = asked.maybe_text("password")?;
    let changed = call.directory().update_user(call.requester, call.user(0)?, change).await?;
    if let Some(password) = password {
        let create = changed.password_set.is_none();
        call.directory().set_password(call.requester, Named::Uid(changed.uid), password, create).await?;
    }
    Ok(User::clone(&changed))
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    call.directory().delete_user(call.requester, call.user(0)?, true).await?;
    Ok(Reply::no_content())
}

/// A user's own new password, by the old one.
pub(super) async fn password(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body().object("user")?;
    replace_password(call, Some(call.parameter(0)), asked.text("original_password")?, asked.text("password")?).await
}

/// Replaces the caller's own password after the old one was shown. Stolen signing credentials alone do not get there.
pub(super) async fn replace_password(
    call: &Call<'_>,
    named: Option<&str>,
    old: &str,
    new: &str,
) -> Result<Reply, Fault> {
    let caller = call.caller()?;
    let Identity::User { uid, .. } = &caller.identity else { return Err(Fault::ForeignScope) };
    let id = uid.to_hex();
    if named.is_some_and(|named| UserUid::parse_hex(named) != Some(*uid)) {
        return Err(Fault::ForeignScope);
    }
    let login = PasswordLogin { account: Some(caller.account.as_str()), user: &id, password: old };
    call.directory().password_token(login, None).await?;
    call.directory().set_password(call.requester, Named::Uid(*uid), new, false).await?;
    Ok(Reply::no_content())
}

pub(super) async fn groups(call: &Call<'_>) -> Result<Reply, Fault> {
    let groups = call.directory().groups_of_user(call.requester, call.user(0)?).await?;
    let shown: Vec<Value> = groups.iter().map(|group| groups::shape(call, group)).collect();
    let path = format!("/v3/users/{}/groups", call.parameter(0));
    Ok(show(StatusCode::OK, &json!({ "groups": shown, "links": links(call, &path) })))
}

/// The projects a user may enter: all of the account's.
pub(super) async fn projects(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = call.user(0)?;
    let own = matches!(&call.caller()?.identity, Identity::User { uid, .. } if Named::Uid(*uid) == user);
    if !own {
        call.directory().get_user(call.requester, Some(user)).await?;
    }
    projects::list_all(call, &format!("/v3/users/{}/projects", call.parameter(0))).await
}
