//! The restore drill: a backup opened as a server opens its data directory, in memory.

use super::sealers::{Argon2id, KmsSealer, KmsTokens};
use crate::clock::SystemClock;
use crate::failure::Failure;
use crypto::{RootKey, SecretBytes, SystemEntropy, Wrappable};
use iam::Directory;
use kms::{KeyBackup, KeyService};
use model::{Clock, Entropy, RegionName};
use policy::Evaluator;
use std::fmt::Display;
use std::sync::Arc;
use store::engine::memory::MemoryStore;

/// What a drill opened.
pub(crate) struct Drill {
    /// Keys under the root key.
    pub(crate) keys: usize,
    pub(crate) cmks: usize,
    pub(crate) accounts: usize,
}

impl Drill {
    /// Opens everything.
    ///
    /// # Errors
    /// What does not open.
    pub(crate) async fn run(backup: &KeyBackup) -> Result<Self, Failure> {
        let failed =
            |what: &str, error: &dyn Display| Failure::new(format!("the backup does not open: {what}: {error}"));
        let keys = backup.check().map_err(|error| failed("its keys", &error))?;
        let store = MemoryStore::shared();
        backup.write_into(&store).await.map_err(|error| failed("its rows", &error))?;
        let root = RootKey::from_secret(SecretBytes::fill_with(|out| {
            out.copy_from_slice(backup.root().as_secret().expose());
        }));
        let region = RegionName::parse(&backup.info().region).ok_or_else(|| failed("its region", &"not a name"))?;
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let parts = kms::Parts::new(
            Arc::clone(&store),
            root,
            Arc::new(Evaluator),
            region.clone(),
            Arc::clone(&clock),
            Arc::clone(&entropy),
        );
        let no_kms = |error: kms::KmsError| failed("the key management service", &error);
        let kms = KeyService::open(parts).await.map_err(no_kms)?;
        let directory = iam::Parts {
            store,
            sealer: Arc::new(KmsSealer(kms.secrets_key().await.map_err(no_kms)?)),
            tokens: Arc::new(KmsTokens(kms.token_keys().await.map_err(no_kms)?)),
            passwords: Arc::new(Argon2id(Arc::clone(&entropy))),
            authorizer: Arc::new(Evaluator),
            clock,
            entropy,
            region,
        };
        Directory::open(directory, None).await.map_err(|error| failed("the accounts", &error))?;
        let rows = backup.rows();
        let count = |table: &str| rows.get(table).copied().unwrap_or(0);
        Ok(Self { keys, cmks: count("cmks"), accounts: count("accounts") })
    }
}
