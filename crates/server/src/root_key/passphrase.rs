//! The root key sealed under a passphrase: a random key in `root.sealed`, wrapped under what Argon2id makes of the passphrase.
//! The bytes are drawn in docs/formats/root-key.md.

use super::sealed::{self, Under};
use super::{KeyFiles, RootSource, SourceFault, Which};
use crate::failure::Failure;
use crate::private_file::refuse_if_open_to_others;
use crypto::{
    Binding, PASSPHRASE_BYTES_MAX, PASSPHRASE_PARAMS_BYTES, PassphraseCost, PassphraseKey, PassphraseParams,
    PassphraseUse, RootKey, SystemEntropy, WRAPPED_BYTES, Wrapped, unwrap, wrap,
};
use model::codec::Reader;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes that the wrap is bound to.
const HEAD_BYTES: usize = sealed::HEAD_BYTES + PASSPHRASE_PARAMS_BYTES;
const FILE_BYTES: usize = HEAD_BYTES + WRAPPED_BYTES + sealed::CRC_BYTES;

/// A passphrase as it was given. Wiped on drop.
pub(crate) struct GivenPassphrase(Zeroizing<Vec<u8>>);

impl GivenPassphrase {
    /// From bytes, without the line feed at their end.
    pub(crate) fn new(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Self(bytes)
    }

    /// From a file that only its owner may read.
    pub(crate) fn from_file(path: &Path) -> Result<Self, SourceFault> {
        let unread = |error: std::io::Error| {
            SourceFault::Locked(Failure::io("read the root passphrase file", path, &error).to_string())
        };
        let file = File::open(path).map_err(unread)?;
        refuse_if_open_to_others(path, "chmod 600").map_err(SourceFault::Broken)?;
        // Made large enough at once, so that no copy is left behind by a vector that grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX + 3));
        file.take(PASSPHRASE_BYTES_MAX as u64 + 3).read_to_end(&mut bytes).map_err(unread)?;
        Ok(Self::new(bytes))
    }

    /// The bytes in clear.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// A file with the key sealed under a passphrase.
pub(crate) struct PassphraseSource {
    files: KeyFiles,
    cost: PassphraseCost,
}

impl PassphraseSource {
    /// The file at a path. The cost is that of keys sealed from now on.
    pub(crate) fn new(path: &Path, cost: PassphraseCost) -> Self {
        Self { files: KeyFiles::new(path), cost }
    }
}

impl RootSource for PassphraseSource {
    fn name(&self) -> &'static str {
        "passphrase"
    }

    fn files(&self) -> &KeyFiles {
        &self.files
    }

    fn read(&self, which: Which, passphrase: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault> {
        let Some(bytes) = self.files.read(which, FILE_BYTES)? else { return Ok(None) };
        unseal(&bytes, passphrase, &self.files.path(which)).map(Some)
    }

    fn write(&self, which: Which, key: &RootKey, passphrase: Option<&GivenPassphrase>) -> Result<(), SourceFault> {
        let passphrase = passphrase.ok_or_else(no_passphrase)?;
        self.files.write(which, &seal(key, passphrase, self.cost)?)
    }
}

fn no_passphrase() -> SourceFault {
    SourceFault::Locked(
        "the root key is sealed under a passphrase, and none was given; say it with STRONGROOM_ROOT_PASSPHRASE or \
         --root-passphrase-file"
            .to_owned(),
    )
}

fn broken(why: impl Into<String>) -> SourceFault {
    SourceFault::Broken(Failure::new(why))
}

fn seal(key: &RootKey, passphrase: &GivenPassphrase, cost: PassphraseCost) -> Result<Vec<u8>, SourceFault> {
    let params = PassphraseParams::new(cost, &SystemEntropy)
        .ok_or_else(|| broken("the cost of the passphrase is out of range"))?;
    let mut file = sealed::head(Under::Passphrase, FILE_BYTES);
    file.extend_from_slice(&params.encode());
    let kek = derive(passphrase, &params)?;
    file.extend_from_slice(wrap(&kek, key, &binding(&file), &SystemEntropy).as_bytes());
    Ok(sealed::finish(file))
}

fn unseal(file: &[u8], passphrase: Option<&GivenPassphrase>, path: &Path) -> Result<RootKey, SourceFault> {
    let shown = path.display();
    let body = sealed::body(file, Under::Passphrase, FILE_BYTES).map_err(|why| broken(format!("`{shown}` {why}")))?;
    let malformed = |_| broken(format!("`{shown}` is malformed"));
    let mut r = Reader::bare(&body[sealed::HEAD_BYTES..]);
    let params = r.array().and_then(|bytes| PassphraseParams::decode(&bytes)).map_err(malformed)?;
    let wrapped = Wrapped::<RootKey>::from_bytes(r.array().map_err(malformed)?);
    let kek = derive(passphrase.ok_or_else(no_passphrase)?, &params)?;
    unwrap(&kek, &wrapped, &binding(&body[..HEAD_BYTES]))
        .map_err(|_| SourceFault::Locked("the passphrase is not the root key's".to_owned()))
}

fn derive(passphrase: &GivenPassphrase, params: &PassphraseParams) -> Result<PassphraseKey, SourceFault> {
    PassphraseKey::derive(passphrase.expose(), PassphraseUse::Root, params)
        .map_err(|error| SourceFault::Locked(error.to_string()))
}

fn binding(head: &[u8]) -> Binding {
    Binding::new("root-sealed").field(head)
}
