//! Where the root key stands while the server runs. It can be changed under way: whoever uses it takes it from here each
//! time.

use crate::{KmsError, RootKeeper};
use crypto::RootKey;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The present root key.
pub struct RootSlot {
    key: RwLock<Arc<RootKey>>,
    /// The one before, for as long as requests are under way that read a row before the change.
    former: RwLock<Option<Arc<RootKey>>>,
    /// Set when a change of the root key ended nobody knows how: which key the rows are under shows at the next start.
    unsettled: AtomicBool,
    /// Set while the source still has to put the present key in its place.
    unfinished: AtomicBool,
    /// Who keeps the key outside the store.
    keeper: OnceLock<Arc<dyn RootKeeper>>,
}

impl RootSlot {
    /// A slot with a key.
    pub fn new(root: RootKey) -> Arc<Self> {
        Arc::new(Self {
            key: RwLock::new(Arc::new(root)),
            former: RwLock::default(),
            unsettled: AtomicBool::new(false),
            unfinished: AtomicBool::new(false),
            keeper: OnceLock::new(),
        })
    }

    pub(crate) fn set_keeper(&self, keeper: Arc<dyn RootKeeper>) {
        let _ = self.keeper.set(keeper);
    }

    pub(crate) fn keeper(&self) -> Result<&Arc<dyn RootKeeper>, KmsError> {
        self.keeper.get().ok_or(KmsError::Unsupported("another root key"))
    }

    /// The key for one use.
    pub(crate) fn get(&self) -> Arc<RootKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens something that may have been read before a change of the root key: with the present key, else the former.
    ///
    /// # Errors
    /// That of the present key.
    pub(crate) fn open<T, E>(&self, open: impl Fn(&RootKey) -> Result<T, E>) -> Result<T, E> {
        open(&self.get()).or_else(|error| {
            let former = self.former.read().unwrap_or_else(PoisonError::into_inner).clone();
            former.and_then(|former| open(&former).ok()).ok_or(error)
        })
    }

    /// From now on this is the key; the one before goes on opening.
    pub(crate) fn set(&self, root: Arc<RootKey>) {
        let before = std::mem::replace(&mut *self.key.write().unwrap_or_else(PoisonError::into_inner), root);
        *self.former.write().unwrap_or_else(PoisonError::into_inner) = Some(before);
    }

    /// Wipes the key before, unless somebody is using it this moment.
    pub(crate) fn forget_former(&self) {
        *self.former.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What is written from now on could be under the wrong key: nothing is.
    pub(crate) fn unsettle(&self) {
        self.unsettled.store(true, Ordering::SeqCst);
    }

    /// Whether the source still has to put the present key in its place.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.unfinished.load(Ordering::SeqCst)
    }

    /// Remembers it until the next change, which begins with it.
    pub(crate) fn set_unfinished(&self, unfinished: bool) {
        self.unfinished.store(unfinished, Ordering::SeqCst);
    }

    /// Asked before anything that was wrapped under the root key is stored.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`] until the next start, once a change of the root key ended nobody knows how.
    pub(crate) fn check_settled(&self) -> Result<(), KmsError> {
        if self.unsettled.load(Ordering::SeqCst) {
            return Err(KmsError::Unavailable(
                "a change of the root key did not end; restart the server, which finds out how it went".to_owned(),
            ));
        }
        Ok(())
    }
}
