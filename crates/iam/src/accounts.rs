//! Accounts. The operator's account makes and ends them; every other account sees itself.

use crate::access_key::{KeyEntry, Used, check_given, generate_id};
use crate::api::{NewAccessKey, NewAccount};
use crate::authorize::denied;
use crate::edit::Edit;
use crate::entity::{AccessKeyInfo, Account, KeyOwner, Project};
use crate::first_start::new_account;
use crate::record::{AccessKeyRecord, AccountEntry};
use crate::state::State;
use crate::{Directory, IamError, Requester, SecretAccessKey};
use model::{AccessKeyId, AccountId, EntityName, ProjectUid, Timestamp};
use policy::Action;
use std::sync::Arc;

/// Longest name in characters.
const NAME_CHARS_MAX: usize = 64;
/// Longest e-mail address in characters (RFC 5321).
const EMAIL_CHARS_MAX: usize = 254;
/// Most accounts of a server.
pub(crate) const ACCOUNTS_MAX: usize = 10_000;

impl Directory {
    /// Makes an account and the first access key of its root identity; given or drawn. Only the operator's account may.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`], [`IamError::LimitExceeded`].
    pub async fn create_account(
        &self,
        rq: Requester<'_>,
        name: EntityName,
        email: Option<String>,
        given: Option<(AccessKeyId, SecretAccessKey)>,
    ) -> Result<NewAccount, IamError> {
        const ACTION: Action = Action::ServerCreateAccount;
        let operator = self.shared.operator_account(&rq, ACTION)?;
        self.shared.permit(&rq, ACTION, &operator, &format!("account/{name}"), &[])?;
        check_name(&name)?;
        email.as_deref().map(check_email).transpose()?;
        if let Some((id, secret)) = &given {
            check_given(id, secret)?;
        }
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                if state.accounts.len() >= ACCOUNTS_MAX {
                    return Err(IamError::LimitExceeded("accounts"));
                }
                free(state, None, Some(&name), email.as_deref())?;
                let now = shared.now();
                let (id, number) = loop {
                    let (id, number) = new_account(&*shared.entropy)
                        .ok_or_else(|| IamError::Damaged("a generated id is malformed".to_owned()))?;
                    if !state.accounts.values().any(|e| e.account.number == number || e.account.id == id) {
                        break (id, number);
                    }
                };
                let account = Account { id, number, name, email, created: now, enabled: true, operator: false };
                let account = Arc::new(account);
                let (key, secret) = match given {
                    Some(given) => given,
                    None => (generate_id(&*shared.entropy)?, SecretAccessKey::generate(&*shared.entropy)),
                };
                if state.keys.contains_key(&key) {
                    return Err(IamError::AlreadyExists("access key", key.to_string()));
                }
                let info = AccessKeyInfo {
                    id: key.clone(),
                    account: account.id.clone(),
                    owner: KeyOwner::Root,
                    active: true,
                    description: String::new(),
                    created: now,
                    last_used: None,
                };
                let told = SecretAccessKey::parse(secret.expose()).ok_or(IamError::Unauthorized)?;
                let record = AccessKeyRecord::seal(info.clone(), &secret, &*shared.sealer, &*shared.entropy);
                let entry = KeyEntry::new(record, Arc::new(secret), Arc::new(Used::default()));
                let project = default_project(&account.id, shared.region.as_str(), now, shared.draw());
                edits.push(Edit::account(AccountEntry {
                    account: Arc::clone(&account),
                    sessions_from: Timestamp::default(),
                }));
                edits.push(Edit::Key(key, Some(Arc::new(entry))));
                edits.push(Edit::Project(project.uid, Some(Arc::new(project))));
                Ok(NewAccount { account, key: NewAccessKey { info, secret: told } })
            })
            .await
    }

    /// All accounts; for others than the operator's account, their own.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub async fn list_accounts(&self, rq: Requester<'_>) -> Result<Vec<Arc<Account>>, IamError> {
        let own = self.shared.own_account(&rq, Action::ServerListAccounts)?;
        self.shared.permit(&rq, Action::ServerListAccounts, &own, "account/*", &[])?;
        if !own.operator {
            return Ok(vec![own]);
        }
        Ok(self.shared.state().accounts.values().map(|entry| Arc::clone(&entry.account)).collect())
    }

    /// One account, by id, number or name; for others than the operator's account, their own.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn get_account(&self, rq: Requester<'_>, named: &str) -> Result<Arc<Account>, IamError> {
        const ACTION: Action = Action::ServerGetAccount;
        let own = self.shared.own_account(&rq, ACTION)?;
        match self.permitted_account(&rq, ACTION, &own, named)? {
            Some(found) => Ok(found),
            None if own.operator => Err(IamError::NoSuchEntity("account", named.to_owned())),
            None => Err(denied(&rq, ACTION, format!("arn:aws:iam::{}:account/{named}", own.number))),
        }
    }

    /// The account of this id, number or name, once the requester may do this to it by all three: a policy may write any
    /// of them, and a Deny is not got round by calling the account otherwise. Others than the operator's account find
    /// their own only. The refusal shows what was asked for.
    fn permitted_account(
        &self,
        rq: &Requester<'_>,
        action: Action,
        own: &Account,
        named: &str,
    ) -> Result<Option<Arc<Account>>, IamError> {
        let found = self.shared.state().account_named(named).map(|entry| Arc::clone(&entry.account));
        let found = found.filter(|found| own.operator || found.id == own.id);
        let called = match &found {
            Some(found) => vec![found.name.as_str(), found.id.as_str(), found.number.as_str()],
            None => vec![named],
        };
        for name in called {
            self.shared.permit_as(rq, action, own, &format!("account/{name}"), &format!("account/{named}"), &[])?;
        }
        Ok(found)
    }

    /// Enables, disables, renames. Disabling ends the sessions of the account for good; it cannot be done to the
    /// operator's.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`].
    pub async fn update_account(
        &self,
        rq: Requester<'_>,
        named: &str,
        enabled: Option<bool>,
        name: Option<EntityName>,
        email: Option<Option<String>>,
    ) -> Result<Arc<Account>, IamError> {
        const ACTION: Action = Action::ServerUpdateAccount;
        let operator = self.shared.operator_account(&rq, ACTION)?;
        let found = self.permitted_account(&rq, ACTION, &operator, named)?;
        if let Some(name) = &name {
            self.shared.permit(&rq, ACTION, &operator, &format!("account/{name}"), &[])?;
        }
        let id = found.ok_or_else(|| IamError::NoSuchEntity("account", named.to_owned()))?.id.clone();
        name.as_ref().map(check_name).transpose()?;
        email.iter().flatten().try_for_each(|email| check_email(email))?;
        let (named, shared) = (named.to_owned(), Arc::clone(&self.shared));
        self.shared
            .change(move |state, edits| {
                let found = state.accounts.get(&id).ok_or(IamError::NoSuchEntity("account", named))?;
                let mut entry = AccountEntry::clone(found);
                let account = Arc::make_mut(&mut entry.account);
                free(state, Some(&account.id), name.as_ref(), email.as_ref().and_then(|email| email.as_deref()))?;
                if enabled == Some(false) && account.operator {
                    return Err(IamError::InvalidInput("enabled", "the operator's account cannot be disabled".into()));
                }
                if enabled == Some(false) && account.enabled {
                    entry.sessions_from = shared.revocation_time(state);
                }
                account.enabled = enabled.unwrap_or(account.enabled);
                account.name = name.unwrap_or_else(|| account.name.clone());
                account.email = email.unwrap_or_else(|| account.email.clone());
                let told = Arc::clone(&entry.account);
                edits.push(Edit::account(entry));
                Ok(told)
            })
            .await
    }

    /// Deletes an account with all its users, groups, roles, policies, projects and keys. Whether it still owns buckets or
    /// CMKs, the caller has checked. The operator's account stays.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::InvalidInput`].
    pub async fn delete_account(&self, rq: Requester<'_>, named: &str) -> Result<(), IamError> {
        const ACTION: Action = Action::ServerDeleteAccount;
        let operator = self.shared.operator_account(&rq, ACTION)?;
        let found = self.permitted_account(&rq, ACTION, &operator, named)?;
        let id = found.ok_or_else(|| IamError::NoSuchEntity("account", named.to_owned()))?.id.clone();
        let named = named.to_owned();
        self.shared
            .change(move |state, edits| {
                let entry = state.accounts.get(&id).ok_or(IamError::NoSuchEntity("account", named))?;
                if entry.account.operator {
                    return Err(IamError::InvalidInput("account", "the operator's account cannot be deleted".into()));
                }
                let id = &entry.account.id;
                let keys = state.keys.values().filter(|key| key.record.info.account == *id);
                edits.extend(keys.map(|key| Edit::Key(key.record.info.id.clone(), None)));
                edits.extend(state.users_of(id).map(|entry| Edit::User(entry.user.uid, None)));
                edits.extend(state.groups_of(id).map(|group| Edit::Group(group.uid, None)));
                edits.extend(state.roles_of(id).map(|role| Edit::Role(role.uid, None)));
                edits.extend(state.policies_of(id).map(|policy| Edit::Policy(policy.uid, None)));
                edits.extend(state.projects_of(id).map(|project| Edit::Project(project.uid, None)));
                let revoked = state.revoked.iter().filter(|(_, revoked)| revoked.account == *id);
                edits.extend(revoked.map(|(token, _)| Edit::Revocation(*token, None)));
                edits.push(Edit::Account(id.clone(), None));
                Ok(())
            })
            .await
    }

    /// An account by its id, without asking for rights: for display names of owners and for grantees of ACLs.
    pub fn account(&self, id: &AccountId) -> Option<Arc<Account>> {
        self.shared.state().accounts.get(id).map(|entry| Arc::clone(&entry.account))
    }

    /// An account by its number in ARNs.
    pub fn account_by_number(&self, number: &str) -> Option<Arc<Account>> {
        self.account_where(|account| account.number.as_str() == number)
    }

    /// An account by its name, compared without case: for trust in another account and for its agencies (Huawei).
    pub fn account_by_name(&self, name: &str) -> Option<Arc<Account>> {
        self.account_where(|account| account.name.as_str().eq_ignore_ascii_case(name))
    }

    /// An account by its e-mail address.
    pub fn account_by_email(&self, email: &str) -> Option<Arc<Account>> {
        self.account_where(|account| account.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(email)))
    }

    fn account_where(&self, is: impl Fn(&Account) -> bool) -> Option<Arc<Account>> {
        self.shared.state().accounts.values().find(|entry| is(&entry.account)).map(|entry| Arc::clone(&entry.account))
    }
}

