//! A fault that waits for its turn.

use std::sync::Mutex;
use store::StoreFault;

/// Lets a number of operations pass, then fails every further one until it is cleared.
#[derive(Debug, Default)]
pub(crate) struct Countdown(Mutex<Option<(u64, StoreFault)>>);

impl Countdown {
    /// Fails with `fault` after `passes` more operations.
    pub(crate) fn set(&self, passes: u64, fault: StoreFault) {
        *self.0.lock().expect("a test thread panicked") = Some((passes, fault));
    }

    pub(crate) fn clear(&self) {
        *self.0.lock().expect("a test thread panicked") = None;
    }

    /// Counts one operation.
    pub(crate) fn pass(&self) -> Result<(), StoreFault> {
        match &mut *self.0.lock().expect("a test thread panicked") {
            None => Ok(()),
            Some((0, fault)) => Err(fault.clone()),
            Some((passes, _)) => {
                *passes -= 1;
                Ok(())
            }
        }
    }
}
