//! Work that is due by the clock rather than by a request: CMKs whose deletion date has passed lose their material.

use kms::KeyService;
use std::sync::Arc;
use std::time::Duration;

/// How often what is due is looked for. A CMK past its date is unusable at once; this only bounds how long its wrapped
/// material stays on the disk.
const EVERY: Duration = Duration::from_secs(600);

/// Runs until the server ends.
pub(super) async fn run(keys: Arc<KeyService>) {
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
    }
}
