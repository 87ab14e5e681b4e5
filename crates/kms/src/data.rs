//! Bytes of callers outside under a CMK: Encrypt, Decrypt, ReEncrypt, data keys of any length, random bytes. They have a
//! role of their own in the key tree, so none of these opens a DEK or a bucket key of the store.

use crate::trail::Act;
use crate::{Ciphertext, CmkId, EncryptionContext, KeyService, KeyUser, KmsError};
use policy::Action;
use zeroize::Zeroizing;

/// Most plaintext bytes of Encrypt (both clouds).
pub const PLAINTEXT_BYTES_MAX: usize = 4096;
/// Longest data key in bytes (both clouds).
pub const DATA_KEY_BYTES_MAX: usize = 1024;

const UNDER_WAY: KmsError = KmsError::Unsupported("this operation");

/// What was wrapped.
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// The bytes to be kept by the caller.
    pub ciphertext: Ciphertext,
    /// The CMK.
    pub cmk: CmkId,
    /// Names the material that was used: 64 hexadecimal digits.
    pub material_id: String,
}

/// What was unwrapped. Wiped when dropped.
pub struct Decrypted {
    /// In clear.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The CMK.
    pub cmk: CmkId,
    /// Names the material that was used.
    pub material_id: String,
}

/// What to decrypt, and for whom it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The bytes.
    pub ciphertext: &'a Ciphertext,
    /// The CMK it must be of, if the caller named one.
    pub cmk: Option<&'a CmkId>,
    /// The encryption context.
    pub context: &'a EncryptionContext,
}

impl KeyService {
    /// Checks what an operation would check and does nothing (`DryRun`). `action`: one of the cryptographic ones.
    ///
    /// # Errors
    /// What the operation would answer.
    pub async fn dry_run(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        let act = Act::of(action).on(cmk).with(context).detail("dryRun", true);
        let result = self.decide_use(user, cmk, action, context).map(drop);
        self.recorded(user, act, result).await
    }

    /// Wraps 1 to 4096 bytes (`kms:Encrypt`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] for the length;
    /// [`KmsError::Throttled`], [`KmsError::AuditUnavailable`], [`KmsError::Unavailable`].
    pub async fn encrypt(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Encrypted, KmsError> {
        let _ = (user, cmk, plaintext, context);
        Err(UNDER_WAY)
    }

    /// Unwraps what [`KeyService::encrypt`] or [`KeyService::generate_data_key`] returned (`kms:Decrypt`).
    ///
    /// # Errors
    /// As [`KeyService::encrypt`]; [`KmsError::Denied`] also where the ciphertext's CMK does not exist or is not the
    /// caller's to use; [`KmsError::IncorrectKey`], [`KmsError::InvalidCiphertext`].
    pub async fn decrypt(&self, user: &KeyUser, source: Source<'_>) -> Result<Decrypted, KmsError> {
        let _ = (user, source);
        Err(UNDER_WAY)
    }

    /// Unwraps and wraps again under another CMK, version or context; the plaintext does not leave (`kms:ReEncryptFrom`
    /// on the source, `kms:ReEncryptTo` on the destination). Returns what was wrapped and the source's CMK with the id
    /// of its material.
    ///
    /// # Errors
    /// As [`KeyService::decrypt`] and [`KeyService::encrypt`].
    pub async fn re_encrypt(
        &self,
        user: &KeyUser,
        source: Source<'_>,
        destination: &CmkId,
        context: &EncryptionContext,
    ) -> Result<(Encrypted, CmkId, String), KmsError> {
        let _ = (user, source, destination, context);
        Err(UNDER_WAY)
    }

    /// Draws a data key of 1 to 1024 bytes and wraps it. `show`: whether the caller is shown it in clear
    /// (`kms:GenerateDataKey`, else `kms:GenerateDataKeyWithoutPlaintext`).
    ///
    /// # Errors
    /// As [`KeyService::encrypt`].
    pub async fn generate_data_key(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        bytes: usize,
        context: &EncryptionContext,
        show: bool,
    ) -> Result<(Encrypted, Option<Zeroizing<Vec<u8>>>), KmsError> {
        let _ = (user, cmk, bytes, context, show);
        Err(UNDER_WAY)
    }

    /// 1 to 1024 random bytes (`kms:GenerateRandom`).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::Validation`] for the length; [`KmsError::Throttled`].
    pub async fn random(&self, user: &KeyUser, bytes: usize) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let _ = (user, bytes);
        Err(UNDER_WAY)
    }
}
