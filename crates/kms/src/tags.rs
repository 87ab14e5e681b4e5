//! Descriptions and tags of CMKs.

use crate::{CmkId, KeyService, KeyUser, KmsError};

const UNDER_WAY: KmsError = KmsError::Unsupported("this operation");

impl KeyService {
    /// Replaces a CMK's description (`kms:UpdateKeyDescription`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] over 8192 bytes.
    pub async fn update_description(&self, user: &KeyUser, cmk: &CmkId, description: &str) -> Result<(), KmsError> {
        let _ = (user, cmk, description);
        Err(UNDER_WAY)
    }

    /// Adds tags or replaces their values (`kms:TagResource`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Tag`];
    /// [`KmsError::LimitExceeded`] over 50 tags.
    pub async fn tag(&self, user: &KeyUser, cmk: &CmkId, tags: Vec<(String, String)>) -> Result<(), KmsError> {
        let _ = (user, cmk, tags);
        Err(UNDER_WAY)
    }

    /// Removes tags by their keys (`kms:UntagResource`); one that is not there is no error.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says.
    pub async fn untag(&self, user: &KeyUser, cmk: &CmkId, keys: Vec<String>) -> Result<(), KmsError> {
        let _ = (user, cmk, keys);
        Err(UNDER_WAY)
    }

    /// A CMK's tags in order of their keys (`kms:ListResourceTags`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn tags(&self, user: &KeyUser, cmk: &CmkId) -> Result<Vec<(String, String)>, KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }
}
