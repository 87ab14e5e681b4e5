//! A clock that stands still until it is told otherwise.

use model::{Clock, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};

/// A [`Clock`] set by the test.
#[derive(Debug)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// Where a [`TestClock::default`] begins: 2026-01-01T00:00:00Z, in milliseconds.
    pub const START_MILLIS: u64 = 1_767_225_600_000;

    /// A clock standing at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.as_millis()))
    }

    /// Moves the clock, in either direction.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance_millis(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::at(Timestamp::from_millis(Self::START_MILLIS))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
