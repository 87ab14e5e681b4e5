//! The directory, loaded at start and then in memory: looking up who signed a request reads nothing from the disk.

use crate::access_key::{KeyEntry, Used, generate_id};
use crate::accounts::default_project;
use crate::change::Shared;
use crate::edit::Edit;
use crate::entity::{AccessKeyInfo, Account, KeyOwner};
use crate::first_start::new_account;
use crate::load::{Unopened, load};
use crate::record::{AccessKeyRecord, AccountEntry, FIRST_ACCOUNT_NAME};
use crate::state::State;
use crate::token_cache::TokenCache;
use crate::{GivenRoot, IamError, NewRoot, PasswordHasher, SecretAccessKey, SecretSealer, TokenKind, TokenSealer};
use model::{AccessKeyId, AccountId, Clock, EntityName, Entropy, RegionName, Timestamp};
use policy::{Authorizer, Principal};
use std::fmt;
use std::sync::Arc;
use store::{CommitError, Expectation, MetaStore, Table, Transaction};

/// What the directory is opened with.
pub struct Parts {
    /// Where the records are.
    pub store: Arc<dyn MetaStore>,
    /// Seals signing secrets and password hashes.
    pub sealer: Arc<dyn SecretSealer>,
    /// Seals tokens.
    pub tokens: Arc<dyn TokenSealer>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Decides who may change the directory.
    pub authorizer: Arc<dyn Authorizer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and secrets.
    pub entropy: Arc<dyn Entropy>,
    /// What the default project of each account is called.
    pub region: RegionName,
}

/// Accounts, users, groups, roles, policies, projects, access keys and tokens.
pub struct Directory {
    pub(crate) shared: Arc<Shared>,
    operator: AccountId,
    /// Present when this opening made the operator's account: what is to be shown to the operator, once.
    pub first_start: Option<NewRoot>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("operator", &self.operator).finish_non_exhaustive()
    }
}

impl Directory {
    /// Opens the directory. The first start of a data directory makes the operator's account; `given` credentials become
    /// the only access key of its root identity (see `first_start.rs` for the rule).
    ///
    /// # Errors
    /// [`IamError::Damaged`] for a record that is unreadable or a secret that does not open, [`IamError::Store`],
    /// [`IamError::Conflict`] when another process opens the directory at the same time and wins twice.
    pub async fn open(parts: Parts, given: Option<GivenRoot>) -> Result<Self, IamError> {
        let mut first_start = None;
        let (mut state, mut unopened) = load(&parts.store, &*parts.sealer, &*parts.entropy).await?;
        if state.accounts.is_empty() {
            first_start = parts.make_operator(given.as_ref()).await?;
            (state, unopened) = load(&parts.store, &*parts.sealer, &*parts.entropy).await?;
        }
        let operator = operator(&state)?;
        if let Some(given) = given
            && parts.replace_root_keys(&state, &unopened, &operator, &given).await?
        {
            (state, unopened) = load(&parts.store, &*parts.sealer, &*parts.entropy).await?;
        }
        if let Some(Unopened(record)) = unopened.first() {
            return Err(IamError::Damaged(format!(
                "the secret of access key {} does not open; if it is the root's, giving root credentials replaces it",
                record.info.id
            )));
        }
        let directory = Self { shared: Arc::new(parts.share(state)), operator: operator.id.clone(), first_start };
        directory.make_default_projects().await?;
        Ok(directory)
    }

    /// The root identity of the operator's account.
    pub fn root(&self) -> Principal {
        let state = self.shared.state();
        match state.accounts.get(&self.operator) {
            Some(entry) => Principal::Caller(Arc::new(state.root_caller(&entry.account, None, None))),
            // The operator's account cannot be deleted.
            None => Principal::Anonymous,
        }
    }

    /// The access keys of the operator's root identity: for telling the operator which one is in force.
    pub fn access_keys(&self) -> impl Iterator<Item = AccessKeyInfo> {
        let state = self.shared.state();
        let keys: Vec<_> = state.keys_of(&self.operator, KeyOwner::Root).iter().map(|entry| entry.info()).collect();
        keys.into_iter()
    }

    /// Accounts of a former format, and those whose region was renamed, get their default project.
    async fn make_default_projects(&self) -> Result<(), IamError> {
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                for id in state.accounts.keys() {
                    if !state.projects_of(id).any(|project| project.name == shared.region.as_str()) {
                        let project = default_project(id, shared.region.as_str(), shared.now(), shared.draw());
                        edits.push(Edit::Project(project.uid, Some(Arc::new(project))));
                    }
                }
                Ok(())
            })
            .await
    }
}

fn operator(state: &State) -> Result<Arc<Account>, IamError> {
    let mut operators = state.accounts.values().filter(|entry| entry.account.operator);
    match (operators.next(), operators.next()) {
        (Some(entry), None) => Ok(Arc::clone(&entry.account)),
        _ => Err(IamError::Damaged("there is not exactly one operator's account".to_owned())),
    }
}

