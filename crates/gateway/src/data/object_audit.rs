//! Requests about objects on the audit log: who, which object, how it is sealed, with what outcome. Off unless the operator
//! wants it. A request is recorded when the head of its answer is decided and before it is sent; one that cannot be
//! recorded is answered as a failure. What it had changed by then stays changed.

use super::Progress;
use crate::errors::Refusal;
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::proxies::Client;
use crate::reply::Reply;
use crate::route::Place;
use audit::{AuditTrail, Event, EventKind, KeyNamed, ObjectNamed, Outcome, Who};
use http::request::Parts;
use objects::{Fail, StoreFault};
use sse::AppliedEncryption;
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

/// Where they are put; nowhere until it is set.
#[derive(Default)]
pub(crate) struct ObjectTrail(OnceLock<(ObjectAudit, Arc<dyn AuditTrail>)>);

impl ObjectTrail {
    pub(crate) fn set(&self, which: ObjectAudit, trail: Arc<dyn AuditTrail>) {
        if which != ObjectAudit::Off {
            let _ = self.0.set((which, trail));
        }
    }

    /// Puts a request that is about to be answered on record, if it is to be. Returns what is to be answered.
    pub(super) async fn recorded(
        &self,
        gateway: &Gateway,
        head: &Parts,
        client: &Client,
        ids: &RequestIds,
        progress: &Progress,
        result: Result<Reply, Refusal>,
    ) -> Result<Reply, Refusal> {
        let (Some((which, trail)), Some(bucket)) = (self.0.get(), progress.place.as_ref().and_then(|p| p.bucket()))
        else {
            return result;
        };
        let applied = result.as_ref().ok().and_then(|reply| reply.encryption.as_ref());
        let sealed = applied.is_some_and(|applied| *applied != AppliedEncryption::None);
        if *which == ObjectAudit::Sealed && !sealed {
            return result;
        }
        let (status, error) = match &result {
            Ok(reply) => (reply.status, None),
            Err(refusal) => {
                let wording = refusal.wording(progress.dialect, gateway.config.compat);
                (wording.status, Some(wording.code))
            }
        };
        let (method, key, bucket_key) = named(applied);
        let object = match &progress.place {
            Some(Place::Object(_, name)) => name.as_str().to_owned(),
            _ => String::new(),
        };
        let version =
            result.as_ref().ok().and_then(|r| r.headers.get(progress.dialect.names.version_id)?.to_str().ok());
        let mut details = vec![("status", status.as_u16().to_string())];
        if progress.principal.is_none() {
            // A signature that does not hold proves nothing about who sent it.
            details.extend(progress.access_key.clone().map(|claimed| ("claimed_access_key", claimed)));
        }
        let event = Event {
            time: gateway.clock.now(),
            request_id: ids.request_id.clone(),
            kind: EventKind::ObjectAccess,
            operation: progress.operation,
            via: if progress.dialect.is_obs() { "obs" } else { "s3" },
            who: who(progress, head, client),
            key,
            object: Some(ObjectNamed {
                bucket: bucket.to_string(),
                object,
                version: version.map(str::to_owned),
                method,
                bucket_key,
            }),
            context: Vec::new(),
            outcome: match status.as_u16() {
                ..400 => Outcome::Ok,
                401 | 403 => Outcome::Denied,
                400.. => Outcome::Failed,
            },
            error,
            details,
        };
        match trail.record(event).await {
            Ok(()) => result,
            Err(fault) => Err(Refusal::Fail(Fail::Store(StoreFault::Unavailable(fault.to_string())))),
        }
    }
}

/// Method, CMK and bucket key. A refusal does not tell how the object is sealed.
fn named(applied: Option<&AppliedEncryption>) -> (&'static str, Option<KeyNamed>, Option<String>) {
    match applied {
        None => ("unknown", None, None),
        Some(AppliedEncryption::None) => ("none", None, None),
        Some(AppliedEncryption::Obs) => ("sse-obs", None, None),
        Some(AppliedEncryption::Customer { .. }) => ("sse-c", None, None),
        Some(AppliedEncryption::Kms { cmk, bucket_key_id, .. }) => {
            let key = KeyNamed { arn: cmk.to_arn(), version: None, provider: None };
            ("sse-kms", Some(key), bucket_key_id.map(|id| id.to_string()))
        }
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
