//! Rotation: by itself, with an interval, and on demand.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::shapes::{self, maybe_millis, millis};
use crate::reply::Reply;
use kms::{CmkDescription, KeyManager, KeyState, Origin, ROTATION_DAYS_MIN};
use policy::Action;
use serde_json::{Value, json};

/// Longest interval in days (kms-iam-api §1.3); AWS's API takes longer ones.
const INTERVAL_DAYS_MAX: u32 = 365;

pub(super) async fn enable(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsEnableKeyRotation).await?;
    let is_on = |cmk: &CmkDescription| may_rotate(cmk) && cmk.rotates;
    call.refuse_if(Action::KmsEnableKeyRotation, &cmk, is_on, Code::RotationOn).await?;
    call.keys().enable_rotation(call.user(), &cmk, None).await?;
    Ok(shapes::nothing())
}

pub(super) async fn disable(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsDisableKeyRotation).await?;
    call.refuse_if(Action::KmsDisableKeyRotation, &cmk, is_off, Code::RotationOff).await?;
    call.keys().disable_rotation(call.user(), &cmk).await?;
    Ok(shapes::nothing())
}

pub(super) async fn update_interval(call: &Call<'_>) -> Result<Reply, Fault> {
    let days = call.number("rotation_interval", Code::RotationInterval)?;
    let days = days.ok_or(Fault::said(Code::Missing, "rotation_interval"))?;
    if !(ROTATION_DAYS_MIN..=INTERVAL_DAYS_MAX).contains(&days) {
        return Err(Code::RotationInterval.into());
    }
    let cmk = call.managed(Action::KmsEnableKeyRotation).await?;
    // The interval of a key that does not rotate is not changed, let alone rotation turned on.
    call.refuse_if(Action::KmsEnableKeyRotation, &cmk, is_off, Code::RotationOff).await?;
    call.keys().enable_rotation(call.user(), &cmk, Some(days)).await?;
    Ok(shapes::nothing())
}

pub(super) async fn status(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsGetKeyRotationStatus).await?;
    let status = call.keys().rotation_status(call.user(), &cmk).await?;
    let versions = call.keys().versions(call.user(), &cmk).await?;
    let materials: Vec<Value> = versions
        .iter()
        .map(|version| {
            json!({
                "material_id": version.material_id,
                "create_time": millis(version.created),
                "expiration_time": maybe_millis(version.expires),
                "state": 2,
            })
        })
        .collect();
    Ok(shapes::show(&json!({
        "key_rotation_enabled": status.enabled,
        "rotation_interval": status.period_days,
        "last_rotation_time": maybe_millis(status.last),
        "number_of_rotations": status.rotations,
        "key_materials": materials,
    })))
}

pub(super) async fn rotate(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.managed(Action::KmsRotateKeyOnDemand).await?;
    call.keys().rotate(call.user(), &cmk).await?;
    Ok(shapes::show(&json!({ "key_id": shapes::key_id(&cmk) })))
}

/// Whether rotation could be turned on; if not, the key service says why.
fn may_rotate(cmk: &CmkDescription) -> bool {
    cmk.manager == KeyManager::Customer && cmk.origin == Origin::Kms && cmk.state == KeyState::Enabled
}

/// Whether rotation could be turned on and is not.
fn is_off(cmk: &CmkDescription) -> bool {
    may_rotate(cmk) && !cmk.rotates
}
