//! What the process does to itself before it holds a key.

use crate::config::Settings;
use crate::failure::Failure;
use crate::root_key::{GivenPassphrase, SourceName};
use crypto::LockedMemory;
use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask};
use std::ffi::CStr;
use zeroize::Zeroizing;

/// The passphrase of the root key. No setting: on a command line or in a file it would be seen by others.
const ROOT_PASSPHRASE: &CStr = c"STRONGROOM_ROOT_PASSPHRASE";

/// Files are made for their owner only, whatever the caller's mask; no core dump, nor another process of the same user, may
/// read the memory that holds keys; and as much of it as the system allows may be locked against swapping.
pub(super) fn close_to_others() {
    umask(Mode::from_raw_mode(0o077));
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "memory dumps of this process stay possible");
    }
    let Rlimit { maximum, .. } = getrlimit(Resource::Memlock);
    if let Err(error) = setrlimit(Resource::Memlock, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit of locked memory stays");
    }
    let no_core = Rlimit { current: Some(0), maximum: getrlimit(Resource::Core).maximum };
    if let Err(error) = setrlimit(Resource::Core, no_core) {
        tracing::debug!(%error, "the limit of core dumps stays");
    }
}

/// The passphrase of the root key as it was given: in the file that the settings name, else in the environment, from where it
/// is wiped. To be called before there is a second thread.
///
/// # Errors
/// When it was given and the root key's source is none that takes one, or the file is open to others.
pub(super) fn passphrase(settings: &Settings) -> Result<Option<GivenPassphrase>, Failure> {
    let in_environment = take_from_environment(ROOT_PASSPHRASE).filter(|bytes| !bytes.is_empty());
    let given = in_environment.is_some() || settings.root_passphrase_file.is_some();
    if given && settings.root_key.source != SourceName::Passphrase {
        return Err(Failure::usage(
            "a root passphrase was given, and root_key_source is not passphrase: the root key would not be sealed under it",
        ));
    }
    match (&settings.root_passphrase_file, in_environment) {
        (Some(path), _) => match GivenPassphrase::from_file(path) {
            Ok(passphrase) => Ok(Some(passphrase)),
            // As if none was given: the server is locked, and tells why at once.
            Err(crate::root_key::SourceFault::Locked(why)) if settings.allow_locked => {
                tracing::warn!(why, "no root passphrase");
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        },
        (None, Some(bytes)) => Ok(Some(GivenPassphrase::new(bytes))),
        (None, None) => Ok(None),
    }
}

/// Tells the operator when keys are in memory that could be swapped out or dumped. To be called when keys are open.
pub(super) fn warn_of_open_memory() {
    let memory = LockedMemory::now();
    if !memory.is_complete() {
        tracing::warn!(
            total = memory.total_bytes,
            locked = memory.locked_bytes,
            undumpable = memory.undumpable_bytes,
            "keys are in memory that could be swapped out: raise the limit of locked memory (ulimit -l)"
        );
    }
}

/// The value of a variable, which is overwritten where it stood, so that `/proc/PID/environ` does not show it either, and
/// removed, so that no child inherits it.
fn take_from_environment(name: &CStr) -> Option<Zeroizing<Vec<u8>>> {
    // SAFETY: the process has one thread (see `passphrase`), so nobody else reads or changes the environment; the pointer is
    // to a string that ends in a zero byte and lives until the variable is changed, which happens below.
    #[expect(unsafe_code, reason = "the environment is shared memory without an owner")]
    unsafe {
        let start = libc::getenv(name.as_ptr());
        if start.is_null() {
            return None;
        }
        let length = libc::strlen(start);
        let bytes = std::slice::from_raw_parts_mut(start.cast::<u8>(), length);
        let value = Zeroizing::new(bytes.to_vec());
        zeroize::Zeroize::zeroize(bytes);
        libc::unsetenv(name.as_ptr());
        Some(value)
    }
}
