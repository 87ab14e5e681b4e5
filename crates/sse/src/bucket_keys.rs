//! Bucket keys: short-lived keys from a CMK, each for one bucket, CMK and requester. They spare the KMS a call per
//! object. Scope, life and re-authorisation follow kms-iam-api §3.5-3.7.
//!
//! INVARIANT: whoever gets a key from here holds a [`KeyUse`], the KMS's proof that this principal may use this CMK now;
//! the cache spares the unwrap, never the check.

use crate::dependents::Dependent;
use crate::fingerprint::RequesterFingerprint;
use crate::{SseError, context};
use crypto::BucketKey;
use kms::{CmkWrapped, KeyService, KeyUse};
use model::codec::{DecodeError, Reader, Writer};
use model::{BucketKeyId, BucketName, BucketUid, Clock, CmkUid, Entropy, Timestamp};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Expectation, MetaStore, Table, Transaction};
use tokio::sync::OnceCell;

/// Most keys held at a time, for sealing and for opening each. At some 300 bytes a key: about 1 MiB.
const CACHED_KEYS_MAX: usize = 4096;
/// Most DEKs that one bucket key wraps: bounds what the leak of one key exposes (kms-iam-api §3.6).
const USES_MAX: u64 = 1 << 32;
/// Format version of the rows of [`Table::BucketKeys`].
const RECORD_FORMAT: u8 = 1;

/// A bucket key in use.
#[derive(Clone)]
pub(crate) struct LiveBucketKey {
    pub(crate) id: BucketKeyId,
    pub(crate) key: Arc<BucketKey>,
    pub(crate) wrapped: CmkWrapped<BucketKey>,
}

/// How often the cache answered.
#[derive(Default)]
pub struct BucketKeyCounters {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl BucketKeyCounters {
    /// Lookups answered from the cache.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Lookups that needed the KMS.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct SealScope {
    bucket: BucketUid,
    cmk: CmkUid,
    requester: RequesterFingerprint,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct OpenScope {
    id: BucketKeyId,
    /// The bytes that were unwrapped: a record whose copy of the wrapped key was changed is not answered from the cache.
    wrapped: Vec<u8>,
    bucket: BucketUid,
    requester: RequesterFingerprint,
}

/// The cache of bucket keys.
pub(crate) struct BucketKeys {
    kms: Arc<KeyService>,
    store: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ttl_millis: u64,
    sealing: Slots<SealScope, LiveBucketKey>,
    opening: Slots<OpenScope, Arc<BucketKey>>,
    pub(crate) counters: Arc<BucketKeyCounters>,
}

impl BucketKeys {
    pub(crate) fn new(
        kms: Arc<KeyService>,
        store: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        ttl_millis: u64,
    ) -> Self {
        let (sealing, opening) = (Slots::default(), Slots::default());
        Self { kms, store, clock, entropy, ttl_millis, sealing, opening, counters: Arc::default() }
    }

    /// The present bucket key for sealing, obtained from the KMS when there is none of the right scope and age.
    pub(crate) async fn for_sealing(
        &self,
        proof: &KeyUse,
        bucket_uid: BucketUid,
        bucket: &BucketName,
        requester: RequesterFingerprint,
    ) -> Result<LiveBucketKey, SseError> {
        let scope = SealScope { bucket: bucket_uid, cmk: proof.cmk().uid, requester };
        let slot = self.sealing.slot(scope, self.limits(proof));
        let mut fresh = false;
        let live = slot
            .cell
            .get_or_try_init(|| async {
                fresh = true;
                self.obtain(proof, bucket_uid, bucket, requester).await
            })
            .await?;
        self.count(fresh);
        slot.uses.fetch_add(1, Ordering::Relaxed);
        Ok(live.clone())
    }

    async fn obtain(
        &self,
        proof: &KeyUse,
        bucket_uid: BucketUid,
        bucket: &BucketName,
        requester: RequesterFingerprint,
    ) -> Result<LiveBucketKey, SseError> {
        let (key, wrapped) = self.kms.generate::<BucketKey>(proof, &context::of_bucket(bucket)?).await?;
        let id = BucketKeyId::random(&*self.entropy);
        let mut record = Writer::new(RECORD_FORMAT);
        record
            .raw(bucket_uid.as_bytes())
            .raw(proof.cmk().uid.as_bytes())
            .raw(requester.as_bytes())
            .u64(self.clock.now().as_millis())
            .bytes(wrapped.as_bytes());
        // Persisted before its first use: what a key has wrapped can always be found by the key's id.
        let row = bytes::Bytes::copy_from_slice(id.as_bytes());
        let mut tx = Transaction::new();
        let record = record.finish();
        match Dependent::of_bucket_key(id.as_bytes(), &record) {
            Ok(dependent) => tx.changes.push(dependent.enter()),
            Err(error) => {
                tracing::error!(%error, "a new bucket key cannot be entered into the index of its CMK");
                return Err(SseError::Damaged);
            }
        }
        tx.expect(Expectation::Absent(Table::BucketKeys, row.clone())).put(Table::BucketKeys, row, record);
        self.store.commit(tx).await.map_err(|e| {
            tracing::error!(error = %e, "a new bucket key could not be stored");
            SseError::KmsUnavailable
        })?;
        Ok(LiveBucketKey { id, key: Arc::new(key), wrapped })
    }

