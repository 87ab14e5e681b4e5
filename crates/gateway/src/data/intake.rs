//! The body of a request as it comes off the wire, and what becomes of it when it is not read to its end.
//!
//! A request is often refused before its body is read. The connection stays usable only if the rest is read off; a
//! client that waits for `100 Continue` is simply told, and the connection closed; the rest of a large body is not
//! waited for (s3-sse-behaviour §2).

use crate::body::ByteSource;
use crate::config::Limits;
use crate::metrics::BodyMeter;
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use objects::BodyError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// What is left of the body, shared between the source that reads it and the request that answers for it.
#[derive(Default)]
struct Rest {
    body: Option<Incoming>,
    begun: bool,
    stalled: bool,
}

/// A request's body before and after somebody read from it.
pub(crate) struct Intake {
    rest: Arc<Mutex<Rest>>,
    idle_timeout: Duration,
    unread_bytes_max: u64,
    meter: BodyMeter,
}

impl Intake {
    pub(crate) fn new(body: Incoming, limits: &Limits, meter: BodyMeter) -> Self {
        Self {
            rest: Arc::new(Mutex::new(Rest { body: Some(body), ..Rest::default() })),
            idle_timeout: limits.idle_timeout,
            unread_bytes_max: limits.unread_body_bytes_max,
            meter,
        }
    }

    /// The body, to be read once.
    pub(crate) fn source(&self) -> IncomingSource {
        IncomingSource {
            body: lock(&self.rest).body.take(),
            rest: Arc::clone(&self.rest),
            idle_timeout: self.idle_timeout,
            meter: self.meter.clone(),
        }
    }

    /// Reads off what nobody read, if that is little. Whether the connection may be used again.
    pub(crate) async fn settle(&self, expects_continue: bool) -> bool {
        let Rest { body: Some(mut body), begun, stalled } = std::mem::take(&mut *lock(&self.rest)) else {
            return true;
        };
        if body.is_end_stream() {
            return true;
        }
        if stalled || (expects_continue && !begun) {
            return false;
        }
        let mut room = self.unread_bytes_max;
        if body.size_hint().exact().is_some_and(|bytes| bytes > room) {
            return false;
        }
        loop {
            match timeout(self.idle_timeout, body.frame()).await {
                Ok(None) => return true,
                Ok(Some(Ok(frame))) => {
                    let bytes = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
                    match room.checked_sub(bytes) {
                        Some(left) => room = left,
                        None => return false,
                    }
                }
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
    }
}

fn lock(rest: &Mutex<Rest>) -> std::sync::MutexGuard<'_, Rest> {
    rest.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of a request's body. What is not read goes back to the [`Intake`].
pub(crate) struct IncomingSource {
    body: Option<Incoming>,
    rest: Arc<Mutex<Rest>>,
    idle_timeout: Duration,
    meter: BodyMeter,
}

#[async_trait]
impl ByteSource for IncomingSource {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let Some(body) = &mut self.body else { return Ok(None) };
        lock(&self.rest).begun = true;
        loop {
            match timeout(self.idle_timeout, body.frame()).await {
                Err(_) => {
                    lock(&self.rest).stalled = true;
                    return Err(BodyError::TimedOut);
                }
                Ok(None) => {
                    self.body = None;
                    return Ok(None);
                }
                Ok(Some(Err(_))) => {
                    self.body = None;
                    return Err(BodyError::Incomplete);
                }
                Ok(Some(Ok(frame))) => {
                    // HTTP trailers carry nothing that is asked for: the trailer of a chunked upload is in the body.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        self.meter.count(u64::try_from(data.len()).unwrap_or(u64::MAX));
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

impl Drop for IncomingSource {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            lock(&self.rest).body = Some(body);
        }
    }
}
