//! The metadata seam: ordered records with atomic, durable, conditional transactions.

use crate::Table;
use bytes::Bytes;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A key and its value.
pub type Row = (Bytes, Bytes);

/// What went wrong below the seam, sorted by what the caller can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// No room left on the device; nothing was changed. Goes away when room is made.
    Full,
    /// The engine failed or is shutting down; nothing is known to have changed.
    Unavailable(String),
    /// A stored row does not match its checksum. Never returned as data.
    Corrupt(String),
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no space left in the data directory"),
            Self::Unavailable(why) => write!(f, "store unavailable: {why}"),
            Self::Corrupt(what) => write!(f, "stored data is damaged: {what}"),
        }
    }
}

impl std::error::Error for StoreFault {}

/// A read that failed.
pub type ReadError = StoreFault;

/// What a survey is handed of a row: its value, or what is wrong with it.
pub type Surveyed<'a> = Result<&'a [u8], StoreFault>;

/// Why a transaction was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The expectation with this index did not hold; nothing was changed.
    Conflict(usize),
    /// The store could not do it; after `Unavailable` the outcome is unknown.
    Fault(StoreFault),
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(i) => write!(f, "expectation {i} does not hold"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for CommitError {}

impl From<StoreFault> for CommitError {
    fn from(fault: StoreFault) -> Self {
        Self::Fault(fault)
    }
}

/// What a transaction requires of the present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The row does not exist.
    Absent(Table, Bytes),
    /// The row exists.
    Present(Table, Bytes),
    /// The row exists with exactly this value.
    Equals(Table, Bytes, Bytes),
    /// No row of the table begins with this key prefix.
    EmptyPrefix(Table, Bytes),
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a row, replacing what was there.
    Put(Table, Bytes, Bytes),
    /// Removes a row, which need not exist.
    Delete(Table, Bytes),
}

/// Expectations and changes, applied all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// All must hold at the moment of commit.
    pub expectations: Vec<Expectation>,
    /// Applied in order.
    pub changes: Vec<Change>,
    /// Whether it is there to free room, as the deletion of an object is: it is then taken on a disk that is too full for
    /// anything else, and the reserve is given up for it (docs/formats/store.md, "Room").
    pub frees_room: bool,
}

impl Transaction {
    /// An empty transaction.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty transaction that is there to free room ([`Transaction::frees_room`]).
    pub fn freeing_room() -> Self {
        Self { frees_room: true, ..Self::default() }
    }

    /// Adds an expectation.
    pub fn expect(&mut self, expectation: Expectation) -> &mut Self {
        self.expectations.push(expectation);
        self
    }

    /// Sets a row.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) -> &mut Self {
        self.changes.push(Change::Put(table, key.into(), value.into()));
        self
    }

    /// Removes a row.
    pub fn delete(&mut self, table: Table, key: impl Into<Bytes>) -> &mut Self {
        self.changes.push(Change::Delete(table, key.into()));
        self
    }
}

/// A consistent view: sees every transaction acknowledged before it was taken, and none partly.
///
/// Its methods may block on the disk: call them from [`read`] or from a blocking thread.
pub trait Snapshot: Send {
    /// The value of a row.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, ReadError>;

    /// Rows whose keys begin with `prefix` and are ≥ `from` (when given), in byte order of their keys, until `visit`
    /// returns `false`.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError>;

    /// As [`Snapshot::scan`], and goes on behind a damaged row: `visit` is handed what is wrong with it in place of its
    /// value. For whoever looks for damage.
    fn survey(
        &self,
        table: Table,
        prefix: &[u8],
        from: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Surveyed<'_>) -> bool,
    ) -> Result<(), ReadError> {
        self.scan(table, prefix, from, &mut |key, value| visit(key, Ok(value)))
    }
}

/// The answer to a commit, when it is durable.
pub type CommitFuture = Pin<Box<dyn Future<Output = Result<(), CommitError>> + Send>>;

/// Ordered, durable records.
///
/// Guarantees, checked by one conformance suite for every engine:
/// - a commit is applied wholly or not at all, and in some serial order with all others;
/// - when the future resolves to `Ok`, the changes are on stable storage and seen by every later snapshot;
/// - dropping the future does not cancel the commit;
/// - a value that comes back is the value that was put: a damaged row is [`StoreFault::Corrupt`].
pub trait MetaStore: Send + Sync + 'static {
    /// Opens a view of the present state.
    fn snapshot(&self) -> Box<dyn Snapshot>;

    /// Applies a transaction. Commits waiting at the same time share one synchronisation of the disk.
    ///
    /// It is handed over before this returns, or, when too many wait, when the future finds a place. A row whose key is
    /// not 1 to [`crate::engine::KEY_BYTES_MAX`] bytes long, or whose value is longer than
    /// [`crate::engine::VALUE_BYTES_MAX`], is [`StoreFault::Unavailable`], and nothing was changed. [`StoreFault::Full`]
    /// may come while room is left: what remains is kept for smaller transactions (docs/formats/store.md, "Room").
    fn commit(&self, transaction: Transaction) -> CommitFuture;
}

/// Runs `f` with a snapshot on a blocking thread.
pub async fn read<T: Send + 'static>(
    store: &Arc<dyn MetaStore>,
    f: impl FnOnce(&dyn Snapshot) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    let store = Arc::clone(store);
    tokio::task::spawn_blocking(move || f(&*store.snapshot()))
        .await
        .unwrap_or_else(|e| Err(StoreFault::Unavailable(format!("reader task failed: {e}"))))
}
