//! The root key's file: 64 hexadecimal digits and a line feed, mode 0600.
//!
//! A missing file is replaced by a fresh key only in a data directory that has never been used. Where data exists, a
//! new key could open none of it, and starting with one would hide the loss: the server refuses.

use crate::failure::Failure;
use crate::private_file::{refuse_if_open_to_others, write_private};
use crypto::{RootKey, SecretBytes};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use model::Entropy;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

const KEY_BYTES: usize = 32;
const HEX_BYTES: usize = 2 * KEY_BYTES;

/// Reads the root key, or makes it when `may_create` and there is no file.
pub(crate) fn load_or_create(path: &Path, may_create: bool, entropy: &dyn Entropy) -> Result<RootKey, Failure> {
    match path.try_exists() {
        Ok(true) => load(path),
        Ok(false) if may_create => {
            create(path, entropy)?;
            load(path)
        }
        Ok(false) => Err(Failure::new(format!(
            "the root key file `{}` is missing, and the data directory holds data sealed under it; restore the file from \
             your copy, or name its place with --root-key-file",
            path.display()
        ))),
        Err(error) => Err(Failure::io("look for the root key file", path, &error)),
    }
}

fn create(path: &Path, entropy: &dyn Entropy) -> Result<(), Failure> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    entropy.fill(&mut *key);
    let mut text = Zeroizing::new([b'\n'; HEX_BYTES + 1]);
    HEXLOWER.encode_mut(&*key, &mut text[..HEX_BYTES]);
    write_private(path, &*text)
}

fn load(path: &Path) -> Result<RootKey, Failure> {
    refuse_if_open_to_others(path, "chmod 600")?;
    // A fixed buffer, one byte larger than any good file, so that the key is copied by no growing vector.
    let mut buffer = Zeroizing::new([0; HEX_BYTES + 2]);
    let mut len = 0;
    let mut file = File::open(path).map_err(|error| Failure::io("read the root key file", path, &error))?;
    loop {
        match file.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::io("read the root key file", path, &error)),
        }
    }
    let text = buffer[..len].strip_suffix(b"\n").unwrap_or(&buffer[..len]);
    parse(text).ok_or_else(|| {
        Failure::new(format!("`{}` is not a root key: it must hold {HEX_BYTES} hexadecimal digits", path.display()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::SystemEntropy;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_with_mode_0600_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        load_or_create(&path, true, &SystemEntropy).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(first.len(), HEX_BYTES + 1);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        load_or_create(&path, true, &SystemEntropy).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn a_missing_key_beside_data_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        assert!(load_or_create(&path, false, &SystemEntropy).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn what_is_not_a_key_is_refused_without_showing_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        for wrong in
            ["", "00", &"0".repeat(63), &"0".repeat(65), &"0".repeat(66), &format!("{}zz", "c0ffee".repeat(11))]
        {
            write_private(&path, wrong.as_bytes()).unwrap();
            let complaint = load_or_create(&path, true, &SystemEntropy).err().unwrap().to_string();
            assert!(complaint.contains("64 hexadecimal digits"), "{complaint}");
            assert!(!complaint.contains("c0ffee"));
        }
        write_private(&path, format!("{}\n", "0A".repeat(32)).as_bytes()).unwrap();
        assert!(load_or_create(&path, false, &SystemEntropy).is_ok());
    }

    #[test]
    fn a_key_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        load_or_create(&path, true, &SystemEntropy).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_create(&path, true, &SystemEntropy).err().unwrap().to_string().contains("chmod 600"));
    }
}
