//! Requests about objects on the audit log: who, which object, how it is sealed, with what outcome. Off unless the operator
//! wants it. A request is recorded when the head of its answer is decided and before it is sent; one that cannot be
//! recorded is answered as a failure. What it had changed by then stays changed. One whose client goes away before that is
//! recorded as abandoned.

use super::Progress;
use crate::Compat;
use crate::errors::Refusal;
use crate::ids::RequestIds;
use crate::proxies::Client;
use crate::reply::Reply;
use crate::route::Place;
use audit::{AuditTrail, Event, EventKind, KeyNamed, ObjectNamed, Outcome, Who};
use http::Method;
use http::request::Parts;
use model::Clock;
use objects::{Fail, StoreFault};
use sse::{AppliedEncryption, DataCipher};
use std::sync::{Arc, OnceLock};

/// Which requests about objects are put on the audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObjectAudit {
    /// None.
    #[default]
    Off,
    /// Those whose answer is about a sealed object.
    Sealed,
    /// Every request about a bucket or an object.
    All,
}

/// The error of a request whose client went away before it was answered: whether it changed anything, the store shows.
const ABANDONED: &str = "Abandoned";

/// Where they are put; nowhere until it is set.
#[derive(Default)]
pub(crate) struct ObjectTrail(OnceLock<(ObjectAudit, Arc<dyn AuditTrail>)>);

impl ObjectTrail {
    pub(crate) fn set(&self, which: ObjectAudit, trail: Arc<dyn AuditTrail>) {
        if which != ObjectAudit::Off {
            let _ = self.0.set((which, trail));
        }
    }
}

/// A request under way. Dropped before its end, it is put on record all the same: what it began may be carried through
/// without its client.
pub(super) struct Kept<'a> {
    pub(super) trail: &'a ObjectTrail,
    pub(super) clock: &'a dyn Clock,
    pub(super) head: &'a Parts,
    pub(super) client: &'a Client,
    pub(super) ids: &'a RequestIds,
    pub(super) progress: Progress,
    /// Whether its event was handed to the trail, or it is to have none.
    pub(super) told: bool,
}

impl Kept<'_> {
    /// Puts a request that is about to be answered on record, if it is to be. Returns what is to be answered.
    pub(super) async fn recorded(&mut self, compat: Compat, result: Result<Reply, Refusal>) -> Result<Reply, Refusal> {
        // From here to the trail nothing waits, and what a trail was handed it keeps.
        self.told = true;
        let progress = &self.progress;
        let Some((which, trail)) = self.trail.0.get() else { return result };
        let applied = result.as_ref().ok().and_then(|reply| reply.encryption.as_ref());
        let sealed = applied.is_some_and(|applied| *applied != AppliedEncryption::None);
        if *which == ObjectAudit::Sealed && !sealed {
            return result;
        }
        let (status, error) = match &result {
            Ok(reply) => (reply.status, None),
            Err(refusal) => {
                let wording = refusal.wording(progress.dialect, compat);
                (wording.status, Some(wording.code))
            }
        };
        let version =
            result.as_ref().ok().and_then(|r| r.headers.get(progress.dialect.names.version_id)?.to_str().ok());
        let outcome = match status.as_u16() {
            ..400 => Outcome::Ok,
            401 | 403 => Outcome::Denied,
            400.. => Outcome::Failed,
        };
        let mut details = vec![("status", status.as_u16().to_string())];
        details.extend(applied.filter(|applied| is_sm4(applied)).map(|_| ("data_cipher", "SM4".to_owned())));
        let Some(event) = self.event(applied, version, outcome, error, details) else { return result };
        match trail.record(event).await {
            Ok(()) => result,
            Err(fault) => Err(Refusal::Fail(Fail::Store(StoreFault::Unavailable(fault.to_string())))),
        }
    }

    /// The event of a request about a bucket or an object.
    fn event(
        &self,
        applied: Option<&AppliedEncryption>,
        version: Option<&str>,
        outcome: Outcome,
        error: Option<&'static str>,
        mut details: Vec<(&'static str, String)>,
    ) -> Option<Event> {
        let progress = &self.progress;
        let bucket = progress.place.as_ref()?.bucket()?;
        let object = match &progress.place {
            Some(Place::Object(_, name)) => name.as_str().to_owned(),
            _ => String::new(),
        };
        let (method, key, bucket_key) = named(applied);
        if progress.principal.is_none() {
            // A signature that does not hold proves nothing about who sent it.
            details.extend(progress.access_key.clone().map(|claimed| ("claimed_access_key", claimed)));
        }
        Some(Event {
            time: self.clock.now(),
            request_id: self.ids.request_id.clone(),
            kind: EventKind::ObjectAccess,
            operation: progress.operation,
            via: if progress.dialect.is_obs() { "obs" } else { "s3" },
            who: who(progress, self.head, self.client),
            key,
            object: Some(ObjectNamed {
                bucket: bucket.to_string(),
                object,
                version: version.map(str::to_owned),
                method,
                bucket_key,
            }),
            context: Vec::new(),
            outcome,
            error,
            details,
        })
    }

    /// What is put on record of a request that is dropped now.
    fn abandoned(&self) -> Option<(Arc<dyn AuditTrail>, Event)> {
        let (which, trail) = self.trail.0.get().filter(|_| !self.told)?;
        // How a thing is sealed is known with the answer. Without one nothing went out, so reading is left out; a change
        // may be one of something sealed.
        let reads = matches!(self.head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if *which == ObjectAudit::Sealed && reads {
            return None;
        }
        let event = self.event(None, None, Outcome::Failed, Some(ABANDONED), Vec::new())?;
        Some((Arc::clone(trail), event))
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let Some((trail, event)) = self.abandoned() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(fault) = trail.record(event).await {
                tracing::error!(%fault, "a request whose client went away is not on record");
            }
        });
    }
}

