//! The files of a log: their names, making them, listing them.

use crate::signature::PublicKey;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) const HEAD_FILE: &str = "head";
pub(crate) const PUBLIC_KEY_FILE: &str = "public-key";
const STAGED: &str = "new";
/// Rights of the group and of others.
const OTHERS: u32 = 0o077;
const NUMBER_DIGITS: usize = 8;

/// The name of a segment.
pub(crate) fn segment_name(segment: u64) -> String {
    format!("{segment:0NUMBER_DIGITS$}.log")
}

/// The number in a segment's name: written in one way only.
fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".log")?.parse().ok()?;
    (number > 0 && segment_name(number) == name).then_some(number)
}

/// The numbers of the segments that are there, in order.
pub(crate) fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        found.extend(entry?.file_name().to_str().and_then(segment_number));
    }
    found.sort_unstable();
    Ok(found)
}

/// The path of a segment.
pub(crate) fn segment_path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(segment_name(segment))
}

/// Makes the directory, closed to others, if it is not there.
///
/// # Errors
/// When it cannot be made, is no directory, or gives the group or others any right: who may write in it may take files
/// away, who may read in it sees who uses which key.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_if_open_to_others(dir),
        Err(error) => Err(error),
        Ok(()) => match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => sync_dir(parent),
            None => Ok(()),
        },
    }
}

fn refuse_if_open_to_others(dir: &Path) -> io::Result<()> {
    let found = fs::metadata(dir)?;
    if !found.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let why = format!("its directory is open to the group or others (mode {mode:04o}); close it with `chmod 700`");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Makes names that were made, changed or removed in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Opens a file that is to be written in place; made, closed to others, if it is not there. Never one that a symbolic
/// link names: the server would write over a file of the link's choosing.
pub(crate) fn open_in_place(path: &Path) -> io::Result<File> {
    let no_link = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link).open(path)
}

/// A file that gets its name only when it is whole.
pub(crate) struct Staged {
    file: File,
    from: PathBuf,
    to: PathBuf,
}

impl Staged {
    /// Writes the content under a passing name and makes it durable.
    pub(crate) fn write(to: PathBuf, content: &[u8]) -> io::Result<Self> {
        let from = to.with_extension(STAGED);
        match fs::remove_file(&from) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&from)?;
        let staged = Self { file, from, to };
        let written = (&staged.file).write_all(content).and_then(|()| staged.file.sync_all());
        match written {
            Ok(()) => Ok(staged),
            Err(error) => {
                staged.discard();
                Err(error)
            }
        }
    }

    /// Gives the file its name.
    pub(crate) fn publish(self) -> io::Result<File> {
        fs::rename(&self.from, &self.to)?;
        self.to.parent().map_or(Ok(()), sync_dir)?;
        Ok(self.file)
    }

    /// Removes it again.
    pub(crate) fn discard(self) {
        // What is left is removed at the next start.
        let _ = fs::remove_file(&self.from);
    }
}

/// Removes files that were being made when the process was cut off.
pub(crate) fn remove_staged(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == STAGED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Puts the public key beside the log.
pub(crate) fn write_public_key(dir: &Path, key: &PublicKey) -> io::Result<()> {
    let path = dir.join(PUBLIC_KEY_FILE);
    if fs::read_to_string(&path).is_ok_and(|text| text == key.to_pem()) {
        return Ok(());
    }
    Staged::write(path, key.to_pem().as_bytes())?.publish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_one_name() {
        assert_eq!(segment_name(7), "00000007.log");
        assert_eq!(segment_number("00000007.log"), Some(7));
        assert_eq!(segment_number("123456789.log"), Some(123_456_789));
        for other in ["7.log", "00000000.log", "0000000a.log", "00000007.new", "+0000007.log", "head"] {
            assert_eq!(segment_number(other), None, "{other}");
        }
    }
}
