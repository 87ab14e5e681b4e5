//! Bytes of callers outside under a CMK: Encrypt, Decrypt, ReEncrypt, data keys of any length, random bytes. They have a
//! role of their own in the key tree, so none of these opens a DEK or a bucket key of the store.

use crate::grant::{bare_name, check, facts_of, shown};
use crate::material::Version;
use crate::record::GrantId;
use crate::trail::Act;
use crate::{Ciphertext, CmkId, EncryptionContext, KeyOperation, KeyService, KeyUser, KmsError, NewGrant};
use crypto::KeyRole;
use policy::{Action, Authorized};
use zeroize::Zeroizing;

/// Most plaintext bytes of Encrypt (both clouds).
pub const PLAINTEXT_BYTES_MAX: usize = 4096;
/// Longest data key in bytes (both clouds).
pub const DATA_KEY_BYTES_MAX: usize = 1024;

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
        self.perform(user, act, async { self.decide_use(user, cmk, action, context).map(drop) }).await
    }

    /// As [`KeyService::dry_run`], of [`KeyService::decrypt`]: whose ciphertext it is, is told only to who has the right to
    /// the CMK, as there.
    ///
    /// # Errors
    /// What the operation would answer, but for what only unwrapping shows.
    pub async fn dry_run_decrypt(&self, user: &KeyUser, source: Source<'_>) -> Result<(), KmsError> {
        let cmk = self.source_cmk(&source);
        let act = Act::using("Decrypt").with(source.context).detail("dryRun", true);
        let act = match &cmk {
            Some(cmk) => act.on(cmk),
            None => act.detail("key", source.ciphertext.cmk_uid().to_uuid()),
        };
        self.perform(user, act, async {
            let cmk = cmk.as_ref().ok_or(KmsError::Denied)?;
            self.begin_unwrap(user, cmk, Action::KmsDecrypt, &source).map(drop)
        })
        .await
    }

    /// As [`KeyService::dry_run_decrypt`], of [`KeyService::re_encrypt`].
    ///
    /// # Errors
    /// As there.
    pub async fn dry_run_re_encrypt(
        &self,
        user: &KeyUser,
        source: Source<'_>,
        destination: &CmkId,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        let cmk = self.source_cmk(&source);
        let named = cmk.as_ref().map_or_else(|| source.ciphertext.cmk_uid().to_uuid(), CmkId::to_arn);
        let act = Act::using("ReEncrypt").on(destination).with(context).detail("source", named).detail("dryRun", true);
        self.perform(user, act, async {
            let cmk = cmk.as_ref().ok_or(KmsError::Denied)?;
            let same = Some(cmk.uid == destination.uid);
            let from = self.decide_use_with(user, cmk, Action::KmsReEncryptFrom, source.context, same);
            let to = self.decide_use_with(user, destination, Action::KmsReEncryptTo, context, same);
            let (_, _) = (from?, to?);
            self.version_of(cmk, source.ciphertext).and(self.current(destination)).map(drop)
        })
        .await
    }

    /// As [`KeyService::dry_run`], of [`KeyService::create_grant`]: the right is asked for with what the grant says. Does
    /// not look at how many grants there are.
    ///
    /// # Errors
    /// What making the grant would answer.
    pub async fn dry_run_grant(&self, user: &KeyUser, cmk: &CmkId, grant: &NewGrant) -> Result<(), KmsError> {
        let operations: Vec<&str> = grant.operations.iter().map(|action| bare_name(*action)).collect();
        let act = Act::changing("CreateGrant")
            .on(cmk)
            .detail("dryRun", true)
            .detail("grantee", shown(&grant.grantee))
            .detail("operations", shown(&operations.join(",")));
        self.perform(user, act, async {
            let _: Authorized = self.authorize_with(user, Action::KmsCreateGrant, cmk, facts_of(grant, &operations))?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::CreateGrant)
            })?;
            check(GrantId::random(&*self.entropy), grant)
        })
        .await
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
        let act = Act::using("Encrypt").on(cmk).with(context);
        let begun = self
            .within_rate(user, &act)
            .and_then(|()| self.charged(user, &act, self.begin_wrap(user, cmk, Action::KmsEncrypt, context)))
            .and_then(|version| within("the plaintext", plaintext.len(), PLAINTEXT_BYTES_MAX).map(|()| version));
        let version = match begun {
            Ok(version) => version,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(version.number, &version.record.provider);
        let work = async { self.encrypted(cmk, &version, plaintext, context).await };
        self.hand_out(user, act, version.is_remote(), work).await
    }

    /// Unwraps what [`KeyService::encrypt`] or [`KeyService::generate_data_key`] returned (`kms:Decrypt`).
    ///
    /// # Errors
    /// As [`KeyService::encrypt`]; [`KmsError::Denied`] also where the ciphertext's CMK does not exist or is not the
    /// caller's to use; [`KmsError::IncorrectKey`], [`KmsError::InvalidCiphertext`].
    pub async fn decrypt(&self, user: &KeyUser, source: Source<'_>) -> Result<Decrypted, KmsError> {
        let cmk = self.source_cmk(&source);
        let act = Act::using("Decrypt").with(source.context);
        let rate = self.within_rate(user, &act);
        let (cmk, act) = match &cmk {
            Some(cmk) => (cmk, act.on(cmk)),
            None => {
                let act = act.detail("key", source.ciphertext.cmk_uid().to_uuid());
                let denied = rate.and_then(|()| self.charged(user, &act, Err(KmsError::Denied)));
                return self.recorded(user, act, denied).await;
            }
        };
        let begun =
            rate.and_then(|()| self.charged(user, &act, self.begin_unwrap(user, cmk, Action::KmsDecrypt, &source)));
        let version = match begun {
            Ok(version) => version,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(version.number, &version.record.provider);
        let work = async {
            let plaintext = version.unwrap(KeyRole::Data, source.ciphertext, source.context).await?;
            Ok(Decrypted { plaintext, cmk: cmk.clone(), material_id: version.material_id() })
        };
        self.hand_out(user, act, version.is_remote(), work).await
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
        let cmk = self.source_cmk(&source);
        let mut act = Act::using("ReEncrypt").on(destination).with(context);
        act = match &cmk {
            Some(cmk) => act.detail("source", cmk.to_arn()),
            None => act.detail("source", source.ciphertext.cmk_uid().to_uuid()),
        };
        for (key, value) in source.context.iter() {
            act = act.detail("sourceContext", format_args!("{key}={value}"));
        }
        let begin = || {
            let cmk = cmk.as_ref().ok_or(KmsError::Denied)?;
            // Both rights are asked for before anything is told of either CMK's ciphertexts.
            let same = Some(cmk.uid == destination.uid);
            let from = self.decide_use_with(user, cmk, Action::KmsReEncryptFrom, source.context, same);
            let to = self.decide_use_with(user, destination, Action::KmsReEncryptTo, context, same);
            let _ = (from?, to?);
            let to = self.current(destination)?;
            Ok((cmk, self.version_of(cmk, source.ciphertext)?, to))
        };
        let begun = self.within_rate(user, &act).and_then(|()| self.charged(user, &act, begin()));
        let (cmk, from, to) = match begun {
            Ok(begun) => begun,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(to.number, &to.record.provider).detail("sourceVersion", from.number);
        let remote = from.is_remote() || to.is_remote();
        let work = async {
            let plaintext = from.unwrap(KeyRole::Data, source.ciphertext, source.context).await?;
            let encrypted = self.encrypted(destination, &to, &plaintext, context).await?;
            Ok((encrypted, cmk.clone(), from.material_id()))
        };
        self.hand_out(user, act, remote, work).await
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
        let action = if show { Action::KmsGenerateDataKey } else { Action::KmsGenerateDataKeyWithoutPlaintext };
        let act = Act::of(action).on(cmk).with(context).detail("bytes", bytes);
        let begun = self
            .within_rate(user, &act)
            .and_then(|()| self.charged(user, &act, self.begin_wrap(user, cmk, action, context)))
            .and_then(|version| within("the data key", bytes, DATA_KEY_BYTES_MAX).map(|()| version));
        let version = match begun {
            Ok(version) => version,
            Err(error) => return self.recorded(user, act, Err(error)).await,
        };
        let act = act.at_version(version.number, &version.record.provider);
        let work = async {
            let mut key = Zeroizing::new(vec![0; bytes]);
            self.entropy.fill(&mut key);
            let encrypted = self.encrypted(cmk, &version, &key, context).await?;
            Ok((encrypted, show.then_some(key)))
        };
        self.hand_out(user, act, version.is_remote(), work).await
    }

    /// 1 to 1024 random bytes (`kms:GenerateRandom`).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::Validation`] for the length; [`KmsError::Throttled`].
    pub async fn random(&self, user: &KeyUser, bytes: usize) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let act = Act::using("GenerateRandom").detail("bytes", bytes);
        self.perform(user, act, async {
            let _ = self.authorize_account(user, Action::KmsGenerateRandom)?;
            within("the number of random bytes", bytes, DATA_KEY_BYTES_MAX)?;
            let mut drawn = Zeroizing::new(vec![0; bytes]);
            self.entropy.fill(&mut drawn);
            Ok(drawn)
        })
        .await
    }

    /// What is asked before bytes are wrapped for a caller outside; the version that wraps them.
    fn begin_wrap(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<Version, KmsError> {
        let _ = self.decide_use(user, cmk, action, context)?;
        self.current(cmk)
    }

    /// What is asked before bytes are unwrapped for a caller outside; the version that opens them.
    fn begin_unwrap(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        source: &Source<'_>,
    ) -> Result<Version, KmsError> {
        let _ = self.decide_use(user, cmk, action, source.context)?;
        self.version_of(cmk, source.ciphertext)
    }

    /// The CMK to ask for the right to: the one the caller named, else the one the ciphertext names. `None` when that is
    /// not there, which no caller is told apart from one that is not theirs to use.
    fn source_cmk(&self, source: &Source<'_>) -> Option<CmkId> {
        let (now, uid) = (self.clock.now(), source.ciphertext.cmk_uid());
        match source.cmk {
            Some(named) => Some(named.clone()),
            None => self.ledger.read(|catalogue| catalogue.cmk(uid, now).map(|record| record.id(uid))),
        }
    }

    async fn encrypted(
        &self,
        cmk: &CmkId,
        version: &Version,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Encrypted, KmsError> {
        let ciphertext = self.wrap_with(version, KeyRole::Data, plaintext, context).await?;
        Ok(Encrypted { ciphertext, cmk: cmk.clone(), material_id: version.material_id() })
    }
}

fn within(what: &str, bytes: usize, max: usize) -> Result<(), KmsError> {
    if (1..=max).contains(&bytes) {
        return Ok(());
    }
    Err(KmsError::Validation(format!("{what} has {bytes} bytes; between 1 and {max} are allowed")))
}
