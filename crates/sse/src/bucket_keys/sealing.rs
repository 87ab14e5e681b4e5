//! The bucket key of new objects.

use super::counts::BucketKeyCall;
use super::{BucketKeyRecord, BucketKeys, SealScope, unstored};
use crate::dependents::Dependent;
use crate::fingerprint::RequesterFingerprint;
use crate::{SseError, context};
use bytes::Bytes;
use crypto::BucketKey;
use kms::{CmkWrapped, KeyUse};
use model::{BucketKeyId, BucketName, BucketUid};
use std::sync::Arc;
use store::{Expectation, Table, Transaction};

/// A bucket key in use.
#[derive(Clone)]
pub(crate) struct LiveBucketKey {
    pub(crate) id: BucketKeyId,
    pub(crate) key: Arc<BucketKey>,
    pub(crate) wrapped: CmkWrapped<BucketKey>,
}

impl BucketKeys {
    /// The present bucket key for sealing one object, obtained from the KMS when there is none of the right scope, age and
    /// uses left. The use is taken here: a key wraps no more DEKs than its limit, however many ask at once.
    pub(crate) async fn for_sealing(
        &self,
        proof: &KeyUse,
        bucket_uid: BucketUid,
        bucket: &BucketName,
        requester: RequesterFingerprint,
    ) -> Result<LiveBucketKey, SseError> {
        let scope = SealScope { bucket: bucket_uid, cmk: proof.cmk().uid, requester };
        let mut called = false;
        loop {
            let slot = self.sealing.slot(scope.clone(), proof.cmk(), proof.epoch(), self.clock.now());
            let fetch = async {
                called = true;
                self.counts.made(BucketKeyCall::GenerateDataKey, proof, bucket, self.clock.now());
                self.obtain(proof, bucket_uid, bucket, requester).await
            };
            let live = slot.get(&*self.clock, fetch).await?;
            if slot.take_use(self.objects_max) {
                if !called {
                    self.kms.use_again(proof).await?;
                    self.counts.saved(BucketKeyCall::GenerateDataKey, proof, bucket, self.clock.now());
                }
                return Ok(live.clone());
            }
            // Others took its last uses in between: the next look finds a new entry.
        }
    }

    async fn obtain(
        &self,
        proof: &KeyUse,
        bucket_uid: BucketUid,
        bucket: &BucketName,
        requester: RequesterFingerprint,
    ) -> Result<LiveBucketKey, SseError> {
        let asked = self.clock.now();
        let (key, wrapped) = self.kms.generate::<BucketKey>(proof, &context::of_bucket(bucket)?).await?;
        let id = BucketKeyId::random(&*self.entropy);
        let record = BucketKeyRecord {
            bucket: bucket_uid,
            cmk: proof.cmk().uid,
            requester,
            created: asked,
            wrapped: wrapped.clone(),
        };
        // Persisted before its first use: what a key has wrapped can always be found by the key's id.
        let row = Bytes::copy_from_slice(id.as_bytes());
        let mut tx = Transaction::new();
        tx.changes.push(Dependent::of_bucket_key_record(id, &record).enter());
        tx.expect(Expectation::Absent(Table::BucketKeys, row.clone())).put(Table::BucketKeys, row, record.encode());
        self.store.commit(tx).await.map_err(|error| unstored("a new bucket key", &error))?;
        let key = Arc::new(key);
        // Who obtained it reads with it as well, if they have the right to: that is asked on every request. A provider
        // outside has shown that its wrap opens: the guard has unwrapped it once.
        let scope = self.open_scope(proof, id, bucket_uid, requester);
        self.opening.enter(scope, proof.cmk(), proof.epoch(), asked, Arc::clone(&key));
        Ok(LiveBucketKey { id, key, wrapped })
    }
}
