//! How many wraps each CMK version has made, and their limit (kms-iam-api §3.6: keys have terms). Counts are persisted
//! ahead in blocks, so that a wrap costs no commit: what a crash loses was counted already.
//!
//! ```text
//! row of Table::CmkWraps    key: CMK uid (16) || version (u32 BE)    value: format (u8 = 1) || count (u64 BE)
//! ```
//!
//! A version without a row may have made one block: the first block of a new version needs no commit either.

use crate::KmsError;
use crate::record::CmkVersionRecord;
use model::CmkUid;
use model::codec::{DecodeError, Reader, Writer};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::{CommitError, Expectation, MetaStore, Table, Transaction};

/// Wraps reserved by one commit.
const BLOCK: u64 = 1 << 16;
const FORMAT: u8 = 1;

/// The wraps of one version.
#[derive(Default)]
struct Count {
    state: Mutex<State>,
    /// Held by whoever reserves the next block.
    turn: tokio::sync::Mutex<()>,
}

/// INVARIANT: `used <= reserved`, and the store knows of `reserved`: by its row, or by the absence of one.
#[derive(Clone, Copy, Default)]
struct State {
    used: u64,
    reserved: u64,
    /// What the row says.
    row: Option<u64>,
}

/// The counts.
pub(crate) struct Wraps {
    store: Arc<dyn MetaStore>,
    max: u64,
    counts: RwLock<BTreeMap<(CmkUid, u32), Arc<Count>>>,
}

