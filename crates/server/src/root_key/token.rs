//! The root key under a key of a PKCS#11 token: a random key in `root.token`, wrapped by the token. The bytes are drawn in
//! docs/formats/root-key.md.

use super::file::{open, place};
use super::{GivenPassphrase, RootSource, SourceFault, Which};
use crate::failure::Failure;
use crate::private_file::{remove, rename, write_private};
use ::providers::{RootToken, Secret, WRAPPED_ROOT_KEY_BYTES};
use crypto::{ChecksumAlgorithm, Checksummer, RootKey, SecretBytes, Wrappable};
use kms::ProviderFault;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const MAGIC: &[u8; 8] = b"SRROOTK\0";
const FORMAT: u8 = 1;
const UNDER_A_TOKEN: u8 = 2;
const HEAD_BYTES: usize = MAGIC.len() + 2;
const CRC_BYTES: usize = 4;
const FILE_BYTES: usize = HEAD_BYTES + WRAPPED_ROOT_KEY_BYTES + CRC_BYTES;

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
    path: PathBuf,
    token: TokenPlace,
    /// Logged in to once. What the token refused is not tried again: tokens lock themselves after a few wrong PINs.
    opened: OnceLock<Result<RootToken, String>>,
}

impl TokenSource {
    /// The file at a path, and the token that opens it. The token is asked when a key is.
    pub(crate) fn new(path: &Path, token: TokenPlace) -> Self {
        Self { path: path.to_owned(), token, opened: OnceLock::new() }
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

    fn read(&self, which: Which, _: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault> {
        let path = place(&self.path, which);
        let Some(file) = open(&path)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(FILE_BYTES + 1);
        file.take(FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| SourceFault::Locked(Failure::io("read", &path, &error).to_string()))?;
        let (head, wrapped) = parse(&bytes).map_err(|why| broken(format!("`{}` {why}", path.display())))?;
        let root = self.token()?.unwrap(wrapped, head).map_err(|fault| self.fault(&fault))?;
        Ok(Some(RootKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(&*root)))))
    }

    fn write(&self, which: Which, key: &RootKey, _: Option<&GivenPassphrase>) -> Result<(), SourceFault> {
        let mut file = Vec::with_capacity(FILE_BYTES);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&[FORMAT, UNDER_A_TOKEN]);
        let wrapped = self.token()?.wrap(key.as_secret().expose(), &file).map_err(|fault| self.fault(&fault))?;
        file.extend_from_slice(&wrapped);
        file.extend_from_slice(&crc(&file));
        write_private(&place(&self.path, which), &file).map_err(SourceFault::Broken)
    }

    fn promote(&self) -> Result<(), SourceFault> {
        rename(&place(&self.path, Which::Staged), &self.path).map_err(SourceFault::Broken)
    }

    fn remove(&self, which: Which) -> Result<(), SourceFault> {
        remove(&place(&self.path, which)).map_err(SourceFault::Broken)
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
                broken(format!("the key in the token `{label}` is not the one that wrapped `{}`", self.path.display()))
            }
            other => broken(format!("the token `{label}`: {other}")),
        }
    }
}

fn broken(why: impl Into<String>) -> SourceFault {
    SourceFault::Broken(Failure::new(why))
}

/// The head, which the wrap is bound to, and the wrap.
fn parse(file: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    if file.len() != FILE_BYTES || !file.starts_with(MAGIC) {
        return Err("is not a root key wrapped by a token");
    }
    let (body, sum) = file.split_at(FILE_BYTES - CRC_BYTES);
    if crc(body) != sum {
        return Err("is damaged; restore it from your copy");
    }
    let (head, wrapped) = body.split_at(HEAD_BYTES);
    if head[MAGIC.len()..] != [FORMAT, UNDER_A_TOKEN] {
        return Err("has a format that this program does not know");
    }
    Ok((head, wrapped))
}

fn crc(bytes: &[u8]) -> [u8; CRC_BYTES] {
    let mut sum = Checksummer::new(ChecksumAlgorithm::Crc32c);
    sum.update(bytes);
    let mut out = [0; CRC_BYTES];
    out.copy_from_slice(sum.finish().bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_such_a_file_is_named() {
        let mut good = [&MAGIC[..], &[FORMAT, UNDER_A_TOKEN], &[7; WRAPPED_ROOT_KEY_BYTES]].concat();
        good.extend(crc(&good));
        assert_eq!(parse(&good).unwrap().1, [7; WRAPPED_ROOT_KEY_BYTES]);
        assert!(parse(&good[1..]).unwrap_err().contains("is not"));
        for at in MAGIC.len()..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert!(parse(&changed).unwrap_err().contains("damaged"), "byte {at}");
        }
        let mut other = good[..FILE_BYTES - CRC_BYTES].to_vec();
        other[9] = 1;
        other.extend(crc(&other));
        assert!(parse(&other).unwrap_err().contains("does not know"));
    }
}