    /// A bucket key for opening, unwrapped under the reader's own authority.
    pub(crate) async fn for_opening(
        &self,
        proof: &KeyUse,
        id: BucketKeyId,
        wrapped: &CmkWrapped<BucketKey>,
        bucket_uid: BucketUid,
        bucket: &BucketName,
        requester: RequesterFingerprint,
    ) -> Result<Arc<BucketKey>, SseError> {
        let scope = OpenScope { id, wrapped: wrapped.as_bytes().to_vec(), bucket: bucket_uid, requester };
        let slot = self.opening.slot(scope, self.limits(proof));
        let mut fresh = false;
        let key = slot
            .cell
            .get_or_try_init(|| async {
                fresh = true;
                let key = self.kms.unwrap::<BucketKey>(proof, wrapped, &context::of_bucket(bucket)?).await?;
                Ok::<_, SseError>(Arc::new(key))
            })
            .await?;
        self.count(fresh);
        Ok(Arc::clone(key))
    }

    fn limits(&self, proof: &KeyUse) -> Limits {
        Limits { now: self.clock.now(), ttl_millis: self.ttl_millis, epoch: proof.epoch() }
    }

    fn count(&self, fresh: bool) {
        let counter = if fresh { &self.counters.misses } else { &self.counters.hits };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The bucket of a stored bucket key, and the wrapped key.
pub(crate) fn decode(record: &[u8]) -> Result<(BucketUid, CmkWrapped<BucketKey>), DecodeError> {
    let (format, mut r) = Reader::open(record)?;
    if format != RECORD_FORMAT {
        return Err(DecodeError("bucket key of unknown format version"));
    }
    let bucket = BucketUid::from_bytes(r.array()?);
    let (_cmk, _requester, _created) = (r.array::<16>()?, r.array::<32>()?, r.u64()?);
    let wrapped = CmkWrapped::from_bytes(r.bytes()?).map_err(|_| DecodeError("wrapped bucket key"))?;
    r.finish()?;
    Ok((bucket, wrapped))
}

#[derive(Clone, Copy)]
struct Limits {
    now: Timestamp,
    ttl_millis: u64,
    /// The CMK's epoch at the time of the check: any change of the CMK since ends the entry.
    epoch: u64,
}

/// One flight: the first to come fetches, the others wait for it. A failed flight leaves the cell empty, and the next
/// to come tries again.
struct Slot<V> {
    cell: OnceCell<V>,
    made: Timestamp,
    epoch: u64,
    uses: AtomicU64,
    touched: AtomicU64,
}

/// A bounded map of slots; the least recently used gives way. The lock is never held across an await.
struct Slots<K, V> {
    map: Mutex<HashMap<K, Arc<Slot<V>>>>,
    tick: AtomicU64,
}

impl<K, V> Default for Slots<K, V> {
    fn default() -> Self {
        Self { map: Mutex::default(), tick: AtomicU64::new(0) }
    }
}

impl<K: Hash + Eq + Clone, V> Slots<K, V> {
    fn slot(&self, key: K, limits: Limits) -> Arc<Slot<V>> {
        let tick = self.tick.fetch_add(1, Ordering::Relaxed);
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = map.get(&key)
            && limits.now >= slot.made
            && limits.now.millis_since(slot.made) < limits.ttl_millis
            && slot.epoch == limits.epoch
            && slot.uses.load(Ordering::Relaxed) < USES_MAX
        {
            slot.touched.store(tick, Ordering::Relaxed);
            return Arc::clone(slot);
        }
        if map.len() >= CACHED_KEYS_MAX && !map.contains_key(&key) {
            // A full cache looks for its oldest entry: a walk of 4096 entries beside a KMS call.
            let oldest = map.iter().min_by_key(|(_, s)| s.touched.load(Ordering::Relaxed)).map(|(k, _)| k.clone());
            if let Some(oldest) = oldest {
                map.remove(&oldest);
            }
        }
        let slot = Arc::new(Slot {
            cell: OnceCell::new(),
            made: limits.now,
            epoch: limits.epoch,
            uses: AtomicU64::new(0),
            touched: AtomicU64::new(tick),
        });
        map.insert(key, Arc::clone(&slot));
        slot
    }
}
