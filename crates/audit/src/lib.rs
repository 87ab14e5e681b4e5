//! The audit trail: who used which key, when, from where and with what outcome.
//!
//! Start with `event.rs`, then docs/formats/audit.md: events stand on a log whose lines are chained by hashes, signed at
//! checkpoints, and whose newest line a signed head names. `verify.rs` needs nothing but the files.
//!
//! What is absent, and what others lean on: an event has no field that could hold a key, a plaintext, a token or a
//! signature; this crate signs nothing by itself and never sees the signing key.

mod chain;
mod checkpoint;
mod config;
mod counters;
mod event;
mod files;
mod filter;
mod head;
mod json;
mod late;
mod lines;
mod log;
mod open;
mod read;
mod record;
mod signature;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test reports by panicking")]
mod testing;
mod trace_name;
mod trail;
mod verify;
mod walk;
mod writer;

pub use chain::{Mark, NoMark};
pub use config::LogConfig;
pub use counters::AuditCounters;
pub use event::{Event, EventKind, KeyNamed, ObjectNamed, Outcome, Who};
pub use filter::Filter;
pub use head::SyncMode;
pub use json::rfc3339;
pub use late::LateTrail;
pub use log::AuditLog;
pub use open::OpenError;
pub use read::{Entries, Entry};
pub use signature::{CheckpointSigner, PublicKey};
pub use trace_name::trace_name;
pub use trail::{AuditFault, AuditTrail, NoTrail};
pub use verify::{Finding, Report, VerifyOptions, head, size_bytes, verify};
pub use walk::Kind;

/// Most events that share one write.
pub const BATCH_EVENTS_MAX: usize = 256;

/// Events waiting at a time; one more waits for its place.
pub const QUEUE_EVENTS_MAX: usize = 1024;

/// Events kept of callers that went away while they waited for a place; the log says how many more there were.
const ABANDONED_EVENTS_MAX: usize = 4 * QUEUE_EVENTS_MAX;

/// Batches after which the head is synchronised although somebody waits.
const HEAD_LAG_BATCHES_MAX: u64 = 4;

const _: () = assert!(BATCH_EVENTS_MAX < QUEUE_EVENTS_MAX, "a full batch must be able to gather");
