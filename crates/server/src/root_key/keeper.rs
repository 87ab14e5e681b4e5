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
    /// Where a staged one is.
    staged: SourceName,
}

impl Keeper {
    /// At the place that the settings name.
    pub(crate) fn new(place: RootKeyPlace) -> Self {
        let state = Mutex::new(State { present: place.source, staged: place.source });
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
        self.state().staged = to;
        let key = RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(next.as_secret().expose())));
        let passphrase = passphrase.map(GivenPassphrase::new);
        blocking(&source, move |source| source.write(Which::Staged, &key, passphrase.as_ref())).await.map_err(failed)
    }

    async fn finish(&self) -> Result<(), RootKeeperError> {
        let (from, to) = {
            let state = self.state();
            (state.present, state.staged)
        };
        let next = self.beside(to)?;
        blocking(&next, |source| source.promote()).await.map_err(failed)?;
        self.state().present = to;
        if from != to {
            blocking(&self.beside(from)?, |source| source.remove(Which::Present)).await.map_err(failed)?;
            tracing::warn!(source = next.name(), "the root key has moved: set root_key_source before the next start");
        }
        Ok(())
    }

    async fn discard(&self) -> Result<(), RootKeeperError> {
        let staged = self.state().staged;
        blocking(&self.beside(staged)?, |source| source.remove(Which::Staged)).await.map_err(failed)
    }

    fn passphrase_cost(&self) -> PassphraseCost {
        self.place.cost
    }
}
