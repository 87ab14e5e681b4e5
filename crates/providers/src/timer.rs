//! Elapsed time as a seam, for time limits, pauses and breakers: a test lets it pass without waiting.

use async_trait::async_trait;
use std::time::{Duration, Instant};

/// A clock that only runs forward, and waiting on it.
#[async_trait]
pub trait Timer: Send + Sync + 'static {
    /// Time since some fixed moment. Never jumps back.
    fn now(&self) -> Duration;

    /// Returns when this much time has passed.
    async fn sleep(&self, time: Duration);
}

/// The machine's own timer.
#[derive(Debug)]
pub struct SystemTimer(Instant);

impl SystemTimer {
    /// A timer that counts from now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Default for SystemTimer {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Timer for SystemTimer {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
