//! One connection to a server, for one request after another.

use super::Endpoint;
use crate::failure::Failure;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::fmt::Display;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Connection {
    /// Connects, and shakes hands where the endpoint is HTTPS.
    pub(crate) async fn open(endpoint: &Endpoint) -> Result<Self, Failure> {
        let authority = endpoint.authority();
        let failed = |error: &dyn Display| Failure::new(format!("cannot reach the server at {authority}: {error}"));
        let stream = TcpStream::connect(endpoint.target()).await.map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let sender = match endpoint.tls() {
            None => handshake(stream).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                handshake(connector.connect(name.clone(), stream).await.map_err(|error| failed(&error))?).await
            }
        };
        Ok(Self { sender: sender.map_err(|error| failed(&error))?, authority: authority.clone() })
    }

    /// Sends a request and returns the answer's head; its body is read by the caller before the next request.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
        let failed =
            |error: hyper::Error| Failure::new(format!("the server at {} did not answer: {error}", self.authority));
        self.sender.ready().await.map_err(failed)?;
        self.sender.send_request(request).await.map_err(failed)
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, hyper::Error> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The sender reports what goes wrong; the driver's own copy of the error adds nothing.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}
