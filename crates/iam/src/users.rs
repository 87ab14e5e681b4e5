//! Users.

use crate::api::{NewUser, UserChange};
use crate::authorize::{Fact, denied};
use crate::claims::Who;
use crate::edit::Edit;
use crate::entity::{Account, Attachments, KeyOwner, Named, PolicyRef, User};
use crate::issue::who;
use crate::record::{Password, UserEntry};
use crate::state::{Holder, Kind};
use crate::{Directory, IamError, Requester};
use model::{Timestamp, UserUid};
use policy::{Action, ConditionKey};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most users of an account (AWS).
const USERS_MAX: usize = 5000;
/// Longest description in characters (AWS: 1000).
const DESCRIPTION_CHARS_MAX: usize = 1000;

impl Directory {
    /// CreateUser.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::AlreadyExists`], [`IamError::NoSuchEntity`] for the boundary,
    /// [`IamError::InvalidInput`], [`IamError::LimitExceeded`].
    pub async fn create_user(&self, rq: Requester<'_>, user: NewUser) -> Result<Arc<User>, IamError> {
        const ACTION: Action = Action::IamCreateUser;
        let account = self.shared.own_account(&rq, ACTION)?;
        let boundary = user.boundary.map(|boundary| self.arn_of(&account, boundary));
        let facts: Vec<Fact<'_>> = boundary.iter().map(|arn| (ConditionKey::PermissionsBoundary, &**arn)).collect();
        self.shared.permit(&rq, ACTION, &account, &format!("user{}{}", user.path, user.name), &facts)?;
        check_description(&user.description)?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                state.name_free(&account.id, Kind::User, user.name.as_str(), None)?;
                if state.uids(&account.id, Kind::User).count() >= USERS_MAX {
                    return Err(IamError::LimitExceeded("users"));
                }
                if let Some(boundary) = user.boundary {
                    state.policy(&account.id, boundary).get()?;
                }
                let user = Arc::new(User {
                    uid: UserUid::from_bytes(shared.draw()),
                    account: account.id.clone(),
                    name: user.name,
                    path: user.path,
                    description: user.description,
                    created: shared.now(),
                    enabled: user.enabled,
                    groups: BTreeSet::new(),
                    attachments: Attachments::default(),
                    boundary: user.boundary,
                    password_set: None,
                    sessions_from: Timestamp::default(),
                });
                edits.push(Edit::user(UserEntry { user: Arc::clone(&user), password: None }));
                Ok(user)
            })
            .await
    }

    /// GetUser; `None` is the requester's own user.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`], also for `None` of a requester that is no user.
    pub async fn get_user(&self, rq: Requester<'_>, user: Option<Named<UserUid>>) -> Result<Arc<User>, IamError> {
        const ACTION: Action = Action::IamGetUser;
        let account = self.shared.own_account(&rq, ACTION)?;
        let own = user.is_none();
        let named = match user {
            Some(named) => named,
            None => {
                let caller = rq.principal.caller().ok_or_else(|| denied(&rq, ACTION, "*".to_owned()))?;
                match who(caller) {
                    Who::User(uid) => Named::Uid(uid),
                    _ => return Err(IamError::NoSuchEntity("user", caller.arn())),
                }
            }
        };
        let found = self.shared.state().user(&account.id, &named);
        // Who asks for itself knows its name.
        let shown = if own { found.entity.clone() } else { found.asked() };
        self.shared.permit_as(&rq, ACTION, &account, &found.entity, &shown, &[])?;
        Ok(Arc::clone(&found.get()?.user))
    }

    /// ListUsers, in order of names.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub async fn list_users(&self, rq: Requester<'_>) -> Result<Vec<Arc<User>>, IamError> {
        let account = self.shared.own_account(&rq, Action::IamListUsers)?;
        self.shared.permit(&rq, Action::IamListUsers, &account, "user/", &[])?;
        Ok(self.shared.state().users_of(&account.id).map(|entry| Arc::clone(&entry.user)).collect())
    }

    /// UpdateUser. Disabling a user ends its sessions for good.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`].
    pub async fn update_user(
        &self,
        rq: Requester<'_>,
        user: Named<UserUid>,
        change: UserChange,
    ) -> Result<Arc<User>, IamError> {
        const ACTION: Action = Action::IamUpdateUser;
        let (account, entry) = self.permitted_user(&rq, ACTION, &user)?;
        if change.name.is_some() || change.path.is_some() {
            // As AWS: the right is needed to what the user is called and to what it will be called.
            let path = change.path.as_ref().unwrap_or(&entry.user.path);
            let name = change.name.as_ref().unwrap_or(&entry.user.name);
            self.shared.permit_as(&rq, ACTION, &account, &format!("user{path}{name}"), "*", &[])?;
        }
        change.description.as_deref().map(check_description).transpose()?;
        let (uid, shared) = (entry.user.uid, Arc::clone(&self.shared));
        self.shared
            .change(move |state, edits| {
                let entry = state.user(&account.id, &Named::Uid(uid)).get()?;
                if let Some(name) = &change.name {
                    state.name_free(&account.id, Kind::User, name.as_str(), Some(uid.as_bytes()))?;
                }
                let ends = change.enabled == Some(false) && entry.user.enabled;
                let mut entry =
                    if ends { entry.revoked(shared.revocation_time(state)) } else { UserEntry::clone(&entry) };
                let user = Arc::make_mut(&mut entry.user);
                user.name = change.name.unwrap_or_else(|| user.name.clone());
                user.path = change.path.unwrap_or_else(|| user.path.clone());
                user.description = change.description.unwrap_or_else(|| user.description.clone());
                user.enabled = change.enabled.unwrap_or(user.enabled);
                let told = Arc::clone(&entry.user);
                edits.push(Edit::user(entry));
                Ok(told)
            })
            .await
    }

    /// DeleteUser; `force` takes keys, policies and memberships along (Huawei), which asks for the
    /// rights to remove them; otherwise they are a DeleteConflict.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::DeleteConflict`]; [`IamError::Conflict`] when
    /// more was given to it meanwhile.
    pub async fn delete_user(&self, rq: Requester<'_>, user: Named<UserUid>, force: bool) -> Result<(), IamError> {
        let (account, entry) = self.permitted_user(&rq, Action::IamDeleteUser, &user)?;
        let (uid, shared) = (entry.user.uid, Arc::clone(&self.shared));
        let seen = Holder::User(entry);
        let taken = force.then(|| self.permitted_removal(&rq, &account.id, &seen)).transpose()?;
        self.shared
            .change(move |state, edits| {
                let entry = state.user(&account.id, &Named::Uid(uid)).get()?;
                seen.unchanged(state, &account.id, &Holder::User(Arc::clone(&entry)), taken.as_ref())?;
                let keys = state.keys_of(&account.id, KeyOwner::User(uid));
                let holds = [
                    (!keys.is_empty(), "access keys"),
                    (entry.password.is_some(), "a login profile"),
                    (!entry.user.attachments.inline.is_empty(), "inline policies"),
                    (!entry.user.attachments.managed.is_empty(), "attached policies"),
                    (!entry.user.groups.is_empty(), "memberships of groups"),
                ];
                if let Some((_, what)) = holds.iter().find(|(held, _)| *held && !force) {
                    return Err(IamError::DeleteConflict(what));
                }
                edits.extend(keys.iter().map(|key| Edit::Key(key.record.info.id.clone(), None)));
                edits.push(Edit::User(uid, None));
                shared.logins.forget(uid);
                Ok(())
            })
            .await
    }

    /// CreateLoginProfile, UpdateLoginProfile: sets the password; `create`: there must be none yet. A new password in
    /// place of another ends the user's sessions and identity tokens: whoever knew the old one may have made them.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`] for the user, or with `create` unset for the password;
    /// [`IamError::AlreadyExists`] with it set; [`IamError::InvalidInput`] for a password outside its bounds.
    pub async fn set_password(
        &self,
        rq: Requester<'_>,
        user: Named<UserUid>,
        password: &str,
        create: bool,
    ) -> Result<(), IamError> {
        let action = if create { Action::IamCreateLoginProfile } else { Action::IamUpdateLoginProfile };
        let (account, entry) = self.permitted_user(&rq, action, &user)?;
        let hash = self.shared.hash_password(password).await?;
        let (uid, shared) = (entry.user.uid, Arc::clone(&self.shared));
        self.shared
            .change(move |state, edits| {
                let entry = state.user(&account.id, &Named::Uid(uid)).get()?;
                let name = || entry.user.name.to_string();
                let now = shared.now();
                let mut changed = match (&entry.password, create) {
                    (Some(_), true) => return Err(IamError::AlreadyExists("login profile", name())),
                    (None, false) => return Err(IamError::NoSuchEntity("login profile", name())),
                    (Some(_), false) => entry.revoked(shared.revocation_time(state)),
                    (None, true) => UserEntry::clone(&entry),
                };
                Arc::make_mut(&mut changed.user).password_set = Some(now);
                changed.password = Some(Password::seal(uid, &hash, now, &*shared.sealer, &*shared.entropy));
                edits.push(Edit::user(changed));
                shared.logins.forget(uid);
                Ok(())
            })
            .await
    }

    /// DeleteLoginProfile. Ends the user's sessions and identity tokens.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`] for the user or the password.
    pub async fn delete_password(&self, rq: Requester<'_>, user: Named<UserUid>) -> Result<(), IamError> {
        let (account, entry) = self.permitted_user(&rq, Action::IamDeleteLoginProfile, &user)?;
        let (uid, shared) = (entry.user.uid, Arc::clone(&self.shared));
        self.shared
            .change(move |state, edits| {
                let entry = state.user(&account.id, &Named::Uid(uid)).get()?;
                if entry.password.is_none() {
                    return Err(IamError::NoSuchEntity("login profile", entry.user.name.to_string()));
                }
                let mut changed = entry.revoked(shared.revocation_time(state));
                changed.password = None;
                Arc::make_mut(&mut changed.user).password_set = None;
                edits.push(Edit::user(changed));
                Ok(())
            })
            .await
    }

    /// The user, once the requester may do this to it.
    pub(crate) fn permitted_user(
        &self,
        rq: &Requester<'_>,
        action: Action,
        user: &Named<UserUid>,
    ) -> Result<(Arc<Account>, Arc<UserEntry>), IamError> {
        let account = self.shared.own_account(rq, action)?;
        let found = self.shared.state().user(&account.id, user);
        let boundary = found.found.as_ref().and_then(|entry| entry.user.boundary);
        let boundary = boundary.map(|boundary| self.arn_of(&account, boundary));
        let facts: Vec<Fact<'_>> = boundary.iter().map(|arn| (ConditionKey::PermissionsBoundary, &**arn)).collect();
        self.shared.permit_found(rq, action, &account, &found, &facts)?;
        Ok((account, found.get()?))
    }

    /// The ARN behind a reference, for conditions; of what does not exist, one that names nothing.
    pub(crate) fn arn_of(&self, account: &Account, reference: PolicyRef) -> String {
        // Its own statement: the state is no longer read when the ARN is made, which reads it again.
        let found = self.shared.state().policy(&account.id, reference).found;
        match found {
            Some(policy) => self.policy_arn(&policy),
            None => format!("arn:aws:iam::{}:policy/", account.number),
        }
    }
}

pub(crate) fn check_description(text: &str) -> Result<(), IamError> {
    if text.chars().count() <= DESCRIPTION_CHARS_MAX {
        return Ok(());
    }
    Err(IamError::InvalidInput("Description", format!("has at most {DESCRIPTION_CHARS_MAX} characters")))
}
