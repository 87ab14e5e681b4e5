//! Using a CMK: authorise, then generate or unwrap. Authorising works in memory and is asked on every request; only
//! generating and unwrapping reach the key provider.

use crate::blob::{Ciphertext, Header, WrapAlgorithm};
use crate::counters::Operation;
use crate::provider::{ProviderFault, VersionRef};
use crate::record::CmkVersionRecord;
use crate::state::{KeyOperation, admit};
use crate::{CmkId, CmkWrapped, EncryptionContext, KeyService, KeySpec, KeyUse, KeyUser, KmsError, ProviderName};
use crypto::{KEY_BYTES, SecretBytes, Wrappable};
use policy::Action;
use std::sync::Arc;

impl KeyService {
    /// Decides whether the caller may use the CMK for an action, [`Action::KmsGenerateDataKey`] or
    /// [`Action::KmsDecrypt`], with this encryption context: first the authoriser, then existence, then state, so that who may not use a CMK learns
    /// nothing about it. A refusal counts as a request of that operation; a proof costs nothing.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], [`KmsError::Disabled`], [`KmsError::PendingDeletion`], in this
    /// order.
    pub fn authorize_use(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<KeyUse, KmsError> {
        let result = self.decide_use(user, cmk, action, context);
        if result.is_err() {
            match action {
                Action::KmsGenerateDataKey => self.counters.count(Operation::GenerateDataKey, &result),
                Action::KmsDecrypt => self.counters.count(Operation::Decrypt, &result),
                _ => {}
            }
        }
        result
    }

    fn decide_use(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        _context: &EncryptionContext,
    ) -> Result<KeyUse, KmsError> {
        let authorized = self.authorize(user, action, cmk)?;
        let (_, epoch, _) = self.usable(cmk)?;
        Ok(KeyUse { cmk: cmk.clone(), authorized, epoch })
    }

    /// The current version and the epoch of a CMK that may be used now.
    fn usable(&self, cmk: &CmkId) -> Result<(u32, u64, KeySpec), KmsError> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
            admit(record.state, record.manager, KeyOperation::Use)?;
            Ok((record.current_version, record.revision, record.spec))
        })
    }

    /// Makes a fresh key and wraps it under the CMK's current version, bound to the context. One KMS request.
    ///
    /// # Errors
    /// [`KmsError::Denied`] when the proof is for another action; what the CMK's state says if it changed since the
    /// proof was made; [`KmsError::Unavailable`] and [`KmsError::Damaged`] from the provider.
    pub async fn generate<K: Wrappable>(
        &self,
        proof: &KeyUse,
        context: &EncryptionContext,
    ) -> Result<(K, CmkWrapped<K>), KmsError> {
        let result = self.generate_uncounted(proof, context).await;
        self.counters.count(Operation::GenerateDataKey, &result);
        result
    }

    async fn generate_uncounted<K: Wrappable>(
        &self,
        proof: &KeyUse,
        context: &EncryptionContext,
    ) -> Result<(K, CmkWrapped<K>), KmsError> {
        require(proof, Action::KmsGenerateDataKey)?;
        let uid = proof.cmk.uid;
        let (version, _, spec) = self.usable(&proof.cmk)?;
        let record = self.version(proof, version)?.ok_or_else(|| damaged(proof))?;
        let key = K::generate(&*self.entropy);
        let provider = self.provider(&record.provider)?;
        let algorithm = WrapAlgorithm::of(spec, *provider.name() == ProviderName::embedded());
        let header = Header::new(algorithm, uid, version);
        let version = VersionRef { uid, version, spec, reference: &record.reference };
        let wrapped = provider
            .wrap(version, K::ROLE, key.as_secret().expose(), &header.binding(context))
            .await
            .map_err(|fault| provider_failed(proof, fault))?;
        Ok((key, CmkWrapped::of(Ciphertext::new(&header, &wrapped))))
    }

    /// Unwraps a key with the CMK version its bytes name. One KMS request.
    ///
    /// # Errors
    /// As [`KeyService::generate`]; [`KmsError::IncorrectKey`] when the bytes name another CMK than the proof;
    /// [`KmsError::InvalidCiphertext`] when they do not authenticate with this context and role.
    pub async fn unwrap<K: Wrappable>(
        &self,
        proof: &KeyUse,
        wrapped: &CmkWrapped<K>,
        context: &EncryptionContext,
    ) -> Result<K, KmsError> {
        let result = self.unwrap_uncounted(proof, wrapped, context).await;
        self.counters.count(Operation::Decrypt, &result);
        result
    }

    async fn unwrap_uncounted<K: Wrappable>(
        &self,
        proof: &KeyUse,
        wrapped: &CmkWrapped<K>,
        context: &EncryptionContext,
    ) -> Result<K, KmsError> {
        require(proof, Action::KmsDecrypt)?;
        let uid = proof.cmk.uid;
        let (_, _, spec) = self.usable(&proof.cmk)?;
        if wrapped.cmk_uid() != uid {
            return Err(KmsError::IncorrectKey);
        }
        let record = self.version(proof, wrapped.version())?.ok_or(KmsError::InvalidCiphertext)?;
        let version = VersionRef { uid, version: wrapped.version(), spec, reference: &record.reference };
        let wrapped = wrapped.inner();
        let plain = self
            .provider(&record.provider)?
            .unwrap(version, K::ROLE, wrapped.wrapped(), &wrapped.header().binding(context))
            .await
            .map_err(|fault| provider_failed(proof, fault))?;
        let plain: &[u8; KEY_BYTES] = plain.as_slice().try_into().map_err(|_| KmsError::InvalidCiphertext)?;
        Ok(K::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(plain))))
    }

    fn version(&self, proof: &KeyUse, version: u32) -> Result<Option<Arc<CmkVersionRecord>>, KmsError> {
        Ok(self.ledger.read(|catalogue| catalogue.version(proof.cmk.uid, version).cloned()))
    }
}

fn require(proof: &KeyUse, action: Action) -> Result<(), KmsError> {
    if proof.action() == action { Ok(()) } else { Err(KmsError::Denied) }
}

fn provider_failed(proof: &KeyUse, fault: ProviderFault) -> KmsError {
    match fault {
        ProviderFault::InvalidCiphertext => KmsError::InvalidCiphertext,
        ProviderFault::InvalidReference => damaged(proof),
        ProviderFault::Throttled => KmsError::Throttled,
        ProviderFault::Unsupported(what) => KmsError::Unsupported(what),
        ProviderFault::Unavailable(why) | ProviderFault::Refused(why) | ProviderFault::Garbage(why) => {
            KmsError::Unavailable(why)
        }
    }
}

fn damaged(proof: &KeyUse) -> KmsError {
    KmsError::Damaged(format!("the material of CMK {}", proof.cmk.uid.to_uuid()))
}
