//! Access keys: made, listed, switched off and on, deleted. The keys of an account's root identity are its own business:
//! no user of the account may touch them.

use crate::access_key::{KeyEntry, Used, check_given, generate_id};
use crate::api::NewAccessKey;
use crate::authorize::denied;
use crate::claims::Who;
use crate::edit::Edit;
use crate::entity::{AccessKeyInfo, Account, KeyOwner, Named};
use crate::issue::who;
use crate::record::AccessKeyRecord;
use crate::sessions::own_entity;
use crate::users::check_description;
use crate::{Directory, IamError, KEYS_PER_OWNER_MAX, Requester, SecretAccessKey};
use model::{AccessKeyId, UserUid};
use policy::Action;
use std::sync::Arc;

/// How long a use may stay unwritten, in milliseconds.
const WRITTEN_EVERY_MILLIS: u64 = 3_600_000;

impl Directory {
    /// CreateAccessKey; given or drawn. `None` is the requester's own identity.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::AlreadyExists`], [`IamError::LimitExceeded`],
    /// [`IamError::InvalidInput`].
    pub async fn create_access_key(
        &self,
        rq: Requester<'_>,
        user: Option<Named<UserUid>>,
        description: String,
        given: Option<(AccessKeyId, SecretAccessKey)>,
    ) -> Result<NewAccessKey, IamError> {
        let (account, owner) = self.permitted_owner(&rq, Action::IamCreateAccessKey, user.as_ref())?;
        check_description(&description)?;
        if let Some((id, secret)) = &given {
            check_given(id, secret)?;
        }
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                if let KeyOwner::User(uid) = owner {
                    state.user(&account.id, &Named::Uid(uid)).get()?;
                }
                if state.keys_of(&account.id, owner).len() >= KEYS_PER_OWNER_MAX {
                    return Err(IamError::LimitExceeded("access keys"));
                }
                let (id, secret) = match given {
                    Some(given) => given,
                    None => (generate_id(&*shared.entropy)?, SecretAccessKey::generate(&*shared.entropy)),
                };
                if state.keys.contains_key(&id) {
                    return Err(IamError::AlreadyExists("access key", id.to_string()));
                }
                let info = AccessKeyInfo {
                    id: id.clone(),
                    account: account.id.clone(),
                    owner,
                    active: true,
                    description,
                    created: shared.now(),
                    last_used: None,
                };
                let told = SecretAccessKey::parse(secret.expose()).ok_or(IamError::Unauthorized)?;
                let record = AccessKeyRecord::seal(info.clone(), &secret, &*shared.sealer, &*shared.entropy);
                let entry = KeyEntry::new(record, Arc::new(secret), Arc::new(Used::default()));
                edits.push(Edit::Key(id, Some(Arc::new(entry))));
                Ok(NewAccessKey { info, secret: told })
            })
            .await
    }

    /// ListAccessKeys. `None` is the requester's own identity.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn list_access_keys(
        &self,
        rq: Requester<'_>,
        user: Option<Named<UserUid>>,
    ) -> Result<Vec<AccessKeyInfo>, IamError> {
        let (account, owner) = self.permitted_owner(&rq, Action::IamListAccessKeys, user.as_ref())?;
        Ok(self.shared.state().keys_of(&account.id, owner).iter().map(|entry| entry.info()).collect())
    }

    /// UpdateAccessKey. Sessions that the key's owner was issued go on (as AWS); [`Directory::revoke_sessions`] ends them.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::InvalidInput`].
    pub async fn update_access_key(
        &self,
        rq: Requester<'_>,
        id: &AccessKeyId,
        active: Option<bool>,
        description: Option<String>,
    ) -> Result<AccessKeyInfo, IamError> {
        self.permitted_key(&rq, Action::IamUpdateAccessKey, id)?;
        description.as_deref().map(check_description).transpose()?;
        let id = id.clone();
        self.shared
            .change(move |state, edits| {
                let Some(entry) = state.keys.get(&id) else { return Err(no_such_key(&id)) };
                let mut record = entry.record.clone();
                record.info.active = active.unwrap_or(record.info.active);
                record.info.description = description.unwrap_or(record.info.description);
                let changed = entry.with(record);
                let info = changed.info();
                edits.push(Edit::Key(id, Some(Arc::new(changed))));
                Ok(info)
            })
            .await
    }

    /// DeleteAccessKey.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn delete_access_key(&self, rq: Requester<'_>, id: &AccessKeyId) -> Result<(), IamError> {
        self.permitted_key(&rq, Action::IamDeleteAccessKey, id)?;
        let id = id.clone();
        self.shared
            .change(move |state, edits| {
                if !state.keys.contains_key(&id) {
                    return Err(no_such_key(&id));
                }
                edits.push(Edit::Key(id, None));
                Ok(())
            })
            .await
    }

    /// GetAccessKeyLastUsed; also shows whose it is.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn access_key_last_used(
        &self,
        rq: Requester<'_>,
        id: &AccessKeyId,
    ) -> Result<(AccessKeyInfo, KeyOwner), IamError> {
        let entry = self.permitted_key(&rq, Action::IamGetAccessKeyLastUsed, id)?;
        Ok((entry.info(), entry.record.info.owner))
    }

    /// Writes down uses of access keys that are an hour newer than what is written. The server calls it every few minutes.
    ///
    /// # Errors
    /// [`IamError::Store`]; what was not written is written later.
    pub async fn flush_last_used(&self) -> Result<(), IamError> {
        self.shared
            .change(|state, edits| {
                for (id, entry) in &state.keys {
                    let Some(used) = entry.used.last() else { continue };
                    let written = entry.record.info.last_used.as_ref();
                    if written.is_none_or(|written| used.at.millis_since(written.at) >= WRITTEN_EVERY_MILLIS) {
                        let mut record = entry.record.clone();
                        record.info.last_used = Some(used);
                        edits.push(Edit::Key(id.clone(), Some(Arc::new(entry.with(record)))));
                    }
                }
                Ok(())
            })
            .await
    }

    /// Whose keys the operation is about, once the requester may do it.
    fn permitted_owner(
        &self,
        rq: &Requester<'_>,
        action: Action,
        user: Option<&Named<UserUid>>,
    ) -> Result<(Arc<Account>, KeyOwner), IamError> {
        if let Some(user) = user {
            let (account, entry) = self.permitted_user(rq, action, user)?;
            return Ok((account, KeyOwner::User(entry.user.uid)));
        }
        let account = self.shared.own_account(rq, action)?;
        let caller = rq.principal.caller().ok_or_else(|| denied(rq, action, "*".to_owned()))?;
        self.shared.permit(rq, action, &account, &own_entity(caller), &[])?;
        match who(caller) {
            Who::Root => Ok((account, KeyOwner::Root)),
            Who::User(uid) => Ok((account, KeyOwner::User(uid))),
            Who::Role(..) => Err(IamError::InvalidInput("UserName", "a role has no access keys".to_owned())),
        }
    }

    /// The access key, once the requester may do this to its owner. A key of another account is as one that is none.
    fn permitted_key(&self, rq: &Requester<'_>, action: Action, id: &AccessKeyId) -> Result<Arc<KeyEntry>, IamError> {
        let account = self.shared.own_account(rq, action)?;
        let state = self.shared.state();
        let entry = state.keys.get(id).filter(|entry| entry.record.info.account == account.id).cloned();
        let entity = match entry.as_ref().map(|entry| entry.record.info.owner) {
            Some(KeyOwner::User(uid)) => state.user(&account.id, &Named::Uid(uid)).entity,
            Some(KeyOwner::Root) => "root".to_owned(),
            None => "user/".to_owned(),
        };
        drop(state);
        self.shared.permit_as(rq, action, &account, &entity, "*", &[])?;
        let entry = entry.ok_or_else(|| no_such_key(id))?;
        let root = rq.principal.caller().is_some_and(|caller| caller.is_root());
        if entry.record.info.owner == KeyOwner::Root && !root {
            return Err(denied(rq, action, "*".to_owned()));
        }
        Ok(entry)
    }
}

fn no_such_key(id: &AccessKeyId) -> IamError {
    IamError::NoSuchEntity("access key", id.to_string())
}
