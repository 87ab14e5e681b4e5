//! The life of keys: enabling, disabling, deletion, name and description.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::keys::{alias, description};
use super::shapes;
use crate::reply::Reply;
use kms::{CmkDescription, CmkId, DELETION_DAYS_MAX, DELETION_DAYS_MIN, KeyManager, KeyState};
use policy::Action;
use serde_json::json;

pub(super) async fn enable(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsEnableKey).await?;
    let is_enabled = |cmk: &CmkDescription| is_own(cmk) && cmk.state == KeyState::Enabled;
    call.refuse_if(Action::KmsEnableKey, &cmk, is_enabled, Code::NotDisabled).await?;
    call.keys().enable(call.user(), &cmk).await?;
    Ok(status(&cmk, KeyState::Enabled))
}

pub(super) async fn disable(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsDisableKey).await?;
    let is_disabled = |cmk: &CmkDescription| is_own(cmk) && cmk.state == KeyState::Disabled;
    call.refuse_if(Action::KmsDisableKey, &cmk, is_disabled, Code::NotEnabled).await?;
    call.keys().disable(call.user(), &cmk).await?;
    Ok(status(&cmk, KeyState::Disabled))
}

/// Whether it is a key of the account's users: what is refused about the default key, the key service refuses.
fn is_own(cmk: &CmkDescription) -> bool {
    cmk.manager == KeyManager::Customer
}

fn status(cmk: &CmkId, state: KeyState) -> Reply {
    shapes::show(&json!({ "key_info": { "key_id": shapes::key_id(cmk), "key_state": shapes::state(state) } }))
}

pub(super) async fn schedule_deletion(call: &Call<'_>) -> Result<Reply, Fault> {
    let days = call.number("pending_days", Code::PendingDays)?.ok_or(Fault::said(Code::Missing, "pending_days"))?;
    if !(DELETION_DAYS_MIN..=DELETION_DAYS_MAX).contains(&days) {
        return Err(Code::PendingDays.into());
    }
    let cmk = call.managed(Action::KmsScheduleKeyDeletion).await?;
    let delete_at = call.keys().schedule_deletion(call.user(), &cmk, days, false).await?;
    let state = shapes::state(KeyState::PendingDeletion { delete_at });
    Ok(shapes::show(&json!({ "key_id": shapes::key_id(&cmk), "key_state": state })))
}

pub(super) async fn cancel_deletion(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsCancelKeyDeletion).await?;
    call.keys().cancel_deletion(call.user(), &cmk).await?;
    // A key whose material is not there waits for it again.
    let state = call.keys().glimpse(&cmk).map_or(KeyState::Disabled, |cmk| cmk.state);
    Ok(shapes::show(&json!({ "key_id": shapes::key_id(&cmk), "key_state": shapes::state(state) })))
}

pub(super) async fn update_alias(call: &Call<'_>) -> Result<Reply, Fault> {
    let name = alias(call.text("key_alias")?)?;
    let cmk = call.managed(Action::KmsUpdateAlias).await?;
    call.keys().rename_alias(call.user(), &cmk, name.as_str()).await?;
    Ok(shapes::show(&json!({ "key_info": { "key_id": shapes::key_id(&cmk), "key_alias": name.as_str() } })))
}

pub(super) async fn update_description(call: &Call<'_>) -> Result<Reply, Fault> {
    // The empty text is a description, too: it takes the old one away.
    let said = call.body().text("key_description")?;
    let text = description(Some(said))?;
    let cmk = call.managed(Action::KmsUpdateKeyDescription).await?;
    call.keys().update_description(call.user(), &cmk, &text).await?;
    Ok(shapes::show(&json!({ "key_info": { "key_id": shapes::key_id(&cmk), "key_description": text } })))
}
