//! A server without its root key. It does not start, unless `allow_locked` says so: then both ports answer that the server
//! lives and is locked, the source is asked again from time to time, and `strongroom kms root unlock` brings a passphrase.
//! Nothing of the stores is open meanwhile.

use crate::failure::Failure;
use crate::root_key::{Candidates, GivenPassphrase, RootSource, SourceFault, find};
use bytes::Bytes;
use crypto::SystemEntropy;
use gateway::dialect::Dialect;
use gateway::errors::{Asked, Compat, Refusal, error_reply};
use gateway::ids::Ids;
use gateway::listener::{Door, Peer, Serve, serve};
use gateway::reply::{Reply, ReplyBody, WireReplyBody};
use gateway::{Limits, Metrics, TlsSlot};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use objects::Fail;
use serde_json::Value;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use store::StoreFault;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::{Zeroize, Zeroizing};

/// How often the source is asked again.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// Bytes of a request to unlock.
const BODY_BYTES_MAX: usize = 16 * 1024;
const UNLOCK: &str = "/admin/v1/kms/root/unlock";

/// A passphrase on trial, and where to say how it went.
type Trial = (GivenPassphrase, oneshot::Sender<Result<(), String>>);

/// What is needed to find the root key.
pub(super) struct Search {
    pub(super) source: Arc<dyn RootSource>,
    pub(super) passphrase: Option<GivenPassphrase>,
    /// Whether a key may be made where there is none: the data directory is new.
    pub(super) may_create: bool,
}

/// The ports, and what their connections need.
pub(super) struct Doors<'a> {
    pub(super) data: &'a TcpListener,
    pub(super) control: &'a TcpListener,
    pub(super) tls: Arc<TlsSlot>,
}

impl Search {
    /// Finds the root key; where that fails and `doors` are given, serves locked until it is found.
    ///
    /// # Errors
    /// Why the server cannot start.
    pub(super) async fn run(self, doors: Option<Doors<'_>>) -> Result<Candidates, Failure> {
        let Self { source, passphrase, may_create } = self;
        let search = Arc::new((source, may_create));
        let why = match attempt(&search, passphrase).await {
            (Ok(found), _) => return Ok(found),
            (Err(SourceFault::Broken(failure)), _) => return Err(failure),
            (Err(SourceFault::Locked(why)), passphrase) => (why, passphrase),
        };
        let (why, passphrase) = why;
        let Some(doors) = doors else {
            return Err(Failure::new(why).advising("with allow_locked the server starts and waits"));
        };
        tracing::warn!(why, "locked: the root key is not to be had; everything is refused until it is");
        let (stop, stopping) = watch::channel(false);
        let (trials, asked) = mpsc::channel(1);
        let open = [("data", doors.data), ("control", doors.control)].map(|(name, listener)| {
            let handler = Arc::new(Handler::new(name == "control", trials.clone()));
            let door = Arc::new(Door {
                name,
                tls: Some(Arc::clone(&doors.tls)),
                limits: Limits { drain_timeout: Duration::from_secs(2), ..Limits::default() },
                metrics: Arc::clone(&handler.metrics),
            });
            let listener = second(listener)?;
            Ok(tokio::spawn(serve(listener, door, handler, stopping.clone())))
        });
        let open = open
            .into_iter()
            .collect::<io::Result<Vec<_>>>()
            .map_err(|error| Failure::new(format!("cannot listen while locked: {error}")))?;
        let found = wait(&search, passphrase, asked).await;
        let _ = stop.send(true);
        for door in open {
            let _ = door.await;
        }
        if found.is_ok() {
            tracing::info!("unlocked");
        }
        found
    }
}

type Where = Arc<(Arc<dyn RootSource>, bool)>;

/// One attempt, where it may block. The passphrase comes back.
async fn attempt(
    search: &Where,
    passphrase: Option<GivenPassphrase>,
) -> (Result<Candidates, SourceFault>, Option<GivenPassphrase>) {
    let search = Arc::clone(search);
    let work = move || (find(&*search.0, passphrase.as_ref(), search.1, &SystemEntropy), passphrase);
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => (Err(SourceFault::Broken(Failure::new(format!("the root key's source: {error}")))), None),
    }
}

/// Tries what is brought, and the source by itself from time to time.
async fn wait(
    search: &Where,
    mut passphrase: Option<GivenPassphrase>,
    mut asked: mpsc::Receiver<Trial>,
) -> Result<Candidates, Failure> {
    let mut retry = tokio::time::interval(RETRY_EVERY);
    retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    retry.tick().await;
    loop {
        tokio::select! {
            trial = asked.recv() => {
                let Some((given, answer)) = trial else { continue };
                match attempt(search, Some(given)).await {
                    (Ok(found), _) => {
                        let _ = answer.send(Ok(()));
                        return Ok(found);
                    }
                    (Err(fault), _) => {
                        let why = Failure::from(fault).to_string();
                        tracing::warn!(why, "not unlocked");
                        let _ = answer.send(Err(why));
                    }
                }
            }
            _ = retry.tick() => {
                let (outcome, kept) = attempt(search, passphrase.take()).await;
                passphrase = kept;
                match outcome {
                    Ok(found) => return Ok(found),
                    Err(SourceFault::Locked(why)) => tracing::debug!(why, "still locked"),
                    Err(SourceFault::Broken(failure)) => return Err(failure),
                }
            }
        }
    }
}

