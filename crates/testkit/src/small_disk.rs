//! A disk that can be filled: a file system in memory, mounted for one test.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A mounted file system of a fixed size; unmounted when dropped.
pub struct SmallDisk {
    mount: TempDir,
}

impl SmallDisk {
    /// Mounts a file system of `mebibytes`. `None`, with the reason on standard output, where mounting is not permitted:
    /// the test then ends without a result.
    ///
    /// # Panics
    ///
    /// When no directory can be made to mount it on.
    pub fn mount(mebibytes: u64) -> Option<Self> {
        let mount = tempfile::tempdir().expect("a directory to mount on");
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(mount.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { mount }),
            Ok(output) => {
                println!("skipped, no disk to fill: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(e) => {
                println!("skipped, no disk to fill: {e}");
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Fills the disk, with a file in its root, until at most `bytes` and some tens of KiB are left.
    ///
    /// # Panics
    ///
    /// When the file cannot be written for another reason than the disk's end.
    pub fn leave_free(&self, bytes: usize) {
        self.free_all();
        // The room to be left is taken first and given back last, so that it is just that.
        let spare = self.spare();
        std::fs::write(&spare, vec![1; bytes]).expect("as much room as is to be left");
        let mut ballast = File::create(self.ballast()).expect("a ballast file");
        for piece in [1 << 20, 16 << 10] {
            let filled = loop {
                if let Err(e) = ballast.write_all(&vec![1; piece]) {
                    break e;
                }
            };
            assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull, "{filled}");
        }
        std::fs::remove_file(spare).expect("removing the spare room");
    }

    /// Removes what [`SmallDisk::leave_free`] wrote.
    pub fn free_all(&self) {
        for path in [self.ballast(), self.spare()] {
            // It need not be there.
            let _ = std::fs::remove_file(path);
        }
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn spare(&self) -> PathBuf {
        self.path().join("spare")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a store may still hold files of a test that failed.
        let unmounted = Command::new("umount").arg("-l").arg(self.mount.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            println!("`{}` could not be unmounted", self.mount.path().display());
        }
    }
}
