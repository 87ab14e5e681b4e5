//! The root key's source as the key service sees it while the root key is changed.

use super::{GivenPassphrase, RootKeyPlace, RootSource, SourceFault, SourceName, Which, blocking};
use crate::failure::Failure;
use async_trait::async_trait;
use crypto::{PassphraseCost, RootKey, SecretBytes, Wrappable};
use kms::{NewRoot, RootKeeper, RootKeeperError};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// See the module's text. Knows where the key is now, also after it was moved to another source.
pub(crate) struct Keeper {
    place: RootKeyPlace,
    state: Mutex<State>,
}

struct State {
    /// Where the present key is.
    present: SourceName,
    /// Where a staged one is that may be the only copy of the key in use.
    staged: Option<SourceName>,
    /// Where the key before still is, after a move to another source.
    left: Option<SourceName>,
}

impl Keeper {
    /// At the place that the settings name.
    pub(crate) fn new(place: RootKeyPlace) -> Self {
        let state = Mutex::new(State { present: place.source, staged: None, left: None });
        Self { place, state }
    }

    fn beside(&self, source: SourceName) -> Result<Arc<dyn RootSource>, RootKeeperError> {
        self.place.beside(source).map_err(|failure| RootKeeperError::Failed(failure.to_string()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(fault: SourceFault) -> RootKeeperError {
    RootKeeperError::Failed(Failure::from(fault).to_string())
}

#[async_trait]
impl RootKeeper for Keeper {
    async fn stage(&self, next: &RootKey, from: &NewRoot) -> Result<(), RootKeeperError> {
        if self.state().staged.is_some() {
            return Err(RootKeeperError::Refused(
                "the change before this one is not finished at the root key's source; restart the server".to_owned(),
            ));
        }
        let (to, passphrase) = match from {
            NewRoot::SameSource(passphrase) => (self.state().present, passphrase.clone()),
            NewRoot::File => (SourceName::File, None),
            NewRoot::Token => (SourceName::Token, None),
            NewRoot::Passphrase(passphrase) => (SourceName::Passphrase, Some(passphrase.clone())),
        };
        let passphrase: Option<Zeroizing<Vec<u8>>> = match (to, passphrase) {
            (SourceName::Passphrase, None) => {
                return Err(RootKeeperError::Refused(
                    "the root key is sealed under a passphrase: say which the next one is to be sealed under"
                        .to_owned(),
                ));
            }
            (SourceName::File | SourceName::Token, Some(_)) => {
                return Err(RootKeeperError::Refused("a root key in a file or a token takes no passphrase".to_owned()));
            }
            (SourceName::Passphrase, Some(given))
                if !(crypto::PASSPHRASE_BYTES_MIN..=crypto::PASSPHRASE_BYTES_MAX).contains(&given.len()) =>
            {
                return Err(RootKeeperError::Refused(crypto::PassphraseError::Length.to_string()));
            }
            (_, passphrase) => passphrase,
        };
        let source = self.beside(to).map_err(|error| match error {
            RootKeeperError::Failed(why) => RootKeeperError::Refused(why),
            other => other,
        })?;
        let key = RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(next.as_secret().expose())));
        let passphrase = passphrase.map(GivenPassphrase::new);
        blocking(&source, move |source| source.write(Which::Staged, &key, passphrase.as_ref()))
            .await
            .map_err(failed)?;
        self.state().staged = Some(to);
        Ok(())
    }

    async fn finish(&self) -> Result<(), RootKeeperError> {
        let (present, staged) = {
            let state = self.state();
            (state.present, state.staged)
        };
        if let Some(to) = staged {
            let next = self.beside(to)?;
            blocking(&next, |source| source.promote()).await.map_err(failed)?;
            let mut state = self.state();
            (state.present, state.staged) = (to, None);
            if present != to {
                state.left = Some(present);
                tracing::warn!(
                    source = next.name(),
                    "the root key has moved: set root_key_source before the next start"
                );
            }
        }
        let left = self.state().left;
        if let Some(left) = left {
            blocking(&self.beside(left)?, |source| source.remove(Which::Present)).await.map_err(failed)?;
            self.state().left = None;
        }
        Ok(())
    }

    async fn discard(&self) -> Result<(), RootKeeperError> {
        // It never came into use: the next one may overwrite it, also if it cannot be removed now.
        let staged = self.state().staged.take();
        match staged {
            Some(staged) => {
                blocking(&self.beside(staged)?, |source| source.remove(Which::Staged)).await.map_err(failed)
            }
            None => Ok(()),
        }
    }

    fn passphrase_cost(&self) -> PassphraseCost {
        self.place.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn key(byte: u8) -> RootKey {
        RootKey::from_secret(SecretBytes::fill_with(|bytes| bytes.fill(byte)))
    }

    #[tokio::test]
    async fn the_only_copy_of_the_key_in_use_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (path, staged) = (dir.path().join("root.key"), dir.path().join("root.key.next"));
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let keeper = Keeper::new(RootKeyPlace { source: SourceName::File, path: path.clone(), token: None, cost });
        keeper.stage(&key(2), &NewRoot::SameSource(None)).await.unwrap();
        let second = fs::read(&staged).unwrap();
        // A directory in its place: the new key cannot be put there.
        fs::create_dir(&path).unwrap();
        assert!(matches!(keeper.finish().await, Err(RootKeeperError::Failed(_))));
        let passphrase = NewRoot::Passphrase(Zeroizing::new(b"a passphrase that lasts".to_vec()));
        for from in [NewRoot::SameSource(None), NewRoot::File, passphrase] {
            assert!(matches!(keeper.stage(&key(3), &from).await, Err(RootKeeperError::Refused(_))));
        }
        assert_eq!(fs::read(&staged).unwrap(), second);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else was staged");

        fs::remove_dir(&path).unwrap();
        keeper.finish().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), second);
        keeper.stage(&key(3), &NewRoot::File).await.unwrap();
        keeper.discard().await.unwrap();
        assert!(!staged.exists());
    }

    #[tokio::test]
    async fn a_move_goes_on_where_it_failed() {
        let dir = tempfile::tempdir().unwrap();
        let (clear, sealed) = (dir.path().join("root.key"), dir.path().join("root.sealed"));
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let keeper = Keeper::new(RootKeyPlace { source: SourceName::File, path: clear.clone(), token: None, cost });
        // A directory: the former key cannot be removed.
        fs::create_dir(&clear).unwrap();
        let passphrase = NewRoot::Passphrase(Zeroizing::new(b"a passphrase that lasts".to_vec()));
        keeper.stage(&key(2), &passphrase).await.unwrap();
        assert!(keeper.finish().await.is_err());
        let moved = fs::read(&sealed).unwrap();
        fs::remove_dir(&clear).unwrap();
        fs::write(&clear, "the former key").unwrap();
        keeper.finish().await.unwrap();
        assert!(!clear.exists());
        assert_eq!(fs::read(&sealed).unwrap(), moved);
    }
}
