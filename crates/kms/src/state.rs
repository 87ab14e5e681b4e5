//! A CMK's life: which state allows which operation (kms-iam-api §1.6, §2.4). One pure table, after AWS KMS's "key states"
//! table for single-region keys and Huawei's error catalogue; the service-managed default key refuses every change.
//!
//! docs/kms-api.md shows the table as it is rendered here.

use crate::KmsError;
use crate::record::CmkRecord;
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
    /// Describe, list, read the key policy, aliases, grants, tags, the impact of its deletion.
    Describe,
    /// Read its versions.
    ListRotations,
    /// Read whether and when it rotates.
    RotationStatus,
    /// Set the key policy.
    PutKeyPolicy,
    /// Give it an alias.
    CreateAlias,
    /// Point an alias at it, or rename its alias.
    UpdateAlias,
    /// Take an alias away.
    DeleteAlias,
    /// Set or remove tags.
    Tag,
    /// Change the description.
    UpdateDescription,
    /// Enable.
    Enable,
    /// Disable.
    Disable,
    /// Schedule its deletion.
    ScheduleDeletion,
    /// Cancel its deletion.
    CancelDeletion,
    /// Make a grant.
    CreateGrant,
    /// Take a grant away, or give it back.
    EndGrant,
    /// Turn rotation by itself on or off.
    SetRotation,
    /// Make a new version now.
    Rotate,
    /// Import material, or ask what that needs.
    Import,
    /// Delete imported material.
    DeleteMaterial,
}

impl KeyOperation {
    /// Every operation, in the order of the table in docs/kms-api.md.
    pub const ALL: [Self; 20] = [
        Self::Use,
        Self::Describe,
        Self::ListRotations,
        Self::RotationStatus,
        Self::PutKeyPolicy,
        Self::CreateAlias,
        Self::UpdateAlias,
        Self::DeleteAlias,
        Self::Tag,
        Self::UpdateDescription,
        Self::Enable,
        Self::Disable,
        Self::ScheduleDeletion,
        Self::CancelDeletion,
        Self::CreateGrant,
        Self::EndGrant,
        Self::SetRotation,
        Self::Rotate,
        Self::Import,
        Self::DeleteMaterial,
    ];

    /// The operations' names in both APIs, as the table shows them.
    pub const fn names(self) -> &'static str {
        match self {
            Self::Use => {
                "`Encrypt`, `Decrypt`, `ReEncrypt`, `GenerateDataKey*`; `create-datakey*`, `encrypt-*`, `decrypt-*`; \
                 SSE-KMS reads and writes"
            }
            Self::Describe => {
                "`DescribeKey`, `GetKeyPolicy`, `ListAliases`, `ListGrants`, `ListKeyPolicies`, `ListResourceTags`; \
                 `describe-key`, `list-*`"
            }
            Self::ListRotations => "`ListKeyRotations`",
            Self::RotationStatus => "`GetKeyRotationStatus`; `get-key-rotation-status`",
            Self::PutKeyPolicy => "`PutKeyPolicy`",
            Self::CreateAlias => "`CreateAlias`",
            Self::UpdateAlias => "`UpdateAlias` (the new CMK); `update-key-alias`",
            Self::DeleteAlias => "`DeleteAlias`",
            Self::Tag => "`TagResource`, `UntagResource`; `tags`",
            Self::UpdateDescription => "`UpdateKeyDescription`; `update-key-description`",
            Self::Enable => "`EnableKey`; `enable-key`",
            Self::Disable => "`DisableKey`; `disable-key`",
            Self::ScheduleDeletion => "`ScheduleKeyDeletion`; `schedule-key-deletion`",
            Self::CancelDeletion => "`CancelKeyDeletion`; `cancel-key-deletion`",
            Self::CreateGrant => "`CreateGrant`; `create-grant`",
            Self::EndGrant => "`RevokeGrant`, `RetireGrant`; `revoke-grant`, `retire-grant`",
            Self::SetRotation => {
                "`EnableKeyRotation`, `DisableKeyRotation`; `enable-`, `disable-key-rotation`, \
                 `update-key-rotation-interval`"
            }
            Self::Rotate => "`RotateKeyOnDemand`; `rotate-on-demand`",
            Self::Import => "`GetParametersForImport`, `ImportKeyMaterial`; their Huawei names",
            Self::DeleteMaterial => "`DeleteImportedKeyMaterial`; `delete-imported-key-material`",
        }
    }
}

/// What kind of CMK it is, as far as that decides what may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A CMK of the account's users, with material of the key provider.
    Own,
    /// A CMK of the account's users, with material they bring.
    Imported,
    /// The account's default key.
    Default,
}

impl CmkRecord {
    /// What kind it is.
    pub(crate) fn kind(&self) -> KeyKind {
        match (self.manager, self.origin) {
            (KeyManager::Service, _) => KeyKind::Default,
            (KeyManager::Customer, Origin::External) => KeyKind::Imported,
            (KeyManager::Customer, Origin::Kms) => KeyKind::Own,
        }
    }

    /// Whether kind and state allow the operation; errors as [`admit`].
    pub(crate) fn admit(&self, operation: KeyOperation) -> Result<(), KmsError> {
        admit(self.state, self.kind(), operation)
    }
}

const NO_ROTATION: KmsError = KmsError::Unsupported("imported material does not rotate");
const NO_IMPORT: KmsError = KmsError::Unsupported("its material does not come from outside");

/// Whether kind and state allow the operation: first what no CMK of this kind can, then what its state forbids.
///
/// # Errors
/// [`KmsError::ServiceManaged`] for a change of the default key, [`KmsError::Unsupported`] for what its origin rules out,
/// else what the state says.
pub fn admit(state: KeyState, kind: KeyKind, operation: KeyOperation) -> Result<(), KmsError> {
    use KeyOperation as O;
    let pending_deletion = matches!(state, KeyState::PendingDeletion { .. });
    match (operation, kind) {
        (O::Use | O::Describe | O::ListRotations | O::RotationStatus, KeyKind::Default) => {}
        (_, KeyKind::Default) => return Err(KmsError::ServiceManaged),
        (O::RotationStatus | O::SetRotation | O::Rotate, KeyKind::Imported) => return Err(NO_ROTATION),
        (O::Import | O::DeleteMaterial, KeyKind::Own) => return Err(NO_IMPORT),
        _ => {}
    }
    match operation {
        O::Describe | O::ListRotations | O::RotationStatus | O::PutKeyPolicy | O::DeleteAlias | O::EndGrant => Ok(()),
        O::CancelDeletion if pending_deletion => Ok(()),
        // Whoever brought the material may take it away for good at any time.
        O::DeleteMaterial => Ok(()),
        O::CancelDeletion => Err(KmsError::NotPendingDeletion),
        _ if pending_deletion => Err(KmsError::PendingDeletion),
        O::CreateAlias | O::UpdateAlias | O::Tag | O::UpdateDescription | O::ScheduleDeletion | O::Import => Ok(()),
        O::Enable | O::Disable if state == KeyState::PendingImport => Err(KmsError::PendingImport),
        O::Enable | O::Disable => Ok(()),
        O::Use | O::CreateGrant | O::SetRotation | O::Rotate => match state {
            KeyState::Disabled => Err(KmsError::Disabled),
            KeyState::PendingImport => Err(KmsError::PendingImport),
            KeyState::Enabled | KeyState::PendingDeletion { .. } => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests;