impl Wraps {
    /// Reads the counts. `versions`: those that are there, whose first block may be used up.
    pub(crate) async fn load(
        store: Arc<dyn MetaStore>,
        max: u64,
        versions: impl IntoIterator<Item = (CmkUid, u32)>,
    ) -> Result<Self, KmsError> {
        let rows = store::read(&store, |snapshot| {
            let mut rows = Vec::new();
            snapshot.scan(Table::CmkWraps, b"", None, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                true
            })?;
            Ok(rows)
        })
        .await?;
        let mut states: BTreeMap<(CmkUid, u32), State> = BTreeMap::new();
        for version in versions {
            states.insert(version, State { used: BLOCK.min(max), reserved: BLOCK.min(max), row: None });
        }
        for (key, value) in rows {
            let damaged =
                |problem: DecodeError| KmsError::Damaged(format!("table {}: {problem}", Table::CmkWraps.name()));
            let count = decode(&value).map_err(damaged)?;
            let version = CmkVersionRecord::parts_of_key(&key).map_err(damaged)?;
            states.insert(version, State { used: count, reserved: count, row: Some(count) });
        }
        let counts = states
            .into_iter()
            .map(|(version, state)| (version, Arc::new(Count { state: Mutex::new(state), ..Count::default() })))
            .collect();
        Ok(Self { store, max, counts: RwLock::new(counts) })
    }

    /// Counts one wrap, before it is made.
    ///
    /// # Errors
    /// [`KmsError::LimitExceeded`] when the version has made all it may; [`KmsError::Unavailable`] when the next block
    /// cannot be reserved.
    pub(crate) async fn take(&self, uid: CmkUid, version: u32) -> Result<(), KmsError> {
        let count = self.count(uid, version);
        if let Some(used) = count.take() {
            self.warn(uid, version, used);
            return Ok(());
        }
        let _turn = count.turn.lock().await;
        loop {
            // Whoever had the turn before may have reserved enough for everybody.
            if let Some(used) = count.take() {
                self.warn(uid, version, used);
                return Ok(());
            }
            let state = count.get();
            if state.reserved >= self.max {
                return Err(KmsError::LimitExceeded("wraps of this version of the CMK: rotate the CMK"));
            }
            let reserved = self.max.min(state.reserved.saturating_add(BLOCK));
            self.reserve(uid, version, &count, state.row, reserved).await?;
        }
    }

    /// Wraps that a version has made.
    pub(crate) fn used(&self, uid: CmkUid, version: u32) -> u64 {
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        counts.get(&(uid, version)).map_or(0, |count| count.get().used)
    }

    /// Whether a version has made so many that it is to be rotated: seven eighths of what it may.
    pub(crate) fn is_worn(&self, uid: CmkUid, version: u32) -> bool {
        self.used(uid, version) >= self.worn_at()
    }

    /// Drops the counts of a CMK that is gone.
    pub(crate) fn forget(&self, uid: CmkUid) {
        self.counts.write().unwrap_or_else(PoisonError::into_inner).retain(|(counted, _), _| *counted != uid);
    }

    /// Writes down how many wraps were made, so that the next start need not take a block as used up. For a clean end.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`]; the blocks stay used up then.
    pub(crate) async fn settle(&self) -> Result<(), KmsError> {
        let all: Vec<_> = {
            let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
            counts.iter().map(|(version, count)| (*version, Arc::clone(count))).collect()
        };
        for ((uid, version), count) in all {
            let _turn = count.turn.lock().await;
            let state = {
                let mut state = count.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.used == state.reserved {
                    continue;
                }
                // From here on nothing is taken without a commit, whatever becomes of this one.
                state.reserved = state.used;
                *state
            };
            self.reserve(uid, version, &count, state.row, state.used).await?;
        }
        Ok(())
    }

    fn count(&self, uid: CmkUid, version: u32) -> Arc<Count> {
        if let Some(count) = self.counts.read().unwrap_or_else(PoisonError::into_inner).get(&(uid, version)) {
            return Arc::clone(count);
        }
        let new = State { used: 0, reserved: BLOCK.min(self.max), row: None };
        let mut counts = self.counts.write().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((uid, version));
        Arc::clone(count.or_insert_with(|| Arc::new(Count { state: Mutex::new(new), ..Count::default() })))
    }

    async fn reserve(
        &self,
        uid: CmkUid,
        version: u32,
        count: &Count,
        row: Option<u64>,
        reserved: u64,
    ) -> Result<(), KmsError> {
        let key = CmkVersionRecord::key(uid, version);
        let mut transaction = Transaction::new();
        transaction
            .expect(match row {
                None => Expectation::Absent(Table::CmkWraps, key.clone().into()),
                Some(count) => Expectation::Equals(Table::CmkWraps, key.clone().into(), encode(count).into()),
            })
            .put(Table::CmkWraps, key.clone(), encode(reserved));
        match self.store.commit(transaction).await {
            Ok(()) => {
                let mut state = count.state.lock().unwrap_or_else(PoisonError::into_inner);
                (state.reserved, state.row) = (reserved, Some(reserved));
                Ok(())
            }
            // Somebody else counts the same version, or an answer was lost: theirs counts as used up.
            Err(CommitError::Conflict(_)) => {
                let row = store::read(&self.store, move |snapshot| snapshot.get(Table::CmkWraps, &key)).await?;
                let found = row.as_deref().map(decode).transpose();
                let found = found.map_err(|_| KmsError::Damaged("the count of a CMK version's wraps".to_owned()))?;
                let mut state = count.state.lock().unwrap_or_else(PoisonError::into_inner);
                let used = found.unwrap_or(0).max(state.reserved);
                *state = State { used, reserved: used, row: found };
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn worn_at(&self) -> u64 {
        self.max - self.max / 8
    }

    fn warn(&self, uid: CmkUid, version: u32, used: u64) {
        if used == self.worn_at() {
            let (cmk, max) = (uid.to_uuid(), self.max);
            tracing::warn!(cmk, version, used, max, "a CMK version has made most of the wraps it may: rotate the CMK");
        }
    }
}

impl Count {
    fn get(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of what is reserved; how many are used then.
    fn take(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.used >= state.reserved {
            return None;
        }
        state.used += 1;
        Some(state.used)
    }
}

fn encode(count: u64) -> Vec<u8> {
    let mut w = Writer::new(FORMAT);
    w.u64(count);
    w.finish()
}

fn decode(bytes: &[u8]) -> Result<u64, DecodeError> {
    let (format, mut r) = Reader::open(bytes)?;
    if format != FORMAT {
        return Err(DecodeError("unknown format version"));
    }
    let count = r.u64()?;
    r.finish()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::StoreFault;
    use store::engine::memory::MemoryStore;
    use testkit::FaultyMeta;

    const UID: CmkUid = CmkUid::from_bytes([7; 16]);

    async fn wraps(store: &Arc<dyn MetaStore>, max: u64, there: &[(CmkUid, u32)]) -> Wraps {
        Wraps::load(Arc::clone(store), max, there.to_vec()).await.unwrap()
    }

    async fn row(store: &Arc<dyn MetaStore>) -> Option<u64> {
        let key = CmkVersionRecord::key(UID, 1);
        store::read(store, move |s| s.get(Table::CmkWraps, &key)).await.unwrap().map(|row| decode(&row).unwrap())
    }

    #[tokio::test]
    async fn the_last_wrap_passes_and_no_further_one() {
        let store = MemoryStore::shared();
        let wraps = wraps(&store, 5, &[]).await;
        for _ in 0..5 {
            wraps.take(UID, 1).await.unwrap();
        }
        for _ in 0..2 {
            assert!(matches!(wraps.take(UID, 1).await, Err(KmsError::LimitExceeded(_))));
        }
        assert_eq!((wraps.used(UID, 1), wraps.used(UID, 2)), (5, 0));
        wraps.take(UID, 2).await.unwrap();
    }

    #[tokio::test]
    async fn a_block_costs_one_commit_and_the_first_none() {
        let faulty = FaultyMeta::over(MemoryStore::shared());
        let store: Arc<dyn MetaStore> = Arc::<FaultyMeta>::clone(&faulty);
        let wraps = wraps(&store, 3 * BLOCK + 1, &[]).await;
        faulty.fail_commits_after(0, StoreFault::Full);
        for _ in 0..BLOCK {
            wraps.take(UID, 1).await.unwrap();
        }
        assert!(matches!(wraps.take(UID, 1).await, Err(KmsError::Unavailable(_))), "the next block cannot be reserved");
        faulty.heal();
        for block in 2..=3 {
            wraps.take(UID, 1).await.unwrap();
            assert_eq!(row(&store).await, Some(block * BLOCK), "reserved ahead");
            faulty.fail_commits_after(0, StoreFault::Full);
            for _ in 1..BLOCK {
                wraps.take(UID, 1).await.unwrap();
            }
            faulty.heal();
        }
        wraps.take(UID, 1).await.unwrap();
        assert_eq!(row(&store).await, Some(3 * BLOCK + 1), "the last block ends at the limit");
        assert!(matches!(wraps.take(UID, 1).await, Err(KmsError::LimitExceeded(_))));
    }

    #[tokio::test]
    async fn what_a_crash_loses_was_counted_and_a_clean_end_loses_nothing() {
        let store = MemoryStore::shared();
        let first = wraps(&store, 1 << 32, &[]).await;
        first.take(UID, 1).await.unwrap();
        let second = wraps(&store, 1 << 32, &[(UID, 1)]).await;
        assert_eq!(second.used(UID, 1), BLOCK, "without a row, the first block may be used up");
        second.take(UID, 1).await.unwrap();
        assert_eq!(row(&store).await, Some(2 * BLOCK));
        let third = wraps(&store, 1 << 32, &[(UID, 1)]).await;
        assert_eq!(third.used(UID, 1), 2 * BLOCK);
        third.take(UID, 1).await.unwrap();
        third.settle().await.unwrap();
        assert_eq!(row(&store).await, Some(2 * BLOCK + 1));
        let fourth = wraps(&store, 1 << 32, &[(UID, 1)]).await;
        assert_eq!(fourth.used(UID, 1), 2 * BLOCK + 1);
        third.take(UID, 1).await.unwrap();
        assert_eq!(row(&store).await, Some(3 * BLOCK + 1), "after settling, a wrap reserves again");
    }

    #[tokio::test]
    async fn two_that_count_the_same_version_do_not_count_less() {
        let store = MemoryStore::shared();
        let (a, b) = (wraps(&store, 1 << 32, &[(UID, 1)]).await, wraps(&store, 1 << 32, &[(UID, 1)]).await);
        a.take(UID, 1).await.unwrap();
        b.take(UID, 1).await.unwrap();
        assert_eq!(row(&store).await, Some(3 * BLOCK), "each has a block of its own");
        assert_eq!((a.used(UID, 1), b.used(UID, 1)), (BLOCK + 1, 2 * BLOCK + 1));
    }

    #[tokio::test]
    async fn many_at_once_take_one_each() {
        let store = MemoryStore::shared();
        let wraps = Arc::new(wraps(&store, 100, &[]).await);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..130 {
            let wraps = Arc::clone(&wraps);
            tasks.spawn(async move { wraps.take(UID, 1).await.is_ok() });
        }
        assert_eq!(tasks.join_all().await.into_iter().filter(|taken| *taken).count(), 100);
    }

    #[tokio::test]
    async fn seven_eighths_are_worn() {
        let store = MemoryStore::shared();
        let wraps = wraps(&store, 16, &[]).await;
        for used in 1..=16 {
            wraps.take(UID, 1).await.unwrap();
            assert_eq!(wraps.is_worn(UID, 1), used >= 14, "{used}");
        }
    }

    #[tokio::test]
    async fn an_unreadable_row_does_not_open() {
        for bad in [&[1u8, 0][..], &[2, 0, 0, 0, 0, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0]] {
            let store = MemoryStore::shared();
            let mut tx = Transaction::new();
            tx.put(Table::CmkWraps, CmkVersionRecord::key(UID, 1), bad.to_vec());
            store.commit(tx).await.unwrap();
            assert!(matches!(Wraps::load(store, 9, []).await.map(drop), Err(KmsError::Damaged(_))), "{bad:?}");
        }
    }
}
