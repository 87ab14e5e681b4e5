//! How the directory changes: one writer at a time works out the rows, commits them, and then shows them. No lock that
//! readers take is held across I/O, and a change runs to its end even if its request goes away.

use crate::edit::Edit;
use crate::load::load;
use crate::login::Logins;
use crate::state::State;
use crate::state_guard::{StateGuard, assert_not_reading};
use crate::token_cache::TokenCache;
use crate::{IamError, PasswordHasher, SecretSealer, TokenSealer};
use model::{Clock, Entropy, RegionName, Timestamp};
use policy::Authorizer;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use store::{CommitError, MetaStore, StoreFault, Transaction};

/// What all operations share.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) sealer: Arc<dyn SecretSealer>,
    pub(crate) tokens: Arc<dyn TokenSealer>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) region: RegionName,
    /// INVARIANT: never newer than the store, and equal to it when no change is under way and `stale` is not set.
    pub(crate) state: RwLock<State>,
    pub(crate) sessions: TokenCache,
    pub(crate) identities: TokenCache,
    pub(crate) logins: Logins,
    /// The latest moment written into a token, in milliseconds.
    pub(crate) issued_last: AtomicU64,
    /// Held by the one writer.
    pub(crate) writer: tokio::sync::Mutex<()>,
    /// A commit ended with its outcome unknown, and the store could not be read afterwards.
    pub(crate) stale: AtomicBool,
}

impl Shared {
    /// The state, for a moment: nothing that reads it anew may be called meanwhile.
    pub(crate) fn state(&self) -> StateGuard<'_> {
        StateGuard::new(&self.state)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        assert_not_reading();
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// Works out a change against the present state, makes it durable and shows it. `work` sees everything that was
    /// committed before and must check again what it relies on.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&State, &mut Vec<Edit>) -> Result<T, IamError> + Send + 'static,
    ) -> Result<T, IamError> {
        let shared = Arc::clone(self);
        let change = tokio::spawn(async move { shared.change_in_full(work).await });
        change.await.unwrap_or_else(|e| Err(StoreFault::Unavailable(format!("a change was lost: {e}")).into()))
    }

    async fn change_in_full<T>(
        &self,
        work: impl FnOnce(&State, &mut Vec<Edit>) -> Result<T, IamError>,
    ) -> Result<T, IamError> {
        let _writing = self.writer.lock().await;
        if self.stale.load(Ordering::SeqCst) {
            self.reload().await?;
        }
        let (out, edits, tx) = {
            let state = self.state();
            let mut edits = Vec::new();
            let out = work(&state, &mut edits)?;
            let mut tx = Transaction::new();
            edits.iter().for_each(|edit| edit.stage(&state, &mut tx));
            (out, edits, tx)
        };
        if edits.is_empty() {
            return Ok(out);
        }
        match self.store.commit(tx).await {
            Ok(()) => {
                self.state_mut().apply(edits);
                Ok(out)
            }
            Err(error) => {
                // Only a full disk is known to have changed nothing while memory is as the store.
                if error != CommitError::Fault(StoreFault::Full) {
                    self.stale.store(true, Ordering::SeqCst);
                    if let Err(error) = self.reload().await {
                        tracing::error!(%error, "the directory of accounts cannot be read after a failed change");
                    }
                }
                Err(error.into())
            }
        }
    }

    /// Reads the store anew: what it holds is the truth.
    async fn reload(&self) -> Result<(), IamError> {
        let (mut fresh, unopened) = load(&self.store, &*self.sealer, &*self.entropy).await?;
        if let Some(unopened) = unopened.first() {
            return Err(IamError::Damaged(format!("the secret of access key {} does not open", unopened.0.info.id)));
        }
        let mut state = self.state_mut();
        fresh.generation = state.generation + 1;
        for (id, entry) in &fresh.keys {
            // Uses that are not written down yet are not forgotten.
            if let Some(used) = state.keys.get(id).and_then(|old| old.used.last()) {
                entry.used.note(&used.service, used.at);
            }
        }
        *state = fresh;
        drop(state);
        self.stale.store(false, Ordering::SeqCst);
        Ok(())
    }
}
