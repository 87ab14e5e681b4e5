//! A CMK's life: which state allows which operation. One pure table, after AWS KMS's "key states" table for
//! single-region keys; the service-managed default key refuses every change.

use crate::KmsError;
use model::Timestamp;

/// Shortest waiting time before a deletion, in days (both clouds).
pub const DELETION_DAYS_MIN: u32 = 7;
/// Longest waiting time before a deletion, in days (Huawei; the AWS API allows 30).
pub const DELETION_DAYS_MAX: u32 = 1096;

/// Where a CMK is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Not usable until enabled.
    Disabled,
    /// Not usable; deleted at a date unless cancelled.
    PendingDeletion {
        /// From this moment the CMK counts as deleted.
        delete_at: Timestamp,
    },
    /// Its material comes from outside and is not there: not yet, no longer, or expired.
    PendingImport,
}

impl KeyState {
    /// The state's name in the AWS KMS API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion { .. } => "PendingDeletion",
            Self::PendingImport => "PendingImport",
        }
    }

    /// Whether its deletion is due: such a CMK is treated as absent, whether or not its rows are removed already.
    pub fn is_deleted(self, now: Timestamp) -> bool {
        matches!(self, Self::PendingDeletion { delete_at } if delete_at <= now)
    }
}

/// Where a CMK's material comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The key provider draws it.
    Kms,
    /// Its owner brings it (import).
    External,
}

/// Who created a CMK and decides over its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyManager {
    /// The account's users.
    Customer,
    /// The service: the account's default key.
    Service,
}

/// What is to be done with a CMK, as far as its state matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOperation {
    /// Wrap or unwrap.
    Use,
    /// Describe, list.
    Describe,
    /// Give it an alias.
    CreateAlias,
    /// Take an alias away.
    DeleteAlias,
    /// Enable.
    Enable,
    /// Disable.
    Disable,
    /// Schedule its deletion.
    ScheduleDeletion,
    /// Cancel its deletion.
    CancelDeletion,
}

/// Whether a CMK in this state allows the operation. The caller has already treated a deleted CMK as absent.
///
/// # Errors
/// [`KmsError::ServiceManaged`] for a change of a service-managed CMK, else what the state says.
pub fn admit(state: KeyState, manager: KeyManager, operation: KeyOperation) -> Result<(), KmsError> {
    use KeyOperation::{CancelDeletion, CreateAlias, DeleteAlias, Describe, Disable, Enable, ScheduleDeletion, Use};
    let changes = !matches!(operation, Use | Describe);
    if changes && manager == KeyManager::Service {
        return Err(KmsError::ServiceManaged);
    }
    match (operation, state) {
        (Describe | DeleteAlias, _) => Ok(()),
        (Use, KeyState::Disabled) => Err(KmsError::Disabled),
        (Use | Enable | Disable, KeyState::PendingImport) => Err(KmsError::PendingImport),
        (CancelDeletion, KeyState::PendingDeletion { .. }) => Ok(()),
        (CancelDeletion, _) => Err(KmsError::NotPendingDeletion),
        (_, KeyState::PendingDeletion { .. }) => Err(KmsError::PendingDeletion),
        (Use | CreateAlias | Enable | Disable | ScheduleDeletion, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of docs/kms-api.md, row by row.
    #[test]
    fn state_by_operation() {
        use KeyOperation::{
            CancelDeletion, CreateAlias, DeleteAlias, Describe, Disable, Enable, ScheduleDeletion, Use,
        };
        use KmsError::{Disabled, NotPendingDeletion, PendingDeletion, ServiceManaged};
        let pending = KeyState::PendingDeletion { delete_at: Timestamp::from_secs(1) };
        // operation, enabled, disabled, pending deletion, service-managed (enabled)
        let table = [
            (Use, Ok(()), Err(Disabled), Err(PendingDeletion), Ok(())),
            (Describe, Ok(()), Ok(()), Ok(()), Ok(())),
            (CreateAlias, Ok(()), Ok(()), Err(PendingDeletion), Err(ServiceManaged)),
            (DeleteAlias, Ok(()), Ok(()), Ok(()), Err(ServiceManaged)),
            (Enable, Ok(()), Ok(()), Err(PendingDeletion), Err(ServiceManaged)),
            (Disable, Ok(()), Ok(()), Err(PendingDeletion), Err(ServiceManaged)),
            (ScheduleDeletion, Ok(()), Ok(()), Err(PendingDeletion), Err(ServiceManaged)),
            (CancelDeletion, Err(NotPendingDeletion), Err(NotPendingDeletion), Ok(()), Err(ServiceManaged)),
        ];
        for (operation, enabled, disabled, pending_deletion, service) in table {
            let customer = |state| admit(state, KeyManager::Customer, operation);
            assert_eq!(customer(KeyState::Enabled), enabled, "{operation:?} enabled");
            assert_eq!(customer(KeyState::Disabled), disabled, "{operation:?} disabled");
            assert_eq!(customer(pending), pending_deletion, "{operation:?} pending deletion");
            assert_eq!(admit(KeyState::Enabled, KeyManager::Service, operation), service, "{operation:?} default key");
        }
    }

    #[test]
    fn deletion_is_due_at_its_moment_and_not_before() {
        let state = KeyState::PendingDeletion { delete_at: Timestamp::from_millis(10) };
        assert!(!state.is_deleted(Timestamp::from_millis(9)));
        assert!(state.is_deleted(Timestamp::from_millis(10)));
        assert!(!KeyState::Disabled.is_deleted(Timestamp::from_millis(u64::MAX)));
    }
}
