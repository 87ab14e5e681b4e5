//! Changes of the catalogue: committed first, seen afterwards.
//!
//! INVARIANT: memory is changed only by the holder of `writer`, and only to what the store has acknowledged. Changes
//! are rare and take turns; reading takes a short lock that is never held across I/O, so using a CMK never waits for a
//! change to reach the disk.

use crate::KmsError;
use crate::catalogue::Catalogue;
use crate::intent::Intent;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use store::{Change, CommitError, MetaStore, Transaction};

/// How often a change is planned again after somebody else changed the same rows in the store.
const ATTEMPTS_MAX: u32 = 4;

/// What a change comes to, decided on the present catalogue.
pub(crate) enum Plan<T> {
    /// Nothing to write.
    Done(T),
    /// To be committed, with expectations about every row the decision rests on.
    Commit(Transaction, T),
}

/// Looks at changes before they are committed, and may refuse them.
pub(crate) type Vet = Box<dyn Fn(&[Change]) -> Result<(), KmsError> + Send + Sync>;

/// The catalogue and the store it mirrors.
pub(crate) struct Ledger {
    store: Arc<dyn MetaStore>,
    catalogue: RwLock<Catalogue>,
    writer: tokio::sync::Mutex<()>,
    vet: OnceLock<Vet>,
}

impl Ledger {
    /// Loads the catalogue.
    pub(crate) async fn load(store: Arc<dyn MetaStore>) -> Result<Arc<Self>, KmsError> {
        let catalogue = store::read(&store, Catalogue::load).await??;
        Ok(Arc::new(Self {
            store,
            catalogue: RwLock::new(catalogue),
            writer: tokio::sync::Mutex::default(),
            vet: OnceLock::new(),
        }))
    }

    /// Has every change looked at before it is committed.
    pub(crate) fn set_vet(&self, vet: Vet) {
        let _ = self.vet.set(vet);
    }

    /// Keeps everybody else from changing the catalogue. Whoever commits changes of their own meanwhile has them seen with
    /// [`Ledger::reload`] before they let go.
    pub(crate) async fn take_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writer.lock().await
    }

    /// Looks at the catalogue. `look` is short and does no I/O.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Catalogue) -> T) -> T {
        look(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Plans a change on the present catalogue, announces it, commits it and applies it; on a conflict with another writer of the
    /// store, reads the catalogue again and plans anew.
    ///
    /// Runs to its end even if the caller goes away: a change that the store has made must be seen by memory, or a CMK
    /// disabled by a client that hung up would stay usable.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        intent: Intent,
        plan: impl Fn(&Catalogue) -> Result<Plan<T>, KmsError> + Send + 'static,
    ) -> Result<T, KmsError> {
        let ledger = Arc::clone(self);
        tokio::spawn(async move { ledger.change_in_turn(intent, plan).await })
            .await
            .unwrap_or_else(|e| Err(KmsError::Unavailable(format!("the change did not end: {e}"))))
    }

    async fn change_in_turn<T: Send>(
        &self,
        mut intent: Intent,
        plan: impl Fn(&Catalogue) -> Result<Plan<T>, KmsError> + Send,
    ) -> Result<T, KmsError> {
        let _turn = self.writer.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            let (transaction, outcome) = match self.read(&plan)? {
                Plan::Done(outcome) => return Ok(outcome),
                Plan::Commit(transaction, outcome) => (transaction, outcome),
            };
            let changes = transaction.changes.clone();
            self.vet.get().map_or(Ok(()), |vet| vet(&changes))?;
            intent.announce().await?;
            match self.store.commit(transaction).await {
                Ok(()) => {
                    self.catalogue.write().unwrap_or_else(PoisonError::into_inner).apply(&changes)?;
                    return Ok(outcome);
                }
                Err(CommitError::Conflict(_)) => self.reload().await?,
                Err(CommitError::Fault(fault)) => {
                    // Whether it was applied is unknown; if the store still answers, memory follows it.
                    if let Err(error) = self.reload().await {
                        tracing::error!(%error, "the key catalogue could not be read again after a failed change");
                    }
                    return Err(fault.into());
                }
            }
        }
        Err(CommitError::Conflict(0).into())
    }

    /// Reads the catalogue again. To be called by the holder of the turn.
    pub(crate) async fn reload(&self) -> Result<(), KmsError> {
        let catalogue = store::read(&self.store, Catalogue::load).await??;
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
        Ok(())
    }
}
