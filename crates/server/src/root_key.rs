//! Where the root key comes from, and which of two keys is the right one after a change that did not end.
//!
//! ```text
//! first start      a fresh key is drawn and kept at the source
//! every start      the source gives the present key, and the staged one if a change was under way (kms, root_change.rs);
//!                  the store's check value tells which of them fits, and the other is dropped
//! ```
//!
//! A missing key is replaced by a fresh one only in a data directory that has never been used. Where data exists, a new key
//! could open none of it, and starting with one would hide the loss: the server refuses.

mod file;
mod files;
mod keeper;
mod passphrase;
mod sealed;
mod token;

pub(crate) use file::FileSource;
pub(crate) use files::KeyFiles;
pub(crate) use keeper::Keeper;
pub(crate) use passphrase::{GivenPassphrase, PassphraseSource};
pub(crate) use token::{TokenPlace, TokenSource};

use crate::failure::Failure;
use crypto::{PassphraseCost, RootKey};
use kms::root_fits;
use model::Entropy;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::MetaStore;

/// Which of the two keys a source may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that was in use last.
    Present,
    /// The one that a change was about to put in its place.
    Staged,
}

/// Why a source gives no key, or does not take one.
#[derive(Debug)]
pub(crate) enum SourceFault {
    /// It may later: a passphrase is missing or wrong, a file is not there, a device does not answer.
    Locked(String),
    /// What it holds, or what is asked, is wrong; trying again will not help.
    Broken(Failure),
}

impl From<SourceFault> for Failure {
    fn from(fault: SourceFault) -> Self {
        match fault {
            SourceFault::Locked(why) => Self::new(why),
            SourceFault::Broken(failure) => failure,
        }
    }
}

/// A place outside the store that keeps the root key, in a file of its own. All methods may block.
///
/// Guarantees: what [`write`](RootSource::write) was given is durable when it returns, and [`read`](RootSource::read) gives
/// it back; [`promote`](RootSource::promote) is one step, after which the staged key is the present one and the former is
/// gone; no message holds a key or a passphrase.
pub(crate) trait RootSource: Send + Sync {
    /// What the setting `root_key_source` calls it.
    fn name(&self) -> &'static str;

    /// Its files.
    fn files(&self) -> &KeyFiles;

    /// The key; `None` when there is none.
    fn read(&self, which: Which, passphrase: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault>;

    /// Keeps a key.
    fn write(&self, which: Which, key: &RootKey, passphrase: Option<&GivenPassphrase>) -> Result<(), SourceFault>;

    /// The staged key takes the present one's place.
    fn promote(&self) -> Result<(), SourceFault> {
        self.files().promote()
    }

    /// Removes a key; none is fine.
    fn remove(&self, which: Which) -> Result<(), SourceFault> {
        self.files().remove(which)
    }
}

/// What the settings say about the root key.
#[derive(Clone, Debug)]
pub(crate) struct RootKeyPlace {
    /// `root_key_source`.
    pub(crate) source: SourceName,
    /// `root_key_file`: the key in clear, or sealed under the passphrase, or wrapped by the token.
    pub(crate) path: PathBuf,
    /// The token, if the settings name one.
    pub(crate) token: Option<TokenPlace>,
    /// What a guess of the passphrase costs, for keys sealed from now on.
    pub(crate) cost: PassphraseCost,
}

/// The sources there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceName {
    /// A file with the key in clear.
    File,
    /// A file with the key sealed under a passphrase.
    Passphrase,
    /// A file with the key wrapped by a PKCS#11 token.
    Token,
}

impl SourceName {
    /// As the setting spells it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "file" => Some(Self::File),
            "passphrase" => Some(Self::Passphrase),
            "token" => Some(Self::Token),
            _ => None,
        }
    }

    /// The name of the file in the data directory where the setting says none.
    pub(crate) const fn default_file(self) -> &'static str {
        match self {
            Self::File => "root.key",
            Self::Passphrase => "root.sealed",
            Self::Token => "root.token",
        }
    }
}

impl RootKeyPlace {
    /// The source at this place.
    ///
    /// # Errors
    /// For a token that the settings do not name.
    pub(crate) fn open(&self) -> Result<Arc<dyn RootSource>, Failure> {
        self.open_as(self.source, &self.path)
    }

    fn open_as(&self, source: SourceName, path: &Path) -> Result<Arc<dyn RootSource>, Failure> {
        Ok(match source {
            SourceName::File => Arc::new(FileSource::new(path)),
            SourceName::Passphrase => Arc::new(PassphraseSource::new(path, self.cost)),
            SourceName::Token => {
                let token = self.token.clone().ok_or_else(|| {
                    Failure::usage(
                        "set root_token_module, root_token_label and root_token_pin_file: the root key is to be \
                         wrapped by a token",
                    )
                })?;
                Arc::new(TokenSource::new(path, token))
            }
        })
    }

