//! The data directory: made closed to others, refused when it is not.
//!
//! ```text
//! DIR/strongroom.toml    settings, if the operator wrote any
//! DIR/root.key           the root key, unless --root-key-file says another place
//! DIR/tls/               local authority and server certificate
//! DIR/meta/              metadata engine
//! DIR/blobs/             sealed bodies
//! DIR/audit/             the audit log, unless --audit-dir says another place
//! ```

use crate::failure::Failure;
use crate::private_file::refuse_if_open_to_others;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A data directory that exists and is closed to other users.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Makes the directory (mode 0700) or checks an existing one.
    ///
    /// # Errors
    /// When it cannot be made, is not a directory, or gives the group or others any right.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Failure> {
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(Failure::new(format!("`{}` is not a directory", path.display())));
            }
            Ok(_) => refuse_if_open_to_others(path, "chmod 700")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(path)?,
            Err(error) => return Err(Failure::io("look at", path, &error)),
        }
        // Absolute, so that what is printed can be pasted anywhere.
        let path = fs::canonicalize(path).map_err(|error| Failure::io("resolve", path, &error))?;
        Ok(Self { path })
    }

    /// Checks a directory that a server has used.
    ///
    /// # Errors
    /// When it does not exist, has never been used, or gives the group or others any right.
    pub(crate) fn existing(path: &Path) -> Result<Self, Failure> {
        if !path.is_dir() {
            return Err(Failure::new(format!("`{}` is not a data directory", path.display())));
        }
        let dir = Self::prepare(path)?;
        if dir.is_in_use() { Ok(dir) } else { Err(Failure::new(format!("`{}` holds no data", path.display()))) }
    }

    /// The directory itself, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the metadata engine keeps its files; the engine makes it.
    pub(crate) fn meta(&self) -> PathBuf {
        self.path.join("meta")
    }

    /// Where sealed bodies lie; made when missing.
    pub(crate) fn blobs(&self) -> Result<PathBuf, Failure> {
        self.inner("blobs")
    }

    /// Certificates and their keys; made when missing.
    pub(crate) fn tls(&self) -> Result<PathBuf, Failure> {
        self.inner("tls")
    }

    fn inner(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        if !path.is_dir() {
            make(&path)?;
        }
        Ok(path)
    }

    /// Whether a server has kept anything here before.
    pub(crate) fn is_in_use(&self) -> bool {
        self.meta().exists() || self.holds_bodies()
    }

    /// Refuses bodies without metadata: the directory was restored in part, or something in it is not mounted. A start
    /// would take it for a new one, and remove bodies that nothing seems to refer to.
    pub(crate) fn refuse_bodies_without_metadata(&self) -> Result<(), Failure> {
        let meta = self.meta().join("fjall");
        if meta.exists() || !self.holds_bodies() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "`{}` holds objects' bodies, and their metadata `{}` is missing; put it back, or restore a backup",
            self.path.join("blobs").display(),
            meta.display()
        )))
    }

    /// Whether there is a finished blob, in its place or on its way there.
    fn holds_bodies(&self) -> bool {
        let entries = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
        entries(self.path.join("blobs"))
            .filter(|shard| shard.file_name() != "open")
            .any(|shard| entries(shard.path()).next().is_some())
    }
}

fn make(path: &Path) -> Result<(), Failure> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(|error| Failure::io("make", parent, &error))?;
    }
    DirBuilder::new().mode(0o700).create(path).map_err(|error| Failure::io("make", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_directory_is_closed_and_an_open_one_refused() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        DataDir::prepare(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        DataDir::prepare(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(DataDir::prepare(&path).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn bodies_without_metadata_are_not_a_new_directory() {
        let outer = tempfile::tempdir().unwrap();
        let dir = DataDir::prepare(&outer.path().join("data")).unwrap();
        assert!(!dir.is_in_use() && dir.refuse_bodies_without_metadata().is_ok());
        fs::create_dir_all(dir.path().join("blobs/open")).unwrap();
        fs::create_dir_all(dir.path().join("blobs/pending")).unwrap();
        fs::write(dir.path().join("blobs/open/x"), "unfinished").unwrap();
        assert!(dir.refuse_bodies_without_metadata().is_ok(), "what was never finished does not count");
        fs::write(dir.path().join("blobs/pending/y"), "finished").unwrap();
        let complaint = dir.refuse_bodies_without_metadata().unwrap_err().to_string();
        assert!(dir.is_in_use() && complaint.contains("fjall"), "{complaint}");
        fs::create_dir_all(dir.path().join("meta/fjall")).unwrap();
        assert!(dir.refuse_bodies_without_metadata().is_ok());
    }

    #[test]
    fn a_file_is_not_a_data_directory() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("file");
        fs::write(&path, b"").unwrap();
        assert!(DataDir::prepare(&path).is_err());
    }
}
