//! What a rewrap job does with bucket keys besides rewrapping their rows: the copies beside objects are brought to what
//! the row says, and rows that nothing needs any more are removed.

use super::{BucketKeyRecord, unstored};
use crate::SseError;
use crate::context::Asked;
use crate::dependents::{Dependent, DependentKind};
use crate::envelope::{Envelope, Through};
use crate::rewrap::Rewrap;
use crate::service::{METHOD_KMS, SseService, Target, dek_binding};
use bytes::Bytes;
use crypto::BucketKey;
use kms::KeyUser;
use model::BucketKeyId;
use policy::Action;
use store::{CommitError, Expectation, StoreFault, Table, Transaction};

/// How long a write may be under way with a bucket key that it took while the key was young, in milliseconds: a day. Only
/// then is a row that nothing needs sure to be needed by nobody.
const WRITE_MILLIS_MAX: u64 = 24 * 60 * 60 * 1000;

/// What came of the removal of a bucket key that is perhaps not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketKeyRemoval {
    /// Its row is gone.
    Removed,
    /// Something is sealed under it.
    Needed,
    /// Nothing is, but it may still seal new objects.
    Young,
    /// It has no row.
    Gone,
}

impl SseService {
    /// Puts what the row of an object's bucket key says beside the object, in place of an older copy. Opens the new copy and
    /// the object's DEK with it first, as the user, who needs `kms:Decrypt`: what does not open never replaces what does.
    /// Unchanged: the copy says that already, there is no row, or there is no bucket key.
    ///
    /// # Errors
    /// What the KMS refuses; [`SseError::Damaged`] of a row that does not open the object.
    pub async fn refresh_copy(
        &self,
        envelope: &Envelope,
        target: Target<'_>,
        user: &KeyUser,
    ) -> Result<Rewrap, SseError> {
        let unchanged = || Ok(Rewrap::Unchanged(Self::applied(envelope, None)));
        let Envelope::Kms { cipher, cmk, context: user_context, through } = envelope else { return unchanged() };
        let Through::BucketKey { id, bucket_key: copy, dek } = through else { return unchanged() };
        let Some((_, record)) = self.bucket_key_row(*id).await? else { return unchanged() };
        if record.bucket != target.bucket_uid || record.cmk != cmk.uid || record.wrapped == *copy {
            return unchanged();
        }
        let asked = Asked::of_bucket_key(user_context, target.bucket)?;
        let proof = self.authorize(user, cmk, Action::KmsDecrypt, &asked).await?;
        let key: BucketKey = self.kms.unwrap(&proof, &record.wrapped, &asked.bound).await?;
        let binding = dek_binding(METHOD_KMS, *cipher, target, Some(id.as_bytes()), user_context);
        if crypto::unwrap_dek(*cipher, &key, dek, &binding).is_err() {
            tracing::error!(bucket_key = %id, version = %target.version, "the row of a bucket key does not open an object");
            return Err(SseError::Damaged);
        }
        let old = self.begin_read(envelope, target, None, user).await?;
        let through = Through::BucketKey { id: *id, bucket_key: record.wrapped, dek: dek.clone() };
        let refreshed = Envelope::Kms { cipher: *cipher, cmk: cmk.clone(), context: user_context.clone(), through };
        let new = self.begin_read(&refreshed, target, None, user).await?;
        let applied = Self::applied(&refreshed, None);
        Ok(Rewrap::Done { old, new, applied })
    }

    /// Removes the row of a bucket key that nothing in the index is sealed under, in one transaction with that condition.
    ///
    /// A key that may still seal new objects is left, and one that a write that is under way may have taken: its row is not
    /// older than such keys live and a day. An object that is committed after that all the same carries its own copy, opens
    /// with that, and counts by it.
    ///
    /// # Errors
    /// [`SseError::KmsUnavailable`] when the store does not answer, [`SseError::Damaged`] of a row that cannot be read.
    pub async fn remove_unused_bucket_key(&self, id: BucketKeyId) -> Result<BucketKeyRemoval, SseError> {
        let keys = &self.bucket_keys;
        let Some((row, record)) = self.bucket_key_row(id).await? else { return Ok(BucketKeyRemoval::Gone) };
        let own = Dependent::of_bucket_key_record(id, &record);
        let prefixes = [DependentKind::Object, DependentKind::Upload].map(|kind| own.prefix_of_kind(kind));
        let looked = prefixes.clone();
        let needed = store::read(&keys.store, move |snapshot| {
            let mut found = false;
            for prefix in &looked {
                snapshot.scan(Table::CmkDependents, prefix, None, &mut |_, _| {
                    found = true;
                    false
                })?;
            }
            Ok::<bool, StoreFault>(found)
        });
        if needed.await.map_err(|fault| unstored("what needs a bucket key", &fault))? {
            return Ok(BucketKeyRemoval::Needed);
        }
        // A clock that was set back says of no key how old it is.
        let now = keys.clock.now();
        let young_millis = self.config().bucket_key_ttl_millis.saturating_add(WRITE_MILLIS_MAX);
        if now < record.created || now.millis_since(record.created) <= young_millis {
            return Ok(BucketKeyRemoval::Young);
        }
        let key = Bytes::copy_from_slice(id.as_bytes());
        let mut tx = Transaction::new();
        tx.expect(Expectation::Equals(Table::BucketKeys, key.clone(), row)).delete(Table::BucketKeys, key);
        tx.expectations.extend(prefixes.map(|prefix| Expectation::EmptyPrefix(Table::CmkDependents, prefix)));
        tx.changes.push(own.remove());
        match keys.store.commit(tx).await {
            Ok(()) => Ok(BucketKeyRemoval::Removed),
            Err(CommitError::Conflict(_)) => Ok(BucketKeyRemoval::Needed),
            Err(error) => Err(unstored("a bucket key's removal", &error)),
        }
    }

    /// The row of a bucket key, as it is stored and as it reads.
    async fn bucket_key_row(&self, id: BucketKeyId) -> Result<Option<(Bytes, BucketKeyRecord)>, SseError> {
        let row = store::read(&self.bucket_keys.store, move |s| s.get(Table::BucketKeys, id.as_bytes())).await;
        let Some(row) = row.map_err(|fault| unstored("a bucket key's row", &fault))? else { return Ok(None) };
        match BucketKeyRecord::decode(&row) {
            Ok(record) => Ok(Some((row, record))),
            Err(error) => {
                tracing::error!(bucket_key = %id, %error, "the row of a bucket key cannot be read");
                Err(SseError::Damaged)
            }
        }
    }
}
