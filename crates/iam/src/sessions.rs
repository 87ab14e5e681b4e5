//! Temporary credentials: AssumeRole, GetSessionToken, and their end.
//!
//! A session is narrowed by its session policies and never widened: what it hands on is at most what it has, and it does
//! not hand on more time than it has left. Unlike AWS, an account's root identity may assume a role of its own account
//! whose policy trusts the account; it could do everything that the role can anyway.

use crate::api::{AssumeRole, Issued, SessionRequest};
use crate::authorize::denied;
use crate::change::Shared;
use crate::claims::{ASSUMERS_MAX, Narrowing, Who};
use crate::edit::Edit;
use crate::entity::{Account, Entity, Role};
use crate::issue::{SESSION_POLICIES_MAX, Subject, narrowing};
use crate::record::UserEntry;
use crate::state::Holder;
use crate::{Directory, IamError, Requester, TOKEN_SECONDS_MAX};
use policy::{Action, AssumeRequest, Caller, ConditionKey, Identity, Resource, may_assume};
use std::sync::Arc;

/// Shortest session.
const SECONDS_MIN: u32 = 900;
/// What AssumeRole gives where no duration is named, and the most that a session of a role gets.
const SECONDS_CHAINED_MAX: u32 = 3600;
/// What GetSessionToken gives where no duration is named.
const SECONDS_OWN: u32 = 43_200;

impl Directory {
    /// AssumeRole. Whether the role exists is told to nobody who may not assume it.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::InvalidInput`], [`IamError::MalformedPolicy`],
    /// [`IamError::NoSuchEntity`] for a managed session policy.
    pub async fn assume_role(&self, rq: Requester<'_>, request: AssumeRole) -> Result<Issued, IamError> {
        let (subject, seconds) = self.shared.assumed(&rq, &request)?;
        self.shared.issue_session(&subject, u64::from(seconds))
    }

    /// GetSessionToken: temporary credentials of one's own. Needs no permission; a policy may deny it. Temporary
    /// credentials cannot ask, but the bearer of an identity token may ([`SessionRequest::by_token`]).
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::InvalidInput`], [`IamError::MalformedPolicy`].
    pub async fn session_token(&self, rq: Requester<'_>, request: SessionRequest) -> Result<Issued, IamError> {
        const ACTION: Action = Action::StsGetSessionToken;
        let account = self.shared.own_account(&rq, ACTION)?;
        let refused = || denied(&rq, ACTION, "*".to_owned());
        let caller = rq.principal.caller().ok_or_else(refused)?;
        self.shared.permit(&rq, ACTION, &account, &own_entity(caller), &[])?;
        if caller.session.is_some() && !request.by_token {
            return Err(refused());
        }
        let seconds = request.seconds.unwrap_or(SECONDS_OWN);
        check_seconds(seconds, TOKEN_SECONDS_MAX)?;
        let mut subject = Subject::of(caller);
        if let Some(text) = &request.policy {
            // Two lists of session policies would both have to allow; a token has one list, which allows what any of its
            // policies does. So the narrowed are not narrowed again.
            if subject.narrowed.is_some() {
                return Err(refused());
            }
            subject.narrowed = Some(vec![narrowing(text)?]);
        }
        self.shared.issue_session(&subject, u64::from(seconds))
    }

    /// Refuses the temporary credentials and identity tokens that a user or role was issued until now. For a group: those
    /// of its members.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn revoke_sessions(&self, rq: Requester<'_>, entity: Entity) -> Result<(), IamError> {
        const ACTION: Action = Action::IamRevokeSessions;
        let account = self.shared.own_account(&rq, ACTION)?;
        let found = self.shared.state().holder(&account.id, &entity);
        self.shared.permit_found(&rq, ACTION, &account, &found, &[])?;
        let (entity, shared) = (found.get()?.entity(), Arc::clone(&self.shared));
        self.shared
            .change(move |state, edits| {
                let from = shared.revocation_time(state);
                match &*state.holder(&account.id, &entity).get()? {
                    Holder::User(entry) => edits.push(Edit::user(entry.revoked(from))),
                    Holder::Group(group) => {
                        let members = state.users_of(&account.id).filter(|e| e.user.groups.contains(&group.uid));
                        edits.extend(members.map(|entry| Edit::user(entry.revoked(from))));
                    }
                    Holder::Role(role) => {
                        let revoked = Role { sessions_from: from, ..Role::clone(role) };
                        edits.push(Edit::Role(role.uid, Some(Arc::new(revoked))));
                    }
                }
                Ok(())
            })
            .await
    }

    /// Asks for a right to what belongs to the server as a whole: only identities of the operator's account can have it.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub fn permit_operator(&self, rq: Requester<'_>, action: Action) -> Result<(), IamError> {
        let account = self.shared.operator_account(&rq, action)?;
        self.shared.permit(&rq, action, &account, "root-key", &[])
    }

    /// Seals new tokens under a fresh key. Tokens sealed under the former keys live out their time.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::Store`] when the new key could not be stored.
    pub async fn rotate_token_key(&self, rq: Requester<'_>) -> Result<(), IamError> {
        let account = self.shared.operator_account(&rq, Action::ServerRotateTokenKey)?;
        self.shared.permit(&rq, Action::ServerRotateTokenKey, &account, "token-key", &[])?;
        self.shared.tokens.rotate().await.map_err(|why| store::StoreFault::Unavailable(why).into())
    }
}

