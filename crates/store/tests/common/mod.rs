//! What the tests of recovery share: a directory as an image that can be damaged and put back.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use strongroom_store::{MetaStore, Table, Transaction};

/// The files of a directory. Trailing zeros are not kept, only the length: fjall's journals are mostly holes.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) files: Vec<ImageFile>,
}

#[derive(Clone)]
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) len: u64,
}

impl Image {
    pub(crate) fn of(dir: &Path) -> Self {
        let file = |path: PathBuf| {
            let mut bytes = std::fs::read(dir.join(&path)).unwrap();
            let len = bytes.len() as u64;
            bytes.truncate(bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1));
            ImageFile { path, bytes, len }
        };
        Self { files: Self::of_names(dir).into_iter().map(file).collect() }
    }

    /// The files' paths alone, below `dir`, in order.
    pub(crate) fn of_names(dir: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut dirs = vec![dir.to_owned()];
        while let Some(next) = dirs.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    files.push(path.strip_prefix(dir).unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// Makes `dir` hold exactly this image.
    pub(crate) fn restore(&self, dir: &Path) {
        if dir.exists() {
            std::fs::remove_dir_all(dir).unwrap();
        }
        for file in &self.files {
            let path = dir.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let out = File::create(path).unwrap();
            out.write_all_at(&file.bytes, 0).unwrap();
            out.set_len(file.len).unwrap();
        }
    }

    pub(crate) fn file(&self, name: &str) -> &ImageFile {
        self.files.iter().find(|file| file.path.ends_with(name)).unwrap()
    }

    pub(crate) fn file_mut(&mut self, name: &str) -> &mut ImageFile {
        self.files.iter_mut().find(|file| file.path.ends_with(name)).unwrap()
    }
}

/// Commits one row.
pub(crate) fn put(store: &dyn MetaStore, table: Table, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
    let mut transaction = Transaction::new();
    transaction.put(table, key.as_ref().to_vec(), value.as_ref().to_vec());
    testkit::block_on(store.commit(transaction)).unwrap();
}

/// All rows of all tables.
pub(crate) fn rows(store: &dyn MetaStore) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let snapshot = store.snapshot();
    let mut rows = Vec::new();
    for table in Table::ALL {
        let scanned = snapshot.scan(*table, b"", None, &mut |key, value| {
            rows.push((*table, key.to_vec(), value.to_vec()));
            true
        });
        scanned.unwrap();
    }
    rows
}

/// A directory in memory where that is possible: hundreds of stores are opened, and none has to survive a power failure.
pub(crate) fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
