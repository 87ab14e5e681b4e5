//! The keys of what lies on disk, for whoever verifies it: unwrapped without a requester, by the door that the KMS has for
//! it ([`kms::Verification`]). Nothing is wrapped, made or changed, and no key leaves but as [`BodyKeys`].

use crate::bucket_keys::BucketKeyRecord;
use crate::keys::BodyKeys;
use crate::service::{METHOD_KMS, METHOD_OBS, dek_binding};
use crate::{Envelope, Target, Through, context};
use crypto::{BucketKey, Dek, MetadataKey};
use kms::{CmkId, CmkWrapped, EncryptionContext, KmsError};
use model::{BucketKeyId, BucketName, BucketUid, CmkUid};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{MetaStore, Table};

/// Most unwrapped keys that are held at a time, of each kind: a walk in order of buckets and names meets few at once.
const HELD_MAX: usize = 4096;

/// Why an object's keys could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// It is under a customer key, which is not on the server.
    CustomerKey,
    /// A key above it cannot be used or reached now; says why. Nothing is known to be wrong with the object.
    KeyUnavailable(String),
    /// Something does not authenticate, or is gone that must be there; says what.
    Damaged(&'static str),
}

/// An object's keys.
pub struct Opened {
    /// The keys.
    pub keys: BodyKeys,
    /// What is wrong all the same: the object opened by the copy beside it, and not by its bucket key's row.
    pub by_copy: Option<&'static str>,
}

/// What the row of a bucket key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketKeyRow {
    /// Of which bucket.
    pub bucket: BucketUid,
    /// Under which CMK.
    pub cmk: CmkUid,
    /// Under which version of it.
    pub version: u32,
}

impl BucketKeyRow {
    /// Reads a row of [`Table::BucketKeys`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(row: &[u8]) -> Result<Self, model::codec::DecodeError> {
        let record = BucketKeyRecord::decode(row)?;
        Ok(Self { bucket: record.bucket, cmk: record.cmk, version: record.wrapped.version() })
    }
}

/// By bucket and wrapped bytes: a key that did not open is not remembered.
type OpenedKeys = HashMap<(BucketUid, Box<[u8]>), Arc<BucketKey>>;

/// Unwrapped keys, by what they are for.
type Held<K> = Mutex<HashMap<K, Arc<BucketKey>>>;

/// The keys of one verification run.
pub struct SseVerification {
    kms: kms::Verification,
    metadata: Option<Arc<MetadataKey>>,
    store: Arc<dyn MetaStore>,
    obs: Held<BucketUid>,
    bucket_keys: Mutex<OpenedKeys>,
}

impl SseVerification {
    /// Begins, with what the KMS lets a verification do.
    ///
    /// # Errors
    /// [`KmsError`] when the metadata key does not open.
    pub async fn begin(kms: kms::Verification, store: Arc<dyn MetaStore>) -> Result<Self, KmsError> {
        let metadata = kms.metadata_key().await?;
        Ok(Self { kms, metadata, store, obs: Mutex::default(), bucket_keys: Mutex::default() })
    }

