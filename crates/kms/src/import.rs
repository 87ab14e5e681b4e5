//! Imported key material: its owner wraps it under a public key of this server's, once, and only for one CMK.

use crate::{CmkId, KeyService, KeyUser, KmsError};
use model::Timestamp;

const UNDER_WAY: KmsError = KmsError::Unsupported("this operation");

/// How the owner wraps the material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportWrapping {
    /// RSA-OAEP with SHA-1.
    OaepSha1,
    /// RSA-OAEP with SHA-256.
    OaepSha256,
    /// An AES key under RSA-OAEP with SHA-1, followed by the material under that key (AES-KWP).
    AesKeyWrapSha1,
    /// The same with SHA-256.
    AesKeyWrapSha256,
}

/// What importing needs.
#[derive(Clone, Debug)]
pub struct ImportParameters {
    /// To be sent back with the material.
    pub token: Vec<u8>,
    /// The public key (DER, SubjectPublicKeyInfo).
    pub public_key: Vec<u8>,
    /// Until when both are taken.
    pub valid_to: Timestamp,
}

impl KeyService {
    /// What importing material into a CMK needs, good for 24 hours (`kms:GetParametersForImport`). `rsa_bits`: 2048,
    /// 3072 or 4096.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Unsupported`] for a CMK whose
    /// material does not come from outside.
    pub async fn import_parameters(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        wrapping: ImportWrapping,
        rsa_bits: u32,
    ) -> Result<ImportParameters, KmsError> {
        let _ = (user, cmk, wrapping, rsa_bits);
        Err(UNDER_WAY)
    }

    /// Imports material (`kms:ImportKeyMaterial`); the CMK is enabled then. Returns the material's id. What was imported
    /// once is taken again only if it is the same.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::InvalidImportToken`],
    /// [`KmsError::ExpiredImportToken`], [`KmsError::InvalidCiphertext`], [`KmsError::IncorrectMaterial`];
    /// [`KmsError::Validation`] for a length or an expiry that is not allowed.
    pub async fn import_material(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        token: &[u8],
        encrypted: &[u8],
        expires: Option<Timestamp>,
    ) -> Result<String, KmsError> {
        let _ = (user, cmk, token, encrypted, expires);
        Err(UNDER_WAY)
    }

    /// Deletes imported material (`kms:DeleteImportedKeyMaterial`); the CMK is pending import then.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Unsupported`].
    pub async fn delete_imported_material(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        let _ = (user, cmk);
        Err(UNDER_WAY)
    }

    /// Deletes imported material whose time is over, and returns its CMKs. To be called from time to time; material past
    /// its time is not used even before.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`].
    pub async fn expire_material(&self) -> Result<Vec<CmkId>, KmsError> {
        Ok(Vec::new())
    }
}
