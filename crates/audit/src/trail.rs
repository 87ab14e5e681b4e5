//! The seam to whatever keeps events.

use crate::Event;
use async_trait::async_trait;
use std::fmt;

/// The event is not on the log, and whoever asked must not go on as if it were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFault(pub String);

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the audit log cannot be written: {}", self.0)
    }
}

impl std::error::Error for AuditFault {}

/// Keeps events. When `record` returns, the event is as durable as the trail's settings promise; events of one caller
/// stand in the order of its calls.
#[async_trait]
pub trait AuditTrail: Send + Sync + 'static {
    /// Puts an event on the log.
    ///
    /// # Errors
    /// [`AuditFault`] when it could not be written and the settings say that this matters.
    async fn record(&self, event: Event) -> Result<(), AuditFault>;

    /// Whether the log is known not to take events, and the settings say that this matters: the last that was to be
    /// written was refused. Whoever uses again what they were given for an earlier event puts the new use on the log then:
    /// it is refused like any other, or is the event with which the log goes on. Costs nothing.
    fn is_refusing(&self) -> bool {
        false
    }
}

/// Keeps nothing: for rooms opened without a log, in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrail;

#[async_trait]
impl AuditTrail for NoTrail {
    async fn record(&self, _: Event) -> Result<(), AuditFault> {
        Ok(())
    }
}
