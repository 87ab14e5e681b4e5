//! Changing the root key while the server runs: a new key, everything that stood under the old one wrapped again in one
//! transaction, and only then the old key thrown away.
//!
//! ```text
//! stage    the new key is durable at its source, beside the old one      crash: the old key fits, the new one is stale
//! commit   every row under the root key, and the check value              crash: the new key fits
//! switch   memory takes the new key
//! finish   the new key takes the old one's place at the source
//! ```
//!
//! The check value tells at every start which of the two is the right one; a start finishes or drops what a crash left.
//! Only a start can tell after a commit whose outcome is unknown: what the store shows then may be neither what its journal
//! will bring back nor what is durable. So both keys stay at the source, and nothing more is stored under either.
//!
//! INVARIANT: nobody stores a row under the root key while it is changed. The server's own keys wait at a gate
//! (`internal.rs`), changes of CMKs for their turn (`ledger.rs`); material that was wrapped before the turn came is refused
//! by [`vet`]. Both rest on there being one server on a data directory, which its lock ensures.

use crate::embedded::material_binding;
use crate::intent::Intent;
use crate::internal::row_binding;
use crate::ledger::Vet;
use crate::record::{CmkVersionRecord, InternalKeyRecord};
use crate::trail::Act;
use crate::{KeyService, KeyUser, KmsError, ProviderName, RootSlot, root_check};
use async_trait::async_trait;
use crypto::{Binding, KeyRole, PassphraseCost, RootKey};
use model::Entropy;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use store::{Change, CommitError, Expectation, Snapshot, StoreFault, Table, Transaction};
use zeroize::Zeroizing;

/// How long requests that read a row before the change may take to open it.
const FORMER_KEY_KEPT: Duration = Duration::from_secs(60);

/// The roles that stand under the root key by the name of a CMK version. Which one it is shows when it opens.
const MATERIAL_ROLES: [KeyRole; 2] = [KeyRole::CmkMaterial, KeyRole::Sm4Material];
/// The roles of the server's own keys.
const INTERNAL_ROLES: [KeyRole; 5] =
    [KeyRole::MetadataKey, KeyRole::SecretsKey, KeyRole::BucketKey, KeyRole::TokenKey, KeyRole::AuditKey];

/// Where the next root key is to come from.
pub enum NewRoot {
    /// Where the present one comes from. A passphrase is needed where that is one: the same again, or another.
    SameSource(Option<Zeroizing<Vec<u8>>>),
    /// A file with the key in clear.
    File,
    /// Wrapped by a key in the token that the settings name.
    Token,
    /// Sealed under this passphrase.
    Passphrase(Zeroizing<Vec<u8>>),
}

/// Keeps the root key outside the store.
///
/// Guarantees: what [`stage`](RootKeeper::stage) was given is found by the next start, beside the present key, until one of
/// the other two is called; a staged key that neither was called for is never overwritten; a failure changes nothing that a
/// start needs. Errors are for the operator and hold no secret.
#[async_trait]
pub trait RootKeeper: Send + Sync + 'static {
    /// Makes the next root key durable beside the present one.
    async fn stage(&self, next: &RootKey, from: &NewRoot) -> Result<(), RootKeeperError>;

    /// The staged key takes the place of the present one, which is removed. Called again after a failure, it goes on where it
    /// failed.
    async fn finish(&self) -> Result<(), RootKeeperError>;

    /// Removes the staged key.
    async fn discard(&self) -> Result<(), RootKeeperError>;

    /// What a guess of a passphrase is to cost, for what is sealed from now on.
    fn passphrase_cost(&self) -> PassphraseCost;
}

/// Why a root key was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKeeperError {
    /// What was asked for cannot be.
    Refused(String),
    /// The source does not do it now.
    Failed(String),
}

impl From<RootKeeperError> for KmsError {
    fn from(error: RootKeeperError) -> Self {
        match error {
            RootKeeperError::Refused(why) => Self::Validation(why),
            RootKeeperError::Failed(why) => Self::Unavailable(why),
        }
    }
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootChanged {
    /// Keys that stand under the new root key.
    pub keys: u64,
    /// Why the old key is still at its source, if it is; the next change or the next start puts that in order.
    pub unfinished: Option<String>,
}

impl KeyService {
    /// Tells the service who keeps the root key. Until then it cannot be changed. To be called once.
    pub fn set_root_keeper(&self, keeper: Arc<dyn RootKeeper>) {
        self.root.set_keeper(keeper);
    }

