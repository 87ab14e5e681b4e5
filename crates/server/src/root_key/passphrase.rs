//! The root key sealed under a passphrase: a random key in `root.sealed`, wrapped under what Argon2id makes of the passphrase.
//! The bytes are drawn in docs/formats/root-key.md.

use super::file::{open, place};
use super::{RootSource, SourceFault, Which};
use crate::failure::Failure;
use crate::private_file::{refuse_if_open_to_others, remove, rename, write_private};
use crypto::{
    Binding, ChecksumAlgorithm, Checksummer, PASSPHRASE_BYTES_MAX, PASSPHRASE_PARAMS_BYTES, PassphraseCost,
    PassphraseKey, PassphraseParams, PassphraseUse, RootKey, SystemEntropy, WRAPPED_BYTES, Wrapped, unwrap, wrap,
};
use model::codec::Reader;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"SRROOTK\0";
const FORMAT: u8 = 1;
const UNDER_A_PASSPHRASE: u8 = 1;
const HEAD_BYTES: usize = MAGIC.len() + 2 + PASSPHRASE_PARAMS_BYTES;
const CRC_BYTES: usize = 4;
const FILE_BYTES: usize = HEAD_BYTES + WRAPPED_BYTES + CRC_BYTES;

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
    path: PathBuf,
    cost: PassphraseCost,
}

impl PassphraseSource {
    /// The file at a path. The cost is that of keys sealed from now on.
    pub(crate) fn new(path: &Path, cost: PassphraseCost) -> Self {
        Self { path: path.to_owned(), cost }
    }
}

impl RootSource for PassphraseSource {
    fn name(&self) -> &'static str {
        "passphrase"
    }

    fn read(&self, which: Which, passphrase: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault> {
        let path = place(&self.path, which);
        let Some(file) = open(&path)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(FILE_BYTES + 1);
        file.take(FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| SourceFault::Locked(Failure::io("read", &path, &error).to_string()))?;
        unseal(&bytes, passphrase, &path).map(Some)
    }

    fn write(&self, which: Which, key: &RootKey, passphrase: Option<&GivenPassphrase>) -> Result<(), SourceFault> {
        let passphrase = passphrase.ok_or_else(no_passphrase)?;
        write_private(&place(&self.path, which), &seal(key, passphrase, self.cost)?).map_err(SourceFault::Broken)
    }

    fn promote(&self) -> Result<(), SourceFault> {
        rename(&place(&self.path, Which::Staged), &self.path).map_err(SourceFault::Broken)
    }

    fn remove(&self, which: Which) -> Result<(), SourceFault> {
        remove(&place(&self.path, which)).map_err(SourceFault::Broken)
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
    let mut file = Vec::with_capacity(FILE_BYTES);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[FORMAT, UNDER_A_PASSPHRASE]);
    file.extend_from_slice(&params.encode());
    let kek = derive(passphrase, &params)?;
    file.extend_from_slice(wrap(&kek, key, &binding(&file), &SystemEntropy).as_bytes());
    file.extend_from_slice(&crc(&file));
    Ok(file)
}

fn unseal(file: &[u8], passphrase: Option<&GivenPassphrase>, path: &Path) -> Result<RootKey, SourceFault> {
    let shown = path.display();
    if file.len() != FILE_BYTES || file[..MAGIC.len()] != *MAGIC {
        return Err(broken(format!("`{shown}` is not a sealed root key")));
    }
    let (body, sum) = file.split_at(FILE_BYTES - CRC_BYTES);
    if crc(body) != sum {
        return Err(broken(format!("`{shown}` is damaged; restore it from your copy")));
    }
    if body[MAGIC.len()..][..2] != [FORMAT, UNDER_A_PASSPHRASE] {
        return Err(broken(format!("`{shown}` has a format that this program does not know")));
    }
    let malformed = |_| broken(format!("`{shown}` is malformed"));
    let mut r = Reader::bare(&body[MAGIC.len() + 2..]);
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

fn crc(bytes: &[u8]) -> [u8; CRC_BYTES] {
    let mut checksummer = Checksummer::new(ChecksumAlgorithm::Crc32c);
    checksummer.update(bytes);
    let mut out = [0; CRC_BYTES];
    out.copy_from_slice(checksummer.finish().bytes());
    out
}
