//! What the log counts. The log knows nothing of metrics.

use crate::Mark;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counters of one log, since it was opened.
#[derive(Debug, Default)]
pub struct AuditCounters {
    events: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    batches: AtomicU64,
    syncs: AtomicU64,
    failing: AtomicBool,
    head: Mutex<Mark>,
}

impl AuditCounters {
    /// Events that are on the log.
    pub fn events_total(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Events that could not be written, so that what they tell of was refused.
    pub fn refused_total(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Events that could not be written although what they tell of went on.
    pub fn lost_total(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Batches of events, each one write.
    pub fn batches_total(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Times the disk was synchronised.
    pub fn syncs_total(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Whether the last write failed: of events, or of a checkpoint that was due.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// The newest line that is on the log and named by its head.
    pub fn head(&self) -> Mark {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_batch(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_failed(&self, events: u64, required: bool) {
        let counter = if required { &self.refused } else { &self.lost };
        counter.fetch_add(events, Ordering::Relaxed);
    }

    pub(crate) fn add_sync(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(crate) fn set_head(&self, mark: Mark) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = mark;
    }
}
