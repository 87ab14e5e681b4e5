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

/// What whoever brought a passphrase is told when it did not unlock. Why is for the log: the peer has shown no right to know.
const NOT_UNLOCKED: &str = "Not unlocked. The server's log says why.";
/// The same where there is no key yet. Whoever comes first over the network does not choose its passphrase.
const NOT_CREATED: &str = "Not unlocked. A new data directory must be started with its passphrase.";

/// A passphrase on trial, and where to say how it went.
type Trial = (GivenPassphrase, oneshot::Sender<Result<(), &'static str>>);

/// Where passphrases are brought: one place for each, so that whoever fills one does not keep the others out.
#[derive(Clone)]
struct Places {
    /// From this machine.
    local: mpsc::Sender<Trial>,
    /// From elsewhere.
    remote: mpsc::Sender<Trial>,
}

/// What is in the places.
struct Brought {
    local: mpsc::Receiver<Trial>,
    remote: mpsc::Receiver<Trial>,
}

fn places() -> (Places, Brought) {
    let ((local, from_local), (remote, from_remote)) = (mpsc::channel(1), mpsc::channel(1));
    (Places { local, remote }, Brought { local: from_local, remote: from_remote })
}

/// What is needed to find the root key.
pub(super) struct Search {
    pub(super) source: Arc<dyn RootSource>,
    pub(super) passphrase: Option<GivenPassphrase>,
    /// Whether a key may be made where there is none: the data directory is new. Never under a passphrase that came over
    /// the network.
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
        let search = source;
        let why = match attempt(&search, passphrase, may_create).await {
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
        let (trials, asked) = places();
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
        let found = wait(&search, passphrase, may_create, asked).await;
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

/// One attempt, where it may block. The passphrase comes back.
async fn attempt(
    source: &Arc<dyn RootSource>,
    passphrase: Option<GivenPassphrase>,
    may_create: bool,
) -> (Result<Candidates, SourceFault>, Option<GivenPassphrase>) {
    let source = Arc::clone(source);
    let work = move || (find(&*source, passphrase.as_ref(), may_create, &SystemEntropy), passphrase);
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => (Err(SourceFault::Broken(Failure::new(format!("the root key's source: {error}")))), None),
    }
}

/// Tries what is brought, and the source by itself from time to time.
async fn wait(
    source: &Arc<dyn RootSource>,
    mut passphrase: Option<GivenPassphrase>,
    may_create: bool,
    mut brought: Brought,
) -> Result<Candidates, Failure> {
    let mut retry = tokio::time::interval(RETRY_EVERY);
    retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    retry.tick().await;
    loop {
        // What comes from elsewhere comes last: anybody can bring it without end.
        let trial = tokio::select! {
            biased;
            Some(trial) = brought.local.recv() => Some(trial),
            _ = retry.tick() => None,
            Some(trial) = brought.remote.recv() => Some(trial),
        };
        let Some((given, answer)) = trial else {
            let (outcome, kept) = attempt(source, passphrase.take(), may_create).await;
            passphrase = kept;
            match outcome {
                Ok(found) => return Ok(found),
                Err(SourceFault::Locked(why)) => tracing::debug!(why, "still locked"),
                Err(SourceFault::Broken(failure)) => return Err(failure),
            }
            continue;
        };
        match attempt(source, Some(given), false).await {
            (Ok(found), _) => {
                let _ = answer.send(Ok(()));
                return Ok(found);
            }
            (Err(fault), _) => {
                let why = Failure::from(fault).to_string();
                tracing::warn!(why, new_directory = may_create, "not unlocked");
                let _ = answer.send(Err(if may_create { NOT_CREATED } else { NOT_UNLOCKED }));
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
    trials: Places,
    ids: Ids,
    metrics: Arc<Metrics>,
}

impl Handler {
    fn new(control: bool, trials: Places) -> Self {
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
        let local = peer.address.ip().to_canonical().is_loopback();
        if !peer.secure && !local {
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
        let place = if local { &self.trials.local } else { &self.trials.remote };
        // One at a time: each costs a second and its memory.
        if place.try_send((passphrase, answer)).is_err() {
            return refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "A passphrase is being tried. Try again.",
            );
        }
        match answered.await {
            Ok(Ok(())) => Reply::no_content(),
            Ok(Err(why)) => refusal(StatusCode::FORBIDDEN, "NotUnlocked", why),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root_key::PassphraseSource;
    use crypto::PassphraseCost;

    fn trial(text: &str) -> (Trial, oneshot::Receiver<Result<(), &'static str>>) {
        let (answer, answered) = oneshot::channel();
        ((GivenPassphrase::new(Zeroizing::new(text.as_bytes().to_vec())), answer), answered)
    }

    fn source(dir: &std::path::Path) -> Arc<dyn RootSource> {
        Arc::new(PassphraseSource::new(
            &dir.join("root.sealed"),
            PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 },
        ))
    }

    #[tokio::test]
    async fn nobody_on_the_network_chooses_the_passphrase_of_a_new_directory() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path());
        let (places, brought) = places();
        let (given, answered) = trial("whoever comes first");
        places.remote.try_send(given).unwrap();
        let waiting = wait(&source, None, true, brought);
        tokio::select! {
            _ = waiting => panic!("a key was made under a passphrase from the network"),
            answer = answered => assert_eq!(answer.unwrap(), Err(NOT_CREATED)),
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no key was made");
    }

    #[tokio::test]
    async fn whoever_fills_the_place_of_others_does_not_keep_this_machine_out() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path());
        let right = trial("the passphrase it was made with");
        find(&*source, Some(&right.0.0), true, &SystemEntropy).unwrap();
        let (places, brought) = places();
        let (wrong, mut unanswered) = trial("a guess from elsewhere");
        places.remote.try_send(wrong).unwrap();
        assert!(places.remote.try_send(trial("one more guess").0).is_err());
        places.local.try_send(right.0).unwrap();
        assert!(wait(&source, None, false, brought).await.is_ok());
        assert_eq!(right.1.await.unwrap(), Ok(()));
        assert!(unanswered.try_recv().is_err(), "this machine's came first");
    }
}
