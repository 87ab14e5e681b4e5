//! What is put on record of an operation: who, through which door, which CMK, with what outcome. One event for each
//! operation, refused ones too, on the log before the answer is given or the key handed out (kms-iam-api §6.4).
//!
//! ```text
//! self.perform(user, Act::changing("EnableKey").on(cmk), async { … }).await
//! ```

use crate::counters::Operation;
use crate::intent::Intent;
use crate::{CmkId, EncryptionContext, KeyService, KeyUser, KmsError};
use audit::{AuditTrail, Event, EventKind, KeyNamed, Outcome, Who};
use policy::{Action, ConditionKey};
use std::future::Future;
use std::sync::Arc;

/// The door of what no request asked for.
const VIA_JOB: &str = "job";

/// The error of a change whose caller went away before its end: whether it was made, the key itself shows.
const ABANDONED: &str = "Abandoned";

/// What kind of operation it is: decides the kind of its event, and its rate if it has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Group {
    /// Wraps, unwraps, draws.
    Use,
    /// Tells about keys.
    Read,
    /// Changes keys, aliases, grants, policies.
    Change,
}

/// An operation, as it stands in its event.
#[derive(Clone, Debug)]
pub(crate) struct Act<'a> {
    pub(crate) group: Group,
    /// By AWS's name where AWS has one.
    pub(crate) operation: &'static str,
    pub(crate) cmk: Option<&'a CmkId>,
    version: Option<u32>,
    provider: Option<String>,
    context: Option<&'a EncryptionContext>,
    details: Vec<(&'static str, String)>,
}

impl<'a> Act<'a> {
    fn new(group: Group, operation: &'static str) -> Self {
        Self { group, operation, cmk: None, version: None, provider: None, context: None, details: Vec::new() }
    }

    /// An operation that wraps, unwraps or draws.
    pub(crate) fn using(operation: &'static str) -> Self {
        Self::new(Group::Use, operation)
    }

    /// An operation that tells about keys.
    pub(crate) fn reading(operation: &'static str) -> Self {
        Self::new(Group::Read, operation)
    }

    /// An operation that changes keys, aliases, grants or policies.
    pub(crate) fn changing(operation: &'static str) -> Self {
        Self::new(Group::Change, operation)
    }

    /// The operation that an action is named after.
    pub(crate) fn of(action: Action) -> Self {
        use Action as A;
        let operation = operation_of(action);
        match action {
            A::KmsGenerateDataKey
            | A::KmsGenerateDataKeyWithoutPlaintext
            | A::KmsEncrypt
            | A::KmsDecrypt
            | A::KmsReEncryptFrom
            | A::KmsReEncryptTo
            | A::KmsGenerateRandom => Self::using(operation),
            A::KmsDescribeKey
            | A::KmsListKeys
            | A::KmsListAliases
            | A::KmsListResourceTags
            | A::KmsGetKeyRotationStatus
            | A::KmsListKeyRotations
            | A::KmsListGrants
            | A::KmsListRetirableGrants
            | A::KmsGetKeyPolicy
            | A::KmsListKeyPolicies => Self::reading(operation),
            _ => Self::changing(operation),
        }
    }

    /// On this CMK.
    #[must_use]
    pub(crate) fn on(mut self, cmk: &'a CmkId) -> Self {
        self.cmk = Some(cmk);
        self
    }

    /// With, or making, this version of the CMK, whose material this provider keeps.
    #[must_use]
    pub(crate) fn at_version(mut self, version: u32, provider: &crate::ProviderName) -> Self {
        (self.version, self.provider) = (Some(version), Some(provider.as_str().to_owned()));
        self
    }

    /// With this encryption context.
    #[must_use]
    pub(crate) fn with(mut self, context: &'a EncryptionContext) -> Self {
        self.context = Some(context);
        self
    }

    /// What else it says of itself. Never a secret.
    #[must_use]
    pub(crate) fn detail(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }
}

/// Puts a change on record when it is dropped before its end.
pub(crate) struct Kept {
    audit: Arc<dyn AuditTrail>,
    event: Option<Event>,
}

impl Kept {
    /// The change is on record.
    pub(crate) fn done(mut self) {
        self.event = None;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(event) = self.event.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let audit = Arc::clone(&self.audit);
        runtime.spawn(async move {
            if let Err(fault) = audit.record(event).await {
                tracing::error!(%fault, "a change whose caller went away is not on record");
            }
        });
    }
}

fn operation_of(action: Action) -> &'static str {
    match action {
        Action::KmsReEncryptFrom | Action::KmsReEncryptTo => "ReEncrypt",
        _ => action.name().strip_prefix("kms:").unwrap_or(action.name()),
    }
}

