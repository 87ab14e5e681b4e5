//! The root key under a key of a PKCS#11 token: a random key in `root.token`, wrapped by the token. The bytes are drawn in
//! docs/formats/root-key.md.

use super::sealed::{self, Under};
use super::{GivenPassphrase, KeyFiles, RootSource, SourceFault, Which};
use crate::failure::Failure;
use ::providers::{RootToken, Secret, WRAPPED_ROOT_KEY_BYTES};
use crypto::{RootKey, SecretBytes, Wrappable};
use kms::ProviderFault;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const FILE_BYTES: usize = sealed::HEAD_BYTES + WRAPPED_ROOT_KEY_BYTES + sealed::CRC_BYTES;

/// Which token.
#[derive(Clone, Debug)]
pub(crate) struct TokenPlace {
    /// `root_token_module`.
    pub(crate) module: PathBuf,
    /// `root_token_label`.
    pub(crate) label: String,
    /// `root_token_pin_file`.
    pub(crate) pin_file: PathBuf,
}

/// A file with the key wrapped by a token.
pub(crate) struct TokenSource {
    files: KeyFiles,
    token: TokenPlace,
    /// Logged in to once. What the token refused is not tried again: tokens lock themselves after a few wrong PINs.
    opened: OnceLock<Result<RootToken, String>>,
}

impl TokenSource {
    /// The file at a path, and the token that opens it. The token is asked when a key is.
    pub(crate) fn new(path: &Path, token: TokenPlace) -> Self {
        Self { files: KeyFiles::new(path), token, opened: OnceLock::new() }
    }

    /// A token that does not answer may later; a PIN that it refused must be mended first.
    fn token(&self) -> Result<&RootToken, SourceFault> {
        let TokenPlace { module, label, pin_file } = &self.token;
        let pin =
            Secret::from_file(pin_file).map_err(|why| SourceFault::Locked(format!("root_token_pin_file: {why}")))?;
        self.opened.get_or_init(|| RootToken::open(module, label, &pin)).as_ref().map_err(|why| broken(why.clone()))
    }
}

impl RootSource for TokenSource {
    fn name(&self) -> &'static str {
        "token"
    }

    fn files(&self) -> &KeyFiles {
        &self.files
    }

    fn read(&self, which: Which, _: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault> {
        let Some(bytes) = self.files.read(which, FILE_BYTES)? else { return Ok(None) };
        let body = sealed::body(&bytes, Under::Token, FILE_BYTES)
            .map_err(|why| broken(format!("`{}` {why}", self.files.path(which).display())))?;
        // The head is what the wrap is bound to.
        let (head, wrapped) = body.split_at(sealed::HEAD_BYTES);
        let root = self.token()?.unwrap(wrapped, head).map_err(|fault| self.fault(&fault))?;
        Ok(Some(RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(&*root)))))
    }

    fn write(&self, which: Which, key: &RootKey, _: Option<&GivenPassphrase>) -> Result<(), SourceFault> {
        let mut file = sealed::head(Under::Token, FILE_BYTES);
        let wrapped = self.token()?.wrap(key.as_secret().expose(), &file).map_err(|fault| self.fault(&fault))?;
        file.extend_from_slice(&wrapped);
        self.files.write(which, &sealed::finish(file))
    }
}

impl TokenSource {
    fn fault(&self, fault: &ProviderFault) -> SourceFault {
        let label = &self.token.label;
        match fault {
            ProviderFault::Unavailable(why) => {
                SourceFault::Locked(format!("the token `{label}` does not answer: {why}"))
            }
            ProviderFault::InvalidCiphertext => {
                let path = self.files.path(Which::Present);
                broken(format!("the key in the token `{label}` is not the one that wrapped `{}`", path.display()))
            }
            other => broken(format!("the token `{label}`: {other}")),
        }
    }
}

fn broken(why: impl Into<String>) -> SourceFault {
    SourceFault::Broken(Failure::new(why))
}