    /// Runs an operation on the key store as a whole and puts it on record, refused or not, before it is answered. What
    /// changes something announces its intent before.
    ///
    /// # Errors
    /// Those of the operation; [`KmsError::AuditUnavailable`].
    pub async fn on_record<T, F>(
        &self,
        user: &KeyUser,
        operation: &'static str,
        work: impl FnOnce(Intent) -> F,
    ) -> Result<T, KmsError>
    where
        F: Future<Output = Result<T, KmsError>> + Send,
    {
        self.perform_change(user, Act::changing(operation), work).await
    }

    /// Changes the root key. Whether the caller may is decided by whoever calls this. Runs to its end even if the caller
    /// goes away.
    ///
    /// # Errors
    /// [`KmsError::Validation`] for what the source does not take; [`KmsError::Unavailable`]: nothing has changed, unless the
    /// store failed in the middle; then nothing more is stored under the root key until the next start.
    /// [`KmsError::Damaged`] when a row does not open under the present root key; nothing has changed.
    pub async fn change_root(self: &Arc<Self>, from: NewRoot) -> Result<RootChanged, KmsError> {
        let keeper = Arc::clone(self.root.keeper()?);
        let service = Arc::clone(self);
        tokio::spawn(async move { service.change_root_now(&*keeper, &from).await }).await.unwrap_or_else(|e| {
            // Nobody knows at which step.
            self.root.unsettle();
            Err(KmsError::Unavailable(format!("the change did not end: {e}; restart the server")))
        })
    }

    async fn change_root_now(&self, keeper: &dyn RootKeeper, from: &NewRoot) -> Result<RootChanged, KmsError> {
        let _turn = self.ledger.take_turn().await;
        let _gate = self.internal.close_gate().await;
        self.root.check_settled()?;
        // The key that everything is under may still be durable as the staged one alone.
        if self.root.is_unfinished() {
            keeper.finish().await?;
            self.root.set_unfinished(false);
        }
        let next = Arc::new(RootKey::generate(&*self.entropy));
        keeper.stage(&next, from).await?;
        let keys = match self.rewrap(&next).await {
            Ok(keys) => keys,
            Err(error) => {
                // Not when the outcome is unknown: then both keys are needed at the next start.
                if self.root.check_settled().is_ok()
                    && let Err(why) = keeper.discard().await
                {
                    tracing::warn!(?why, "the staged root key, which is of no use, could not be removed");
                }
                return Err(error);
            }
        };
        self.root.set(next);
        let seen = self.ledger.reload().await;
        let root = Arc::clone(&self.root);
        tokio::spawn(async move {
            tokio::time::sleep(FORMER_KEY_KEPT).await;
            root.forget_former();
        });
        let unfinished = match keeper.finish().await {
            Ok(()) => None,
            Err(RootKeeperError::Refused(why) | RootKeeperError::Failed(why)) => {
                self.root.set_unfinished(true);
                tracing::warn!(why, "the former root key is still at its source");
                Some(why)
            }
        };
        seen?;
        tracing::info!(keys, "the root key was changed");
        Ok(RootChanged { keys, unfinished })
    }