/// Method, CMK and bucket key. A refusal does not tell how the object is sealed.
fn named(applied: Option<&AppliedEncryption>) -> (&'static str, Option<KeyNamed>, Option<String>) {
    match applied {
        None => ("unknown", None, None),
        Some(AppliedEncryption::None) => ("none", None, None),
        Some(AppliedEncryption::Obs { .. }) => ("sse-obs", None, None),
        Some(AppliedEncryption::Customer { .. }) => ("sse-c", None, None),
        Some(AppliedEncryption::Kms { cmk, bucket_key_id, .. }) => {
            let key = KeyNamed { arn: cmk.to_arn(), version: None, provider: None };
            ("sse-kms", Some(key), bucket_key_id.map(|id| id.to_string()))
        }
    }
}

/// Whether the data cipher is SM4; AES-256 goes without saying.
fn is_sm4(applied: &AppliedEncryption) -> bool {
    match applied {
        AppliedEncryption::None => false,
        AppliedEncryption::Obs { cipher }
        | AppliedEncryption::Kms { cipher, .. }
        | AppliedEncryption::Customer { cipher, .. } => *cipher == DataCipher::Sm4Gcm,
    }
}

fn who(progress: &Progress, head: &Parts, client: &Client) -> Who {
    let principal = progress.principal.as_ref();
    let caller = principal.and_then(|principal| principal.caller());
    let agent = head.headers.get("user-agent").map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
    Who {
        account: caller.map(|caller| caller.account.as_str().to_owned()).unwrap_or_default(),
        principal: principal.map_or_else(|| "unauthenticated".to_owned(), |principal| principal.urn()),
        arn: caller.map(|caller| caller.arn()).unwrap_or_default(),
        access_key: principal.and(progress.access_key.clone()),
        permissions: caller.map(|caller| caller.permissions_digest(crypto::sha256)),
        source_ip: client.address,
        user_agent: agent,
        secure: client.secure,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::route::HostStyle;
    use async_trait::async_trait;
    use audit::AuditFault;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    struct Told(UnboundedSender<Event>);

    #[async_trait]
    impl AuditTrail for Told {
        async fn record(&self, event: Event) -> Result<(), AuditFault> {
            self.0.send(event).map_err(|error| AuditFault(error.to_string()))
        }
    }

    /// What is recorded of a request that is dropped, after it was answered or before.
    async fn dropped(which: ObjectAudit, method: Method, path: &str, answered: bool) -> Vec<Event> {
        let (sender, mut events): (_, UnboundedReceiver<Event>) = unbounded_channel();
        let (trail, clock) = (ObjectTrail::default(), testkit::TestClock::default());
        trail.set(which, Arc::new(Told(sender)));
        let head = http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0;
        let client = Client { address: None, secure: true, tls_version: None };
        let ids = RequestIds { request_id: "request-1".to_owned(), id_2: String::new() };
        let progress = Progress {
            dialect: Dialect::S3,
            operation: "PutObject",
            access_key: None,
            place: Place::parse(&HostStyle::Path, path).ok(),
            principal: None,
        };
        let told = false;
        let mut kept = Kept { trail: &trail, clock: &clock, head: &head, client: &client, ids: &ids, progress, told };
        if answered {
            let refused = Err(Refusal::Wire(crate::errors::WireFault::MethodNotAllowed));
            assert!(kept.recorded(Compat::Aws, refused).await.is_err());
        }
        drop(kept);
        drop(trail);
        // Ends when the recording, which has the sender, has ended.
        let mut all = Vec::new();
        while let Some(event) = events.recv().await {
            all.push(event);
        }
        all
    }

    #[tokio::test]
    async fn a_request_whose_client_goes_away_is_recorded_once() {
        let all = dropped(ObjectAudit::All, Method::PUT, "/bucket/a/key", false).await;
        let [event] = &all[..] else { panic!("{} events", all.len()) };
        assert_eq!((event.outcome, event.error), (Outcome::Failed, Some("Abandoned")));
        let object = event.object.as_ref().unwrap();
        assert_eq!((object.bucket.as_str(), object.object.as_str(), object.method), ("bucket", "a/key", "unknown"));

        let all = dropped(ObjectAudit::All, Method::PUT, "/bucket/a/key", true).await;
        assert_eq!(all.iter().map(|event| event.error).collect::<Vec<_>>(), [Some("MethodNotAllowed")]);
    }

    #[tokio::test]
    async fn what_need_not_be_recorded_is_not_when_its_client_goes_away() {
        assert_eq!(dropped(ObjectAudit::Sealed, Method::PUT, "/bucket/key", false).await.len(), 1, "it may be sealed");
        assert!(dropped(ObjectAudit::Sealed, Method::GET, "/bucket/key", false).await.is_empty());
        assert!(dropped(ObjectAudit::All, Method::PUT, "/", false).await.is_empty(), "about no bucket");
        assert!(dropped(ObjectAudit::Off, Method::PUT, "/bucket/key", false).await.is_empty());
    }
}
