//! What the process does to itself before it holds a key.

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, set_dumpable_behavior, umask};

/// Files are made for their owner only, whatever the caller's mask; and no core dump, nor another process of the same
/// user, may read the memory that holds keys.
pub(super) fn close_to_others() {
    umask(Mode::from_raw_mode(0o077));
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "memory dumps of this process stay possible");
    }
}
