//! Work that is due by the clock rather than by a request: CMKs are rotated by their schedules, those whose deletion date
//! has passed and imported material whose time is over are destroyed, and what is counted or noted in memory (uses of
//! CMKs, last uses of access keys) is written down.

use iam::Directory;
use kms::KeyService;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often counts of the KMS's use are written down: what a crash may lose.
const COUNTS_EVERY: Duration = Duration::from_secs(10);
/// How often what is due is looked for. A CMK or material past its date is unusable at once; this bounds how long its
/// wrapped bytes stay on the disk, and how late a rotation is.
const DUE_EVERY: Duration = Duration::from_secs(60);
/// How often last uses of access keys are written down.
const LAST_USES_EVERY: Duration = Duration::from_secs(600);

/// Runs until the server ends.
pub(super) async fn run(keys: Arc<KeyService>, directory: Arc<Directory>) {
    let [mut counts, mut due, mut last_uses] = [COUNTS_EVERY, DUE_EVERY, LAST_USES_EVERY].map(|every| {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    loop {
        tokio::select! {
            _ = counts.tick() => write_counts(&keys).await,
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
pub(super) async fn end(keys: &KeyService) {
    if let Err(error) = keys.close().await {
        tracing::warn!(%error, "the last uses of CMKs could not be counted in the store");
    }
}

async fn write_counts(keys: &KeyService) {
    if let Err(error) = keys.flush_usage().await {
        tracing::warn!(%error, "uses of CMKs could not be counted in the store; trying again later");
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
