//! Where the root key stands while the server runs. It can be changed under way: whoever uses it takes it from here each
//! time.

use crypto::RootKey;
use std::sync::{Arc, PoisonError, RwLock};

/// The present root key.
pub struct RootSlot(RwLock<Arc<RootKey>>);

impl RootSlot {
    /// A slot with a key.
    pub fn new(root: RootKey) -> Arc<Self> {
        Arc::new(Self(RwLock::new(Arc::new(root))))
    }

    /// The key for one use.
    pub(crate) fn get(&self) -> Arc<RootKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
