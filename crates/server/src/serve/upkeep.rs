//! Work that is due by the clock rather than by a request: CMKs whose deletion date has passed lose their material, and
//! the last uses of access keys are written down.

use iam::Directory;
use kms::KeyService;
use std::sync::Arc;
use std::time::Duration;

/// How often what is due is looked for. A CMK past its date is unusable at once; this only bounds how long its wrapped
/// material stays on the disk.
const EVERY: Duration = Duration::from_secs(600);

/// Runs until the server ends.
pub(super) async fn run(keys: Arc<KeyService>, directory: Arc<Directory>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        match keys.purge_due().await {
            Ok(purged) => {
                for cmk in purged {
                    tracing::info!(cmk = cmk.to_arn(), "the material of a deleted CMK was destroyed");
                }
            }
            Err(error) => {
                tracing::error!(%error, "material of deleted CMKs could not be destroyed; trying again later")
            }
        }
        if let Err(error) = directory.flush_last_used().await {
            tracing::warn!(%error, "the last uses of access keys could not be written; trying again later");
        }
    }
}
