//! The root key in a file: 64 hexadecimal digits and a line feed, mode 0600. A staged key lies beside it, with `.next` at the
//! end of its name.

use super::{GivenPassphrase, RootSource, SourceFault, Which};
use crate::failure::Failure;
use crate::private_file::{refuse_if_open_to_others, remove, rename, write_private};
use crypto::{RootKey, SecretBytes, Wrappable};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

const KEY_BYTES: usize = 32;
const HEX_BYTES: usize = 2 * KEY_BYTES;

/// A file with the key in clear.
pub(crate) struct FileSource {
    path: PathBuf,
}

impl FileSource {
    /// The file at a path.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

/// The file of a key.
pub(super) fn place(path: &Path, which: Which) -> PathBuf {
    match which {
        Which::Present => path.to_owned(),
        Which::Staged => {
            let mut name = path.as_os_str().to_owned();
            name.push(".next");
            PathBuf::from(name)
        }
    }
}

/// Opens a file that is closed to others; `None` when it is not there.
pub(super) fn open(path: &Path) -> Result<Option<File>, SourceFault> {
    match path.try_exists() {
        Ok(false) => return Ok(None),
        Ok(true) => refuse_if_open_to_others(path, "chmod 600").map_err(SourceFault::Broken)?,
        Err(error) => {
            return Err(SourceFault::Locked(Failure::io("look for the root key file", path, &error).to_string()));
        }
    }
    File::open(path)
        .map(Some)
        .map_err(|error| SourceFault::Locked(Failure::io("read the root key file", path, &error).to_string()))
}

impl RootSource for FileSource {
    fn name(&self) -> &'static str {
        "file"
    }

    fn read(&self, which: Which, _: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault> {
        let path = place(&self.path, which);
        let Some(file) = open(&path)? else { return Ok(None) };
        load(file, &path).map(Some)
    }

    fn write(&self, which: Which, key: &RootKey, _: Option<&GivenPassphrase>) -> Result<(), SourceFault> {
        let mut text = Zeroizing::new([b'\n'; HEX_BYTES + 1]);
        HEXLOWER.encode_mut(key.as_secret().expose(), &mut text[..HEX_BYTES]);
        write_private(&place(&self.path, which), &*text).map_err(SourceFault::Broken)
    }

    fn promote(&self) -> Result<(), SourceFault> {
        rename(&place(&self.path, Which::Staged), &self.path).map_err(SourceFault::Broken)
    }

    fn remove(&self, which: Which) -> Result<(), SourceFault> {
        remove(&place(&self.path, which)).map_err(SourceFault::Broken)
    }
}

fn load(mut file: File, path: &Path) -> Result<RootKey, SourceFault> {
    // A fixed buffer, one byte larger than any good file, so that the key is copied by no growing vector.
    let mut buffer = Zeroizing::new([0; HEX_BYTES + 2]);
    let mut len = 0;
    loop {
        match file.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(SourceFault::Locked(Failure::io("read the root key file", path, &error).to_string()));
            }
        }
    }
    let text = buffer[..len].strip_suffix(b"\n").unwrap_or(&buffer[..len]);
    parse(text).ok_or_else(|| {
        SourceFault::Broken(Failure::new(format!(
            "`{}` is not a root key: it must hold {HEX_BYTES} hexadecimal digits",
            path.display()
        )))
    })
}

fn parse(text: &[u8]) -> Option<RootKey> {
    if text.len() != HEX_BYTES {
        return None;
    }
    let secret = SecretBytes::<KEY_BYTES>::try_fill_with(|out| {
        HEXLOWER_PERMISSIVE.decode_mut(text, out).map(|_| ()).map_err(|partial| {
            out.zeroize();
            partial.error
        })
    });
    secret.ok().map(RootKey::from_secret)
}