impl Parts {
    fn share(self, state: State) -> Shared {
        let Self { store, sealer, tokens, passwords, authorizer, clock, entropy, region } = self;
        Shared {
            store,
            sealer,
            tokens,
            passwords,
            authorizer,
            clock,
            entropy,
            region,
            state: std::sync::RwLock::new(state),
            sessions: TokenCache::new(TokenKind::Session),
            identities: TokenCache::new(TokenKind::Identity),
            logins: crate::login::Logins::default(),
            issued_last: std::sync::atomic::AtomicU64::new(0),
            writer: tokio::sync::Mutex::default(),
            stale: std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// Makes the account and its access key in one transaction. `None` when another process was faster.
    async fn make_operator(&self, given: Option<&GivenRoot>) -> Result<Option<NewRoot>, IamError> {
        let malformed = || IamError::Damaged("a generated id is malformed".to_owned());
        let (id, number) = new_account(&*self.entropy).ok_or_else(malformed)?;
        let (key, secret, generated) = match given {
            Some(given) => (given.id.clone(), copy(&given.secret)?, None),
            None => {
                let secret = SecretAccessKey::generate(&*self.entropy);
                (generate_id(&*self.entropy)?, copy(&secret)?, Some(secret))
            }
        };
        let account = Account {
            id: id.clone(),
            number: number.clone(),
            name: EntityName::parse(FIRST_ACCOUNT_NAME).ok_or_else(malformed)?,
            email: None,
            created: self.clock.now(),
            enabled: true,
            operator: true,
        };
        let entry = AccountEntry { account: Arc::new(account), sessions_from: Timestamp::default() };
        let mut tx = Transaction::new();
        tx.expect(Expectation::EmptyPrefix(Table::Accounts, Vec::new().into()))
            .expect(Expectation::EmptyPrefix(Table::AccessKeys, Vec::new().into()));
        Edit::account(entry).stage(&State::default(), &mut tx);
        self.root_key(&key, &id, secret).stage(&State::default(), &mut tx);
        match self.store.commit(tx).await {
            Ok(()) => Ok(Some(NewRoot { account: id, number, id: key, secret: generated })),
            Err(CommitError::Conflict(0)) => Ok(None),
            Err(CommitError::Conflict(_)) => Err(IamError::Damaged("there are access keys and no account".to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the given pair the only access key of the operator's root identity; `false` when it is already. Sessions of
    /// the former key end.
    async fn replace_root_keys(
        &self,
        state: &State,
        unopened: &[Unopened],
        operator: &Arc<Account>,
        given: &GivenRoot,
    ) -> Result<bool, IamError> {
        if let Some(other) = state.keys.get(&given.id)
            && (&other.record.info.account, other.record.info.owner) != (&operator.id, KeyOwner::Root)
        {
            return Err(IamError::GivenRoot("the access key belongs to somebody else"));
        }
        let present = state.keys_of(&operator.id, KeyOwner::Root);
        // A damaged secret is replaced like any other: giving credentials is the way out.
        let damaged = unopened.iter().map(|unopened| &unopened.0.info);
        let damaged: Vec<_> =
            damaged.filter(|info| info.account == operator.id && info.owner == KeyOwner::Root).collect();
        if let ([only], true) = (&present[..], damaged.is_empty())
            && only.record.info.id == given.id
            && only.record.info.active
            && only.secret.expose() == given.secret.expose()
        {
            return Ok(false);
        }
        let former = present.iter().map(|entry| &entry.record.info.id).chain(damaged.iter().map(|info| &info.id));
        let mut tx = Transaction::new();
        for id in former {
            let row = id.as_str().as_bytes().to_vec();
            tx.expect(Expectation::Present(Table::AccessKeys, row.clone().into())).delete(Table::AccessKeys, row);
        }
        let fresh = self.root_key(&given.id, &operator.id, copy(&given.secret)?);
        let mut put = Transaction::new();
        fresh.stage(&State::default(), &mut put);
        tx.changes.append(&mut put.changes);
        if let Some(entry) = state.accounts.get(&operator.id) {
            let mut entry = AccountEntry::clone(entry);
            entry.sessions_from = self.clock.now().max(state.revoked_until).plus_millis(1);
            Edit::account(entry).stage(state, &mut tx);
        }
        self.store.commit(tx).await?;
        tracing::warn!(access_key = given.id.as_str(), "the given credentials replace the root's former access key");
        Ok(true)
    }

    fn root_key(&self, id: &AccessKeyId, account: &AccountId, secret: SecretAccessKey) -> Edit {
        let info = AccessKeyInfo {
            id: id.clone(),
            account: account.clone(),
            owner: KeyOwner::Root,
            active: true,
            description: String::new(),
            created: self.clock.now(),
            last_used: None,
        };
        let record = AccessKeyRecord::seal(info, &secret, &*self.sealer, &*self.entropy);
        Edit::Key(id.clone(), Some(Arc::new(KeyEntry::new(record, Arc::new(secret), Arc::new(Used::default())))))
    }
}

/// A second owner of a secret: the one that is shown, the one that is kept.
fn copy(secret: &SecretAccessKey) -> Result<SecretAccessKey, IamError> {
    SecretAccessKey::parse(secret.expose()).ok_or(IamError::GivenRoot("the secret key has unusable characters"))
}
