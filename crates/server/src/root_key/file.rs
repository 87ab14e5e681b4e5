//! The root key in a file: 64 hexadecimal digits and a line feed, mode 0600.

use super::{GivenPassphrase, KeyFiles, RootSource, SourceFault, Which};
use crate::failure::Failure;
use crypto::{RootKey, SecretBytes, Wrappable};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

const KEY_BYTES: usize = 32;
const HEX_BYTES: usize = 2 * KEY_BYTES;

/// A file with the key in clear.
pub(crate) struct FileSource {
    files: KeyFiles,
}

impl FileSource {
    /// The file at a path.
    pub(crate) fn new(path: &Path) -> Self {
        Self { files: KeyFiles::new(path) }
    }
}

impl RootSource for FileSource {
    fn name(&self) -> &'static str {
        "file"
    }

    fn files(&self) -> &KeyFiles {
        &self.files
    }

    fn read(&self, which: Which, _: Option<&GivenPassphrase>) -> Result<Option<RootKey>, SourceFault> {
        let Some(file) = self.files.open(which)? else { return Ok(None) };
        let key = load(file).map_err(|error| self.files.unread(which, &error))?;
        let wrong = || {
            let path = self.files.path(which);
            let what = format!("`{}` is not a root key: it must hold {HEX_BYTES} hexadecimal digits", path.display());
            SourceFault::Broken(Failure::new(what))
        };
        key.ok_or_else(wrong).map(Some)
    }

    fn write(&self, which: Which, key: &RootKey, _: Option<&GivenPassphrase>) -> Result<(), SourceFault> {
        let mut text = Zeroizing::new([b'\n'; HEX_BYTES + 1]);
        HEXLOWER.encode_mut(key.as_secret().expose(), &mut text[..HEX_BYTES]);
        self.files.write(which, &*text)
    }
}

/// The key; `None` when it is none.
fn load(mut file: File) -> std::io::Result<Option<RootKey>> {
    // A fixed buffer, one byte larger than any good file, so that the key is copied by no growing vector.
    let mut buffer = Zeroizing::new([0; HEX_BYTES + 2]);
    let mut len = 0;
    loop {
        match file.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let text = buffer[..len].strip_suffix(b"\n").unwrap_or(&buffer[..len]);
    Ok(parse(text))
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
