//! When may a blob that nothing refers to any more be removed? When every reader that could still need it has gone.
//! A reader takes a lease when it reads the record and keeps it until its last byte. Removals of one round wait until
//! all leases taken before the round have been dropped; later readers cannot have seen the removed records.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The sequence of epochs. A lease on an epoch also holds all later ones, so that a round is over only when every older
/// reader has gone.
pub(crate) struct ReadEpochs {
    current: Mutex<Arc<Epoch>>,
}

/// Held by a reader.
pub(crate) struct ReadLease(#[expect(dead_code, reason = "held for its drop")] Arc<Epoch>);

struct Epoch {
    next: Mutex<Option<Arc<Epoch>>>,
    over: Mutex<Option<oneshot::Sender<()>>>,
}

impl Epoch {
    fn new() -> Arc<Self> {
        Arc::new(Self { next: Mutex::new(None), over: Mutex::new(None) })
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        // A slow reader can hold a long chain of later epochs: taken apart in a loop, not by recursion.
        let mut over = self.over.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mut next = self.next.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        loop {
            if let Some(over) = over.take() {
                // Nobody waits any more when the server is stopping.
                let _ = over.send(());
            }
            let Some(mut epoch) = next.take().and_then(Arc::into_inner) else { return };
            over = epoch.over.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            next = epoch.next.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl ReadEpochs {
    pub(crate) fn new() -> Self {
        Self { current: Mutex::new(Epoch::new()) }
    }

    /// Taken before the record is read.
    pub(crate) fn enter(&self) -> ReadLease {
        ReadLease(Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Begins a new epoch; resolves when every lease on the epochs before it has been dropped.
    pub(crate) fn retire(&self) -> oneshot::Receiver<()> {
        let (over, done) = oneshot::channel();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Epoch::new();
        *current.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(over);
        *current.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&next));
        let old = std::mem::replace(&mut *current, next);
        drop(current);
        drop(old);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_waits_for_all_older_readers_and_no_later_one() {
        let epochs = ReadEpochs::new();
        let old = epochs.enter();
        let mut first = epochs.retire();
        let _later = epochs.enter();
        let mut second = epochs.retire();
        assert!(first.try_recv().is_err(), "the old reader is still there");
        drop(old);
        assert!(first.try_recv().is_ok());
        assert!(second.try_recv().is_err(), "the later reader is still there");
        drop(_later);
        assert!(second.try_recv().is_ok());
    }

    #[test]
    fn an_old_reader_holds_up_later_rounds_too() {
        let epochs = ReadEpochs::new();
        let old = epochs.enter();
        let mut rounds: Vec<_> = (0..100_000).map(|_| epochs.retire()).collect();
        assert!(rounds.iter_mut().all(|r| r.try_recv().is_err()));
        drop(old);
        assert!(rounds.iter_mut().all(|r| r.try_recv().is_ok()), "and a long chain is taken apart without recursion");
    }
}