/// The project every account has from its beginning, called like the region: what SDKs ask for before anything else.
pub(crate) fn default_project(account: &AccountId, region: &str, created: Timestamp, uid: [u8; 16]) -> Project {
    Project {
        uid: ProjectUid::from_bytes(uid),
        account: account.clone(),
        name: region.to_owned(),
        description: String::new(),
        created,
        enabled: true,
    }
}

fn free(
    state: &State,
    own: Option<&AccountId>,
    name: Option<&EntityName>,
    email: Option<&str>,
) -> Result<(), IamError> {
    for other in state.accounts.values().map(|entry| &entry.account).filter(|other| Some(&other.id) != own) {
        if let Some(name) = name.filter(|name| name.as_str().eq_ignore_ascii_case(other.name.as_str())) {
            return Err(IamError::AlreadyExists("account", name.to_string()));
        }
        let same = |email: &&str| other.email.as_deref().is_some_and(|other| other.eq_ignore_ascii_case(email));
        if let Some(email) = email.filter(same) {
            return Err(IamError::AlreadyExists("account with the e-mail address", email.to_owned()));
        }
    }
    Ok(())
}

/// Accounts are found by name, id or number: a name that looks like one of the others could stand in front of it.
fn check_name(name: &EntityName) -> Result<(), IamError> {
    let digits = |chars: usize| name.as_str().len() == chars && name.as_str().bytes().all(|b| b.is_ascii_hexdigit());
    if name.as_str().len() > NAME_CHARS_MAX {
        return Err(IamError::InvalidInput("Name", format!("an account's name has 1 to {NAME_CHARS_MAX} characters")));
    }
    if digits(12) || digits(32) {
        return Err(IamError::InvalidInput("Name", "an account's name does not look like an id".to_owned()));
    }
    Ok(())
}

fn check_email(email: &str) -> Result<(), IamError> {
    let parts = email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if parts && email.len() <= EMAIL_CHARS_MAX && email.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(IamError::InvalidInput("Email", "is an address of at most 254 ASCII characters".to_owned()))
}