/// A second handle of a port, so that the first goes on listening when this one is done.
fn second(listener: &TcpListener) -> io::Result<TcpListener> {
    let duplicate = rustix::io::fcntl_dupfd_cloexec(listener, 0)?;
    TcpListener::from_std(std::net::TcpListener::from(duplicate))
}

/// Answers while locked.
struct Handler {
    control: bool,
    trials: mpsc::Sender<Trial>,
    ids: Ids,
    metrics: Arc<Metrics>,
}

impl Handler {
    fn new(control: bool, trials: mpsc::Sender<Trial>) -> Self {
        Self { control, trials, ids: Ids::new(Arc::new(SystemEntropy)), metrics: Arc::new(Metrics::new()) }
    }

    async fn control(&self, head: &http::request::Parts, body: Incoming, peer: &Peer) -> Reply {
        match (head.method.as_str(), head.uri.path()) {
            ("GET" | "HEAD", "/health/live") => json(StatusCode::OK, r#"{"status":"live"}"#.to_owned()),
            ("GET" | "HEAD", "/health/ready") => {
                json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"locked"}"#.to_owned())
            }
            ("POST", UNLOCK) => self.unlock(body, peer).await,
            _ => refusal(StatusCode::SERVICE_UNAVAILABLE, "Locked", "The server is locked: it has no root key."),
        }
    }

    /// The passphrase is what authenticates: access keys are sealed under what it opens.
    async fn unlock(&self, body: Incoming, peer: &Peer) -> Reply {
        if !peer.secure && !peer.address.ip().to_canonical().is_loopback() {
            return refusal(
                StatusCode::FORBIDDEN,
                "HttpsRequired",
                "A passphrase comes over TLS or from this machine.",
            );
        }
        let bad = || refusal(StatusCode::BAD_REQUEST, "InvalidInput", "The body is a JSON object with a passphrase.");
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else { return bad() };
        let Some(passphrase) = passphrase_of(&body.to_bytes()) else { return bad() };
        let (answer, answered) = oneshot::channel();
        // One at a time: each costs a second and its memory.
        if self.trials.try_send((passphrase, answer)).is_err() {
            return refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "A passphrase is being tried. Try again.",
            );
        }
        match answered.await {
            Ok(Ok(())) => Reply::no_content(),
            Ok(Err(why)) => refusal(StatusCode::FORBIDDEN, "NotUnlocked", &why),
            Err(_) => refusal(StatusCode::SERVICE_UNAVAILABLE, "Locked", "The server is about to open, or to end."),
        }
    }

    fn data(&self, head: &http::request::Parts) -> Reply {
        let ids = self.ids.draw();
        let asked = Asked {
            head: head.method == Method::HEAD,
            resource: head.uri.path(),
            request_id: &ids.request_id,
            id_2: &ids.id_2,
            access_key: None,
        };
        let locked = Refusal::Fail(Fail::Store(StoreFault::Unavailable("locked".to_owned())));
        error_reply(Dialect::of_unsigned(&head.headers), Compat::Aws, &locked, &asked).with("retry-after", "5")
    }
}

/// The passphrase in a body, which holds nothing else.
fn passphrase_of(body: &[u8]) -> Option<GivenPassphrase> {
    let mut parsed: Value = serde_json::from_slice(body).ok()?;
    let members = parsed.as_object_mut()?;
    let Some(Value::String(text)) = members.remove("passphrase") else { return None };
    let passphrase = Zeroizing::new(text.into_bytes());
    for value in members.values_mut() {
        if let Value::String(text) = value {
            text.zeroize();
        }
    }
    members.is_empty().then(|| GivenPassphrase::new(passphrase))
}

impl Serve for Handler {
    async fn serve(&self, request: http::Request<Incoming>, peer: Peer) -> http::Response<WireReplyBody> {
        let (head, body) = request.into_parts();
        let mut reply = if self.control {
            self.control(&head, body, &peer).await
        } else {
            peer.leaves_body_unread();
            self.data(&head)
        };
        reply.set("cache-control", "no-store");
        // The next request may find the server open.
        reply.set("connection", "close");
        reply.into_response(head.method == Method::HEAD, self.metrics.sent())
    }
}

fn json(status: StatusCode, text: String) -> Reply {
    let mut reply = Reply::new(status).with("content-type", "application/json");
    reply.body = ReplyBody::Full(Bytes::from(text));
    reply
}

/// An error that every client of the control address can read: the members of AWS's errors and of this server's own.
fn refusal(status: StatusCode, code: &str, message: &str) -> Reply {
    let text = serde_json::json!({ "__type": code, "code": code, "message": message }).to_string();
    json(status, text)
}
