//! A reply before it goes over the wire, and its body.
//!
//! Header values are made safe here and nowhere else: whatever an operation puts in, no line break or other control
//! character leaves.

use crate::metrics::BodyMeter;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use objects::Fail;
use objects::api::ResponseBody;
use sse::AppliedEncryption;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What an operation answers.
#[derive(Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers; the common ones are added when the reply is sent.
    pub headers: HeaderMap,
    /// Body.
    pub body: ReplyBody,
    /// How the object that the answer is about is sealed, for the audit log.
    pub encryption: Option<AppliedEncryption>,
}

/// A reply's body.
pub enum ReplyBody {
    /// None.
    Empty,
    /// At hand.
    Full(Bytes),
    /// Flows: exactly so many bytes.
    Stream(u64, Box<dyn ResponseBody>),
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(length, _) => write!(f, "Stream({length} bytes)"),
        }
    }
}

impl Reply {
    /// A reply without headers and body.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: ReplyBody::Empty, encryption: None }
    }

    /// 200.
    pub fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT)
    }

    /// An XML document. The type carries no character set: one SDK takes nothing else (obs-api §3.2).
    pub fn xml(status: StatusCode, document: Bytes) -> Self {
        let mut reply = Self::new(status);
        reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        reply.body = ReplyBody::Full(document);
        reply
    }

    /// Sets a header of the protocol.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(HeaderName::from_static(name), safe_value(value.as_bytes()));
    }

    /// Sets a header, by builder.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a header where there is a value.
    pub fn set_some(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// Adds a header whose name comes from stored data. A name that no header can have is left out.
    pub fn append_stored(&mut self, name: &str, value: &[u8]) {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            self.headers.append(name, safe_value(value));
        }
    }

    /// Number of bytes of the body.
    pub fn body_bytes(&self) -> u64 {
        match &self.body {
            ReplyBody::Empty => 0,
            ReplyBody::Full(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            ReplyBody::Stream(length, _) => *length,
        }
    }

    /// Turns the reply into a response; to a HEAD request the headers alone.
    pub fn into_response(self, head: bool, meter: BodyMeter) -> http::Response<WireReplyBody> {
        let length = self.body_bytes();
        let mut response =
            http::Response::new(if head { WireReplyBody::empty() } else { WireReplyBody::new(self.body, meter) });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let bodiless = self.status == StatusCode::NO_CONTENT || self.status == StatusCode::NOT_MODIFIED;
        if !bodiless && !response.headers().contains_key(CONTENT_LENGTH) {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// A header value without control characters: each becomes a blank. Bytes beyond ASCII stay, as they came.
pub fn safe_value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).unwrap_or_else(|_| {
        let clean: Vec<u8> = bytes.iter().map(|&b| if b < 0x20 || b == 0x7f { b' ' } else { b }).collect();
        HeaderValue::from_bytes(&clean).unwrap_or_else(|_| HeaderValue::from_static(""))
    })
}

/// The body fails while it flows: the connection is cut, so that nobody takes what came for the whole.
#[derive(Debug)]
pub struct BodyCut(String);

impl fmt::Display for BodyCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reply body failed: {}", self.0)
    }
}

impl std::error::Error for BodyCut {}

type NextPiece = BoxFuture<'static, (Box<dyn ResponseBody>, Result<Option<Bytes>, Fail>)>;

enum State {
    Done,
    Full(Bytes),
    Idle(Box<dyn ResponseBody>),
    Waiting(NextPiece),
}

/// Counts the bytes of one body, and tells how many there were: before the last one leaves, or when the body is given up.
pub struct SentBytes {
    bytes: u64,
    told: Option<Box<dyn FnOnce(u64) + Send>>,
}

impl SentBytes {
    /// Tells `whom`, once, unless there were none.
    pub fn new(whom: impl FnOnce(u64) + Send + 'static) -> Self {
        Self { bytes: 0, told: Some(Box::new(whom)) }
    }

    fn count(&mut self, bytes: u64, last: bool) {
        self.bytes = self.bytes.saturating_add(bytes);
        if last {
            self.tell();
        }
    }

    fn tell(&mut self) {
        if let Some(told) = self.told.take()
            && self.bytes > 0
        {
            told(self.bytes);
        }
    }
}

impl Drop for SentBytes {
    fn drop(&mut self) {
        self.tell();
    }
}

/// A reply's body as hyper polls it.
pub struct WireReplyBody {
    state: State,
    remaining: u64,
    meter: Option<BodyMeter>,
    sent: Option<SentBytes>,
}

impl fmt::Debug for WireReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireReplyBody({} bytes remaining)", self.remaining)
    }
}

impl WireReplyBody {
    fn empty() -> Self {
        Self { state: State::Done, remaining: 0, meter: None, sent: None }
    }

    /// Counts what of the body goes over the wire.
    pub fn tell_what_is_sent(&mut self, sent: SentBytes) {
        self.sent = Some(sent);
    }

    fn new(body: ReplyBody, meter: BodyMeter) -> Self {
        match body {
            ReplyBody::Empty => Self::empty(),
            ReplyBody::Full(bytes) if bytes.is_empty() => Self::empty(),
            ReplyBody::Full(bytes) => Self {
                remaining: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
                state: State::Full(bytes),
                meter: Some(meter),
                sent: None,
            },
            ReplyBody::Stream(length, body) => {
                Self { state: State::Idle(body), remaining: length, meter: Some(meter), sent: None }
            }
        }
    }

