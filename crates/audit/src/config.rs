//! Settings of the log.

use crate::SyncMode;
use std::path::PathBuf;

/// Settings of the log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// The log's directory; made when missing.
    pub dir: PathBuf,
    /// When the log is synchronised.
    pub sync: SyncMode,
    /// Whether an event that cannot be written is an error for whoever records it.
    pub required: bool,
    /// Size at which a segment ends, in bytes.
    pub segment_bytes_max: u64,
    /// Age at which a segment ends, in milliseconds.
    pub segment_age_millis_max: u64,
    /// How long a segment is kept after its last line, in milliseconds; `None` for ever.
    pub retention_millis: Option<u64>,
    /// Events after which a checkpoint is written.
    pub checkpoint_events: u64,
    /// Time after which a checkpoint is written, events or not, in milliseconds.
    pub checkpoint_millis: u64,
    /// Whether there must be a log already: the key it is signed with is not new.
    pub must_exist: bool,
    /// Whether to go on after a log that is missing, damaged or cut short, and to say so in it.
    pub accept_loss: bool,
}

impl LogConfig {
    /// The usual settings, for a log in this directory.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            sync: SyncMode::Each,
            required: true,
            segment_bytes_max: 64 << 20,
            segment_age_millis_max: 24 * 60 * 60 * 1000,
            retention_millis: None,
            checkpoint_events: 10_000,
            checkpoint_millis: 5 * 60 * 1000,
            must_exist: false,
            accept_loss: false,
        }
    }
}