    /// Commits everything under the next key. Afterwards either the new key fits, or nothing has changed, or the slot is
    /// unsettled.
    async fn rewrap(&self, next: &Arc<RootKey>) -> Result<u64, KmsError> {
        let (store, entropy) = (Arc::clone(&self.internal.store), Arc::clone(&self.entropy));
        let (old, next) = (self.root.get(), Arc::clone(next));
        // Reads and wraps all there is: not where requests are served.
        let transaction =
            tokio::task::spawn_blocking(move || plan(&*store.snapshot(), &old, &next, &*entropy))
                .await
                .unwrap_or_else(|e| Err(KmsError::Unavailable(format!("the keys were not wrapped anew: {e}"))))?;
        let keys = transaction.changes.len() as u64 - 1;
        match self.internal.store.commit(transaction).await {
            Ok(()) => Ok(keys),
            // Nothing has changed.
            Err(error @ (CommitError::Conflict(_) | CommitError::Fault(StoreFault::Full))) => Err(error.into()),
            Err(CommitError::Fault(fault)) => {
                self.root.unsettle();
                tracing::error!(%fault, "the store does not say whether the root key was changed; restart the server");
                Err(self.root.check_settled().err().unwrap_or_else(|| fault.into()))
            }
        }
    }
}

/// The transaction that puts every row under the next root key. It expects all that it replaces to be unchanged.
pub(crate) fn plan(
    snapshot: &dyn Snapshot,
    old: &RootKey,
    next: &RootKey,
    entropy: &dyn Entropy,
) -> Result<Transaction, KmsError> {
    let mut transaction = Transaction::new();
    let replace = |transaction: &mut Transaction, table: Table, key: &[u8], before: &[u8], after: Vec<u8>| {
        transaction.expect(Expectation::Equals(table, key.to_vec().into(), before.to_vec().into()));
        transaction.put(table, key.to_vec(), after);
    };
    let check = snapshot.get(Table::System, root_check::ROW)?.ok_or(KmsError::WrongRootKey)?;
    root_check::check(&check, old)?;
    replace(&mut transaction, Table::System, root_check::ROW, &check, root_check::record(next, entropy));
    for (table, rewrap) in [(Table::InternalKeys, rewrap_internal as Rewrap), (Table::CmkVersions, rewrap_version)] {
        let mut failed = None;
        snapshot.scan(table, &[], None, &mut |key, row| {
            match rewrap(key, row, old, next, entropy) {
                Ok(Some(after)) => replace(&mut transaction, table, key, row, after),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
            failed.is_none()
        })?;
        failed.map_or(Ok(()), Err)?;
    }
    Ok(transaction)
}

/// A row under the next key; `None` for one that is not under the root key at all.
type Rewrap = fn(&[u8], &[u8], &RootKey, &RootKey, &dyn Entropy) -> Result<Option<Vec<u8>>, KmsError>;

fn rewrap_internal(
    key: &[u8],
    row: &[u8],
    old: &RootKey,
    next: &RootKey,
    entropy: &dyn Entropy,
) -> Result<Option<Vec<u8>>, KmsError> {
    let damaged = || KmsError::Damaged(format!("the row `{}` of the server's own keys", key.escape_ascii()));
    let mut record = InternalKeyRecord::decode(row).map_err(|_| damaged())?;
    let wrapped = rewrapped(&record.wrapped, &INTERNAL_ROLES, &row_binding(key), old, next, entropy);
    record.wrapped = wrapped.and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
    Ok(Some(record.encode()))
}

fn rewrap_version(
    key: &[u8],
    row: &[u8],
    old: &RootKey,
    next: &RootKey,
    entropy: &dyn Entropy,
) -> Result<Option<Vec<u8>>, KmsError> {
    let Some((binding, mut record)) = embedded_version(key, row)? else { return Ok(None) };
    record.reference = rewrapped(&record.reference, &MATERIAL_ROLES, &binding, old, next, entropy)
        .ok_or_else(|| KmsError::Damaged(format!("the material in row `{}`", key.escape_ascii())))?;
    Ok(Some(record.encode()))
}

/// A version whose material is in its row; `None` where it is somewhere else, or gone.
fn embedded_version(key: &[u8], row: &[u8]) -> Result<Option<(Binding, CmkVersionRecord)>, KmsError> {
    let damaged = |_| KmsError::Damaged(format!("the row `{}` of a CMK version", key.escape_ascii()));
    let (uid, version) = CmkVersionRecord::parts_of_key(key).map_err(damaged)?;
    let record = CmkVersionRecord::decode(row).map_err(damaged)?;
    let here = record.provider == ProviderName::embedded() && !record.reference.is_empty();
    Ok(here.then(|| (material_binding(uid, version), record)))
}

fn rewrapped(
    wrapped: &[u8],
    roles: &[KeyRole],
    binding: &Binding,
    old: &RootKey,
    next: &RootKey,
    entropy: &dyn Entropy,
) -> Option<Vec<u8>> {
    roles.iter().find_map(|role| {
        let plain = crypto::unwrap_secret(old, *role, wrapped, binding).ok()?;
        Some(crypto::wrap_secret(next, *role, &plain, binding, entropy))
    })
}

/// Whether a row opens under a root key: what a change relies on, and what the restore drill tries.
pub(crate) fn row_opens(table: Table, key: &[u8], row: &[u8], root: &RootKey) -> bool {
    let (wrapped, roles, binding): (_, &[KeyRole], _) = match table {
        Table::System => return root_check::check(row, root).is_ok(),
        Table::InternalKeys => match InternalKeyRecord::decode(row) {
            Ok(record) => (record.wrapped.to_vec(), &INTERNAL_ROLES, row_binding(key)),
            Err(_) => return false,
        },
        Table::CmkVersions => match embedded_version(key, row) {
            Ok(Some((binding, record))) => (record.reference, &MATERIAL_ROLES, binding),
            Ok(None) => return true,
            Err(_) => return false,
        },
        _ => return true,
    };
    roles.iter().any(|role| crypto::unwrap_secret(root, *role, &wrapped, &binding).is_ok())
}

/// Refuses to store material that is not under the present root key: it was wrapped before a change, or is damaged.
pub(crate) fn vet(root: Arc<RootSlot>) -> Vet {
    Box::new(move |changes| {
        for change in changes {
            if let Change::Put(Table::CmkVersions, key, row) = change {
                root.check_settled()?;
                if !row_opens(Table::CmkVersions, key, row, &root.get()) {
                    return Err(KmsError::Unavailable("the root key was changed meanwhile; try again".to_owned()));
                }
            }
        }
        Ok(())
    })
}
