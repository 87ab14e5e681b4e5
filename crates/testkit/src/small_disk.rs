//! A disk that can be filled: a file system in memory, mounted for one test.
//!
//! Where mounting is not permitted, as in a container without privileges, it is mounted in a user and mount namespace of
//! its own: a process is kept there for as long as the disk is used, and the disk is reached through
//! `/proc/<pid>/root`. Where neither is possible a test ends without a result, unless `STRONGROOM_TEST_MOUNT=required`
//! says that this is a failure.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A mounted file system of a fixed size; unmounted when dropped.
pub struct SmallDisk {
    path: PathBuf,
    /// What keeps the namespace, if it is in one. Ends when its standard input does.
    keeper: Option<Child>,
    /// Where it is mounted, as the namespace names it.
    mount: TempDir,
}

impl SmallDisk {
    /// Mounts a file system of `mebibytes`. `None`, with the reason on standard output, where that is not possible: the
    /// test then ends without a result.
    ///
    /// # Panics
    ///
    /// When no directory can be made to mount it on; and instead of `None` when `STRONGROOM_TEST_MOUNT=required`.
    pub fn mount(mebibytes: u64) -> Option<Self> {
        let mounted = Self::mount_here(mebibytes)
            .or_else(|here| Self::mount_in_namespace(mebibytes).map_err(|there| format!("{here}; {there}")));
        match mounted {
            Ok(disk) => Some(disk),
            Err(why) => {
                let required = std::env::var_os("STRONGROOM_TEST_MOUNT").is_some_and(|said| said == "required");
                assert!(!required, "STRONGROOM_TEST_MOUNT=required, and there is no disk to fill: {why}");
                println!("skipped, no disk to fill: {why}");
                None
            }
        }
    }

    fn mount_here(mebibytes: u64) -> Result<Self, String> {
        let mount = tempfile::tempdir().expect("a directory to mount on");
        let size = format!("size={mebibytes}m");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(mount.path()).output();
        let output = output.map_err(|e| format!("mount: {e}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(Self { path: mount.path().to_owned(), keeper: None, mount })
    }

    /// As [`SmallDisk::mount`], in a namespace of its own.
    ///
    /// # Errors
    ///
    /// Why it is not possible here.
    ///
    /// # Panics
    ///
    /// When no directory can be made to mount it on.
    pub fn mount_in_namespace(mebibytes: u64) -> Result<Self, String> {
        let mount = tempfile::tempdir().expect("a directory to mount on");
        let script = format!("mount -t tmpfs -o size={mebibytes}m tmpfs \"$1\" && echo mounted && exec cat");
        let mut keeper = Command::new("unshare")
            .args(["-rm", "sh", "-c", &script, "sh"])
            .arg(mount.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("unshare: {e}"))?;
        let mut said = String::new();
        if let Some(stdout) = keeper.stdout.take() {
            // Its end, when it fails, reads as nothing said.
            let _ = BufReader::new(stdout).read_line(&mut said);
        }
        if said.trim() != "mounted" {
            let output = keeper.wait_with_output().map_err(|e| format!("unshare: {e}"))?;
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        let inside = mount.path().strip_prefix("/").unwrap_or(mount.path());
        let path = Path::new("/proc").join(keeper.id().to_string()).join("root").join(inside);
        Ok(Self { path, keeper: Some(keeper), mount })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
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
        match &mut self.keeper {
            // The namespace ends with its last process, and the mount with it.
            Some(keeper) => {
                drop(keeper.stdin.take());
                if let Err(e) = keeper.wait() {
                    println!("the keeper of `{}` did not end: {e}", self.path.display());
                }
            }
            None => {
                // Lazily: a store may still hold files of a test that failed.
                let unmounted = Command::new("umount").arg("-l").arg(self.mount.path()).status();
                if !unmounted.is_ok_and(|status| status.success()) {
                    println!("`{}` could not be unmounted", self.mount.path().display());
                }
            }
        }
    }
}
