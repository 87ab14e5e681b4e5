//! What the rooms behind the gateway say about readiness, beyond the gateway's own state.

use std::sync::OnceLock;

/// What does not do its work at the moment, by names that anybody may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Without these the server is not ready.
    pub missing: Vec<String>,
    /// Without these it serves less than all.
    pub degraded: Vec<String>,
}

/// Whom to ask, once the server has been wired.
#[derive(Default)]
pub(crate) struct ReadinessSource(OnceLock<Box<dyn Fn() -> Readiness + Send + Sync>>);

impl ReadinessSource {
    /// Sets whom to ask; the first counts.
    pub(crate) fn set(&self, source: impl Fn() -> Readiness + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(source));
    }

    /// Asks. Nobody to ask: nothing is missing.
    pub(crate) fn ask(&self) -> Readiness {
        self.0.get().map_or_else(Readiness::default, |source| source())
    }
}