    /// Another kind of source, in the same directory.
    ///
    /// # Errors
    /// As [`RootKeyPlace::open`].
    pub(crate) fn beside(&self, source: SourceName) -> Result<Arc<dyn RootSource>, Failure> {
        if source == self.source {
            return self.open();
        }
        self.open_as(source, &self.path.with_file_name(source.default_file()))
    }
}

/// The keys that a source gave at a start: one or two.
pub(crate) struct Candidates {
    present: Option<RootKey>,
    staged: Option<RootKey>,
}

impl fmt::Debug for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Candidates(..)")
    }
}

/// Asks the source for its keys; makes the first one where there is none and `may_create`. Blocks.
pub(crate) fn find(
    source: &dyn RootSource,
    passphrase: Option<&GivenPassphrase>,
    may_create: bool,
    entropy: &dyn Entropy,
) -> Result<Candidates, SourceFault> {
    let staged = source.read(Which::Staged, passphrase);
    let present = match source.read(Which::Present, passphrase) {
        // The passphrase may have been changed with the key.
        Err(SourceFault::Locked(_)) if matches!(staged, Ok(Some(_))) => None,
        Err(fault) => return Err(fault),
        Ok(None) if may_create && matches!(staged, Ok(None)) => {
            source.write(Which::Present, &RootKey::generate(entropy), passphrase)?;
            source.read(Which::Present, passphrase)?
        }
        Ok(present) => present,
    };
    match (present, staged) {
        (None, Ok(None)) => Err(missing(source)),
        (None, Err(fault)) => Err(fault),
        (present, staged) => Ok(Candidates { present, staged: staged.ok().flatten() }),
    }
}

fn missing(source: &dyn RootSource) -> SourceFault {
    SourceFault::Locked(format!(
        "the root key file is missing (root_key_source = {}), and the data directory holds data sealed under it; restore the \
         file from your copy, or name its place with --root-key-file",
        source.name()
    ))
}

impl Candidates {
    /// The key that the data directory is under; puts the source in order after a change that did not end.
    ///
    /// # Errors
    /// When neither fits, or the store does not tell.
    pub(crate) async fn choose(
        self,
        source: &Arc<dyn RootSource>,
        store: &Arc<dyn MetaStore>,
    ) -> Result<RootKey, Failure> {
        let unread = |error: kms::KmsError| Failure::new(format!("cannot open the key management service: {error}"));
        let Self { present, staged } = self;
        if let Some(staged) = staged {
            if root_fits(store, &staged).await.map_err(unread)? == Some(true) {
                tracing::info!("a change of the root key is finished");
                blocking(source, |source| source.promote()).await?;
                return Ok(staged);
            }
            drop(staged);
        }
        let Some(present) = present else {
            return Err(Failure::new(
                "this passphrase opens a root key that never came into use; start with the passphrase before it",
            ));
        };
        match root_fits(store, &present).await.map_err(unread)? {
            Some(false) => Err(Failure::new(
                "cannot open the key management service: the root key does not match this data directory",
            )),
            Some(true) => {
                // A staged key that does not fit, or does not open, never came into use.
                blocking(source, |source| source.remove(Which::Staged)).await?;
                Ok(present)
            }
            None => Ok(present),
        }
    }
}

impl Candidates {
    /// The key that the data directory is under; the source stays as it is. For whoever only looks.
    ///
    /// # Errors
    /// As [`Candidates::choose`].
    pub(crate) async fn fitting(self, store: &Arc<dyn MetaStore>) -> Result<RootKey, Failure> {
        for key in [self.staged, self.present].into_iter().flatten() {
            let fits = root_fits(store, &key).await;
            let unread = |error| Failure::new(format!("cannot open the key management service: {error}"));
            if fits.map_err(unread)? == Some(true) {
                return Ok(key);
            }
        }
        Err(Failure::new("the root key does not match this data directory"))
    }
}

/// Runs a step of a source where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    source: &Arc<dyn RootSource>,
    step: impl FnOnce(&dyn RootSource) -> Result<T, SourceFault> + Send + 'static,
) -> Result<T, SourceFault> {
    let source = Arc::clone(source);
    tokio::task::spawn_blocking(move || step(&*source))
        .await
        .unwrap_or_else(|error| Err(SourceFault::Broken(Failure::new(format!("the root key's source: {error}")))))
}

#[cfg(test)]
mod tests;
