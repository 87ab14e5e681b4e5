//! Bucket keys: short-lived keys from a CMK, each for one bucket, CMK and requester. They spare the KMS a call per
//! object. Scope, life and re-authorisation follow kms-iam-api §3.5-3.7.
//!
//! ```text
//! cache.rs     a bounded map with flights, and every rule of an entry's life
//! record.rs    rows of the table of bucket keys
//! sealing.rs   the present key for new objects: from the cache, or one flight to the KMS
//! opening.rs   a key that an object names: from the cache, from its row, from the copy beside the object
//! rewrap.rs    a key's row under the CMK's newest version
//! upkeep.rs    what jobs do besides: copies beside objects, rows that nothing needs
//! counts.rs    KMS calls made and saved: counters, and metering by day, bucket and CMK
//! ```
//!
//! INVARIANT: whoever gets a key from here holds a [`KeyUse`], the KMS's proof that this principal may use this CMK now;
//! the cache spares the unwrap, never the check. While the audit log takes no events, it spares no refusal either
//! ([`KeyService::use_again`]).
//!
//! INVARIANT: a key that the cache holds for opening under an id either was drawn by this process under that id, or has
//! opened a DEK that is bound to that id. So no row or copy that was put in another's place makes it answer for it.

mod cache;
mod counts;
mod opening;
mod record;
mod rewrap;
mod sealing;
mod upkeep;

pub use counts::{BucketKeyCounters, BucketKeyUsage};
pub(crate) use opening::Sought;
pub(crate) use record::BucketKeyRecord;
pub use rewrap::BucketKeyRewrap;
pub(crate) use sealing::LiveBucketKey;
pub use upkeep::BucketKeyRemoval;

use crate::fingerprint::RequesterFingerprint;
use crate::{SseError, SseService};
use cache::{Life, Slots};
use counts::Counts;
use crypto::BucketKey;
use kms::{KeyService, KeyUse};
use model::{BucketKeyId, BucketUid, Clock, CmkUid, Entropy};
use std::sync::Arc;
use store::MetaStore;

/// Most DEKs that one bucket key wraps, unless set otherwise: bounds what the leak of one key exposes (kms-iam-api §3.6).
pub const BUCKET_KEY_OBJECTS_MAX: u64 = 1 << 32;
/// How long a key for opening stays in memory that nobody reads with (kms-iam-api §3.7).
const OPENING_IDLE_MILLIS: u64 = 30_000;

/// For whom a new object's key is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct SealScope {
    bucket: BucketUid,
    cmk: CmkUid,
    requester: RequesterFingerprint,
}

/// By whom which key is opened with. The wrapped bytes are no part of it: a row that was rewrapped holds the same key, and
/// the copy beside an object is authenticated by the object's record, whose code the DEK verifies.
#[derive(Clone, PartialEq, Eq, Hash)]
struct OpenScope {
    id: BucketKeyId,
    bucket: BucketUid,
    cmk: CmkUid,
    requester: RequesterFingerprint,
}

/// How long bucket keys serve.
#[derive(Clone, Copy)]
pub(crate) struct BucketKeyLimits {
    /// New objects, and a cached unwrap, in milliseconds.
    pub(crate) ttl_millis: u64,
    /// Most objects of one key.
    pub(crate) objects_max: u64,
}

/// The bucket keys of this process.
pub(crate) struct BucketKeys {
    kms: Arc<KeyService>,
    store: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    objects_max: u64,
    sealing: Slots<SealScope, LiveBucketKey>,
    opening: Slots<OpenScope, Arc<BucketKey>>,
    counts: Counts,
}

impl BucketKeys {
    pub(crate) fn new(
        kms: Arc<KeyService>,
        store: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        limits: BucketKeyLimits,
    ) -> Self {
        let BucketKeyLimits { ttl_millis, objects_max } = limits;
        // A key of which nothing may be made would be asked for without end.
        let objects_max = objects_max.max(1);
        let sealing = Life { ttl_millis, idle_millis: u64::MAX, uses_max: objects_max };
        let opening = Life { ttl_millis, idle_millis: OPENING_IDLE_MILLIS, uses_max: u64::MAX };
        Self {
            kms,
            counts: Counts::new(Arc::clone(&store)),
            store,
            clock,
            entropy,
            objects_max,
            sealing: Slots::new(sealing),
            opening: Slots::new(opening),
        }
    }

    fn open_scope(&self, proof: &KeyUse, id: BucketKeyId, bucket: BucketUid, by: RequesterFingerprint) -> OpenScope {
        OpenScope { id, bucket, cmk: proof.cmk().uid, requester: by }
    }
}

impl SseService {
    /// How many KMS calls bucket keys took and saved.
    pub fn bucket_key_counters(&self) -> Arc<BucketKeyCounters> {
        self.bucket_keys.counts.counters()
    }

    /// Drops bucket keys from memory whose time or uses are over, that nobody reads with, or whose CMK has changed since
    /// (disabled, deleted, rotated, another policy or grant). None of them would be used again; this bounds how long the
    /// keys themselves stay. To be called from time to time. How many went.
    pub fn sweep_bucket_keys(&self) -> usize {
        let keys = &self.bucket_keys;
        let (now, epoch_of) = (keys.clock.now(), |cmk: &kms::CmkId| keys.kms.epoch(cmk));
        keys.sealing.sweep(now, epoch_of) + keys.opening.sweep(now, epoch_of)
    }

    /// Bucket keys in memory: for sealing, for opening.
    pub fn bucket_keys_held(&self) -> (usize, usize) {
        (self.bucket_keys.sealing.len(), self.bucket_keys.opening.len())
    }

    /// Writes down the KMS calls that were counted by bucket and CMK. To be called from time to time and at a clean end: a
    /// crash loses what was counted since.
    ///
    /// # Errors
    /// What the store could not do; the next call writes it.
    pub async fn flush_bucket_key_usage(&self) -> Result<(), store::StoreFault> {
        self.bucket_keys.counts.flush(self.bucket_keys.clock.now()).await
    }
}

/// A store that does not answer, told as this room tells it.
fn unstored(what: &'static str, error: &dyn std::fmt::Display) -> SseError {
    tracing::error!(%error, what, "the table of bucket keys could not be used");
    SseError::KmsUnavailable
}