impl KeyService {
    /// Runs an operation, if the account is within its rate, and puts it on record, with its outcome, before the answer
    /// is given.
    pub(crate) async fn perform<T>(
        &self,
        user: &KeyUser,
        act: Act<'_>,
        work: impl Future<Output = Result<T, KmsError>> + Send,
    ) -> Result<T, KmsError> {
        let kept = self.keep(user, &act);
        let result = match self.within_rate(user, &act) {
            Ok(()) => self.charged(user, &act, work.await),
            Err(throttled) => Err(throttled),
        };
        let result = self.recorded(user, act, result).await;
        kept.done();
        result
    }

    /// Sees to it that a change whose caller goes away is on record all the same: changes run to their end without
    /// their caller. Nothing for what changes nothing.
    pub(crate) fn keep(&self, user: &KeyUser, act: &Act<'_>) -> Kept {
        let event = (act.group == Group::Change).then(|| {
            let event = self.event(user, act, None);
            Event { outcome: Outcome::Failed, error: Some(ABANDONED), ..event }
        });
        Kept { audit: Arc::clone(&self.audit), event }
    }

    /// Takes one request from the rate of the user's account. Whoever goes on hands what comes of it to
    /// [`KeyService::charged`].
    ///
    /// # Errors
    /// [`KmsError::Throttled`].
    pub(crate) fn within_rate(&self, user: &KeyUser, act: &Act<'_>) -> Result<(), KmsError> {
        // What the server does by its own schedules is not to wait for its users.
        if user.via == VIA_JOB {
            return Ok(());
        }
        self.throttle.take(user, self.throttle.asked(user, act.group, act.operation), self.clock.now())
    }

    /// The result of a request that was within its account's rate. If it was refused for want of a right, the account gets
    /// its token back, and the caller pays instead.
    pub(crate) fn charged<T>(&self, user: &KeyUser, act: &Act<'_>, result: Result<T, KmsError>) -> Result<T, KmsError> {
        match result {
            Err(error) if error.is_for_want_of_a_right() && user.via != VIA_JOB => {
                self.throttle.give_back(user, self.throttle.asked(user, act.group, act.operation));
                Err(self.refusal(user, act, error))
            }
            result => result,
        }
    }

    /// What a refusal costs: the error, or [`KmsError::Throttled`] where the caller was refused too often.
    pub(crate) fn refusal(&self, user: &KeyUser, act: &Act<'_>, error: KmsError) -> KmsError {
        self.within_refusals(user, act).err().unwrap_or(error)
    }

    /// Takes one request from the caller's own rate of refusals.
    ///
    /// # Errors
    /// [`KmsError::Throttled`].
    pub(crate) fn within_refusals(&self, user: &KeyUser, act: &Act<'_>) -> Result<(), KmsError> {
        if user.via == VIA_JOB {
            return Ok(());
        }
        let asked = self.throttle.asked(user, act.group, act.operation);
        self.throttle.take_refused(user, asked, self.clock.now())
    }

    /// Puts an operation that has ended on record, counts it, and answers with its result.
    ///
    /// # Errors
    /// The operation's own; [`KmsError::AuditUnavailable`] in place of any result that could not be put on record. A
    /// change that was made stays made then: its intent is on record, and it is its answer that is withheld.
    pub(crate) async fn recorded<T>(
        &self,
        user: &KeyUser,
        act: Act<'_>,
        result: Result<T, KmsError>,
    ) -> Result<T, KmsError> {
        let logged = self.audit.record(self.event(user, &act, result.as_ref().err())).await;
        let result = logged.map_err(KmsError::from).and(result);
        self.count(user, &act, &result);
        result
    }

    /// Counts an operation for the metrics and the meter.
    pub(crate) fn count<T>(&self, user: &KeyUser, act: &Act<'_>, result: &Result<T, KmsError>) {
        if let Some(operation) = Operation::of(act.operation) {
            self.counters.count(operation, result);
        }
        let Some(account) = user.principal.account() else { return };
        let now = self.clock.now();
        // A made-up CMK gets no row of its own: rows are bounded by what is there.
        let cmk = act.cmk.map(|cmk| cmk.uid).filter(|uid| self.ledger.read(|c| c.cmk(*uid, now).is_some()));
        self.meter.count(now, account, cmk, act.operation, result.is_ok());
    }

    /// Puts on record, counts and answers what an API refused before it reached an operation of this service: a reference
    /// that names nothing, or not for this caller. It counts against the caller's own rate of refusals; over it the answer is
    /// [`KmsError::Throttled`], which is on record as of every operation. Returns what is to be answered.
    pub async fn refused(&self, user: &KeyUser, action: Action, key_ref: &str, error: KmsError) -> KmsError {
        // What callers write may be long; what names a CMK or an alias is not.
        let shown: String = key_ref.chars().take(512).collect();
        let act = Act::of(action).detail("key", shown);
        let error = self.refusal(user, &act, error);
        match self.recorded::<()>(user, act, Err(error.clone())).await {
            Ok(()) => error,
            Err(answered) => answered,
        }
    }

