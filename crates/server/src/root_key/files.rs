//! The files of a source: the present key's and, beside it with `.next` at the end of its name, the staged one's.

use super::{SourceFault, Which};
use crate::failure::Failure;
use crate::private_file::{refuse_if_open_to_others, remove, rename, write_private};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where a source keeps its keys.
pub(crate) struct KeyFiles {
    path: PathBuf,
}

impl KeyFiles {
    /// The present key's file at a path.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// The file of a key.
    pub(super) fn path(&self, which: Which) -> PathBuf {
        match which {
            Which::Present => self.path.clone(),
            Which::Staged => {
                let mut name = self.path.as_os_str().to_owned();
                name.push(".next");
                PathBuf::from(name)
            }
        }
    }

    /// Opens a file, which must be closed to others; `None` when it is not there.
    pub(super) fn open(&self, which: Which) -> Result<Option<File>, SourceFault> {
        let path = self.path(which);
        match path.try_exists() {
            Ok(false) => return Ok(None),
            Ok(true) => refuse_if_open_to_others(&path, "chmod 600").map_err(SourceFault::Broken)?,
            Err(error) => {
                return Err(SourceFault::Locked(Failure::io("look for the root key file", &path, &error).to_string()));
            }
        }
        File::open(&path).map(Some).map_err(|error| self.unread(which, &error))
    }

    /// The bytes of a file that holds no key in clear, at most one more than it should have.
    pub(super) fn read(&self, which: Which, expected: usize) -> Result<Option<Vec<u8>>, SourceFault> {
        let Some(file) = self.open(which)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(expected + 1);
        file.take(expected as u64 + 1).read_to_end(&mut bytes).map_err(|error| self.unread(which, &error))?;
        Ok(Some(bytes))
    }

    /// Replaces a file, durably.
    pub(super) fn write(&self, which: Which, content: &[u8]) -> Result<(), SourceFault> {
        write_private(&self.path(which), content).map_err(SourceFault::Broken)
    }

    /// The staged file takes the present one's place, in one step.
    pub(super) fn promote(&self) -> Result<(), SourceFault> {
        rename(&self.path(Which::Staged), &self.path).map_err(SourceFault::Broken)
    }

    /// Removes a file; one that is not there is fine.
    pub(super) fn remove(&self, which: Which) -> Result<(), SourceFault> {
        remove(&self.path(which)).map_err(SourceFault::Broken)
    }

    /// Why a file could not be read.
    pub(super) fn unread(&self, which: Which, error: &std::io::Error) -> SourceFault {
        SourceFault::Locked(Failure::io("read the root key file", &self.path(which), error).to_string())
    }
}
