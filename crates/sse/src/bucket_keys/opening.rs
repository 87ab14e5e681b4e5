//! The bucket key that an object names, under the reader's own authority.
//!
//! The row of the key's id is the authority: it is rewrapped when the CMK is rotated, and the copy beside each object is
//! not. The copy is the fallback, for a table that was lost and for a row that is not what the object was sealed with. What
//! a row or a copy says is never believed: only a key that opens the object's DEK, which is bound to the key's id, the
//! bucket's uid and the version's, is handed out and remembered.

use super::counts::BucketKeyCall;
use super::{BucketKeyRecord, BucketKeys};
use crate::fingerprint::RequesterFingerprint;
use crate::{SseError, context};
use crypto::BucketKey;
use kms::{CmkWrapped, EncryptionContext, KeyUse, KmsError};
use model::{BucketKeyId, BucketName, BucketUid};
use std::sync::Arc;
use store::Table;

/// The bucket key of an object, as the object's envelope and place name it.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(crate) id: BucketKeyId,
    /// The wrapped key beside the object.
    pub(crate) copy: &'a CmkWrapped<BucketKey>,
    pub(crate) bucket_uid: BucketUid,
    pub(crate) bucket: &'a BucketName,
}

impl BucketKeys {
    /// Opens something with a bucket key. `opens` tries a key, with its commitment, on what it is to open; it gives `None`
    /// for another key.
    pub(crate) async fn open<T>(
        &self,
        proof: &KeyUse,
        sought: Sought<'_>,
        requester: RequesterFingerprint,
        opens: impl Fn(&BucketKey) -> Option<T> + Sync,
    ) -> Result<T, SseError> {
        let now = self.clock.now();
        let scope = self.open_scope(proof, sought.id, sought.bucket_uid, requester);
        let slot = self.opening.slot(scope, proof.cmk(), proof.epoch(), now);
        let mut opened = None;
        let fetch = async {
            let (key, what) = self.unwrap(proof, sought, &opens).await?;
            opened = Some(what);
            Ok(Arc::new(key))
        };
        let key = slot.get(&*self.clock, fetch).await?;
        match opened {
            Some(what) => Ok(what),
            None => {
                self.kms.use_again(proof).await?;
                self.counts.saved(BucketKeyCall::Decrypt, proof, sought.bucket, now);
                opens(key).ok_or(SseError::Damaged)
            }
        }
    }

    async fn unwrap<T>(
        &self,
        proof: &KeyUse,
        sought: Sought<'_>,
        opens: &(impl Fn(&BucketKey) -> Option<T> + Sync),
    ) -> Result<(BucketKey, T), SseError> {
        let context = context::of_bucket(sought.bucket)?;
        if let Some(wrapped) = self.wrapped_in_row(proof, sought).await {
            if let Some(opened) = self.try_wrap(proof, sought, &wrapped, &context, opens).await? {
                return Ok(opened);
            }
            tracing::error!(
                bucket_key = %sought.id,
                "the row of a bucket key does not open an object that names it; trying the copy beside the object"
            );
            if wrapped == *sought.copy {
                return Err(SseError::Damaged);
            }
        }
        self.try_wrap(proof, sought, sought.copy, &context, opens).await?.ok_or(SseError::Damaged)
    }

    /// What the row of the key's id says. `None`, and the copy is to be used: there is no row, it cannot be read, or it is
    /// of another bucket or CMK than the object, which no row of ours ever is.
    async fn wrapped_in_row(&self, proof: &KeyUse, sought: Sought<'_>) -> Option<CmkWrapped<BucketKey>> {
        let id = sought.id;
        let row = store::read(&self.store, move |snapshot| snapshot.get(Table::BucketKeys, id.as_bytes())).await;
        let record = match row {
            Ok(None) => {
                tracing::warn!(bucket_key = %id, "a bucket key has no row; using the copy beside the object");
                return None;
            }
            Ok(Some(row)) => BucketKeyRecord::decode(&row).map_err(|error| error.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        match record {
            Ok(record) if record.bucket == sought.bucket_uid && record.cmk == proof.cmk().uid => Some(record.wrapped),
            Ok(_) => {
                tracing::error!(
                    bucket_key = %id,
                    "the row of a bucket key names another bucket or CMK than the object; using the copy beside the object"
                );
                None
            }
            Err(error) => {
                tracing::error!(
                    bucket_key = %id,
                    error,
                    "the row of a bucket key cannot be read; using the copy beside the object"
                );
                None
            }
        }
    }

    /// `None`: it does not unwrap, or to another key.
    async fn try_wrap<T>(
        &self,
        proof: &KeyUse,
        sought: Sought<'_>,
        wrapped: &CmkWrapped<BucketKey>,
        context: &EncryptionContext,
        opens: &(impl Fn(&BucketKey) -> Option<T> + Sync),
    ) -> Result<Option<(BucketKey, T)>, SseError> {
        self.counts.made(BucketKeyCall::Decrypt, proof, sought.bucket, self.clock.now());
        match self.kms.unwrap::<BucketKey>(proof, wrapped, context).await {
            Ok(key) => Ok(opens(&key).map(|what| (key, what))),
            Err(KmsError::InvalidCiphertext | KmsError::IncorrectKey) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
