//! As whom a job acts, and what that identity must be allowed. Asked when a job is started, stopped, resumed or looked at,
//! and again before each page.

use super::RewrapError;
use super::record::{JobRecord, JobState, Starter, Totals};
use super::scope::Scope;
use super::service::{Job, Rooms};
use kms::{KeyUser, KmsError};
use model::{AccountId, BucketName, JobId};
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
            ..Conditions::default()
        });
        let user = KeyUser {
            principal,
            access_key: Some(starter.access_key.as_str().into()),
            via: VIA_JOB,
            request_id: format!("rewrap-{id}"),
            conditions,
        };
        Self { cx: context_of(&user), user }
    }
}

/// The same identity, where buckets and objects are asked about.
pub(super) fn context_of(user: &KeyUser) -> RequestContext {
    let rules = DialectRules {
        encryption: EncryptionRules::S3,
        part_bytes_min: 0,
        self_copy_keeps_method: false,
        recreate_own_bucket: false,
        delete_bucket_aborts_uploads: false,
        copy_tags_by_default: false,
        completion_needs_customer_key: false,
    };
    RequestContext {
        request_id: user.request_id.clone(),
        principal: user.principal.clone(),
        access_key: user.access_key.clone(),
        conditions: Arc::clone(&user.conditions),
        transport: if user.conditions.secure_transport { Transport::Tls } else { Transport::Plain },
        via: user.via,
        rules,
    }
}

/// How somebody stands to a job that they may see, and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Acts in it.
    Acts,
    /// Of its account, with the rights that starting it takes of the CMKs.
    Colleague,
    /// Of an account that owns a CMK of it: it holds up their own jobs.
    KeyOwner,
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

    /// As [`Rooms::may_rewrap`], for whoever asks for a job or what it would do. They are told how much needs the CMK that
    /// things come from, in whosever buckets: that takes `kms:DescribeKey`, as the impact of a CMK does.
    ///
    /// # Errors
    /// [`KmsError::Denied`] with the action that is missing.
    pub(super) fn may_start(&self, user: &KeyUser, scope: &Scope) -> Result<(), (Action, KmsError)> {
        self.may_rewrap(user, scope)?;
        let Some(cmk) = scope.source() else { return Ok(()) };
        let action = Action::KmsDescribeKey;
        self.keys.permit(user, action, cmk).map_err(|error| (action, error))
    }

    /// Whether somebody may have the bucket of a scope counted under its prefix: to list it, and to say how its keys are
    /// wrapped where it is not of their account, or where keys are not what it is about. A bucket that is gone is nobody's.
    pub(super) fn may_count_bucket(&self, cx: &RequestContext, scope: &Scope) -> bool {
        let Some((uid, name)) = &scope.bucket else { return true };
        let owner = self.objects.bucket_identity(name).filter(|(found, _)| found == uid).map(|(_, owner)| owner);
        let own = owner.is_some_and(|owner| cx.principal.account() == Some(&owner)) && scope.source().is_some();
        self.objects.admit_listing(cx, name, *uid, &scope.prefix).is_ok()
            && (own || self.objects.admit_bucket_key_rewrap(cx, name, *uid).is_ok())
    }

    /// How somebody stands to a job. Nobody else learns that there is one.
    ///
    /// # Errors
    /// [`RewrapError::NoSuchJob`].
    pub(super) fn standing(&self, user: &KeyUser, record: &JobRecord) -> Result<Standing, RewrapError> {
        // A session of theirs may have been narrowed.
        let in_person = user.principal.caller().is_some_and(|caller| caller.session.is_none());
        if in_person && user.principal.urn() == record.starter.urn {
            return Ok(Standing::Acts);
        }
        let account = user.principal.account().ok_or(RewrapError::NoSuchJob)?;
        if *account == record.starter.account && self.may_start(user, &record.scope).is_ok() {
            return Ok(Standing::Colleague);
        }
        if self.may_use_own(user, account, &record.scope) {
            Ok(Standing::KeyOwner)
        } else {
            Err(RewrapError::NoSuchJob)
        }
    }

    /// Whether the account owns a CMK of the scope, and the user may do with each that it owns what the job does.
    fn may_use_own(&self, user: &KeyUser, account: &AccountId, scope: &Scope) -> bool {
        let source = [Action::KmsDecrypt, Action::KmsDescribeKey].map(|action| (action, scope.source()));
        let uses = source.into_iter().chain([(Action::KmsEncrypt, scope.target())]);
        let mut own =
            uses.filter_map(|(action, cmk)| Some((action, cmk.filter(|cmk| cmk.account == *account)?))).peekable();
        own.peek().is_some() && own.all(|(action, cmk)| self.keys.permit(user, action, cmk).is_ok())
    }

    /// What of a job somebody is told: all, if they act in it. Names of a bucket that they may not list are withheld, and
    /// from who only owns a CMK also what failed, and what needs a CMK that is not theirs.
    pub(super) fn told(&self, user: &KeyUser, standing: Standing, id: JobId, record: &JobRecord) -> Job {
        let mut job = Job { id, record: record.clone(), withheld: false };
        if standing == Standing::Acts {
            return job;
        }
        let (cx, shown) = (context_of(user), &mut job.record);
        let listed = |name: &BucketName, uid, prefix: &str| self.objects.admit_listing(&cx, name, uid, prefix).is_ok();
        if shown.scope.bucket.as_ref().is_some_and(|(uid, name)| !listed(name, *uid, &shown.scope.prefix)) {
            shown.scope.bucket = None;
            shown.scope.prefix.clear();
            job.withheld = true;
        }
        let failed = shown.failures.len();
        shown.failures.retain(|failure| {
            let Ok(name) = BucketName::parse(&failure.bucket) else { return failure.name.is_empty() };
            let found = self.objects.bucket_identity(&name);
            standing == Standing::Colleague && found.is_some_and(|(uid, _)| listed(&name, uid, ""))
        });
        job.withheld |= shown.failures.len() < failed;
        let foreign = shown.scope.source().is_some_and(|cmk| user.principal.account() != Some(&cmk.account));
        if standing == Standing::KeyOwner && foreign {
            (shown.after, shown.left) = (None, Totals::default());
            shown.before.clear();
            job.withheld = true;
        }
        job
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
