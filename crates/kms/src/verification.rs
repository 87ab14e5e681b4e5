//! Unwrapping without a requester: what verifies a data directory at rest asks for. Nobody's rights are looked at, because
//! nobody gets the keys: who can run this has the data directory and its root key already.
//!
//! It is a narrow door. It unwraps and does nothing else: no wrap, no new key, no change. What a CMK's state forbids it
//! forbids too: a disabled CMK stays disabled. And it is on record as every use of a key is: the run before it is handed
//! anything, then each version of a CMK before the first key under it is handed out, and its end with what it found.

use crate::{CmkId, CmkWrapped, EncryptionContext, KeyService, KmsError};
use audit::{Event, EventKind, KeyNamed, Outcome, Who};
use crypto::{BucketKey, KEY_BYTES, MetadataKey, SecretBytes, Wrappable};
use model::{BucketUid, CmkUid};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

/// The operation of all its events.
const OPERATION: &str = "VerifyAtRest";
/// Who its events say it was.
const PRINCIPAL: &str = "job:verify-at-rest";

/// The right of one verification run to unwrap. Only [`KeyService::for_verification`] makes it, after the run is on record.
pub struct Verification {
    service: Arc<KeyService>,
    /// CMK versions whose use is on record. Held while one is recorded: nobody unwraps before that.
    recorded: tokio::sync::Mutex<BTreeSet<(CmkUid, u32)>>,
    /// The same, to be looked into without waiting.
    seen: std::sync::RwLock<BTreeSet<(CmkUid, u32)>>,
}

impl KeyService {
    /// Puts a verification run on record and lets it unwrap. `scope`: what is verified, for the event; never a secret. The
    /// service may stand over a store that takes no commits.
    ///
    /// # Errors
    /// [`KmsError::AuditUnavailable`] when the run could not be put on record.
    pub async fn for_verification(
        self: &Arc<Self>,
        scope: Vec<(&'static str, String)>,
    ) -> Result<Verification, KmsError> {
        let run = Verification { service: Arc::clone(self), recorded: Default::default(), seen: Default::default() };
        run.record(None, None, [vec![("phase", "begin".to_owned())], scope].concat()).await?;
        Ok(run)
    }
}

impl Verification {
    /// Unwraps a key with the CMK version that its bytes name.
    ///
    /// # Errors
    /// What the CMK's state forbids ([`KmsError::Disabled`] and its kin); [`KmsError::NotFound`] of a CMK that is not there;
    /// [`KmsError::IncorrectKey`] and [`KmsError::InvalidCiphertext`] of bytes that do not authenticate;
    /// [`KmsError::Unavailable`] of a provider; [`KmsError::AuditUnavailable`].
    pub async fn unwrap<K: Wrappable>(
        &self,
        cmk: &CmkId,
        wrapped: &CmkWrapped<K>,
        context: &EncryptionContext,
    ) -> Result<K, KmsError> {
        let version = self.service.version_of(cmk, wrapped.inner())?;
        self.see_recorded(cmk, version.number, version.record.provider.as_str()).await?;
        let plain = version.unwrap(K::ROLE, wrapped.inner(), context).await?;
        let plain: &[u8; KEY_BYTES] = plain.as_slice().try_into().map_err(|_| KmsError::InvalidCiphertext)?;
        Ok(K::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(plain))))
    }

    /// The full id of the CMK of this uid; `None` if it is not there.
    pub fn cmk(&self, uid: CmkUid) -> Option<CmkId> {
        let now = self.service.clock.now();
        self.service.ledger.read(|catalogue| catalogue.cmk(uid, now).map(|record| record.id(uid)))
    }

    /// The SSE-OBS key of a bucket; `None` if there is none. None is made.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn sse_obs_key(&self, bucket: BucketUid) -> Result<Option<Arc<BucketKey>>, KmsError> {
        self.service.internal.present_sse_obs(bucket).await
    }

    /// The key of object metadata; `None` if there is none. None is made.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn metadata_key(&self) -> Result<Option<Arc<MetadataKey>>, KmsError> {
        self.service.internal.present_metadata().await
    }

    /// Puts the end of the run on record. `results`: counts, and the digest of the report.
    ///
    /// # Errors
    /// [`KmsError::AuditUnavailable`].
    pub async fn ended(&self, results: Vec<(&'static str, String)>) -> Result<(), KmsError> {
        self.record(None, None, [vec![("phase", "end".to_owned())], results].concat()).await
    }

    async fn see_recorded(&self, cmk: &CmkId, version: u32, provider: &str) -> Result<(), KmsError> {
        let key = (cmk.uid, version);
        if self.seen.read().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return Ok(());
        }
        let mut recorded = self.recorded.lock().await;
        if !recorded.contains(&key) {
            let named = KeyNamed { arn: cmk.to_arn(), version: Some(version), provider: Some(provider.to_owned()) };
            self.record(Some(cmk), Some(named), Vec::new()).await?;
            recorded.insert(key);
            self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        Ok(())
    }

    async fn record(
        &self,
        cmk: Option<&CmkId>,
        key: Option<KeyNamed>,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), KmsError> {
        let account = cmk.map(|cmk| cmk.account.as_str().to_owned()).unwrap_or_default();
        let event = Event {
            time: self.service.clock.now(),
            request_id: String::new(),
            kind: if key.is_some() { EventKind::KeyUse } else { EventKind::System },
            operation: OPERATION,
            via: "job",
            who: Who { account, principal: PRINCIPAL.to_owned(), ..Who::default() },
            key,
            object: None,
            context: Vec::new(),
            outcome: Outcome::Ok,
            error: None,
            details,
        };
        Ok(self.service.audit.record(event).await?)
    }
}
