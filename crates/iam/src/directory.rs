//! The directory of accounts and access keys, loaded at start and then in memory: looking up who signed a request reads
//! nothing from the disk.

use crate::access_key::generate_id;
use crate::first_start::new_account;
use crate::record::{AccessKeyRecord, AccountRecord};
use crate::{AccessKey, GivenRoot, IamError, NewRoot, SecretAccessKey, SecretSealer};
use model::codec::DecodeError;
use model::{AccessKeyId, AccountId, Clock, Entropy};
use policy::Principal;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::{CommitError, Expectation, MetaStore, Snapshot, StoreFault, Table, Transaction};

/// Accounts and access keys. Immutable once open: credentials change at a restart.
#[derive(Debug)]
pub struct Directory {
    keys: HashMap<AccessKeyId, Arc<AccessKey>>,
    root: Principal,
    /// Present when this opening made the root account: what is to be shown to the operator, once.
    pub first_start: Option<NewRoot>,
}

impl Directory {
    /// Opens the directory. The first start of a data directory makes the root account; `given` credentials become the
    /// root's only access key (see `first_start.rs` for the rule).
    ///
    /// # Errors
    /// [`IamError::Damaged`] for a record that is unreadable or a secret that does not open, [`IamError::Store`],
    /// [`IamError::Conflict`] when another process opens the directory at the same time and wins twice.
    pub async fn open(
        store: Arc<dyn MetaStore>,
        sealer: &dyn SecretSealer,
        given: Option<GivenRoot>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, IamError> {
        let tools = Tools { store: &store, sealer, clock, entropy };
        let mut rows = Rows::read(&store).await?;
        let mut first_start = None;
        if rows.accounts.is_empty() {
            first_start = tools.make_root(given.as_ref()).await?;
            rows = Rows::read(&store).await?;
        }
        // As long as there is one account, it is the root's.
        let (account, number) = match rows.accounts.iter().next() {
            Some((account, record)) if rows.accounts.len() == 1 => (account.clone(), record.number.clone()),
            _ => return Err(IamError::Damaged("there is not exactly one account".to_owned())),
        };
        if let Some(given) = given
            && tools.replace_root_keys(&rows, &account, &given).await?
        {
            rows = Rows::read(&store).await?;
        }
        let root = Principal::root(account.clone(), number, "root");
        let mut keys = HashMap::new();
        for (id, record) in &rows.keys {
            if record.account != account {
                return Err(IamError::Damaged(format!("access key {id} belongs to no account")));
            }
            let secret = record.open(id, sealer).ok_or_else(|| unopened(id))?;
            keys.insert(
                id.clone(),
                Arc::new(AccessKey { id: id.clone(), principal: root.clone(), secret: Arc::new(secret) }),
            );
        }
        Ok(Self { keys, root, first_start })
    }

    /// The access key of this id.
    pub fn find(&self, id: &AccessKeyId) -> Option<Arc<AccessKey>> {
        self.keys.get(id).cloned()
    }

    /// The root identity of the server's account.
    pub fn root(&self) -> &Principal {
        &self.root
    }

    /// The access keys of the root identity, in no particular order: for telling the operator which one is in force.
    pub fn access_keys(&self) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.keys.values()
    }
}

struct Tools<'a> {
    store: &'a Arc<dyn MetaStore>,
    sealer: &'a dyn SecretSealer,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
}

