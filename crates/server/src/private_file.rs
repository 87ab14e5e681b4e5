//! Files that only their owner may read: written whole or not at all, with their mode set before the first byte is in
//! them, and refused when found open to others.

use crate::failure::Failure;
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Any right of the group or of others.
const OTHERS: u32 = 0o077;

/// Writes a file with mode 0600 so that a crash leaves either the old content or the new: a temporary file beside it,
/// synchronised, renamed, and the directory synchronised.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write(path, content, Mode::RUSR | Mode::WUSR).map_err(|error| Failure::io("write", path, &error))
}

/// As [`write_private`], readable by everybody: for certificates, which clients need.
pub(crate) fn write_public(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write(path, content, Mode::from_raw_mode(0o644)).map_err(|error| Failure::io("write", path, &error))
}

/// Puts a file in the place of another, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::rename(from, to).and_then(|()| sync_directory(to)).map_err(|error| Failure::io("rename to", to, &error))
}

/// Removes a file, durably; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed,
    }
    .and_then(|()| sync_directory(path))
    .map_err(|error| Failure::io("remove", path, &error))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_directory(of: &Path) -> io::Result<()> {
    File::open(directory_of(of))?.sync_all()
}

/// A private file that is opened before there is anything to write, so that whatever forbids it is known first. It stands
/// beside the one that it is to replace until [`Fresh::put`]; dropped before that, it is gone.
pub(crate) struct Fresh {
    file: File,
    fresh: PathBuf,
    path: PathBuf,
}

impl Fresh {
    /// Opens the file, mode 0600.
    ///
    /// # Errors
    /// When it cannot be made where it is to stand.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_with(path, Mode::RUSR | Mode::WUSR).map_err(|error| Failure::io("write", path, &error))
    }

    /// Writes it whole, durably. Nothing of it is under its name yet.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&mut self, content: &[u8]) -> Result<(), Failure> {
        self.write_synced(content).map_err(|error| Failure::io("write", &self.path, &error))
    }

    /// Puts it under its name, durably, in the place of what was there.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub(crate) fn put(self) -> Result<(), Failure> {
        self.put_synced().map_err(|error| Failure::io("write", &self.path, &error))
    }

    fn open_with(path: &Path, mode: Mode) -> io::Result<Self> {
        let directory = directory_of(path);
        let mut name = path.file_name().ok_or_else(|| io::Error::other("the path names no file"))?.to_owned();
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        name.push(".new");
        let fresh = directory.join(name);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(&fresh, flags, mode)?);
        let made = Self { file, fresh, path: path.to_owned() };
        // The process's mask may have taken bits away, never added any.
        made.file.set_permissions(fs::Permissions::from_mode(mode.as_raw_mode()))?;
        Ok(made)
    }

    fn write_synced(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        self.file.sync_all()
    }

    fn put_synced(&self) -> io::Result<()> {
        fs::rename(&self.fresh, &self.path)?;
        sync_directory(&self.path)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // Once it was renamed there is nothing left to remove.
        let _ = fs::remove_file(&self.fresh);
    }
}

fn write(path: &Path, content: &[u8], mode: Mode) -> io::Result<()> {
    let mut file = Fresh::open_with(path, mode)?;
    file.write_synced(content)?;
    file.put_synced()
}

/// Refuses a file or directory on which the group or others have any right. `remedy` is what to type.
pub(crate) fn refuse_if_open_to_others(path: &Path, remedy: &str) -> Result<(), Failure> {
    let mode = fs::metadata(path).map_err(|error| Failure::io("look at", path, &error))?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Failure::new(format!(
        "`{shown}` is open to other users (mode {:04o}); close it with `{remedy} {shown}`",
        mode & 0o7777
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn modes_are_exact_and_content_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
        write_public(&path, b"three").unwrap();
        assert_eq!(mode(&path), 0o644);
    }

    #[test]
    fn a_file_that_is_opened_first_stands_under_its_name_when_it_is_put_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report");
        fs::write(&path, b"old").unwrap();
        let mut file = Fresh::open(&path).unwrap();
        file.write(b"half").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left of one that was not put");
        let mut file = Fresh::open(&path).unwrap();
        file.write(b"whole").unwrap();
        file.put().unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"whole".to_vec(), 0o600));
        for nowhere in [dir.path().join("none/report"), dir.path().to_owned(), PathBuf::from("/")] {
            assert!(Fresh::open(&nowhere).is_err(), "{}", nowhere.display());
        }
    }

    #[test]
    fn a_link_in_the_way_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join("secret.new")).unwrap();
        write_private(&dir.path().join("secret"), b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
    }

    #[test]
    fn open_files_are_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_private(&path, b"x").unwrap();
        assert!(refuse_if_open_to_others(&path, "chmod 600").is_ok());
        for open in [0o640, 0o604, 0o610, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let complaint = refuse_if_open_to_others(&path, "chmod 600").unwrap_err().to_string();
            assert!(complaint.contains("chmod 600"), "{complaint}");
        }
    }
}