impl UserEntry {
    /// The user with everything revoked that was issued before `from`.
    pub(crate) fn revoked(&self, from: model::Timestamp) -> Self {
        let mut entry = self.clone();
        let user = Arc::make_mut(&mut entry.user);
        user.sessions_from = from;
        entry
    }
}

impl Shared {
    /// The subject of a role's session, once the requester may assume the role.
    pub(crate) fn assumed(&self, rq: &Requester<'_>, request: &AssumeRole) -> Result<(Subject, u32), IamError> {
        const ACTION: Action = Action::StsAssumeRole;
        let caller = self
            .own_account(rq, ACTION)
            .and_then(|_| rq.principal.caller().ok_or_else(|| denied(rq, ACTION, "*".to_owned())))?;
        // The role's session would be free of the session policies; two lists of them cannot be carried on.
        if caller.is_narrowed() {
            return Err(denied(rq, ACTION, format!("role/{}", request.role)));
        }
        check_session_name(&request.session_name)?;
        let mut narrowed: Vec<Narrowing> = request.policy.as_deref().map(narrowing).transpose()?.into_iter().collect();
        let (role, account) = self.trusted(rq, request)?;
        let chained = matches!(caller.identity, Identity::Role { .. });
        let seconds_max = if chained { SECONDS_CHAINED_MAX } else { role.session_seconds_max };
        let seconds = request.seconds.unwrap_or(SECONDS_CHAINED_MAX.min(seconds_max));
        check_seconds(seconds, seconds_max)?;
        if request.managed.len() > SESSION_POLICIES_MAX {
            return Err(IamError::LimitExceeded("session policies"));
        }
        for reference in &request.managed {
            let found = self.state().policy(&account.id, *reference).get()?;
            narrowed.push(Narrowing::Ref(found.reference));
        }
        let mut assumers = Subject::of(caller).assumers;
        assumers.push(caller.assumer());
        if assumers.len() > ASSUMERS_MAX {
            return Err(IamError::LimitExceeded("roles assumed one out of the other"));
        }
        let subject = Subject {
            account: account.id.clone(),
            who: Who::Role(role.uid, request.session_name.clone()),
            assumers,
            narrowed: (!narrowed.is_empty()).then_some(narrowed),
            parent: caller.session.clone(),
        };
        Ok((subject, seconds))
    }

    /// The role, if it exists and the requester may assume it.
    fn trusted(&self, rq: &Requester<'_>, request: &AssumeRole) -> Result<(Arc<Role>, Arc<Account>), IamError> {
        let state = self.state();
        let refused = || denied(rq, Action::StsAssumeRole, format!("role/{}", request.role));
        let account = state.accounts.get(&request.account).map(|entry| Arc::clone(&entry.account));
        let account = account.filter(|account| account.enabled).ok_or_else(refused)?;
        let found = state.role(&account.id, &crate::entity::Named::Name(request.role.clone()));
        let entity = found.entity.clone();
        let role = found.found.ok_or_else(refused)?;
        let mut conditions = rq.conditions.clone();
        // Only what this request says counts as its external id and session name.
        conditions.values.retain(|(key, _)| !matches!(key, ConditionKey::ExternalId | ConditionKey::RoleSessionName));
        conditions.add(ConditionKey::RoleSessionName, request.session_name.clone());
        if let Some(id) = &request.external_id {
            conditions.add(ConditionKey::ExternalId, id.clone());
        }
        let wish = AssumeRequest {
            trust: &role.trust,
            role: Resource::Iam { account: &account.id, number: &account.number, entity: &entity },
            role_uid: Some(role.uid),
            principal: rq.principal,
            conditions: &conditions,
        };
        match may_assume(&wish) {
            Ok(_proof) => Ok((role, account)),
            Err(_) => Err(refused()),
        }
    }
}

/// What the caller is called as a resource of its own account: `root`, `user/path/name`, `role/path/name`.
pub(crate) fn own_entity(caller: &Caller) -> String {
    match &caller.identity {
        Identity::Root => "root".to_owned(),
        Identity::User { path, name, .. } => format!("user{path}{name}"),
        Identity::Role { path, name, .. } => format!("role{path}{name}"),
    }
}

fn check_seconds(seconds: u32, max: u32) -> Result<(), IamError> {
    if (SECONDS_MIN..=max).contains(&seconds) {
        return Ok(());
    }
    Err(IamError::InvalidInput("DurationSeconds", format!("is {SECONDS_MIN} to {max} here")))
}

fn check_session_name(name: &str) -> Result<(), IamError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if (2..=64).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(IamError::InvalidInput("RoleSessionName", "has 2 to 64 letters, digits or `_+=,.@-`".to_owned()))
}
