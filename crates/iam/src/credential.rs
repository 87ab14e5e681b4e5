//! Who signs, and who bears a token: asked with every request, answered from memory. Whatever may have changed since a
//! token was issued is looked at each time the directory changes, its end with every request.

use crate::access_key::KeyEntry;
use crate::claims::{Claims, Who};
use crate::entity::KeyOwner;
use crate::state::State;
use crate::token_cache::{Opened, Ready};
use crate::{CredentialError, Directory, IdentityToken, SigningCredential, TEMPORARY_KEY_PREFIX};
use model::{AccessKeyId, Timestamp};
use policy::{Assumer, Attached, Caller, Principal, Session};
use std::sync::Arc;

impl Directory {
    /// The credential that a request is signed with: the secret to verify with, and who it is. Works in memory.
    ///
    /// # Errors
    /// [`CredentialError`]; nothing is told of why a key is unknown.
    pub fn credential(
        &self,
        id: &AccessKeyId,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<SigningCredential, CredentialError> {
        let token = token.filter(|token| !token.is_empty());
        if !id.as_str().starts_with(TEMPORARY_KEY_PREFIX) {
            return if token.is_some() { Err(CredentialError::TokenInvalid) } else { self.long_term(id) };
        }
        let shared = &self.shared;
        let opened = shared.sessions.open(&*shared.tokens, token.ok_or(CredentialError::TokenMissing)?);
        let opened = opened.ok_or(CredentialError::TokenInvalid)?;
        let (Some(access_key), Some(secret)) = (&opened.access_key, &opened.secret) else {
            return Err(CredentialError::TokenInvalid);
        };
        if access_key != id {
            return Err(CredentialError::TokenInvalid);
        }
        if now >= opened.claims.expires {
            return Err(CredentialError::TokenExpired);
        }
        let caller = bearer(&shared.state(), &opened)?;
        Ok(SigningCredential { principal: Principal::Caller(caller), secret: Arc::clone(secret) })
    }

    fn long_term(&self, id: &AccessKeyId) -> Result<SigningCredential, CredentialError> {
        let state = self.shared.state();
        let entry = state.keys.get(id).ok_or(CredentialError::Unknown)?;
        let caller = match entry.cached_caller(state.generation) {
            Some(caller) => caller,
            None => {
                let caller = Arc::new(owner(&state, entry).ok_or(CredentialError::Unknown)?);
                entry.cache_caller(state.generation, &caller);
                caller
            }
        };
        Ok(SigningCredential { principal: Principal::Caller(caller), secret: Arc::clone(&entry.secret) })
    }

    /// Remembers that an access key was used. Cheap; written down now and then, by [`Directory::flush_last_used`].
    pub fn note_use(&self, id: &AccessKeyId, service: &'static str, now: Timestamp) {
        if let Some(entry) = self.shared.state().keys.get(id) {
            entry.used.note(service, now);
        }
    }

    /// Who bears an identity token (`X-Auth-Token`). Works in memory.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn identity_token(&self, token: &str, now: Timestamp) -> Result<IdentityToken, CredentialError> {
        let shared = &self.shared;
        let opened = shared.identities.open(&*shared.tokens, token).ok_or(CredentialError::TokenInvalid)?;
        if now >= opened.claims.expires {
            return Err(CredentialError::TokenExpired);
        }
        let caller = bearer(&shared.state(), &opened)?;
        Ok(told(caller, &opened.claims))
    }
}

pub(crate) fn told(caller: Arc<Caller>, claims: &Claims) -> IdentityToken {
    IdentityToken {
        principal: Principal::Caller(caller),
        issued: claims.issued,
        expires: claims.expires,
        project: claims.project,
        methods: claims.methods.clone(),
    }
}

/// Whose a long-term access key is; `None` when the key, its owner or the account is not in force.
fn owner(state: &State, entry: &KeyEntry) -> Option<Caller> {
    let info = &entry.record.info;
    let account = &state.accounts.get(&info.account)?.account;
    if !info.active || !account.enabled {
        return None;
    }
    match info.owner {
        KeyOwner::Root => Some(state.root_caller(account, None, None)),
        KeyOwner::User(uid) => {
            let user = &state.users.get(&uid)?.user;
            (user.enabled && user.account == account.id).then(|| state.user_caller(account, user, None, None))
        }
    }
}

fn bearer(state: &State, opened: &Opened) -> Result<Arc<Caller>, CredentialError> {
    opened.caller(state.generation, || session(state, &opened.claims, opened.narrowed.as_deref()).map(Arc::new))
}

/// Who a token's bearer is, by what the directory says now.
pub(crate) fn session(state: &State, claims: &Claims, narrowed: Option<&[Ready]>) -> Result<Caller, CredentialError> {
    if state.revoked.contains_key(&claims.lineage.family) {
        return Err(CredentialError::TokenInvalid);
    }
    in_force(state, &claims.who.of(&claims.account), claims.issued)?;
    for assumer in &claims.lineage.assumers {
        in_force(state, assumer, claims.issued)?;
    }
    let account = &state.accounts.get(&claims.account).ok_or(CredentialError::Unknown)?.account;
    let narrowed: Option<Vec<Attached>> = narrowed.map(|policies| {
        let attached = |policy: &Ready| match policy {
            Ready::Policy(attached) => attached.clone(),
            Ready::Ref(reference) => state.attached("session policy", reference),
        };
        policies.iter().map(attached).collect()
    });
    let session = Some(Session { issued: claims.issued, expires: claims.expires, lineage: claims.lineage.clone() });
    Ok(match &claims.who {
        Who::Root => state.root_caller(account, session, narrowed),
        Who::User(uid) => {
            let entry = state.users.get(uid).ok_or(CredentialError::Unknown)?;
            state.user_caller(account, &entry.user, session, narrowed)
        }
        Who::Role(uid, name) => {
            let role = state.roles.get(uid).ok_or(CredentialError::Unknown)?;
            state.role_caller(account, role, name.clone(), session, narrowed)
        }
    })
}

/// Refuses what was issued to an identity that is gone or disabled, or whose sessions were revoked since.
fn in_force(state: &State, who: &Assumer, issued: Timestamp) -> Result<(), CredentialError> {
    let account = who.account();
    let entry = state.accounts.get(account).filter(|entry| entry.account.enabled).ok_or(CredentialError::Unknown)?;
    let from = match who {
        Assumer::Root(_) => entry.sessions_from,
        Assumer::User(_, uid) => {
            let user = state.users.get(uid).map(|entry| &entry.user);
            let user = user.filter(|user| user.enabled && user.account == *account);
            user.ok_or(CredentialError::Unknown)?.sessions_from
        }
        Assumer::Role(_, uid) => {
            let role = state.roles.get(uid).filter(|role| role.account == *account);
            role.ok_or(CredentialError::Unknown)?.sessions_from
        }
    };
    if issued < from.max(entry.sessions_from) { Err(CredentialError::TokenInvalid) } else { Ok(()) }
}
