//! Connections to a KMIP server: TLS with a client certificate, one message at a time. Those not in use wait in a pool.

use super::ttlv::Item;
use kms::ProviderFault;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

/// Longest answer in bytes. Ours are some hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const HEAD_BYTES: usize = 8;
/// Most connections kept open between messages.
const IDLE_MAX: usize = 8;

type Stream = TlsStream<TcpStream>;

/// A server and the connections to it.
pub(super) struct Connections {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
    idle: Mutex<Vec<Stream>>,
}

impl Connections {
    pub(super) fn new(host: &str, port: u16, config: Arc<ClientConfig>) -> Result<Self, String> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| format!("`{host}` is not the name of a server"))?;
        Ok(Self { host: host.to_owned(), port, name, tls: config.into(), idle: Mutex::default() })
    }

    /// Sends a message and receives the answer. A connection that waited in the pool may have been closed by the server: then
    /// a message that may be repeated goes out again on a fresh one.
    pub(super) async fn exchange(&self, message: &[u8], repeatable: bool) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let waiting = self.idle().pop();
        if let Some(stream) = waiting {
            match self.over(stream, message).await {
                Err(ProviderFault::Unavailable(_)) if repeatable => {}
                other => return other,
            }
        }
        let stream = self.connect().await?;
        self.over(stream, message).await
    }

    async fn over(&self, mut stream: Stream, message: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let broken = |error: std::io::Error| ProviderFault::Unavailable(format!("KMIP: {}", error.kind()));
        stream.write_all(message).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let mut head = [0; HEAD_BYTES];
        stream.read_exact(&mut head).await.map_err(broken)?;
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(ProviderFault::Garbage(format!("KMIP: an answer of {length} bytes")));
        }
        // Answers to Decrypt hold a one-time key.
        let mut answer = Zeroizing::new(vec![0; HEAD_BYTES + length]);
        answer[..HEAD_BYTES].copy_from_slice(&head);
        stream.read_exact(&mut answer[HEAD_BYTES..]).await.map_err(broken)?;
        if Item::read(&answer).is_none() {
            // Where the next answer begins is not known any more: the connection is not kept.
            return Err(ProviderFault::Garbage("KMIP: an answer that is not TTLV".to_owned()));
        }
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push(stream);
        }
        Ok(answer)
    }

    async fn connect(&self) -> Result<Stream, ProviderFault> {
        let unreachable = |error: std::io::Error| {
            ProviderFault::Unavailable(format!("cannot reach the KMIP server {}:{}: {error}", self.host, self.port))
        };
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        self.tls.connect(self.name.clone(), tcp).await.map_err(unreachable)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Stream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
