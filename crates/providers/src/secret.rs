//! Credentials for a key service: read from a file that only its owner may read, or from the environment. They stand in
//! no configuration file, so that this can be kept, shown and copied.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// Longest secret in bytes: a session token of AWS, with room.
const SECRET_BYTES_MAX: usize = 16 * 1024;
/// Any right of the group or of others.
const OTHERS: u32 = 0o077;

/// A secret in clear, wiped when the last holder drops it.
pub(crate) type Clear = Arc<Zeroizing<String>>;

/// A secret and where it comes from.
pub struct Secret {
    file: Option<PathBuf>,
    held: RwLock<Clear>,
}

impl Secret {
    /// Reads a secret's file. It is read again after a refusal: what issues short-lived tokens replaces the file.
    ///
    /// # Errors
    /// What to tell the operator: a missing or empty file, or one that others may read.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let held = RwLock::new(Arc::new(read(path)?));
        Ok(Self { file: Some(path.to_owned()), held })
    }

    /// A secret whose text is at hand, from the environment.
    ///
    /// # Errors
    /// When it is empty or not a line of visible characters.
    pub fn from_text(text: Zeroizing<String>) -> Result<Self, String> {
        Ok(Self { file: None, held: RwLock::new(Arc::new(checked(text)?)) })
    }

    /// The secret.
    pub(crate) fn get(&self) -> Clear {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again, after the service refused the credentials. Tells whether the secret is another one now: only
    /// then is it worth asking once more. A file that cannot be read changes nothing.
    pub(crate) fn reload(&self) -> bool {
        let Some(path) = &self.file else { return false };
        match read(path) {
            Ok(fresh) => {
                let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
                let changed = !crypto::constant_time_eq(fresh.as_bytes(), held.as_bytes());
                if changed {
                    *held = Arc::new(fresh);
                }
                changed
            }
            Err(error) => {
                tracing::warn!(error, "credentials of a key provider could not be read again");
                false
            }
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let shown = path.display();
    let cannot = |error: &std::io::Error| format!("cannot read `{shown}`: {error}");
    let mut file = File::open(path).map_err(|error| cannot(&error))?;
    // Of the open file, not of the path: what is read is what was judged.
    let mode = file.metadata().map_err(|error| cannot(&error))?.permissions().mode();
    if mode & OTHERS != 0 {
        let mode = mode & 0o7777;
        return Err(format!("`{shown}` is open to other users (mode {mode:04o}); close it with `chmod 600 {shown}`"));
    }
    // A fixed buffer, so that no growing string leaves copies behind.
    let mut buffer = Zeroizing::new(vec![0; SECRET_BYTES_MAX + 1]);
    let mut len = 0;
    loop {
        match file.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot(&error)),
        }
    }
    if len > SECRET_BYTES_MAX {
        return Err(format!("`{shown}` is too long for a secret"));
    }
    let text = std::str::from_utf8(&buffer[..len]).map_err(|_| format!("`{shown}` is not text"))?;
    checked(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())).map_err(|why| format!("`{shown}`: {why}"))
}

/// Secrets go into headers and signatures: a line feed or a space in one is a mistake.
fn checked(text: Zeroizing<String>) -> Result<Zeroizing<String>, String> {
    if text.is_empty() {
        return Err("the secret is empty".to_owned());
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the secret has characters that none has; it must be one line".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (text, mode, says) in [
            ("hush", 0o640, "chmod 600"),
            ("hush", 0o604, "chmod 600"),
            ("", 0o600, "empty"),
            ("\n", 0o600, "empty"),
            ("hush hush", 0o600, "one line"),
            ("hush\nhush", 0o600, "one line"),
        ] {
            write(&path, text, mode);
            let complaint = Secret::from_file(&path).unwrap_err();
            assert!(complaint.contains(says) && !complaint.contains("hush"), "{complaint}");
        }
        assert!(Secret::from_file(&dir.path().join("missing")).unwrap_err().contains("cannot read"));
        write(&path, &"x".repeat(SECRET_BYTES_MAX + 1), 0o600);
        assert!(Secret::from_file(&path).unwrap_err().contains("too long"));
    }

    #[test]
    fn a_replaced_file_is_read_again_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write(&path, "one\n", 0o600);
        let secret = Secret::from_file(&path).unwrap();
        assert_eq!(secret.get().as_str(), "one");
        assert!(!secret.reload(), "the same secret is no reason to ask again");
        write(&path, "two\n", 0o600);
        assert!(secret.reload());
        assert_eq!(secret.get().as_str(), "two");
        write(&path, "three\n", 0o644);
        assert!(!secret.reload());
        assert_eq!(secret.get().as_str(), "two");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