    pub(crate) fn event(&self, user: &KeyUser, act: &Act<'_>, error: Option<&KmsError>) -> Event {
        Event {
            time: self.clock.now(),
            request_id: user.request_id.clone(),
            kind: match act.group {
                Group::Use | Group::Read => EventKind::KeyUse,
                Group::Change => EventKind::KeyChange,
            },
            operation: act.operation,
            via: user.via,
            who: who(user),
            key: act.cmk.map(|cmk| KeyNamed {
                arn: cmk.to_arn(),
                version: act.version,
                provider: act.provider.clone(),
            }),
            object: None,
            context: act
                .context
                .into_iter()
                .flat_map(EncryptionContext::iter)
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            outcome: match error {
                None => Outcome::Ok,
                Some(KmsError::Denied) => Outcome::Denied,
                Some(_) => Outcome::Failed,
            },
            error: error.map(KmsError::name),
            details: act.details.clone(),
        }
    }

    /// Puts on record what the server does by itself, as its schedules tell it, before it does. Returns the intent, which is
    /// on the log then.
    pub(crate) async fn recorded_job(
        &self,
        job: &'static str,
        cmk: &CmkId,
        act: Act<'_>,
        error: Option<&KmsError>,
    ) -> Result<Intent, KmsError> {
        let who = Who { account: cmk.account.as_str().to_owned(), principal: format!("job:{job}"), ..Who::default() };
        let event = Event { who, request_id: String::new(), via: VIA_JOB, ..self.event(&nobody(), &act, error) };
        self.audit.record(event).await?;
        Ok(self.announced())
    }
}

/// The shape of a user for what no request asked for.
fn nobody() -> KeyUser {
    KeyUser {
        principal: policy::Principal::Anonymous,
        access_key: None,
        via: VIA_JOB,
        request_id: String::new(),
        conditions: Default::default(),
    }
}

fn who(user: &KeyUser) -> Who {
    let caller = user.principal.caller();
    let agent = user.conditions.values.iter().find(|(key, _)| *key == ConditionKey::UserAgent);
    Who {
        account: caller.map(|caller| caller.account.as_str().to_owned()).unwrap_or_default(),
        principal: user.principal.urn(),
        arn: caller.map(|caller| caller.arn()).unwrap_or_default(),
        access_key: user.access_key.as_deref().map(str::to_owned),
        permissions: caller.map(|caller| caller.permissions_digest(crypto::sha256)),
        source_ip: user.conditions.source_ip,
        user_agent: agent.map(|(_, value)| value.clone()),
        secure: user.conditions.secure_transport,
    }
}

impl KmsError {
    /// Whether anybody can bring it about without a right to a key.
    const fn is_for_want_of_a_right(&self) -> bool {
        matches!(self, Self::Denied | Self::InvalidGrantToken)
    }

    /// A short name, for the audit trail and the like. Without what the error says of the case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "NotFound",
            Self::Denied => "AccessDenied",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingImport => "PendingImport",
            Self::InUse(_) => "InUse",
            Self::Unsupported(_) => "Unsupported",
            Self::LimitExceeded(_) => "LimitExceeded",
            Self::Conflict(_) => "Conflict",
            Self::MalformedPolicy(_) => "MalformedPolicy",
            Self::Tag(_) => "Tag",
            Self::InvalidGrantId => "InvalidGrantId",
            Self::InvalidGrantToken => "InvalidGrantToken",
            Self::InvalidImportToken => "InvalidImportToken",
            Self::ExpiredImportToken => "ExpiredImportToken",
            Self::IncorrectMaterial => "IncorrectMaterial",
            Self::AuditUnavailable => "AuditUnavailable",
            Self::NotPendingDeletion => "NotPendingDeletion",
            Self::ServiceManaged => "ServiceManaged",
            Self::InvalidCiphertext => "InvalidCiphertext",
            Self::IncorrectKey => "IncorrectKey",
            Self::InvalidArn => "InvalidArn",
            Self::InvalidAlias(_) => "InvalidAlias",
            Self::AlreadyExists => "AlreadyExists",
            Self::Validation(_) => "Validation",
            Self::Throttled => "Throttled",
            Self::Unavailable(_) => "Unavailable",
            Self::WrongRootKey => "WrongRootKey",
            Self::Damaged(_) => "Damaged",
        }
    }
}
