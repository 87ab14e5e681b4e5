//! Using a CMK: authorise, then generate or unwrap. Authorising works in memory and is asked on every request; only
//! generating and unwrapping reach the key provider.

use crate::blob::Ciphertext;
use crate::create::flag;
use crate::material::{Version, damaged};
use crate::state::KeyOperation;
use crate::trail::Act;
use crate::{CmkId, CmkWrapped, EncryptionContext, KeyService, KeySpec, KeyUse, KeyUser, KmsError};
use crypto::{KEY_BYTES, KeyRole, SecretBytes, Wrappable};
use policy::{Action, ConditionKey};
use std::sync::Arc;

impl KeyService {
    /// Decides whether the caller may use the CMK for an action, [`Action::KmsGenerateDataKey`], [`Action::KmsEncrypt`] or
    /// [`Action::KmsDecrypt`], with this encryption context: first the authoriser, then existence, then state, so that
    /// who may not use a CMK learns nothing about it. A refusal counts as a request of that operation, for want of a
    /// right against the caller's own rate, else the account's, and is on record before it is answered; a proof costs nothing.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], [`KmsError::Disabled`], [`KmsError::PendingDeletion`], in this
    /// order; [`KmsError::Throttled`] in place of each over the rate, and
    /// [`KmsError::AuditUnavailable`] in place of all.
    pub async fn authorize_use(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<KeyUse, KmsError> {
        self.authorize_use_within(user, cmk, action, context, context).await
    }

    /// As [`KeyService::authorize_use`], for one use of many of a key that they share: decides on `context`, the pairs of
    /// this use, and gives a proof for what is `bound` to some of them alone. A bucket key is bound to its bucket, and each
    /// object's own pairs are asked about all the same.
    ///
    /// # Errors
    /// As [`KeyService::authorize_use`]; [`KmsError::Denied`] too when `bound` has a pair that `context` has not: nothing
    /// is handed out for what was not decided on.
    pub async fn authorize_use_within(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
        bound: &EncryptionContext,
    ) -> Result<KeyUse, KmsError> {
        let decided = match bound.is_within(context) {
            true => self.decide_use(user, cmk, action, context),
            false => Err(KmsError::Denied),
        };
        match decided {
            Ok(proof) => Ok(KeyUse { context: bound.clone(), ..proof }),
            Err(error) => {
                let act = Act::of(action).on(cmk).with(context);
                let error = match error {
                    KmsError::Denied => self.refusal(user, &act, error),
                    error => self.within_rate(user, &act).err().unwrap_or(error),
                };
                self.recorded(user, act, Err(error)).await
            }
        }
    }

    /// To be asked before a key that the KMS handed out earlier is used once more, under a proof of its own. Such a use is not
    /// a request to the KMS and leaves no event: that is what bucket keys are for. But while the log is known not to take
    /// events it is put on it like one, so that what was handed out before is refused as what is not, and the first use for
    /// which there is room again brings the log back.
    ///
    /// # Errors
    /// [`KmsError::AuditUnavailable`].
    pub async fn use_again(&self, proof: &KeyUse) -> Result<(), KmsError> {
        if !self.audit.is_refusing() {
            return Ok(());
        }
        let act = Act::of(proof.action()).on(&proof.cmk).with(&proof.context).detail("cached", true);
        Ok(self.audit.record(self.event(&proof.user, &act, None)).await?)
    }

    pub(crate) fn decide_use(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<KeyUse, KmsError> {
        self.decide_use_with(user, cmk, action, context, None)
    }

    /// As [`KeyService::decide_use`], of a rewrap: also whether it stays with the CMK.
    pub(crate) fn decide_use_with(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
        same_key: Option<bool>,
    ) -> Result<KeyUse, KmsError> {
        let of_rewrap = same_key.map(|same| (ConditionKey::ReEncryptOnSameKey, flag(same)));
        let authorized = self.authorize_in(user, action, cmk, context, of_rewrap)?;
        let (_, epoch, _) = self.usable(cmk)?;
        Ok(KeyUse { cmk: cmk.clone(), user: user.clone(), authorized, context: context.clone(), epoch })
    }

    /// Runs what a request asks of a provider and puts it on record; the result is handed out only if both succeeded.
    /// A provider at the end of a wire and the log are waited for together; should the provider fail then, a second
    /// event says so, after the first has said that the use was allowed.
    pub(crate) async fn hand_out<T>(
        &self,
        user: &KeyUser,
        act: Act<'_>,
        remote: bool,
        work: impl Future<Output = Result<T, KmsError>>,
    ) -> Result<T, KmsError> {
        if !remote {
            let result = work.await;
            return self.recorded(user, act, result).await;
        }
        let (result, logged) = tokio::join!(work, self.audit.record(self.event(user, &act, None)));
        if result.is_err() {
            return self.recorded(user, act, result).await;
        }
        let result = logged.map_err(KmsError::from).and(result);
        self.count(user, &act, &result);
        result
    }

    /// The current version and the epoch of a CMK that may be used now. Imported material counts as gone from its last
    /// moment on, whether or not it has been destroyed yet: what was unwrapped before is then not used either.
    fn usable(&self, cmk: &CmkId) -> Result<(u32, u64, KeySpec), KmsError> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
            record.admit(KeyOperation::Use)?;
            match catalogue.version(cmk.uid, record.current_version) {
                Some(version) if !version.has_material(now) => Err(KmsError::PendingImport),
                _ => Ok((record.current_version, record.revision, record.spec)),
            }
        })
    }

    /// Makes a fresh key and wraps it under the CMK's current version, bound to the context, which is the one the proof
    /// is for. One KMS request; it is on record before the key is handed out.
    ///
    /// # Errors
    /// [`KmsError::Denied`] when the proof is for another action or context; what the CMK's state says if it changed
    /// since the proof was made; [`KmsError::Unavailable`] and [`KmsError::Damaged`] from the provider;
    /// [`KmsError::AuditUnavailable`].
    pub async fn generate<K: Wrappable>(
        &self,
        proof: &KeyUse,
        context: &EncryptionContext,
    ) -> Result<(K, CmkWrapped<K>), KmsError> {
        let user = &proof.user;
        let act = Act::using("GenerateDataKey").on(&proof.cmk).with(context);
        let current = match self
            .begin(proof, Action::KmsGenerateDataKey, context, &act)
            .and_then(|()| self.current(&proof.cmk))
        {
            Ok(current) => current,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(current.number, &current.record.provider);
        let work = async {
            let key = K::generate(&*self.entropy);
            let wrapped = self.wrap_with(&current, K::ROLE, key.as_secret().expose(), context).await?;
            Ok((key, CmkWrapped::of(wrapped)))
        };
        self.hand_out(user, act, current.is_remote(), work).await
    }

    /// Wraps a key that is there already under the CMK's current version, bound to the context, which is the one the proof
    /// was made for: what a rewrap asks. One KMS request; it is on record before the wrapped key is handed out.
    ///
    /// # Errors
    /// As [`KeyService::generate`].
    pub async fn wrap<K: Wrappable>(
        &self,
        proof: &KeyUse,
        key: &K,
        context: &EncryptionContext,
    ) -> Result<CmkWrapped<K>, KmsError> {
        let user = &proof.user;
        let act = Act::using("Encrypt").on(&proof.cmk).with(context);
        let current = match self.begin(proof, Action::KmsEncrypt, context, &act).and_then(|()| self.current(&proof.cmk))
        {
            Ok(current) => current,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(current.number, &current.record.provider);
        let work = async {
            let wrapped = self.wrap_with(&current, K::ROLE, key.as_secret().expose(), context).await?;
            Ok(CmkWrapped::of(wrapped))
        };
        self.hand_out(user, act, current.is_remote(), work).await
    }

    /// The number of the version that wraps now; `None` of a CMK that cannot be used now, or is not there. Asks no right:
    /// for jobs that look whether there is anything to do.
    pub fn current_version(&self, cmk: &CmkId) -> Option<u32> {
        self.usable(cmk).ok().map(|(version, _, _)| version)
    }

    /// Unwraps a key with the CMK version its bytes name. One KMS request; it is on record before the key is handed out.
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
        let user = &proof.user;
        let act = Act::using("Decrypt").on(&proof.cmk).with(context);
        let version = match self
            .begin(proof, Action::KmsDecrypt, context, &act)
            .and_then(|()| self.version_of(&proof.cmk, wrapped.inner()))
        {
            Ok(version) => version,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(version.number, &version.record.provider);
        let work = async {
            let plain = version.unwrap(K::ROLE, wrapped.inner(), context).await?;
            let plain: &[u8; KEY_BYTES] = plain.as_slice().try_into().map_err(|_| KmsError::InvalidCiphertext)?;
            Ok(K::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(plain))))
        };
        self.hand_out(user, act, version.is_remote(), work).await
    }

    /// What is asked of every request that rests on a proof: that the proof is for it, and the account within its rate.
    fn begin(
        &self,
        proof: &KeyUse,
        action: Action,
        context: &EncryptionContext,
        act: &Act<'_>,
    ) -> Result<(), KmsError> {
        proof.holds_for(action, context)?;
        self.within_rate(&proof.user, act)
    }

    /// Wraps bytes with a version, and counts the wrap before it is made.
    pub(crate) async fn wrap_with(
        &self,
        version: &Version,
        role: KeyRole,
        plain: &[u8],
        context: &EncryptionContext,
    ) -> Result<Ciphertext, KmsError> {
        self.wraps.take(version.uid, version.number).await?;
        version.wrap(role, plain, context, &*self.entropy).await
    }

    /// The version that wraps now.
    pub(crate) fn current(&self, cmk: &CmkId) -> Result<Version, KmsError> {
        let (number, _, spec) = self.usable(cmk)?;
        self.version(cmk, number, spec)?.ok_or_else(|| damaged(cmk.uid))
    }

    /// The version that opens this ciphertext, which must be of this CMK.
    pub(crate) fn version_of(&self, cmk: &CmkId, ciphertext: &Ciphertext) -> Result<Version, KmsError> {
        let (_, _, spec) = self.usable(cmk)?;
        if ciphertext.cmk_uid() != cmk.uid {
            return Err(KmsError::IncorrectKey);
        }
        self.version(cmk, ciphertext.version(), spec)?.ok_or(KmsError::InvalidCiphertext)
    }

    fn version(&self, cmk: &CmkId, number: u32, spec: KeySpec) -> Result<Option<Version>, KmsError> {
        let Some(record) = self.ledger.read(|catalogue| catalogue.version(cmk.uid, number).cloned()) else {
            return Ok(None);
        };
        if !record.has_material(self.clock.now()) {
            return Err(KmsError::PendingImport);
        }
        let provider = Arc::clone(self.provider(&record.provider)?);
        Ok(Some(Version { uid: cmk.uid, number, spec, record, provider }))
    }
}
