//! The server's clock: the only place that reads the time of day. Everything else is handed a [`Clock`].

use model::{Clock, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    /// A clock set before 1970 reads as 1970: signatures are then refused as skewed, and nothing else depends on it.
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}
