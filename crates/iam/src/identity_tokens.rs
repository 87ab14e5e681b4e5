//! Identity tokens (Huawei's `X-Auth-Token`): by password, by another token or a signature, by a role. They live for 24
//! hours, and end earlier with a new password, with their identity, or by being revoked.

use crate::api::{AssumeRole, IdentityToken, PasswordLogin};
use crate::authorize::denied;
use crate::claims::Who;
use crate::edit::Edit;
use crate::issue::Subject;
use crate::record::Revocation;
use crate::sessions::own_entity;
use crate::{Directory, IamError, Requester, TOKEN_SECONDS_MAX};
use model::ProjectUid;
use policy::{Action, Assumer};
use std::sync::Arc;

/// How long an identity token lives.
const SECONDS: u64 = 86_400;
/// Most tokens of one identity that are revoked one by one at a time. Beyond, [`Directory::revoke_sessions`] does.
pub(crate) const REVOKED_PER_IDENTITY_MAX: usize = 256;

impl Directory {
    /// A Huawei identity token by password, scoped to a project or (`None`) to the account. Valid for 24 hours.
    ///
    /// # Errors
    /// [`IamError::Unauthorized`] whatever is wrong with the login; [`IamError::LimitExceeded`] when too many log in at a
    /// time; [`IamError::NoSuchEntity`] for the project, once the login is accepted.
    pub async fn password_token(
        &self,
        login: PasswordLogin<'_>,
        project: Option<ProjectUid>,
    ) -> Result<(String, IdentityToken), IamError> {
        let user = self.shared.log_in(&login).await?;
        let subject = Subject {
            account: user.user.account.clone(),
            who: Who::User(user.user.uid),
            assumers: Vec::new(),
            narrowed: None,
            parent: None,
        };
        self.shared.issue_identity(&subject, SECONDS, project, "password")
    }

    /// An identity token for whoever has signed or shown another one. It does not outlive the session that asks.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`] for the project.
    pub async fn exchange_token(
        &self,
        rq: Requester<'_>,
        project: Option<ProjectUid>,
        method: &str,
    ) -> Result<(String, IdentityToken), IamError> {
        const ACTION: Action = Action::StsGetSessionToken;
        let account = self.shared.own_account(&rq, ACTION)?;
        let caller = rq.principal.caller().ok_or_else(|| denied(&rq, ACTION, "*".to_owned()))?;
        self.shared.permit(&rq, ACTION, &account, &own_entity(caller), &[])?;
        self.shared.issue_identity(&Subject::of(caller), SECONDS, project, method)
    }

    /// An identity token of a role (`assume_role`).
    ///
    /// # Errors
    /// As [`Directory::assume_role`]; [`IamError::NoSuchEntity`] for the project.
    pub async fn role_token(
        &self,
        rq: Requester<'_>,
        request: AssumeRole,
        project: Option<ProjectUid>,
    ) -> Result<(String, IdentityToken), IamError> {
        let (subject, seconds) = self.shared.assumed(&rq, &request)?;
        self.shared.issue_identity(&subject, u64::from(seconds), project, "assume_role")
    }

    /// Refuses an identity token from now on, and everything that comes from the same login or key: tokens and temporary
    /// credentials that were issued from it, and those it was issued from. One's own, or with `iam:RevokeSessions` another's of the account. A token
    /// that is none, or not of the account, is refused alike.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`]; [`IamError::LimitExceeded`] beyond 256 of one identity.
    pub async fn revoke_identity_token(&self, rq: Requester<'_>, token: &str) -> Result<(), IamError> {
        const ACTION: Action = Action::IamRevokeSessions;
        let account = self.shared.own_account(&rq, ACTION)?;
        let caller = rq.principal.caller().ok_or_else(|| denied(&rq, ACTION, "*".to_owned()))?;
        let unknown = || IamError::NoSuchEntity("token", "shown".to_owned());
        let now = self.shared.now();
        let told = self.identity_token(token, now).ok().filter(|told| told.principal.account() == Some(&account.id));
        let bearer = told.as_ref().and_then(|told| told.principal.caller()).ok_or_else(unknown)?;
        // Whoever has a token can throw it away; that of others is theirs.
        if bearer.urn() != caller.urn() {
            self.shared.permit_as(&rq, ACTION, &account, &own_entity(bearer), "*", &[])?;
        }
        let opened = self.shared.identities.open(&*self.shared.tokens, token).ok_or_else(unknown)?;
        let claims = &opened.claims;
        let id = claims.lineage.family;
        // What was issued from a token does not outlive it and has its moment of issue, so the first token's end is known.
        let first_expires = claims.issued.plus_millis(u64::from(TOKEN_SECONDS_MAX) * 1000);
        let of = claims.who.of(&claims.account);
        let first = claims.lineage.assumers.first().unwrap_or(&of);
        let record = Revocation {
            expires: if claims.id == id { claims.expires } else { first_expires },
            account: first.account().clone(),
            identity: match first {
                Assumer::Root(_) => [0; 16],
                Assumer::User(_, uid) => *uid.as_bytes(),
                Assumer::Role(_, uid) => *uid.as_bytes(),
            },
        };
        self.shared
            .change(move |state, edits| {
                if state.revoked.contains_key(&id) {
                    return Ok(());
                }
                let (mut same, mut ended) = (0, Vec::new());
                for (other, revoked) in &state.revoked {
                    if revoked.expires <= now {
                        ended.push(*other);
                    } else if (&revoked.account, revoked.identity) == (&record.account, record.identity) {
                        same += 1;
                    }
                }
                if same >= REVOKED_PER_IDENTITY_MAX {
                    return Err(IamError::LimitExceeded("revoked tokens"));
                }
                edits.extend(ended.into_iter().map(|other| Edit::Revocation(other, None)));
                edits.push(Edit::Revocation(id, Some(Arc::new(record))));
                Ok(())
            })
            .await
    }
}
