//! What a store has done since it was opened: read by the metrics and asserted by tests, which hold the promise of one
//! synchronisation per group of commits by counting.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one store. They only grow, and start at zero when the store is opened.
#[derive(Debug, Default)]
pub struct Counters {
    commits: AtomicU64,
    conflicts: AtomicU64,
    syncs: AtomicU64,
    faults: AtomicU64,
}

impl Counters {
    /// Transactions acknowledged; for a blob store, blobs finished.
    pub fn commits_total(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Transactions refused because an expectation did not hold.
    pub fn conflicts_total(&self) -> u64 {
        self.conflicts.load(Ordering::Relaxed)
    }

    /// Times the disk was asked to make something durable. For a metadata store: once per batch of transactions.
    pub fn syncs_total(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Transactions or blobs that failed with a [`crate::StoreFault`].
    pub fn faults_total(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    pub(crate) fn add_commits(&self, n: u64) {
        self.commits.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn add_conflicts(&self, n: u64) {
        self.conflicts.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn add_syncs(&self, n: u64) {
        self.syncs.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn add_faults(&self, n: u64) {
        self.faults.fetch_add(n, Ordering::Relaxed);
    }
}
