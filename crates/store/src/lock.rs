//! One server per data directory: an exclusive `flock` on `DIR/lock`. The kernel lets it go when the process ends, however
//! it ends, so there is no stale lock to clear.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Proof that this process alone uses a data directory. Dropping it lets the directory go.
#[derive(Debug)]
pub struct DirLock {
    _file: OwnedFd,
    dir: PathBuf,
}

/// Why a data directory could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds the lock.
    Held(PathBuf),
    /// The directory or its lock file cannot be used.
    Unusable(PathBuf, std::io::Error),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(dir) => write!(f, "the data directory `{}` is in use by another server", dir.display()),
            Self::Unusable(dir, e) => write!(f, "cannot lock the data directory `{}`: {e}", dir.display()),
        }
    }
}

impl std::error::Error for LockError {}

impl DirLock {
    /// Locks `dir`, which must exist.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let unusable = |e: rustix::io::Errno| LockError::Unusable(dir.to_owned(), e.into());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let file = open(dir.join("lock"), flags, Mode::RUSR | Mode::WUSR).map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file, dir: dir.to_owned() }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(LockError::Held(dir.to_owned())),
            Err(e) => Err(unusable(e)),
        }
    }

    /// The directory that is locked.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirLock::acquire(dir.path()).unwrap();
        let refused = DirLock::acquire(dir.path()).unwrap_err();
        assert!(matches!(&refused, LockError::Held(held) if held == dir.path()));
        assert!(refused.to_string().contains(&dir.path().display().to_string()), "{refused}");
        drop(first);
        DirLock::acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_missing_directory_is_named() {
        let refused = DirLock::acquire(Path::new("/nonexistent/strongroom")).unwrap_err();
        assert!(refused.to_string().contains("/nonexistent/strongroom"), "{refused}");
    }
}
