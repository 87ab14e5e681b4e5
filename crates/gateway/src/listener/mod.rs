//! The doors: plain HTTP and TLS on one port.
//!
//! The first byte of a connection decides: 22 begins a TLS handshake and no HTTP method. Connections are counted and
//! capped; heads, handshakes and pauses have timeouts; when the server stops, requests under way may end.

mod connection;
mod guarded;
mod pace;
mod tls;

pub use connection::Peer;
pub use tls::TlsSlot;

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::reply::WireReplyBody;
use hyper::body::Incoming;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Answers the requests of a door.
pub trait Serve: Send + Sync + 'static {
    /// Answers one request. Never fails: a failure is an answer too.
    fn serve(
        &self,
        request: http::Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = http::Response<WireReplyBody>> + Send;
}

/// A door: what is needed to take connections.
pub struct Door {
    /// For metrics and logs: `data`, `control`.
    pub name: &'static str,
    /// TLS, if offered.
    pub tls: Option<Arc<TlsSlot>>,
    /// Limits.
    pub limits: Limits,
    /// Where connections are counted.
    pub metrics: Arc<Metrics>,
}

/// Takes connections until `stop` says so, then waits for open requests, at most [`Limits::drain_timeout`].
///
/// # Errors
/// Only when the listener itself has become unusable; what goes wrong on one connection ends that connection.
pub async fn serve(
    listener: TcpListener,
    door: Arc<Door>,
    handler: Arc<impl Serve>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let seats = Arc::new(Semaphore::new(door.limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
                        tracing::warn!(door = door.name, %address, "connection refused: too many are open");
                        continue;
                    };
                    let (door, handler, stop) = (Arc::clone(&door), Arc::clone(&handler), stop.clone());
                    connections.spawn(async move {
                        let _seat = seat;
                        connection::drive(stream, address, &door, handler, stop).await;
                    });
                }
                // Out of file descriptors, or the peer was gone before it was taken: others may still come.
                Err(error) => {
                    tracing::warn!(door = door.name, %error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let drained =
        tokio::time::timeout(door.limits.drain_timeout, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(door = door.name, open = connections.len(), "connections cut at shutdown");
        connections.abort_all();
    }
    Ok(())
}

/// Resolves when the server is to stop, also when whoever could say so is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
