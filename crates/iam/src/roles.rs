//! Roles (Huawei: agencies): identities that others assume for a while.

use crate::api::{NewRole, RoleChange, Trust};
use crate::authorize::Fact;
use crate::edit::Edit;
use crate::entity::{Account, Attachments, Named, Role};
use crate::state::{Holder, Kind, State};
use crate::users::check_description;
use crate::{Directory, IamError, Requester};
use model::{AccountId, RoleUid, Timestamp};
use policy::{Action, ConditionKey, Grammar, Policy};
use std::sync::Arc;

/// Most roles of an account (AWS).
const ROLES_MAX: usize = 1000;
/// Bounds of the longest session, in seconds (AWS).
const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 3600..=43_200;

impl Directory {
    /// CreateRole.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::AlreadyExists`], [`IamError::MalformedPolicy`], [`IamError::InvalidInput`],
    /// [`IamError::NoSuchEntity`] for the boundary or the trusted account, [`IamError::LimitExceeded`].
    pub async fn create_role(&self, rq: Requester<'_>, role: NewRole) -> Result<Arc<Role>, IamError> {
        const ACTION: Action = Action::IamCreateRole;
        let account = self.shared.own_account(&rq, ACTION)?;
        let boundary = role.boundary.map(|boundary| self.arn_of(&account, boundary));
        let facts: Vec<Fact<'_>> = boundary.iter().map(|arn| (ConditionKey::PermissionsBoundary, &**arn)).collect();
        self.shared.permit(&rq, ACTION, &account, &format!("role{}{}", role.path, role.name), &facts)?;
        check_description(&role.description)?;
        check_seconds(role.session_seconds_max)?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                state.name_free(&account.id, Kind::Role, role.name.as_str(), None)?;
                if state.uids(&account.id, Kind::Role).count() >= ROLES_MAX {
                    return Err(IamError::LimitExceeded("roles"));
                }
                if let Some(boundary) = role.boundary {
                    state.policy(&account.id, boundary).get()?;
                }
                let (trust, trust_account) = trust(state, role.trust)?;
                let role = Arc::new(Role {
                    uid: RoleUid::from_bytes(shared.draw()),
                    account: account.id.clone(),
                    name: role.name,
                    path: role.path,
                    description: role.description,
                    created: shared.now(),
                    trust,
                    trust_account,
                    session_seconds_max: role.session_seconds_max,
                    attachments: Attachments::default(),
                    boundary: role.boundary,
                    sessions_from: Timestamp::default(),
                });
                edits.push(Edit::Role(role.uid, Some(Arc::clone(&role))));
                Ok(role)
            })
            .await
    }

    /// GetRole.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn get_role(&self, rq: Requester<'_>, role: Named<RoleUid>) -> Result<Arc<Role>, IamError> {
        Ok(self.permitted_role(&rq, Action::IamGetRole, &role)?.1)
    }

    /// ListRoles, in order of names.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub async fn list_roles(&self, rq: Requester<'_>) -> Result<Vec<Arc<Role>>, IamError> {
        let account = self.shared.own_account(&rq, Action::IamListRoles)?;
        self.shared.permit(&rq, Action::IamListRoles, &account, "role/", &[])?;
        Ok(self.shared.state().roles_of(&account.id).cloned().collect())
    }

    /// UpdateRole, UpdateAssumeRolePolicy. Sessions go on: a new trust policy counts for those to come.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::MalformedPolicy`], [`IamError::InvalidInput`].
    pub async fn update_role(
        &self,
        rq: Requester<'_>,
        role: Named<RoleUid>,
        change: RoleChange,
    ) -> Result<Arc<Role>, IamError> {
        let described = change.description.is_some() || change.session_seconds_max.is_some();
        let (account, found) = match (&change.trust, described) {
            (Some(_), false) => self.permitted_role(&rq, Action::IamUpdateAssumeRolePolicy, &role)?,
            (Some(_), true) => {
                self.permitted_role(&rq, Action::IamUpdateAssumeRolePolicy, &role)?;
                self.permitted_role(&rq, Action::IamUpdateRole, &role)?
            }
            (None, _) => self.permitted_role(&rq, Action::IamUpdateRole, &role)?,
        };
        change.description.as_deref().map(check_description).transpose()?;
        change.session_seconds_max.map(check_seconds).transpose()?;
        let uid = found.uid;
        self.shared
            .change(move |state, edits| {
                let mut role = Role::clone(&*state.role(&account.id, &Named::Uid(uid)).get()?);
                if let Some(new) = change.trust {
                    (role.trust, role.trust_account) = trust(state, new)?;
                }
                role.description = change.description.unwrap_or(role.description);
                role.session_seconds_max = change.session_seconds_max.unwrap_or(role.session_seconds_max);
                let role = Arc::new(role);
                edits.push(Edit::Role(uid, Some(Arc::clone(&role))));
                Ok(role)
            })
            .await
    }

    /// DeleteRole; `force` takes policies along, which asks for the rights to remove them. Its sessions end.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::DeleteConflict`].
    pub async fn delete_role(&self, rq: Requester<'_>, role: Named<RoleUid>, force: bool) -> Result<(), IamError> {
        let (account, role) = self.permitted_role(&rq, Action::IamDeleteRole, &role)?;
        let uid = role.uid;
        let seen = Holder::Role(role);
        let taken = force.then(|| self.permitted_removal(&rq, &account.id, &seen)).transpose()?;
        self.shared
            .change(move |state, edits| {
                let role = state.role(&account.id, &Named::Uid(uid)).get()?;
                seen.unchanged(state, &account.id, &Holder::Role(Arc::clone(&role)), taken.as_ref())?;
                let holds = [
                    (!role.attachments.inline.is_empty(), "inline policies"),
                    (!role.attachments.managed.is_empty(), "attached policies"),
                ];
                if let Some((_, what)) = holds.iter().find(|(held, _)| *held && !force) {
                    return Err(IamError::DeleteConflict(what));
                }
                edits.push(Edit::Role(uid, None));
                Ok(())
            })
            .await
    }

    fn permitted_role(
        &self,
        rq: &Requester<'_>,
        action: Action,
        role: &Named<RoleUid>,
    ) -> Result<(Arc<Account>, Arc<Role>), IamError> {
        let account = self.shared.own_account(rq, action)?;
        let found = self.shared.state().role(&account.id, role);
        let boundary = found.found.as_ref().and_then(|role| role.boundary);
        let boundary = boundary.map(|boundary| self.arn_of(&account, boundary));
        let facts: Vec<Fact<'_>> = boundary.iter().map(|arn| (ConditionKey::PermissionsBoundary, &**arn)).collect();
        self.shared.permit_found(rq, action, &account, &found, &facts)?;
        Ok((account, found.get()?))
    }
}

/// The trust policy, and the account it was made from where it was. An agency trusts the whole account: who of it may
/// assume the role, that account decides.
fn trust(state: &State, trust: Trust) -> Result<(Arc<Policy>, Option<AccountId>), IamError> {
    let (text, account) = match trust {
        Trust::Document(text) => (text, None),
        Trust::Account(id) => {
            let missing = || IamError::NoSuchEntity("account", id.to_string());
            let number = &state.accounts.get(&id).ok_or_else(missing)?.account.number;
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{number}:root"}},"Action":"sts:AssumeRole"}}]}}"#
            );
            (text, Some(id))
        }
    };
    let policy = Policy::parse(&text, Grammar::Trust).map_err(IamError::MalformedPolicy)?;
    Ok((Arc::new(policy), account))
}

fn check_seconds(seconds: u32) -> Result<(), IamError> {
    if SESSION_SECONDS.contains(&seconds) {
        return Ok(());
    }
    Err(IamError::InvalidInput("MaxSessionDuration", "is 3600 to 43200 seconds".to_owned()))
}
