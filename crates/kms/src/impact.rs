//! What needs a CMK: asked before it is deleted, and shown to whoever plans to.

use crate::key_ref::{KeyRef, Place};
use crate::{CmkId, KeyService};
use async_trait::async_trait;
use model::AccountId;
use std::fmt;

/// What could not be opened any more without a CMK.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyImpact {
    /// Object versions whose DEK is wrapped under it, by itself or through a bucket key.
    pub objects: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Uploads in progress.
    pub uploads: u64,
    /// Bucket keys wrapped under it that some object still needs.
    pub bucket_keys: u64,
    /// Buckets whose default encryption names it.
    pub bucket_defaults: Vec<String>,
    /// Buckets that hold any of the above, in order of their names.
    pub buckets: Vec<String>,
}

impl KeyImpact {
    /// Whether nothing needs the CMK.
    pub fn is_none(&self) -> bool {
        self.objects == 0 && self.uploads == 0 && self.bucket_keys == 0 && self.bucket_defaults.is_empty()
    }
}

impl fmt::Display for KeyImpact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} objects ({} bytes), {} uploads, {} bucket keys and {} bucket defaults in {} buckets",
            self.objects,
            self.bytes,
            self.uploads,
            self.bucket_keys,
            self.bucket_defaults.len(),
            self.buckets.len()
        )
    }
}

/// Whoever keeps what is wrapped under CMKs. The store of objects is one; a KMS without any has none.
#[async_trait]
pub trait Dependents: Send + Sync + 'static {
    /// What needs the CMK, all versions together or one of them. Counted from an index, not estimated.
    ///
    /// # Errors
    /// Why it could not be counted, for the log. A deletion is then refused.
    async fn impact(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, String>;
}

impl KeyService {
    /// Whether a reference, in any form of [`KeyRef::parse`] and used by somebody of the account, leads to this CMK as
    /// things are now. Checks no right: it is asked for the impact of a deletion, not for a caller.
    pub fn leads_to(&self, key_ref: &str, account: &AccountId, cmk: &CmkId) -> bool {
        match KeyRef::parse(key_ref) {
            Ok(KeyRef::Key(_, uid)) => uid == cmk.uid,
            Ok(KeyRef::Alias(place, name)) => {
                let owner = match &place {
                    Place::Own => account,
                    Place::Arn { number, .. } if number == cmk.number.as_str() => &cmk.account,
                    Place::Obs { account, .. } if account == cmk.account.as_str() => &cmk.account,
                    Place::Arn { .. } | Place::Obs { .. } => return false,
                };
                self.ledger.read(|catalogue| catalogue.alias(owner, &name).is_some_and(|a| a.target == cmk.uid))
            }
            Err(_) => false,
        }
    }
}
