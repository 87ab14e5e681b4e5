//! A trail that is handed out before the log can be opened: the log's key comes from the KMS, which is opened with a
//! trail.

use crate::{AuditFault, AuditTrail, Event};
use async_trait::async_trait;
use std::sync::{Arc, OnceLock};

/// Refuses every event until it is bound, then hands them on.
#[derive(Default)]
pub struct LateTrail(OnceLock<Arc<dyn AuditTrail>>);

impl LateTrail {
    /// Where events go from now on. To be called once; later calls change nothing.
    pub fn bind(&self, trail: Arc<dyn AuditTrail>) {
        let _ = self.0.set(trail);
    }
}

#[async_trait]
impl AuditTrail for LateTrail {
    async fn record(&self, event: Event) -> Result<(), AuditFault> {
        match self.0.get() {
            Some(trail) => trail.record(event).await,
            None => Err(AuditFault("the log is not open yet".to_owned())),
        }
    }

    fn is_refusing(&self) -> bool {
        self.0.get().is_none_or(|trail| trail.is_refusing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoTrail;
    use crate::testing::event;

    #[tokio::test]
    async fn nothing_goes_on_before_the_log_is_open() {
        let late = LateTrail::default();
        assert!(late.record(event(1)).await.is_err() && late.is_refusing());
        late.bind(Arc::new(NoTrail));
        assert_eq!((late.record(event(1)).await, late.is_refusing()), (Ok(()), false));
    }
}
