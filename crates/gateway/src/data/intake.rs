//! The body of a request as it comes off the wire, and what becomes of it when it is not read to its end.
//!
//! A request is often refused before its body is read. The connection stays usable only if the rest is read off; a
//! client that waits for `100 Continue` is simply told, and the connection closed; the rest of a large body is not
//! waited for (s3-sse-behaviour §2). Nor does the answer wait long for a little that comes slowly.

use crate::body::ByteSource;
use crate::config::Limits;
use crate::metrics::BodyMeter;
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use objects::BodyError;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
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
    settle_timeout: Duration,
    meter: BodyMeter,
    received_bytes: Arc<AtomicU64>,
}

impl Intake {
    pub(crate) fn new(body: Incoming, limits: &Limits, meter: BodyMeter) -> Self {
        Self {
            rest: Arc::new(Mutex::new(Rest { body: Some(body), ..Rest::default() })),
            idle_timeout: limits.idle_timeout,
            unread_bytes_max: limits.unread_body_bytes_max,
            settle_timeout: limits.settle_timeout,
            meter,
            received_bytes: Arc::default(),
        }
    }

    /// The body, to be read once.
    pub(crate) fn source(&self) -> IncomingSource {
        IncomingSource {
            body: lock(&self.rest).body.take(),
            rest: Arc::clone(&self.rest),
            idle_timeout: self.idle_timeout,
            meter: self.meter.clone(),
            received_bytes: Arc::clone(&self.received_bytes),
        }
    }

    /// Bytes of the body that were read so far.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }

    /// Reads off what nobody read, if that is little and comes soon. Whether the connection may be used again.
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
        drain(&mut body, self.unread_bytes_max, tokio::time::sleep(self.settle_timeout)).await
    }
}

/// Reads to the end, unless that is more than `room` bytes away or the deadline comes first: one deadline for all of it,
/// since a pause after each byte would hold the answer back for ever. Whether the end was reached.
async fn drain<B>(body: &mut B, mut room: u64, deadline: impl Future<Output = ()>) -> bool
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().exact().is_some_and(|bytes| bytes > room) {
        return false;
    }
    let mut deadline = pin!(deadline);
    loop {
        let frame = tokio::select! {
            biased;
            () = &mut deadline => return false,
            frame = body.frame() => frame,
        };
        match frame {
            None => return true,
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
                match room.checked_sub(bytes) {
                    Some(left) => room = left,
                    None => return false,
                }
            }
            Some(Err(_)) => return false,
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
    received_bytes: Arc<AtomicU64>,
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
                        let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
                        self.meter.count(bytes);
                        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use hyper::body::Frame;
    use std::convert::Infallible;
    use std::future::{pending, poll_fn};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// So many frames of one byte, each as soon as it is asked for; then the end, or silence.
    struct Trickle {
        left: usize,
        ends: bool,
    }

    impl Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.left.checked_sub(1) {
                Some(left) => {
                    self.left = left;
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
                }
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn settled(left: usize, ends: bool, room: u64, deadline: impl Future<Output = ()>) -> Option<bool> {
        drain(&mut Trickle { left, ends }, room, deadline).now_or_never()
    }

    #[test]
    fn a_little_is_read_off() {
        assert_eq!(settled(5, true, 5, pending()), Some(true));
        assert_eq!(settled(6, true, 5, pending()), Some(false), "more than there is room for");
        assert_eq!(settled(0, false, 5, pending()), None, "still waits");
    }

    #[test]
    fn a_trickle_does_not_hold_the_answer_back() {
        let mut asked = 0;
        let third = poll_fn(|_| {
            asked += 1;
            if asked == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        assert_eq!(settled(1_000, true, 1_000, third), Some(false), "bytes that come do not move the deadline");
        assert_eq!(asked, 3);
        assert_eq!(settled(0, false, 5, std::future::ready(())), Some(false), "silence");
    }
}
