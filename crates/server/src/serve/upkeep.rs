//! Work that is due by the clock rather than by a request: CMKs are rotated by their schedules, those whose deletion date
//! has passed and imported material whose time is over are destroyed, and what is counted or noted in memory (uses of
//! CMKs, requests, last uses of access keys) is written down. Bucket keys whose time is over leave the memory. Once a day it
//! is counted what is stored, and rows of bucket keys that nothing needs are removed.

use iam::Directory;
use kms::KeyService;
use objects::ObjectService;
use sse::SseService;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often counts of requests, to the KMS and about objects, are written down: what a crash may lose.
const COUNTS_EVERY: Duration = Duration::from_secs(10);
/// How often bucket keys are looked through that nobody will use again: how long they stay in memory beyond their time.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// How often what is due is looked for. A CMK or material past its date is unusable at once; this bounds how long its
/// wrapped bytes stay on the disk, and how late a rotation is.
const DUE_EVERY: Duration = Duration::from_secs(60);
/// How often last uses of access keys are written down.
const LAST_USES_EVERY: Duration = Duration::from_secs(600);

/// How long after a start, and how often then, rows of bucket keys are looked through that nothing needs.
const COLLECT_AFTER: Duration = Duration::from_secs(60 * 60);
const COLLECT_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs until the server ends.
pub(super) async fn run(
    keys: Arc<KeyService>,
    directory: Arc<Directory>,
    sse: Arc<SseService>,
    objects: Arc<ObjectService>,
) {
    let every = [COUNTS_EVERY, SWEEP_EVERY, DUE_EVERY, LAST_USES_EVERY];
    let [mut counts, mut sweep, mut due, mut last_uses] = every.map(|every| {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    loop {
        tokio::select! {
            _ = counts.tick() => write_counts(&keys, &sse, &objects).await,
            _ = sweep.tick() => {
                let swept = sse.sweep_bucket_keys();
                tracing::trace!(swept, "bucket keys whose time is over left the memory");
            }
            _ = due.tick() => do_what_is_due(&keys).await,
            _ = last_uses.tick() => {
                if let Err(error) = directory.flush_last_used().await {
                    tracing::warn!(%error, "the last uses of access keys could not be written; trying again later");
                }
            }
        }
    }
}

/// At a clean end, after the last request: nothing counted is lost.
pub(super) async fn end(keys: &KeyService, sse: &SseService, objects: &ObjectService) {
    if let Err(error) = keys.close().await {
        tracing::warn!(%error, "the last uses of CMKs could not be counted in the store");
    }
    if let Err(error) = sse.flush_bucket_key_usage().await {
        tracing::warn!(%error, "the last calls for bucket keys could not be counted in the store");
    }
    if let Err(error) = objects.flush_requests().await {
        tracing::warn!(%error, "the last requests could not be counted in the store");
    }
}

async fn write_counts(keys: &KeyService, sse: &SseService, objects: &ObjectService) {
    if let Err(error) = keys.flush_usage().await {
        tracing::warn!(%error, "uses of CMKs could not be counted in the store; trying again later");
    }
    if let Err(error) = sse.flush_bucket_key_usage().await {
        tracing::warn!(%error, "calls for bucket keys could not be counted in the store; trying again later");
    }
    if let Err(error) = objects.flush_requests().await {
        tracing::warn!(%error, "requests could not be counted in the store; trying again later");
    }
}

/// Each by itself: what fails keeps nothing else from being done.
async fn do_what_is_due(keys: &KeyService) {
    match keys.purge_due().await {
        Ok(purged) => {
            for cmk in purged {
                tracing::info!(cmk = cmk.to_arn(), "the material of a deleted CMK was destroyed");
            }
        }
        Err(error) => tracing::error!(%error, "material of deleted CMKs could not be destroyed; trying again later"),
    }
    if let Err(error) = keys.expire_material().await {
        tracing::error!(%error, "imported material past its time could not be deleted; trying again later");
    }
    if let Err(error) = keys.rotate_due().await {
        tracing::error!(%error, "not every CMK could be rotated; trying again later");
    }
}

/// Looks once in a while whether a day has begun whose storage has not been counted. By itself, since the walk takes its
/// time.
pub(super) async fn meter_storage(objects: Arc<ObjectService>) {
    let mut ticks = tokio::time::interval(DUE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match objects.meter_storage().await {
            Ok(false) => {}
            Ok(true) => tracing::info!("what is stored was counted for today"),
            Err(error) => tracing::warn!(%error, "what is stored could not be counted; trying again later"),
        }
    }
}

/// Removes rows of bucket keys whose last object is gone. By itself, since the walk takes its time.
pub(super) async fn collect_bucket_keys(objects: Arc<ObjectService>) {
    let mut ticks = tokio::time::interval_at(Instant::now() + COLLECT_AFTER, COLLECT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match objects.collect_bucket_keys().await {
            Ok(removed) => tracing::debug!(removed, "rows of bucket keys that nothing needed are gone"),
            Err(error) => tracing::warn!(%error, "bucket keys could not be looked through; trying again tomorrow"),
        }
    }
}
