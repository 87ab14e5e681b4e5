//! An audit trail that a test can read, and break.

use async_trait::async_trait;
use audit::{AuditFault, AuditTrail, Event, Outcome};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(crate) struct Log {
    events: Mutex<Vec<Event>>,
    pub(crate) broken: AtomicBool,
    /// Whether the last event was refused.
    refusing: AtomicBool,
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Takes what was recorded since the last time.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    /// As [`Log::take`], without what only began: operation, outcome, error.
    pub(crate) fn told(&self) -> Vec<(&'static str, Outcome, Option<&'static str>)> {
        let ended = self.take().into_iter().filter(|event| event.outcome != Outcome::Begun);
        ended.map(|event| (event.operation, event.outcome, event.error)).collect()
    }

    pub(crate) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

#[async_trait]
impl AuditTrail for Log {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        // A log takes a while.
        tokio::task::yield_now().await;
        let broken = self.broken.load(Ordering::SeqCst);
        self.refusing.store(broken, Ordering::SeqCst);
        if broken {
            return Err(AuditFault("disk full".to_owned()));
        }
        self.events.lock().unwrap().push(event);
        Ok(())
    }

    fn is_refusing(&self) -> bool {
        self.refusing.load(Ordering::SeqCst)
    }
}
