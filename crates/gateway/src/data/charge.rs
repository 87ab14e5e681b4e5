//! Counts a request for metering: as it is answered, and the bytes of the answer as they have gone.

use super::{Intake, Progress};
use crate::gateway::Gateway;
use crate::reply::SentBytes;
use http::StatusCode;
use objects::api::{RequestCounts, RequestKind};
use std::sync::Arc;

/// Counts a request that is about to be answered. What is returned counts what the answer's body came to.
pub(super) fn charge(gateway: &Gateway, progress: &Progress, status: StatusCode, intake: &Intake) -> SentBytes {
    let account = progress.principal.as_ref().and_then(|principal| principal.caller());
    let kind = RequestKind {
        account: account.map(|caller| caller.account.clone()),
        dialect: progress.dialect.name,
        operation: progress.operation,
        outcome: u8::try_from(status.as_u16() / 100).unwrap_or(u8::MAX),
    };
    let objects = Arc::clone(&gateway.objects);
    objects.count_request(&kind, RequestCounts { requests: 1, bytes_received: intake.received_bytes(), bytes_sent: 0 });
    SentBytes::new(move |bytes_sent| objects.count_request(&kind, RequestCounts { bytes_sent, ..Default::default() }))
}
