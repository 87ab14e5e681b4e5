//! How fast a reader must take what it asked for. A reader that takes a byte now and then keeps a reply open, and with it
//! what the reply reads from; so for each stretch of waiting it must have taken a certain number of bytes.
//!
//! Only time that the server spent waiting for the reader counts, not time in which it had nothing to send: a slow disk
//! is not the reader's fault. Bytes of one stretch do not count for the next, so that nobody saves up for a long rest.

use std::time::Duration;

/// The pace of one connection.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    bytes_min: u64,
    waited: Duration,
    taken: u64,
}

impl Pace {
    /// At least `bytes_min` bytes in each `window` of waiting.
    pub(super) fn new(window: Duration, bytes_min: u64) -> Self {
        Self { window, bytes_min, waited: Duration::ZERO, taken: 0 }
    }

    /// The reader took so many bytes after the server had waited so long for it. Whether it is fast enough.
    pub(super) fn took(&mut self, bytes: usize, waited: Option<Duration>) -> bool {
        self.taken = self.taken.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let Some(waited) = waited else { return true };
        self.waited = self.waited.saturating_add(waited);
        if self.waited < self.window {
            return true;
        }
        let enough = self.taken >= self.bytes_min;
        (self.waited, self.taken) = (Duration::ZERO, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_reader_must_take_enough_in_each_stretch_of_waiting() {
        let mut pace = Pace::new(10 * SECOND, 100);
        assert!((0..100).all(|_| pace.took(10, Some(SECOND))), "ten bytes in each second");
        let mut pace = Pace::new(10 * SECOND, 100);
        assert!((0..9).all(|_| pace.took(9, Some(SECOND))), "not judged before the stretch is over");
        assert!(!pace.took(9, Some(SECOND)));
    }

    #[test]
    fn what_was_taken_fast_is_no_leave_to_rest() {
        let mut pace = Pace::new(10 * SECOND, 100);
        assert!(pace.took(1 << 30, None));
        assert!(pace.took(1, Some(10 * SECOND)));
        assert!(!pace.took(1, Some(10 * SECOND)));
    }

    #[test]
    fn time_without_waiting_does_not_count() {
        let mut pace = Pace::new(10 * SECOND, 100);
        assert!((0..1000).all(|_| pace.took(1, None)));
    }
}
