//! One connection, from its first byte to its end.

use super::guarded::Guarded;
use super::{Door, Serve, stopped};
use crate::config::Limits;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ProtocolVersion;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// First byte of a TLS record that begins a handshake.
const TLS_HANDSHAKE: u8 = 22;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
    /// The version of TLS, `1.2` or `1.3`.
    pub tls_version: Option<&'static str>,
    unread: Arc<AtomicBool>,
}

impl Peer {
    /// The other end of a connection: its address, and the version of TLS if there is TLS.
    pub fn new(address: SocketAddr, tls_version: Option<&'static str>) -> Self {
        Self { address, secure: tls_version.is_some(), tls_version, unread: Arc::default() }
    }

    /// Says that the answer goes out while the request's body is not read: what still comes is to be discarded for a
    /// while after the answer, lest a reset overtakes it.
    pub fn leaves_body_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn drive(
    stream: TcpStream,
    address: SocketAddr,
    door: &Door,
    handler: Arc<impl Serve>,
    stop: watch::Receiver<bool>,
) {
    let _open = door.metrics.connection_opens(door.name);
    // Without it small replies would wait for the peer's delayed acknowledgement; nothing is lost if it fails.
    let _ = stream.set_nodelay(true);
    let limits = &door.limits;
    let mut stop_early = stop.clone();
    let first = tokio::select! {
        first = timeout(limits.header_timeout, first_byte(&stream)) => first,
        () = stopped(&mut stop_early) => return,
    };
    let Ok(Ok(Some(first))) = first else { return };
    let stream = Guarded::new(stream, limits);
    let served = match (first, &door.tls) {
        (TLS_HANDSHAKE, Some(tls)) => {
            let handshake = TlsAcceptor::from(tls.current()).accept(stream);
            match timeout(limits.handshake_timeout, handshake).await {
                Ok(Ok(stream)) => {
                    let version = tls_version(stream.get_ref().1.protocol_version());
                    requests(stream, Peer::new(address, Some(version)), limits, handler, stop).await
                }
                Ok(Err(error)) => {
                    tracing::debug!(door = door.name, %address, %error, "TLS handshake failed");
                    return;
                }
                Err(_) => return,
            }
        }
        (TLS_HANDSHAKE, None) => return,
        _ => requests(stream, Peer::new(address, None), limits, handler, stop).await,
    };
    if let Err(error) = served {
        tracing::debug!(door = door.name, %address, %error, "connection ended");
    }
}

/// The version as policies name it. Older ones than 1.2 do not exist in the TLS library.
fn tls_version(version: Option<ProtocolVersion>) -> &'static str {
    if version == Some(ProtocolVersion::TLSv1_3) { "1.3" } else { "1.2" }
}

async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0; 1];
    Ok((stream.peek(&mut byte).await? == 1).then_some(byte[0]))
}

async fn requests<S>(
    mut stream: S,
    peer: Peer,
    limits: &Limits,
    handler: Arc<impl Serve>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let result = {
        let service = service_fn(|request| {
            let (handler, peer) = (Arc::clone(&handler), peer.clone());
            async move { Ok::<_, Infallible>(handler.serve(request, peer).await) }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header_timeout)
                .max_headers(limits.headers_max)
                .max_header_size(limits.header_block_bytes_max)
                .max_buf_size(limits.read_buffer_bytes)
                .serve_connection(TokioIo::new(&mut stream), service)
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = stopped(&mut stop) => None,
        };
        match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if peer.unread.load(Ordering::Relaxed) {
        let _ = timeout(limits.linger_timeout, discard(&mut stream)).await;
    }
    result
}

/// Reads until the peer has had enough.
async fn discard(stream: &mut (impl AsyncRead + Unpin)) {
    let mut scratch = vec![0; 16 * 1024];
    while matches!(stream.read(&mut scratch).await, Ok(n) if n > 0) {}
}
