//! Rotation: new versions of a CMK by schedule or on demand. Old versions open what they wrapped, and never wrap.

use crate::{CmkId, KeyService, KeyUser, KmsError, VersionCause};
use model::Timestamp;

const UNDER_WAY: KmsError = KmsError::Unsupported("this operation");

/// Shortest period of rotation in days: Huawei's 30; the AWS API has 90.
pub const ROTATION_DAYS_MIN: u32 = 30;
/// Longest period of rotation in days: AWS's 2560; Huawei's API has 365.
pub const ROTATION_DAYS_MAX: u32 = 2560;
/// The period when none is named, in days.
pub const ROTATION_DAYS_DEFAULT: u32 = 365;

/// Whether and when a CMK rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationStatus {
    /// Whether it rotates by itself.
    pub enabled: bool,
    /// How often, in days; what was last set if it does not.
    pub period_days: u32,
    /// The next time.
    pub next: Option<Timestamp>,
    /// The last time, by schedule or on demand.
    pub last: Option<Timestamp>,
    /// How often it was rotated.
    pub rotations: u32,
}

/// A version of a CMK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionDescription {
    /// Its number, from 1.
    pub version: u32,
    /// When it was made.
    pub created: Timestamp,
    /// How.
    pub cause: VersionCause,
    /// Names its material: 64 hexadecimal digits that tell nothing about it.
    pub material_id: String,
    /// Whether new wraps use it.
    pub current: bool,
    /// When imported material expires.
    pub expires: Option<Timestamp>,
    /// How many wraps it has made; counted ahead in blocks, so a restart may add some.
    pub wraps: u64,
}

impl KeyService {
    /// Lets a CMK rotate by itself, or changes how often (`kms:EnableKeyRotation`). `None` for the period that was set
    /// before, or 365 days.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] for a period that is
    /// not allowed; [`KmsError::Unsupported`] for imported material; [`KmsError::ServiceManaged`].
    pub async fn enable_rotation(&self, user: &KeyUser, cmk: &CmkId, days: Option<u32>) -> Result<(), KmsError> {
        let _ = (user, cmk, days);
        Err(UNDER_WAY)
    }

    /// Stops a CMK from rotating by itself (`kms:DisableKeyRotation`).
    ///
    /// # Errors
    /// As [`KeyService::enable_rotation`].
    pub async fn disable_rotation(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }

    /// Whether and when a CMK rotates (`kms:GetKeyRotationStatus`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn rotation_status(&self, user: &KeyUser, cmk: &CmkId) -> Result<RotationStatus, KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }

    /// A CMK's versions from the first (`kms:ListKeyRotations`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn versions(&self, user: &KeyUser, cmk: &CmkId) -> Result<Vec<VersionDescription>, KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }

    /// Makes a new version now (`kms:RotateKeyOnDemand`); wraps that begin after this returns use it. Returns its number.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Unsupported`] for imported
    /// material; [`KmsError::ServiceManaged`]; [`KmsError::Unavailable`].
    pub async fn rotate(&self, user: &KeyUser, cmk: &CmkId) -> Result<u32, KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }

    /// Rotates the CMKs whose schedule says so by now, and returns them with their new versions. A CMK that is disabled
    /// or pending deletion waits, and is rotated as soon as it is enabled. To be called from time to time.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`]; what was rotated before the failure stays so.
    pub async fn rotate_due(&self) -> Result<Vec<(CmkId, u32)>, KmsError> {
        Ok(Vec::new())
    }
}