impl Tools<'_> {
    /// Makes the account and its access key in one transaction. `None` when another process was faster.
    async fn make_root(&self, given: Option<&GivenRoot>) -> Result<Option<NewRoot>, IamError> {
        let malformed = || IamError::Damaged("a generated id is malformed".to_owned());
        let (account, number) = new_account(self.entropy).ok_or_else(malformed)?;
        let generated = match given {
            Some(_) => None,
            None => {
                let id = generate_id(self.entropy).ok_or_else(malformed)?;
                Some((id, SecretAccessKey::generate(self.entropy)))
            }
        };
        let Some((id, secret)) =
            given.map(|g| (&g.id, &g.secret)).or(generated.as_ref().map(|(id, secret)| (id, secret)))
        else {
            return Err(malformed());
        };
        let record = AccountRecord { number: number.clone(), created: self.clock.now() };
        let mut tx = Transaction::new();
        tx.expect(Expectation::EmptyPrefix(Table::Accounts, Vec::new().into()))
            .expect(Expectation::EmptyPrefix(Table::AccessKeys, Vec::new().into()))
            .put(Table::Accounts, account.as_str().as_bytes().to_vec(), record.encode());
        self.put_key(&mut tx, id, &account, secret);
        match self.store.commit(tx).await {
            Ok(()) => {
                let id = id.clone();
                Ok(Some(NewRoot { account, number, id, secret: generated.map(|(_, secret)| secret) }))
            }
            Err(CommitError::Conflict(0)) => Ok(None),
            Err(CommitError::Conflict(_)) => Err(IamError::Damaged("there are access keys and no account".to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the given pair the root's only access key; `false` when it is already.
    async fn replace_root_keys(&self, rows: &Rows, account: &AccountId, given: &GivenRoot) -> Result<bool, IamError> {
        let present = rows.keys.get(&given.id).map(|record| record.open(&given.id, self.sealer));
        let same = match &present {
            // A damaged secret is replaced like any other: giving credentials is the way out.
            Some(secret) => secret.as_ref().is_some_and(|secret| secret.expose() == given.secret.expose()),
            None => false,
        };
        if same && rows.keys.len() == 1 {
            return Ok(false);
        }
        let mut tx = Transaction::new();
        for (id, record) in &rows.keys {
            let row = id.as_str().as_bytes().to_vec();
            tx.expect(Expectation::Equals(Table::AccessKeys, row.clone().into(), record.encode().into()))
                .delete(Table::AccessKeys, row);
        }
        self.put_key(&mut tx, &given.id, account, &given.secret);
        self.store.commit(tx).await?;
        tracing::warn!(access_key = given.id.as_str(), "the given credentials replace the root's former access key");
        Ok(true)
    }

    fn put_key(&self, tx: &mut Transaction, id: &AccessKeyId, account: &AccountId, secret: &SecretAccessKey) {
        let record = AccessKeyRecord::seal(id, account, secret, self.clock.now(), self.sealer, self.entropy);
        tx.put(Table::AccessKeys, id.as_str().as_bytes().to_vec(), record.encode());
    }
}

struct Rows {
    accounts: BTreeMap<AccountId, AccountRecord>,
    keys: BTreeMap<AccessKeyId, AccessKeyRecord>,
}

impl Rows {
    async fn read(store: &Arc<dyn MetaStore>) -> Result<Self, IamError> {
        store::read(store, Self::scan).await?
    }

    fn scan(snapshot: &dyn Snapshot) -> Result<Result<Self, IamError>, StoreFault> {
        let mut rows = Self { accounts: BTreeMap::new(), keys: BTreeMap::new() };
        let mut problem = None;
        snapshot.scan(Table::Accounts, b"", None, &mut |key, value| {
            let row = text(key, AccountId::parse).and_then(|id| Ok((id, AccountRecord::decode(value)?)));
            problem = row.map(|(id, record)| rows.accounts.insert(id, record)).err();
            problem.is_none()
        })?;
        if problem.is_none() {
            snapshot.scan(Table::AccessKeys, b"", None, &mut |key, value| {
                let row = text(key, AccessKeyId::parse).and_then(|id| Ok((id, AccessKeyRecord::decode(value)?)));
                problem = row.map(|(id, record)| rows.keys.insert(id, record)).err();
                problem.is_none()
            })?;
        }
        Ok(match problem {
            Some(problem) => Err(IamError::Damaged(problem.to_string())),
            None => Ok(rows),
        })
    }
}

fn text<T>(key: &[u8], parse: fn(&str) -> Option<T>) -> Result<T, DecodeError> {
    std::str::from_utf8(key).ok().and_then(parse).ok_or(DecodeError("key of an account or access key row"))
}

fn unopened(id: &AccessKeyId) -> IamError {
    IamError::Damaged(format!("the secret of access key {id} does not open; giving root credentials replaces it"))
}