    fn give(&mut self, piece: Bytes) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        match self.remaining.checked_sub(length) {
            Some(remaining) => {
                self.remaining = remaining;
                if let Some(meter) = &self.meter {
                    meter.count(length);
                }
                if let Some(sent) = &mut self.sent {
                    sent.count(length, remaining == 0);
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            None => self.cut("longer than announced".to_owned()),
        }
    }

    fn cut(&mut self, why: String) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        tracing::error!(why, "reply body failed; the connection is cut");
        self.state = State::Done;
        self.remaining = 0;
        Poll::Ready(Some(Err(BodyCut(why))))
    }
}

impl Body for WireReplyBody {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Full(bytes) => return self.give(bytes),
                State::Idle(mut body) => {
                    self.state = State::Waiting(Box::pin(async move {
                        let piece = body.next().await;
                        (body, piece)
                    }));
                }
                State::Waiting(mut waiting) => match waiting.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.state = State::Waiting(waiting);
                        return Poll::Pending;
                    }
                    Poll::Ready((body, Ok(Some(piece)))) => {
                        self.state = State::Idle(body);
                        if !piece.is_empty() {
                            return self.give(piece);
                        }
                    }
                    Poll::Ready((_, Ok(None))) if self.remaining == 0 => return Poll::Ready(None),
                    Poll::Ready((_, Ok(None))) => return self.cut("shorter than announced".to_owned()),
                    Poll::Ready((_, Err(fail))) => return self.cut(format!("{fail:?}")),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0 && matches!(self.state, State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use http_body_util::BodyExt;

    struct Pieces(Vec<Result<Bytes, Fail>>);

    #[async_trait]
    impl ResponseBody for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, Fail> {
            if self.0.is_empty() { Ok(None) } else { self.0.remove(0).map(Some) }
        }
    }

    fn stream(length: u64, pieces: Vec<Result<Bytes, Fail>>) -> WireReplyBody {
        WireReplyBody::new(ReplyBody::Stream(length, Box::new(Pieces(pieces))), BodyMeter::default())
    }

    #[tokio::test]
    async fn pieces_flow_and_are_counted() {
        let meter = BodyMeter::default();
        let pieces = Pieces(vec![Ok(Bytes::from_static(b"ab")), Ok(Bytes::new()), Ok(Bytes::from_static(b"c"))]);
        let body = WireReplyBody::new(ReplyBody::Stream(3, Box::new(pieces)), meter.clone());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        assert_eq!(meter.total(), 3);
    }

    #[tokio::test]
    async fn what_was_sent_is_told_once_with_the_last_byte_or_when_it_ends_early() {
        use std::sync::{Arc, Mutex};
        let told = Arc::new(Mutex::new(Vec::new()));
        let sent = |mut body: WireReplyBody| {
            let told = Arc::clone(&told);
            body.tell_what_is_sent(SentBytes::new(move |bytes| told.lock().unwrap().push(bytes)));
            body
        };
        let a = || Ok(Bytes::from_static(b"a"));
        let mut whole = sent(stream(2, vec![a(), a()]));
        whole.frame().await.unwrap().unwrap();
        assert_eq!(*told.lock().unwrap(), [] as [u64; 0]);
        whole.frame().await.unwrap().unwrap();
        assert_eq!(*told.lock().unwrap(), [2], "before anybody asks for the end");
        drop(whole);
        let mut given_up = sent(stream(9, vec![a()]));
        given_up.frame().await.unwrap().unwrap();
        drop(given_up);
        drop(sent(stream(9, vec![a()])));
        assert_eq!(*told.lock().unwrap(), [2, 1], "nothing is told of a body that nobody began");
    }

    #[tokio::test]
    async fn a_body_that_fails_or_lies_about_its_length_is_an_error_and_not_an_end() {
        let a = || Ok(Bytes::from_static(b"a"));
        assert!(stream(2, vec![a(), Err(Fail::Internal("x".into()))]).collect().await.is_err());
        assert!(stream(2, vec![a()]).collect().await.is_err(), "shorter");
        assert!(stream(1, vec![a(), a()]).collect().await.is_err(), "longer");
    }

    #[test]
    fn no_line_break_leaves() {
        for (given, sent) in
            [("a\r\nSet-Cookie: x", "a  Set-Cookie: x"), ("\0", " "), ("plain", "plain"), ("\u{fc}", "\u{fc}")]
        {
            assert_eq!(safe_value(given.as_bytes()).as_bytes(), sent.as_bytes());
        }
    }

    #[test]
    fn lengths_of_bodiless_and_head_replies() {
        let response = Reply::no_content().into_response(false, BodyMeter::default());
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
        let mut reply = Reply::ok();
        reply.body = ReplyBody::Full(Bytes::from_static(b"four"));
        let response = reply.into_response(true, BodyMeter::default());
        assert_eq!(response.headers()[CONTENT_LENGTH], "4");
        assert!(response.body().is_end_stream());
    }
}