    /// Ends the run and puts on record what came of it.
    ///
    /// # Errors
    /// [`KmsError::AuditUnavailable`].
    pub async fn end(&self, results: Vec<(&'static str, String)>) -> Result<(), KmsError> {
        self.kms.ended(results).await
    }

    /// Unwraps the keys of an object version or of an upload.
    ///
    /// # Errors
    /// Why they could not be had.
    pub async fn open(&self, envelope: &Envelope, target: Target<'_>) -> Result<Opened, NotOpened> {
        let metadata = self.metadata.as_ref().ok_or(NotOpened::Damaged("the server's metadata key is missing"))?;
        let with = |dek| BodyKeys::new(dek, envelope.clone(), Arc::clone(metadata));
        let whole = |dek| Ok(Opened { keys: with(dek), by_copy: None });
        match envelope {
            Envelope::Plain => whole(None),
            Envelope::Customer { .. } => Err(NotOpened::CustomerKey),
            Envelope::Obs { cipher, dek } => {
                let kek = self.sse_obs_key(target.bucket_uid).await?;
                let binding = dek_binding(METHOD_OBS, *cipher, target, None, &EncryptionContext::new());
                let dek = crypto::unwrap_dek(*cipher, &*kek, dek, &binding);
                whole(Some(dek.map_err(|_| NotOpened::Damaged("the wrapped DEK does not open"))?))
            }
            Envelope::Kms { cmk, context, through: Through::Cmk(wrapped), .. } => {
                let asked = context::of_object(context, target.bucket, target.object)
                    .map_err(|_| NotOpened::Damaged("the encryption context does not fit"))?;
                let dek: Dek = self.kms.unwrap(cmk, wrapped, &asked).await.map_err(not_opened)?;
                whole(Some(dek))
            }
            Envelope::Kms { cipher, cmk, context, through: Through::BucketKey { id, bucket_key, dek } } => {
                let binding = dek_binding(METHOD_KMS, *cipher, target, Some(id.as_bytes()), context);
                let opens = |key: &BucketKey| crypto::unwrap_dek(*cipher, key, dek, &binding).ok();
                let row = self.row(*id, target.bucket_uid, cmk).await?;
                let wrong = match &row {
                    Ok(wrapped) => {
                        let key = self.bucket_key(cmk, wrapped, target.bucket_uid, target.bucket).await;
                        match key.map(|key| opens(&key)) {
                            Ok(Some(dek)) => return whole(Some(dek)),
                            Ok(None) => "the row of its bucket key holds another key",
                            Err(NotOpened::Damaged(_)) => "the row of its bucket key does not open",
                            Err(other) => return Err(other),
                        }
                    }
                    Err(wrong) => wrong,
                };
                let key = self.bucket_key(cmk, bucket_key, target.bucket_uid, target.bucket).await?;
                let dek = opens(&key).ok_or(NotOpened::Damaged("the wrapped DEK does not open"))?;
                Ok(Opened { keys: with(Some(dek)), by_copy: Some(wrong) })
            }
        }
    }

    /// Unwraps a bucket key as its row has it. `bucket`: the name, to which it is bound.
    ///
    /// # Errors
    /// Why it could not be.
    pub async fn check_bucket_key(&self, row: &[u8], bucket: &BucketName) -> Result<(), NotOpened> {
        let record = BucketKeyRecord::decode(row).map_err(|_| NotOpened::Damaged("the row cannot be read"))?;
        let cmk = self.kms.cmk(record.cmk);
        let cmk = cmk.ok_or_else(|| NotOpened::KeyUnavailable("its CMK is not there".to_owned()))?;
        self.bucket_key(&cmk, &record.wrapped, record.bucket, bucket).await.map(drop)
    }

    async fn sse_obs_key(&self, bucket: BucketUid) -> Result<Arc<BucketKey>, NotOpened> {
        if let Some(key) = self.obs.lock().unwrap_or_else(PoisonError::into_inner).get(&bucket) {
            return Ok(Arc::clone(key));
        }
        let key = match self.kms.sse_obs_key(bucket).await {
            Ok(Some(key)) => key,
            Ok(None) => return Err(NotOpened::Damaged("the bucket's SSE-OBS key is missing")),
            Err(KmsError::Damaged(_)) => return Err(NotOpened::Damaged("the bucket's SSE-OBS key does not open")),
            Err(error) => return Err(not_opened(error)),
        };
        hold(&self.obs, bucket, &key);
        Ok(key)
    }

    /// The bucket key's row, or what is wrong with it.
    async fn row(
        &self,
        id: BucketKeyId,
        bucket: BucketUid,
        cmk: &CmkId,
    ) -> Result<Result<CmkWrapped<BucketKey>, &'static str>, NotOpened> {
        let row = store::read(&self.store, move |snapshot| snapshot.get(Table::BucketKeys, id.as_bytes())).await;
        Ok(match row {
            Ok(None) => Err("its bucket key has no row"),
            Ok(Some(row)) => match BucketKeyRecord::decode(&row) {
                Ok(record) if record.bucket == bucket && record.cmk == cmk.uid => Ok(record.wrapped),
                Ok(_) => Err("the row of its bucket key names another bucket or CMK"),
                Err(_) => Err("the row of its bucket key cannot be read"),
            },
            Err(store::StoreFault::Corrupt(_)) => Err("the row of its bucket key is damaged"),
            Err(fault) => return Err(NotOpened::KeyUnavailable(fault.to_string())),
        })
    }

    async fn bucket_key(
        &self,
        cmk: &CmkId,
        wrapped: &CmkWrapped<BucketKey>,
        bucket_uid: BucketUid,
        bucket: &BucketName,
    ) -> Result<Arc<BucketKey>, NotOpened> {
        let scope = (bucket_uid, wrapped.as_bytes().into());
        if let Some(key) = self.bucket_keys.lock().unwrap_or_else(PoisonError::into_inner).get(&scope) {
            return Ok(Arc::clone(key));
        }
        let context =
            context::of_bucket(bucket).map_err(|_| NotOpened::Damaged("the encryption context does not fit"))?;
        let key: Arc<BucketKey> = Arc::new(self.kms.unwrap(cmk, wrapped, &context).await.map_err(not_opened)?);
        hold(&self.bucket_keys, scope, &key);
        Ok(key)
    }
}

/// Remembers a key; when there are too many, all others go: they are unwrapped again when they are met again.
fn hold<K: Eq + std::hash::Hash>(held: &Held<K>, scope: K, key: &Arc<BucketKey>) {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    if held.len() >= HELD_MAX {
        held.clear();
    }
    held.insert(scope, Arc::clone(key));
}

/// Sorted by whose fault it is: what a CMK's state forbids says nothing about the object.
fn not_opened(error: KmsError) -> NotOpened {
    match error {
        KmsError::InvalidCiphertext => NotOpened::Damaged("the wrapped key does not open under its CMK"),
        KmsError::IncorrectKey => NotOpened::Damaged("the wrapped key names another CMK than its envelope"),
        KmsError::Damaged(_) => NotOpened::Damaged("the material of its CMK does not open"),
        KmsError::NotFound => NotOpened::KeyUnavailable("its CMK is not there".to_owned()),
        KmsError::Disabled => NotOpened::KeyUnavailable("its CMK is disabled".to_owned()),
        KmsError::PendingDeletion => NotOpened::KeyUnavailable("its CMK is pending deletion".to_owned()),
        KmsError::PendingImport => NotOpened::KeyUnavailable("its CMK waits for its material".to_owned()),
        other => NotOpened::KeyUnavailable(other.to_string()),
    }
}
