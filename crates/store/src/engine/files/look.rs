//! Blob files for whoever only looks. [`FileBlobs`](super::FileBlobs) removes what was left unfinished when it opens a
//! directory; this changes nothing, and shows what does not belong there too.

use super::FileReader;
use crate::{BlobReader, StoreFault};
use model::BlobId;
use rustix::fs::{Mode, OFlags, open};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a blob is in its life: the directory that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Being written; removed at the next start.
    Open,
    /// Finished; the next start confirms or removes it.
    Pending,
    /// Referred to.
    Confirmed,
}

/// A file below the blob directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundFile {
    /// A blob in its place.
    Blob {
        /// Where.
        stage: Stage,
        /// Its id.
        id: BlobId,
        /// Its length.
        bytes: u64,
    },
    /// Anything else, by its path below the blob directory: not a file, a name that is no id, or an id in another shard
    /// than its own. The store never reads it.
    Foreign(PathBuf),
}

/// The files of a blob directory, read only.
pub struct BlobFiles {
    dir: PathBuf,
}

impl BlobFiles {
    /// Over a directory. One that is not there holds no blobs.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Opens a pending or confirmed blob; `None` when there is none. What is no regular file is not opened.
    ///
    /// # Errors
    /// [`StoreFault::Unavailable`] when the file cannot be used.
    pub fn blob(&self, id: BlobId) -> Result<Option<Box<dyn BlobReader>>, StoreFault> {
        let name = id.to_hex();
        let failed = |e: io::Error| StoreFault::Unavailable(format!("open blob {id}: {e}"));
        for path in [self.dir.join(&name[..2]).join(&name), self.dir.join("pending").join(&name)] {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            match open(&path, flags, Mode::empty()) {
                Ok(file) => {
                    let file = fs::File::from(file);
                    if !file.metadata().map_err(failed)?.is_file() {
                        return Err(StoreFault::Corrupt(format!("blob {id} is not a file")));
                    }
                    return FileReader::new(id, file.into())
                        .map(|reader| Some(Box::new(reader) as Box<dyn BlobReader>));
                }
                Err(rustix::io::Errno::NOENT) => {}
                Err(e) => return Err(failed(e.into())),
            }
        }
        Ok(None)
    }

    /// Calls `visit` with every file below the directory. Holds the names of one directory in memory at a time.
    ///
    /// # Errors
    /// [`StoreFault::Unavailable`] when a directory cannot be read.
    pub fn each(&self, visit: &mut dyn FnMut(FoundFile)) -> Result<(), StoreFault> {
        for (name, kind) in entries(&self.dir)? {
            let path = PathBuf::from(&name);
            let stage = match name.to_str() {
                Some("open") => Stage::Open,
                Some("pending") => Stage::Pending,
                Some(shard) if is_shard(shard) => Stage::Confirmed,
                _ => {
                    visit(FoundFile::Foreign(path));
                    continue;
                }
            };
            if kind.is_dir() { self.each_in(stage, &path, visit)? } else { visit(FoundFile::Foreign(path)) }
        }
        Ok(())
    }

    fn each_in(&self, stage: Stage, below: &Path, visit: &mut dyn FnMut(FoundFile)) -> Result<(), StoreFault> {
        let dir = self.dir.join(below);
        for (name, kind) in entries(&dir)? {
            let id = name.to_str().and_then(|name| BlobId::parse_hex(name).filter(|id| id.to_hex() == name));
            let at_home = |id: &BlobId| stage != Stage::Confirmed || below.to_str() == Some(&id.to_hex()[..2]);
            match id.filter(at_home).filter(|_| kind.is_file()) {
                Some(id) => {
                    let found = fs::symlink_metadata(dir.join(&name)).map_err(|e| unread(&dir, &e))?;
                    visit(FoundFile::Blob { stage, id, bytes: found.len() });
                }
                None => visit(FoundFile::Foreign(below.join(name))),
            }
        }
        Ok(())
    }
}

fn is_shard(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Names and kinds, sorted: reports of the same directory are alike.
fn entries(dir: &Path) -> Result<Vec<(std::ffi::OsString, fs::FileType)>, StoreFault> {
    let read = || {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            found.push((entry.file_name(), entry.file_type()?));
        }
        found.sort_by(|a: &(std::ffi::OsString, _), b| a.0.cmp(&b.0));
        Ok::<_, io::Error>(found)
    };
    match read() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|e| unread(dir, &e)),
    }
}

fn unread(dir: &Path, e: &io::Error) -> StoreFault {
    StoreFault::Unavailable(format!("read `{}`: {e}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_and_what_is_none_are_told_apart_and_nothing_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (id, other) = (BlobId::from_bytes([0xab; 16]), BlobId::from_bytes([0xcd; 16]));
        for (path, bytes) in [
            (format!("ab/{}", id.to_hex()), 3),
            (format!("open/{}", other.to_hex()), 1),
            (format!("pending/{}", other.to_hex()), 2),
            (format!("ab/{}", other.to_hex()), 4),
            ("ab/notes.txt".to_owned(), 5),
            ("zz/x".to_owned(), 6),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("ab").join("f".repeat(32))).unwrap();
        let (files, mut blobs, mut foreign) = (BlobFiles::at(dir.path()), Vec::new(), Vec::new());
        files
            .each(&mut |found| match found {
                FoundFile::Blob { stage, id, bytes } => blobs.push((stage, id, bytes)),
                FoundFile::Foreign(path) => foreign.push(path.to_str().unwrap().to_owned()),
            })
            .unwrap();
        assert_eq!(blobs, [(Stage::Confirmed, id, 3), (Stage::Open, other, 1), (Stage::Pending, other, 2)]);
        let misplaced = [format!("ab/{}", other.to_hex()), format!("ab/{}", "f".repeat(32)), "ab/notes.txt".to_owned()];
        assert_eq!(foreign, [&misplaced[..], &["zz".to_owned()]].concat());
        assert_eq!(files.blob(id).unwrap().unwrap().len(), 3);
        assert_eq!(files.blob(other).unwrap().unwrap().len(), 2, "pending blobs read alike");
        assert!(files.blob(BlobId::from_bytes([1; 16])).unwrap().is_none());
        assert!(files.blob(BlobId::from_bytes([0xff; 16])).unwrap().is_none());
        assert!(dir.path().join(format!("open/{}", other.to_hex())).exists());
    }
}
