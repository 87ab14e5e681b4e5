//! The rooms below the objects, of a server that is stopped: opened to be looked at. The stores take no commit; what is
//! written is the audit log alone, for no key is handed out without it.
//!
//! The engine of the metadata store replays its journal when it opens, as at every start, and may write its own files
//! anew. It changes no row.

use super::providers::Providers;
use super::{audit as log, process};
use crate::clock::SystemClock;
use crate::config::{AuditSettings, Layers, SettingFlags, Settings};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::root_key::{GivenPassphrase, find};
use audit::{AuditLog, LateTrail, Mark, PublicKey};
use crypto::SystemEntropy;
use kms::{KeyService, KmsError};
use model::{Clock, Entropy};
use policy::{Authorizer, Evaluator};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::engine::files::BlobFiles;
use store::engine::fjall::FjallStore;
use store::{DirLock, MetaStore, ReadOnly, StoreFault};

/// A data directory that no server has open.
pub(crate) struct Offline {
    pub(crate) dir: DataDir,
    pub(crate) settings: Settings,
    passphrase: Option<GivenPassphrase>,
    _lock: DirLock,
}

/// Where keys are, if not where the settings say.
#[derive(Debug, Default)]
pub(crate) struct KeyPlaces {
    pub(crate) root_key: Option<PathBuf>,
    pub(crate) root_passphrase: Option<PathBuf>,
    pub(crate) audit: Option<PathBuf>,
}

/// Keys, and the log that each use of one goes to.
pub(crate) struct Keys {
    pub(crate) kms: Arc<KeyService>,
    log: Arc<AuditLog>,
}

/// Why there are no keys.
pub(crate) enum NoKeys {
    /// What holds them is damaged: a finding.
    Damaged(String),
    /// They cannot be had: another root key, no passphrase, a log that cannot be written.
    Failure(Failure),
}

impl From<Failure> for NoKeys {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Offline {
    /// Locks a data directory and reads its settings. To be called before there is a second thread.
    ///
    /// # Errors
    /// When a server has it open, or it is none.
    pub(crate) fn open(path: &Path, places: KeyPlaces, env: super::Env<'_>) -> Result<Self, Failure> {
        process::close_to_others();
        let dir = DataDir::existing(path)?;
        let lock = DirLock::acquire(dir.path()).map_err(|error| {
            Failure::new(error.to_string()).advising("stop the server first, or run this on a snapshot or a copy")
        })?;
        dir.refuse_bodies_without_metadata()?;
        let mut settings = Settings::parse(&Layers::gather(&SettingFlags::of_data(dir.path()), env)?)?;
        settings.allow_locked = false;
        // Nothing of the log is removed by looking, and a log that is gone is not begun anew.
        settings.audit = AuditSettings { retention_millis: None, accept_loss: false, ..settings.audit };
        if let Some(path) = places.root_key {
            settings.root_key.path = path;
        }
        if places.root_passphrase.is_some() {
            settings.root_passphrase_file = places.root_passphrase;
        }
        if places.audit.is_some() {
            settings.audit.dir = places.audit;
        }
        let passphrase = process::passphrase(&settings)?;
        Ok(Self { dir, settings, passphrase, _lock: lock })
    }

    /// The records, which take no commit.
    ///
    /// # Errors
    /// What the engine says; [`StoreFault::Corrupt`] when its files are damaged.
    pub(crate) fn meta(&self) -> Result<Arc<dyn MetaStore>, StoreFault> {
        Ok(ReadOnly::over(Arc::new(FjallStore::open(&self.dir.meta())?)))
    }

    /// The files of bodies.
    pub(crate) fn blobs(&self) -> Arc<BlobFiles> {
        Arc::new(BlobFiles::at(&self.dir.path().join("blobs")))
    }

    /// The newest line of the audit log and the key that signs it; `None` where there is no log that can be read.
    pub(crate) fn audit_head(&self) -> Option<(Mark, PublicKey)> {
        ::audit::head(&log::dir(&self.settings.audit, &self.dir), None).ok()
    }

    /// Opens the keys, and the audit log before one is used.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) async fn keys(&self, meta: &Arc<dyn MetaStore>, env: super::Env<'_>) -> Result<Keys, NoKeys> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        if !log::is_begun(meta).await? {
            return Err(Failure::new("the data directory's server never began its audit log; start it once").into());
        }
        let source = self.settings.root_key.open()?;
        let found = find(&*source, self.passphrase.as_ref(), false, &*entropy).map_err(Failure::from)?;
        let root = found.fitting(meta).await?;
        let authorizer: Arc<dyn Authorizer> = Arc::new(Evaluator);
        let region = self.settings.region.clone();
        let mut parts =
            kms::Parts::new(Arc::clone(meta), root, authorizer, region, Arc::clone(&clock), Arc::clone(&entropy));
        parts.providers = Providers::open(&self.settings, env, &clock)?.as_key_providers();
        let trail = Arc::new(LateTrail::default());
        parts.audit = Arc::<LateTrail>::clone(&trail);
        let kms = KeyService::open(parts).await.map_err(|error| match error {
            KmsError::Damaged(what) => NoKeys::Damaged(format!("the key service cannot be opened: {what}")),
            other => NoKeys::Failure(Failure::new(format!("cannot open the key management service: {other}"))),
        })?;
        let log = log::open(&self.settings.audit, &self.dir, meta, &kms, &trail, clock, entropy).await?;
        Ok(Keys { kms, log })
    }
}

impl Keys {
    /// Ends the log as it should end.
    pub(crate) async fn close(self) {
        log::close(self.log).await;
    }
}
