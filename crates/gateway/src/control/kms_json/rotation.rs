//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

use super::fault::Fault;
use super::input;
use super::keys::{invalid_marker, page, seconds};
use super::lifecycle::about;
use super::{Call, Output, members};
use kms::{VersionCause, VersionDescription};
use policy::Action;
use serde_json::{Value, json};

/// Shortest and longest period this API takes, in days; Huawei's begins with 30.
const PERIOD_DAYS_MIN: u32 = 90;
const PERIOD_DAYS_MAX: u32 = 2560;
const _: () = assert!(kms::ROTATION_DAYS_MIN <= PERIOD_DAYS_MIN && PERIOD_DAYS_MAX <= kms::ROTATION_DAYS_MAX);

const ROTATIONS_PER_PAGE: usize = 100;
const ROTATIONS_PER_PAGE_MAX: usize = 1000;

impl Call<'_> {
    pub(super) async fn enable_key_rotation(&self, input: members::EnableKeyRotation) -> Output {
        let days = match input.rotation_period_in_days {
            Some(days) => Some(input::within(days, "rotationPeriodInDays", PERIOD_DAYS_MIN, PERIOD_DAYS_MAX)?),
            None => None,
        };
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsEnableKeyRotation).await?;
        self.service.enable_rotation(self.user, &cmk, days).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn disable_key_rotation(&self, input: members::OneKey) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsDisableKeyRotation).await?;
        self.service.disable_rotation(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn get_key_rotation_status(&self, input: members::OneKey) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsGetKeyRotationStatus).await?;
        let status = self.service.rotation_status(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        let mut output = json!({ "KeyId": cmk.to_arn(), "KeyRotationEnabled": status.enabled });
        if status.enabled {
            output["RotationPeriodInDays"] = status.period_days.into();
            if let Some(next) = status.next {
                output["NextRotationDate"] = seconds(next);
            }
        }
        Ok(Some(output))
    }

    pub(super) async fn rotate_key_on_demand(&self, input: members::OneKey) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsRotateKeyOnDemand).await?;
        self.service.rotate(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "KeyId": cmk.to_arn() })))
    }

    pub(super) async fn list_key_rotations(&self, input: members::ListKeyRotations) -> Output {
        let limit = input::limit(input.limit, ROTATIONS_PER_PAGE, ROTATIONS_PER_PAGE_MAX)?;
        let all = match input.include_key_material.as_deref() {
            None | Some("ROTATIONS_ONLY") => false,
            Some("ALL_KEY_MATERIAL") => true,
            Some(other) => {
                let rule = "Member must satisfy enum value set: [ALL_KEY_MATERIAL, ROTATIONS_ONLY]";
                return Err(Fault::constraint(other, "includeKeyMaterial", rule));
            }
        };
        let after: u32 = match input.marker {
            Some(marker) => marker.parse().map_err(|_| invalid_marker())?,
            None => 0,
        };
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsListKeyRotations).await?;
        let versions = self.service.versions(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        let rest = versions
            .into_iter()
            .filter(|version| version.version > after && (all || rotation_type(version.cause).is_some()));
        let entry = |version: &VersionDescription| described(&cmk.to_arn(), version);
        Ok(Some(page("Rotations", rest, limit, entry, |version| version.version.to_string())))
    }
}

/// The first version, and imported material, are no rotations.
const fn rotation_type(cause: VersionCause) -> Option<&'static str> {
    match cause {
        VersionCause::Scheduled => Some("AUTOMATIC"),
        VersionCause::OnDemand => Some("ON_DEMAND"),
        VersionCause::Created | VersionCause::Imported => None,
    }
}

fn described(arn: &str, version: &VersionDescription) -> Value {
    let mut entry = json!({
        "KeyId": arn,
        "KeyMaterialId": version.material_id,
        "KeyMaterialState": if version.current { "CURRENT" } else { "NON_CURRENT" },
    });
    if let Some(kind) = rotation_type(version.cause) {
        entry["RotationDate"] = seconds(version.created);
        entry["RotationType"] = kind.into();
    }
    if version.cause == VersionCause::Imported {
        entry["ExpirationModel"] = match version.expires {
            Some(at) => {
                entry["ValidTo"] = seconds(at);
                "KEY_MATERIAL_EXPIRES"
            }
            None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
        }
        .into();
    }
    entry
}
