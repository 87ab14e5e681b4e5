//! The HTTP client of the providers: HTTP/1.1 over TLS on kept connections, small bodies, no redirects, no proxies.
//! What it reports names the endpoint and never what was sent or answered: both hold keys.

mod endpoint;

pub(crate) use endpoint::EndpointUrl;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use kms::ProviderFault;
use serde::Deserialize;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// Longest answer that is read, in bytes. The longest honest one describes a key.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most connections that are kept without use.
const IDLE_MAX: usize = 16;

type Sender = SendRequest<Full<Bytes>>;

/// A request to a service. Headers are those that the provider signs or sends; `Host` is among them.
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path and query as on the wire.
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Over a connection of its own: a kept one may be closing, and then whether the service has done what was asked is
    /// not known. For what must not be asked twice.
    pub(crate) once: bool,
}

/// A service's answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// May hold a key; wiped when dropped.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// What the status says of an answer that names no fault of its own, or this one.
    pub(crate) fn fault(&self, operation: &str, named: Option<&str>) -> ProviderFault {
        let status = self.status.as_u16();
        match named {
            _ if self.status == StatusCode::TOO_MANY_REQUESTS => ProviderFault::Throttled,
            _ if self.status.is_server_error() => ProviderFault::Unavailable(format!("{operation}: status {status}")),
            Some(named) => ProviderFault::Refused(format!("{operation}: {named}")),
            None if self.status.is_client_error() => ProviderFault::Refused(format!("{operation}: status {status}")),
            None => not_of_the_protocol(operation),
        }
    }
}

/// Parses the answer to an operation. Nothing of what was answered is shown.
///
/// # Errors
/// [`ProviderFault::Garbage`].
pub(crate) fn parse<'a, T: Deserialize<'a>>(operation: &str, body: &'a [u8]) -> Result<T, ProviderFault> {
    serde_json::from_slice(body).map_err(|_| not_of_the_protocol(operation))
}

/// The fault of an answer that the protocol does not know.
pub(crate) fn not_of_the_protocol(operation: &str) -> ProviderFault {
    ProviderFault::Garbage(format!("{operation}: no answer of the protocol"))
}

/// Connections to one service.
pub(crate) struct Client {
    endpoint: EndpointUrl,
    idle: Mutex<Vec<Sender>>,
}

impl Client {
    pub(crate) fn new(endpoint: EndpointUrl) -> Self {
        Self { endpoint, idle: Mutex::default() }
    }

    /// The value of the `Host` header.
    pub(crate) fn host(&self) -> &str {
        self.endpoint.authority()
    }

    /// What stands before every path: empty, or `/prefix`.
    pub(crate) fn prefix(&self) -> &str {
        self.endpoint.prefix()
    }

    /// Makes one exchange. A kept connection that turns out to be closed before the request was sent on it is replaced;
    /// nothing else is tried twice here.
    ///
    /// # Errors
    /// [`ProviderFault::Unavailable`] when there is no whole answer; [`ProviderFault::Garbage`] for one that is too long.
    pub(crate) async fn exchange(&self, ask: Ask) -> Result<Answer, ProviderFault> {
        let once = ask.once;
        let mut request = Request::builder().method(ask.method).uri(ask.target);
        if let Some(headers) = request.headers_mut() {
            *headers = ask.headers.into_iter().collect::<HeaderMap>();
        }
        let mut request = request
            .body(Full::new(Bytes::from_owner(Wiped(ask.body))))
            .map_err(|_| ProviderFault::Unsupported("such a request"))?;
        while let Some(mut sender) = if once { None } else { self.kept() } {
            match sender.try_send_request(request).await {
                Ok(response) => return self.read(sender, response).await,
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.unavailable(&failed.into_error())),
                },
            }
        }
        let mut sender = self.connect().await?;
        let response = sender.send_request(request).await.map_err(|error| self.unavailable(&error))?;
        self.read(sender, response).await
    }

    async fn read(
        &self,
        sender: Sender,
        response: http::Response<hyper::body::Incoming>,
    ) -> Result<Answer, ProviderFault> {
        let status = response.status();
        let mut body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
        let mut read = Zeroizing::new(Vec::with_capacity(4096));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    ProviderFault::Garbage("an answer without end".to_owned())
                } else {
                    self.unavailable(&error)
                }
            })?;
            if let Some(data) = frame.data_ref() {
                append(&mut read, data);
            }
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
        Ok(Answer { status, body: read })
    }

    /// A connection that was used before. The last to be given back comes first, so that surplus ones grow old.
    fn kept(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        // One that is not ready is still busy with the end of its last answer.
        let ready = idle.iter().rposition(SendRequest::is_ready)?;
        Some(idle.remove(ready))
    }

    async fn connect(&self) -> Result<Sender, ProviderFault> {
        let stream = TcpStream::connect(self.endpoint.target()).await.map_err(|error| self.unavailable(&error))?;
        stream.set_nodelay(true).map_err(|error| self.unavailable(&error))?;
        match self.endpoint.tls() {
            None => self.handshake(stream).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                let stream = connector.connect(name.clone(), stream).await.map_err(|error| self.unavailable(&error))?;
                self.handshake(stream).await
            }
        }
    }

    async fn handshake(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Sender, ProviderFault> {
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.unavailable(&error))?;
        // The sender reports what goes wrong; the driver's own copy of the error adds nothing.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }

    fn unavailable(&self, error: &dyn Display) -> ProviderFault {
        ProviderFault::Unavailable(format!("{}: {error}", self.endpoint.authority()))
    }
}

/// Grows without leaving the old place unwiped, as a growing vector would.
fn append(read: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    if read.capacity() - read.len() < data.len() {
        let mut larger = Zeroizing::new(Vec::with_capacity((read.len() + data.len()).next_power_of_two()));
        larger.extend_from_slice(read);
        *read = larger;
    }
    read.extend_from_slice(data);
}

/// A request's body, wiped when the last part of the client lets it go.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
