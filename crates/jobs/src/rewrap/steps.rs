//! One thing to be done: done, found unchanged or gone, refused, failed; or not now, because the whole job cannot go on.

use super::rights::Actor;
use super::scope::Scope;
use super::service::Rooms;
use super::walk::{Item, What};
use model::{AccountId, BucketName, BucketUid};
use objects::{Fail, RewrapOutcome, RewrapStep};
use sse::{BucketKeyRemoval, BucketKeyRewrap, SseError};
use std::collections::BTreeMap;
use store::StoreFault;

/// Buckets by their uids, looked up once for a page.
pub(super) type Buckets = BTreeMap<BucketUid, (BucketName, AccountId)>;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Object,
    Upload,
    BucketKey,
    Copy,
    Removed,
    Unchanged,
    Gone,
    Refused,
    /// Why, in words that name no key material.
    Failed(&'static str),
    /// Nothing of this one: the KMS or the store does not answer. To be tried again.
    Busy(&'static str),
}

impl Rooms {
    pub(super) async fn step(&self, actor: &Actor, scope: &Scope, buckets: &Buckets, item: &Item) -> Outcome {
        let Some((bucket, _)) = buckets.get(&item.bucket) else { return self.step_without_bucket(item).await };
        let at = (bucket, item.bucket);
        let name = || item.object_name().ok_or(Fail::Internal("a row of the index names no object".to_owned()));
        let done = match &item.what {
            What::Object(uid, step) => match name() {
                Ok(name) => self.objects.rewrap_object(&actor.cx, at, &name, *uid, step).await,
                Err(fail) => Err(fail),
            },
            What::Upload(id, step) => match name() {
                Ok(name) => self.objects.rewrap_upload(&actor.cx, at, &name, *id, step).await,
                Err(fail) => Err(fail),
            },
            What::BucketKey(id) => return self.rewrap_bucket_key(actor, at, *id).await,
            What::Sweep(id) => return self.sweep_bucket_key(actor, at, *id).await,
        };
        match done {
            Ok(RewrapOutcome::Rewrapped(_)) => match &item.what {
                What::Object(_, RewrapStep::Copy) | What::Upload(_, RewrapStep::Copy) => Outcome::Copy,
                What::Upload(..) => Outcome::Upload,
                _ => Outcome::Object,
            },
            Ok(RewrapOutcome::Unchanged(_)) => Outcome::Unchanged,
            Ok(RewrapOutcome::Gone) => Outcome::Gone,
            Err(fail) => self.failed(scope, fail),
        }
    }

    /// A bucket that is gone took its objects along; of bucket keys, what is left of it may be removed.
    async fn step_without_bucket(&self, item: &Item) -> Outcome {
        match &item.what {
            What::BucketKey(id) | What::Sweep(id) => swept(self.sse.remove_unused_bucket_key(*id).await),
            What::Object(..) | What::Upload(..) => Outcome::Gone,
        }
    }

    /// What says that the actor may change, or remove, a bucket key of the bucket; `Err`: what became of it instead.
    fn admit_bucket_key(&self, actor: &Actor, (bucket, uid): (&BucketName, BucketUid)) -> Result<(), Outcome> {
        match self.objects.admit_bucket_key_rewrap(&actor.cx, bucket, uid) {
            Ok(()) => Ok(()),
            Err(Fail::NoSuchBucket) => Err(Outcome::Gone),
            Err(_) => Err(Outcome::Refused),
        }
    }

    async fn sweep_bucket_key(&self, actor: &Actor, at: (&BucketName, BucketUid), id: model::BucketKeyId) -> Outcome {
        match self.admit_bucket_key(actor, at) {
            Ok(()) => swept(self.sse.remove_unused_bucket_key(id).await),
            Err(outcome) => outcome,
        }
    }

    async fn rewrap_bucket_key(
        &self,
        actor: &Actor,
        (bucket, uid): (&BucketName, BucketUid),
        id: model::BucketKeyId,
    ) -> Outcome {
        if let Err(outcome) = self.admit_bucket_key(actor, (bucket, uid)) {
            return outcome;
        }
        match self.sse.remove_unused_bucket_key(id).await {
            Ok(BucketKeyRemoval::Removed) => return Outcome::Removed,
            Ok(BucketKeyRemoval::Gone) => return Outcome::Gone,
            Ok(BucketKeyRemoval::Needed | BucketKeyRemoval::Young) => {}
            Err(error) => return told(&error),
        }
        match self.sse.rewrap_bucket_key(id, None, bucket, &actor.user).await {
            Ok(BucketKeyRewrap::Done { .. }) => Outcome::BucketKey,
            Ok(BucketKeyRewrap::Current) => Outcome::Unchanged,
            Ok(BucketKeyRewrap::Gone) => Outcome::Gone,
            Err(error) => told(&error),
        }
    }

    fn failed(&self, scope: &Scope, fail: Fail) -> Outcome {
        match fail {
            Fail::AccessDenied => Outcome::Refused,
            Fail::NoSuchBucket => Outcome::Gone,
            Fail::Encryption(SseError::NotRewrappable) => Outcome::Unchanged,
            Fail::Encryption(error) => told(&error),
            // The next pass finds it.
            Fail::ConditionalConflict => Outcome::Failed("it was being changed all the while"),
            Fail::Store(StoreFault::Corrupt(what)) => {
                tracing::error!(what, "a rewrap job met a damaged record");
                Outcome::Failed("the record is damaged")
            }
            Fail::Store(fault) => {
                tracing::warn!(%fault, "a rewrap job waits for the store");
                Outcome::Busy("the store does not answer")
            }
            other => {
                tracing::error!(?other, cmk = ?scope.main_cmk().map(kms::CmkId::to_arn), "a rewrap job met an error");
                Outcome::Failed("internal error: the server's log says more")
            }
        }
    }
}

fn swept(removal: Result<BucketKeyRemoval, SseError>) -> Outcome {
    match removal {
        Ok(BucketKeyRemoval::Removed) => Outcome::Removed,
        Ok(BucketKeyRemoval::Gone) => Outcome::Gone,
        // It is no fault that a bucket key is needed.
        Ok(BucketKeyRemoval::Needed | BucketKeyRemoval::Young) => Outcome::Unchanged,
        Err(error) => told(&error),
    }
}

fn told(error: &SseError) -> Outcome {
    match error {
        SseError::KeyDenied => Outcome::Refused,
        SseError::KmsUnavailable | SseError::KmsThrottled => Outcome::Busy("the key service does not answer"),
        SseError::KeyNotFound => Outcome::Failed("there is no such key"),
        SseError::KeyDisabled => Outcome::Failed("the key is disabled"),
        SseError::KeyPendingDeletion => Outcome::Failed("the key is pending deletion"),
        SseError::KeyPendingImport => Outcome::Failed("the key version's material is not there"),
        SseError::Damaged => Outcome::Failed("it does not open: what is stored is damaged"),
        _ => Outcome::Failed("it cannot be wrapped anew"),
    }
}
