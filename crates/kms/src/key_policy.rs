//! Key policies: what a CMK itself says about who may do what with it (kms-iam-api §2.7).

use crate::{CmkId, KeyService, KeyUser, KmsError};

/// Longest key policy in bytes (AWS: 32 KiB).
pub const KEY_POLICY_BYTES_MAX: usize = 32 * 1024;

impl KeyService {
    /// The key policy as it was put, or the one every CMK begins with (`kms:GetKeyPolicy`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn key_policy(&self, user: &KeyUser, cmk: &CmkId) -> Result<String, KmsError> {
        let _ = (user, cmk);
        Err(KmsError::Unsupported("this operation"))
    }

    /// Sets the key policy (`kms:PutKeyPolicy`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`]; [`KmsError::MalformedPolicy`], also for one under which the caller
    /// could not set another, unless that check is bypassed; [`KmsError::ServiceManaged`].
    pub async fn put_key_policy(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        policy: &str,
        bypass_lockout_check: bool,
    ) -> Result<(), KmsError> {
        let _ = (user, cmk, policy, bypass_lockout_check);
        Err(KmsError::Unsupported("this operation"))
    }
}
