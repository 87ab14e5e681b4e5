//! EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion.

use super::fault::Fault;
use super::input;
use super::keys::seconds;
use super::subject::Subject;
use super::{Call, Output, members};
use kms::{CmkId, KmsError};
use policy::Action;
use serde_json::json;

/// The waiting time when none is given, in days; also the longest this API takes.
const PENDING_WINDOW_DAYS: u32 = 30;
const PENDING_WINDOW_DAYS_MIN: u32 = kms::DELETION_DAYS_MIN;
const _: () = assert!(PENDING_WINDOW_DAYS <= kms::DELETION_DAYS_MAX, "the service takes what this API takes");

impl Call<'_> {
    pub(super) async fn enable_key(&self, input: members::OneKey) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsEnableKey).await?;
        self.service.enable(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn disable_key(&self, input: members::OneKey) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsDisableKey).await?;
        self.service.disable(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(None)
    }

    pub(super) async fn schedule_key_deletion(&self, input: members::ScheduleKeyDeletion) -> Output {
        let days = match input.pending_window_in_days {
            None => PENDING_WINDOW_DAYS,
            Some(days) => input::within(days, "pendingWindowInDays", PENDING_WINDOW_DAYS_MIN, PENDING_WINDOW_DAYS)?,
        };
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsScheduleKeyDeletion).await?;
        let force = input.force_deletion == Some(true);
        let delete_at =
            self.service.schedule_deletion(self.user, &cmk, days, force).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({
            "KeyId": cmk.to_arn(),
            "DeletionDate": seconds(delete_at),
            "KeyState": "PendingDeletion",
            "PendingWindowInDays": days,
        })))
    }

    pub(super) async fn cancel_key_deletion(&self, input: members::OneKey) -> Output {
        let cmk = self.managed_key(&input.key_id, "keyId", Action::KmsCancelKeyDeletion).await?;
        self.service.cancel_deletion(self.user, &cmk).await.map_err(|error| about(&cmk, error))?;
        Ok(Some(json!({ "KeyId": cmk.to_arn() })))
    }
}

/// An error of the service about a CMK that was found.
pub(super) fn about(cmk: &CmkId, error: KmsError) -> Fault {
    Fault::of(error, &Subject::found(cmk))
}
