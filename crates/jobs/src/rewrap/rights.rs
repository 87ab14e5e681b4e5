//! As whom a job acts, and what that identity must be allowed. Asked when a job is started, stopped, resumed or looked at,
//! and again before each page.

use super::record::{JobRecord, Starter};
use super::scope::Scope;
use super::service::Rooms;
use super::{JobState, RewrapError};
use kms::{KeyUser, KmsError};
use model::JobId;
use objects::api::{DialectRules, RequestContext};
use policy::{Action, Conditions, Principal};
use sse::{EncryptionRules, Transport};
use std::sync::Arc;

/// Through which door jobs use keys.
const VIA_JOB: &str = "job";

/// The directory, as jobs ask it.
pub trait Identities: Send + Sync + 'static {
    /// Whose a long-term access key is, with what that identity may do as things are now; `None` where the key, its owner
    /// or the account is gone or disabled. A temporary key is nobody's.
    fn principal(&self, access_key: &str) -> Option<Principal>;
}

/// An identity at work in a job.
#[derive(Clone)]
pub(super) struct Actor {
    pub(super) user: KeyUser,
    pub(super) cx: RequestContext,
}

impl Actor {
    fn new(id: JobId, principal: Principal, starter: &Starter, now: model::Timestamp) -> Self {
        let conditions = Arc::new(Conditions {
            time: now,
            secure_transport: starter.secure,
            source_ip: starter.source_ip,
            values: Vec::new(),
        });
        let access_key: Option<Arc<str>> = Some(starter.access_key.as_str().into());
        let request_id = format!("rewrap-{id}");
        let user = KeyUser {
            principal: principal.clone(),
            access_key: access_key.clone(),
            via: VIA_JOB,
            request_id: request_id.clone(),
            conditions: Arc::clone(&conditions),
        };
        let rules = DialectRules {
            encryption: EncryptionRules::S3,
            part_bytes_min: 0,
            self_copy_keeps_method: false,
            recreate_own_bucket: false,
            delete_bucket_aborts_uploads: false,
            copy_tags_by_default: false,
        };
        let transport = if starter.secure { Transport::Tls } else { Transport::Plain };
        let cx = RequestContext { request_id, principal, access_key, conditions, transport, via: VIA_JOB, rules };
        Self { user, cx }
    }
}

impl Rooms {
    /// The identity that a job acts as, as it is now; `None` when it is not in force any more.
    pub(super) fn actor(&self, id: JobId, record: &JobRecord) -> Option<Actor> {
        let starter = &record.starter;
        let principal = self.identities.principal(&starter.access_key)?;
        (principal.urn() == starter.urn).then(|| Actor::new(id, principal, starter, self.clock.now()))
    }

    /// Whether somebody may have a job of this scope: to open what is under the CMK that it comes from, and to wrap under the
    /// one that it comes under. What a key policy or a grant allows under a certain encryption context alone is not enough:
    /// a job meets many.
    ///
    /// # Errors
    /// [`KmsError::Denied`] with the action that is missing.
    pub(super) fn may_rewrap(&self, user: &KeyUser, scope: &Scope) -> Result<(), (Action, KmsError)> {
        let opened = scope.source().map(|cmk| (Action::KmsDecrypt, cmk));
        let wrapped = scope.target().map(|cmk| (Action::KmsEncrypt, cmk));
        for (action, cmk) in opened.into_iter().chain(wrapped) {
            self.keys.permit(user, action, cmk).map_err(|error| (action, error))?;
        }
        Ok(())
    }

    /// Whether somebody may see a job and say what becomes of it: who acts in it, and who could start it. Nobody else learns
    /// that there is one.
    pub(super) fn admit(&self, user: &KeyUser, record: &JobRecord) -> Result<(), RewrapError> {
        // A session of theirs may have been narrowed.
        let in_person = user.principal.caller().is_some_and(|caller| caller.session.is_none());
        let acts = in_person && user.principal.urn() == record.starter.urn;
        let of_account = user.principal.account() == Some(&record.starter.account);
        if acts || (of_account && self.may_rewrap(user, &record.scope).is_ok()) {
            Ok(())
        } else {
            Err(RewrapError::NoSuchJob)
        }
    }

    /// As whom a job of this caller acts.
    ///
    /// # Errors
    /// [`RewrapError::NeedsAccessKey`] of sessions, tokens and the anonymous.
    pub(super) fn starter(&self, user: &KeyUser) -> Result<Starter, RewrapError> {
        let caller = user.principal.caller().filter(|caller| caller.session.is_none());
        let (Some(caller), Some(access_key)) = (caller, user.access_key.as_deref()) else {
            return Err(RewrapError::NeedsAccessKey);
        };
        let found = self.identities.principal(access_key).ok_or(RewrapError::NeedsAccessKey)?;
        let urn = caller.urn();
        if found.urn() != urn {
            return Err(RewrapError::NeedsAccessKey);
        }
        Ok(Starter {
            account: caller.account.clone(),
            urn,
            access_key: access_key.to_owned(),
            source_ip: user.conditions.source_ip,
            secure: user.conditions.secure_transport,
        })
    }
}

impl JobState {
    /// Whether a job in this state can be resumed.
    pub(super) fn is_resumable(self) -> bool {
        matches!(self, Self::Paused | Self::Stopped | Self::Refused)
    }
}
