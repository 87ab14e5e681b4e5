//! A bucket key under the newest version of its CMK: its row is replaced, and nothing else changes. The key's bytes stay,
//! so what is cached of it stays too; the copies beside objects stay as they are and serve only where the row is lost.

use super::{BucketKeyRecord, unstored};
use crate::dependents::Dependent;
use crate::{SseError, SseService, context};
use bytes::Bytes;
use crypto::BucketKey;
use kms::KeyUser;
use model::{BucketKeyId, BucketName};
use policy::Action;
use store::{CommitError, Expectation, Table, Transaction};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketKeyRewrap {
    /// Its row is wrapped by another version now.
    Done {
        /// The version that wrapped it.
        from_version: u32,
        /// The one that does now.
        to_version: u32,
    },
    /// It was wrapped by that version, or a later one, already.
    Current,
    /// It has no row: there is nothing to rewrap, and its objects open with their copies.
    Gone,
}

impl SseService {
    /// Wraps the row of a bucket key under its CMK's current version, unless it is under `to_version` (`None`: the current
    /// one) or a later one already. `bucket` is the name of the key's bucket. Asks the KMS as the user, who needs
    /// `kms:Decrypt` and `kms:Encrypt` of the CMK; the new wrap is opened before it takes the old one's place, since a
    /// provider outside could answer anything. Three KMS requests, whatever the number of objects.
    ///
    /// # Errors
    /// What the KMS refuses; [`SseError::Damaged`] of a row that cannot be read, or does not unwrap for this bucket, and
    /// of a new wrap that opens to something else; [`SseError::KmsUnavailable`] when the store does not answer. The row
    /// is then as it was.
    pub async fn rewrap_bucket_key(
        &self,
        id: BucketKeyId,
        to_version: Option<u32>,
        bucket: &BucketName,
        user: &KeyUser,
    ) -> Result<BucketKeyRewrap, SseError> {
        let keys = &self.bucket_keys;
        let row_key = Bytes::copy_from_slice(id.as_bytes());
        let context = context::of_bucket(bucket)?;
        loop {
            let row = store::read(&keys.store, move |snapshot| snapshot.get(Table::BucketKeys, id.as_bytes())).await;
            let Some(row) = row.map_err(|fault| unstored("a bucket key's row", &fault))? else {
                return Ok(BucketKeyRewrap::Gone);
            };
            let record = BucketKeyRecord::decode(&row).map_err(|error| {
                tracing::error!(bucket_key = %id, %error, "the row of a bucket key cannot be read");
                SseError::Damaged
            })?;
            let cmk = keys.kms.id_of(record.cmk).ok_or(SseError::KeyNotFound)?;
            let may_open = keys.kms.authorize_use(user, &cmk, Action::KmsDecrypt, &context).await?;
            let may_wrap = keys.kms.authorize_use(user, &cmk, Action::KmsEncrypt, &context).await?;
            let from_version = record.wrapped.version();
            let wanted = to_version.or_else(|| keys.kms.current_version(&cmk)).unwrap_or(u32::MAX);
            if from_version >= wanted || keys.kms.current_version(&cmk) == Some(from_version) {
                return Ok(BucketKeyRewrap::Current);
            }
            let key: BucketKey = keys.kms.unwrap(&may_open, &record.wrapped, &context).await?;
            let wrapped = keys.kms.wrap(&may_wrap, &key, &context).await?;
            let again: BucketKey = keys.kms.unwrap(&may_open, &wrapped, &context).await?;
            if !crypto::same_key(&again, &key) {
                tracing::error!(bucket_key = %id, "a rewrapped bucket key does not open to what was wrapped");
                return Err(SseError::Damaged);
            }
            let to_version = wrapped.version();
            let new = BucketKeyRecord { wrapped, ..record };
            let mut tx = Transaction::new();
            // The key of the index's row does not hold the version: this writes over it.
            tx.changes.push(Dependent::of_bucket_key_record(id, &new).enter());
            tx.expect(Expectation::Equals(Table::BucketKeys, row_key.clone(), row)).put(
                Table::BucketKeys,
                row_key.clone(),
                new.encode(),
            );
            match keys.store.commit(tx).await {
                Ok(()) => return Ok(BucketKeyRewrap::Done { from_version, to_version }),
                // Somebody else rewrapped it, or an answer was lost: the row tells.
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(unstored("a rewrapped bucket key", &error)),
            }
        }
    }
}
