//! Issues tokens: what temporary credentials and identity tokens have in common.

use crate::access_key::generate_temporary_id;
use crate::change::Shared;
use crate::claims::{Claims, Narrowing, Who};
use crate::credential::{session, told};
use crate::state::State;
use crate::token_cache::ready;
use crate::{CredentialError, IamError, IdentityToken, Issued, SecretAccessKey};
use model::{AccountId, ProjectUid, Timestamp};
use policy::{Assumer, Attached, Caller, Grammar, Identity, Lineage, Policy, Session};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// All session policies of a session together, in bytes.
pub(crate) const SESSION_POLICY_BYTES_MAX: usize = 10 * 1024;
/// Most managed policies that narrow one session (AWS).
pub(crate) const SESSION_POLICIES_MAX: usize = 10;

/// For whom a token is issued, and what narrows it.
pub(crate) struct Subject {
    pub(crate) account: AccountId,
    pub(crate) who: Who,
    /// Who assumed the roles on the way here.
    pub(crate) assumers: Vec<Assumer>,
    pub(crate) narrowed: Option<Vec<Narrowing>>,
    /// The session that asks. What it is issued ends when it does, is revoked with it, and is no younger: policies that
    /// ask for `aws:TokenIssueTime`, and revocations, mean the moment of the first token.
    pub(crate) parent: Option<Session>,
}

impl Subject {
    /// The requester itself. A narrowed session hands its session policies on.
    pub(crate) fn of(caller: &Caller) -> Self {
        let texts = |policies: &Vec<Attached>| {
            policies.iter().map(|attached| Narrowing::Text(attached.policy.text().to_owned())).collect()
        };
        Self {
            account: caller.account.clone(),
            who: who(caller),
            assumers: caller.session.as_ref().map_or_else(Vec::new, |session| session.lineage.assumers.clone()),
            narrowed: caller.permissions.session.as_ref().map(texts),
            parent: caller.session.clone(),
        }
    }

    fn claims(&self, shared: &Shared, seconds: u64) -> Claims {
        let (state, now) = (shared.state(), shared.now());
        let expires = now.plus_millis(seconds.saturating_mul(1000));
        let (id, parent) = (shared.draw(), self.parent.as_ref());
        Claims {
            id,
            issued: parent.map_or_else(|| shared.issue_time(&state, now), |parent| parent.issued),
            expires: parent.map_or(expires, |parent| parent.expires.min(expires)),
            account: self.account.clone(),
            who: self.who.clone(),
            lineage: Lineage {
                assumers: self.assumers.clone(),
                family: parent.map_or(id, |parent| parent.lineage.family),
            },
            narrowed: self.narrowed.clone(),
            credential: None,
            project: None,
            methods: Vec::new(),
        }
    }
}

/// The identity behind a caller.
pub(crate) fn who(caller: &Caller) -> Who {
    match &caller.identity {
        Identity::Root => Who::Root,
        Identity::User { uid, .. } => Who::User(*uid),
        Identity::Role { uid, session_name, .. } => Who::Role(*uid, session_name.clone()),
    }
}

impl Shared {
    /// The moment to write into a token issued now: not before what was revoked an instant ago, which would end it too.
    fn issue_time(&self, state: &State, now: Timestamp) -> Timestamp {
        let issued = now.max(state.revoked_until);
        self.issued_last.fetch_max(issued.as_millis(), Ordering::SeqCst);
        issued
    }

    /// The moment from which on tokens count once everything issued until now is revoked: later than the issue of any of
    /// them, also within one millisecond and when the clock was set back.
    pub(crate) fn revocation_time(&self, state: &State) -> Timestamp {
        let issued = Timestamp::from_millis(self.issued_last.load(Ordering::SeqCst));
        self.now().max(issued).max(state.revoked_until).plus_millis(1)
    }

    /// Temporary credentials.
    pub(crate) fn issue_session(&self, subject: &Subject, seconds: u64) -> Result<Issued, IamError> {
        let mut claims = subject.claims(self, seconds);
        let (access_key, secret) = (generate_temporary_id(&*self.entropy)?, SecretAccessKey::generate(&*self.entropy));
        let caller = self.caller_of(&claims)?;
        claims.credential = Some((access_key.clone(), secret));
        let token = self.sessions.seal(&*self.tokens, &claims);
        let expires = claims.expires;
        let (_, secret) = claims.credential.ok_or(IamError::Unauthorized)?;
        Ok(Issued { access_key, secret, token, expires, caller })
    }

    /// An identity token.
    pub(crate) fn issue_identity(
        &self,
        subject: &Subject,
        seconds: u64,
        project: Option<ProjectUid>,
        method: &str,
    ) -> Result<(String, IdentityToken), IamError> {
        if let Some(project) = project {
            let state = self.state();
            let found = state.projects.get(&project).filter(|p| p.account == subject.account && p.enabled);
            found.ok_or_else(|| IamError::NoSuchEntity("project", project.to_hex()))?;
        }
        let mut claims = subject.claims(self, seconds);
        claims.project = project;
        claims.methods = vec![method.to_owned()];
        let caller = self.caller_of(&claims)?;
        let token = self.identities.seal(&*self.tokens, &claims);
        Ok((token, told(caller, &claims)))
    }

    /// Who will bear a token with these claims. Refuses to issue what would not be accepted.
    fn caller_of(&self, claims: &Claims) -> Result<Arc<Caller>, IamError> {
        let ready = claims.narrowed.as_ref().map(|policies| policies.iter().map(ready).collect::<Vec<_>>());
        let found = session(&self.state(), claims, ready.as_deref());
        found.map(Arc::new).map_err(|_: CredentialError| IamError::Unauthorized)
    }
}

/// Checks a session policy and gives it as a claim.
///
/// # Errors
/// [`IamError::MalformedPolicy`], [`IamError::LimitExceeded`].
pub(crate) fn narrowing(text: &str) -> Result<Narrowing, IamError> {
    if text.len() > SESSION_POLICY_BYTES_MAX {
        return Err(IamError::LimitExceeded("bytes of session policies"));
    }
    Policy::parse(text, Grammar::Identity).map_err(IamError::MalformedPolicy)?;
    Ok(Narrowing::Text(text.to_owned()))
}
