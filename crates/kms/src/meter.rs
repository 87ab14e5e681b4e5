//! Metering: how many requests of which operation each account made to each CMK, by day. How the counts are kept is
//! [`store::metering`]'s.
//!
//! ```text
//! what follows the kind in the row's key    CMK uid (16, zeros for none) || operation's name
//! value                                     ended well, did not
//! ```

use crate::{KeyService, KmsError};
use model::codec::{DecodeError, Reader};
use model::{AccountId, CmkUid, Timestamp};
use std::sync::Arc;
use store::metering::{MeterKey, MeterKind, MeterRow, ROWS_OF_REPORT_MAX, Tally, day_of, metered};
use store::{MetaStore, Table};

/// Most rows held in memory, at some 200 bytes each. What goes beyond between two flushes is counted under
/// [`OTHER_OPERATIONS`] of its account without its CMK.
const ROWS_MAX: usize = 32_768;
/// The operation under which is counted what there is no room to tell apart.
const OTHER_OPERATIONS: &str = "Other";

/// Requests of one operation to one CMK by one account on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Days since 1970-01-01, UTC.
    pub day: u32,
    /// The requester's account.
    pub account: AccountId,
    /// The CMK; `None` where the operation has none, or named one that is not there.
    pub cmk: Option<CmkUid>,
    /// The operation, as in audit events.
    pub operation: String,
    /// Requests that ended well.
    pub ok: u64,
    /// Requests that were refused or failed.
    pub refused: u64,
}

/// The counts.
pub(crate) struct Meter {
    store: Arc<dyn MetaStore>,
    tally: Tally<2>,
}

impl Meter {
    pub(crate) fn new(store: Arc<dyn MetaStore>) -> Self {
        Self::with_room(store, ROWS_MAX)
    }

    fn with_room(store: Arc<dyn MetaStore>, rows_max: usize) -> Self {
        Self { tally: Tally::new(Arc::clone(&store), rows_max), store }
    }

    /// Counts one request.
    pub(crate) fn count(
        &self,
        now: Timestamp,
        account: &AccountId,
        cmk: Option<CmkUid>,
        operation: &'static str,
        ended_well: bool,
    ) {
        let key = |cmk: CmkUid, operation: &str| {
            let what = [cmk.as_bytes(), operation.as_bytes()].concat();
            MeterKey::new(day_of(now), Some(account), MeterKind::KeyUse, &what)
        };
        let amounts = if ended_well { [1, 0] } else { [0, 1] };
        self.tally.add(key(cmk.unwrap_or(NO_CMK), operation), amounts, || key(NO_CMK, OTHER_OPERATIONS));
    }

    /// Adds what was counted to the store.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`]; nothing is lost, the next flush writes it.
    pub(crate) async fn flush(&self, now: Timestamp) -> Result<(), KmsError> {
        Ok(self.tally.flush(now).await?)
    }

    /// What was written of these days, the last included, in order of day, account, CMK and operation: of one account, or
    /// of all.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`]; [`KmsError::Validation`] for more rows than one report takes.
    pub(crate) async fn rows(&self, days: (u32, u32), of: Option<AccountId>) -> Result<Vec<UsageRow>, KmsError> {
        let Some(rows) = metered::<2>(&self.store, MeterKind::KeyUse, days, of).await? else {
            let why = format!("that is more than {ROWS_OF_REPORT_MAX} rows: ask for fewer days");
            return Err(KmsError::Validation(why));
        };
        rows.into_iter().map(|row| decode(row).map_err(damaged)).collect()
    }
}

impl KeyService {
    /// Requests by day, account, CMK and operation, from the first day to the last, both included; days count from
    /// 1970-01-01, UTC. Of one account, or of all. Checks no right: the caller has checked its own.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`]; [`KmsError::Validation`] for more rows than one report takes.
    pub async fn usage(&self, days: (u32, u32), of: Option<AccountId>) -> Result<Vec<UsageRow>, KmsError> {
        self.flush_usage().await?;
        self.meter.rows(days, of).await
    }

    /// Writes what was counted down. To be called from time to time: a crash loses what was counted since.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`]; the next call writes it.
    pub async fn flush_usage(&self) -> Result<(), KmsError> {
        self.meter.flush(self.clock.now()).await
    }

    /// Writes down everything that is kept in memory for a while. To be called at a clean end, after the last request.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`]; as after a crash then.
    pub async fn close(&self) -> Result<(), KmsError> {
        let flushed = self.flush_usage().await;
        self.wraps.settle().await.and(flushed)
    }
}

const NO_CMK: CmkUid = CmkUid::from_bytes([0; 16]);

fn decode(row: MeterRow<2>) -> Result<UsageRow, DecodeError> {
    let mut r = Reader::bare(&row.what);
    let cmk = Some(CmkUid::from_bytes(r.array()?)).filter(|cmk| *cmk != NO_CMK);
    let operation = std::str::from_utf8(r.rest()).map_err(|_| DecodeError("operation"))?.to_owned();
    let account = row.account.ok_or(DecodeError("account id"))?;
    let [ok, refused] = row.amounts;
    Ok(UsageRow { day: row.day, account, cmk, operation, ok, refused })
}

fn damaged(problem: DecodeError) -> KmsError {
    KmsError::Damaged(format!("table {}: {problem}", Table::Metering.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::engine::memory::MemoryStore;
    use store::{StoreFault, Transaction};
    use testkit::FaultyMeta;

    const CMK: CmkUid = CmkUid::from_bytes([7; 16]);

    fn day(number: u64) -> Timestamp {
        Timestamp::from_millis(number * 86_400_000 + 5)
    }

    fn account(name: &str) -> AccountId {
        AccountId::parse(name).unwrap()
    }

    fn told(rows: Vec<UsageRow>) -> Vec<(u32, String, bool, String, u64, u64)> {
        rows.into_iter()
            .map(|r| (r.day, r.account.as_str().to_owned(), r.cmk.is_some(), r.operation, r.ok, r.refused))
            .collect()
    }

    #[tokio::test]
    async fn counts_survive_a_restart_and_add_up() {
        let store = MemoryStore::shared();
        for _ in 0..2 {
            let meter = Meter::new(Arc::clone(&store));
            meter.count(day(3), &account("aa"), Some(CMK), "Decrypt", true);
            meter.count(day(3), &account("aa"), Some(CMK), "Decrypt", false);
            meter.flush(day(3)).await.unwrap();
            meter.count(day(3), &account("aa"), Some(CMK), "Decrypt", true);
            meter.count(day(4), &account("bb"), None, "GenerateRandom", true);
            meter.flush(day(4)).await.unwrap();
            meter.flush(day(4)).await.unwrap();
        }
        let meter = Meter::new(store);
        let want = vec![
            (3, "aa".to_owned(), true, "Decrypt".to_owned(), 4, 2),
            (4, "bb".to_owned(), false, "GenerateRandom".to_owned(), 2, 0),
        ];
        assert_eq!(told(meter.rows((0, u32::MAX), None).await.unwrap()), want);
        assert_eq!(told(meter.rows((3, 3), None).await.unwrap()), want[..1]);
        assert_eq!(told(meter.rows((4, 9), None).await.unwrap()), want[1..]);
        assert_eq!(told(meter.rows((5, 9), None).await.unwrap()), []);
        let of = |name| Some(account(name));
        assert_eq!(told(meter.rows((0, 9), of("bb")).await.unwrap()), want[1..]);
        assert_eq!(told(meter.rows((0, 9), of("b")).await.unwrap()), [], "no prefix of another's id");
    }

    #[tokio::test]
    async fn a_flush_that_fails_loses_nothing_and_a_lost_answer_counts_nothing_twice() {
        let faulty = FaultyMeta::over(MemoryStore::shared());
        let store: Arc<dyn MetaStore> = Arc::<FaultyMeta>::clone(&faulty);
        let meter = Meter::new(Arc::clone(&store));
        let count = || meter.count(day(1), &account("aa"), Some(CMK), "Encrypt", true);
        count();
        faulty.fail_commits_after(0, StoreFault::Full);
        assert!(meter.flush(day(1)).await.is_err());
        faulty.heal();
        faulty.lose_answers_after(0);
        assert!(meter.flush(day(1)).await.is_err());
        faulty.heal();
        count();
        meter.flush(day(2)).await.unwrap();
        let rows = meter.rows((0, 9), None).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.ok).collect::<Vec<_>>(), [2]);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_what_has_no_room_is_counted_together() {
        let store = MemoryStore::shared();
        let meter = Meter::with_room(store, 2);
        for number in 0..10 {
            meter.count(day(1), &account("aa"), Some(CmkUid::from_bytes([number; 16])), "Decrypt", true);
        }
        assert_eq!(meter.tally.rows_held(), 3);
        meter.flush(day(1)).await.unwrap();
        assert_eq!(meter.tally.rows_held(), 0, "what is written makes room");
        let rows = meter.rows((1, 1), None).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.ok).sum::<u64>(), 10);
        assert!(rows.iter().any(|row| row.operation == OTHER_OPERATIONS && row.ok == 8 && row.cmk.is_none()));
    }

    #[tokio::test]
    async fn rows_of_other_uses_are_passed_over_and_damaged_ones_told() {
        let store = MemoryStore::shared();
        let put = async |key: &[u8], value: &[u8]| {
            let mut tx = Transaction::new();
            tx.put(Table::Metering, key.to_vec(), value.to_vec());
            store.commit(tx).await.unwrap();
        };
        let meter = Meter::new(Arc::clone(&store));
        put(b"\0\0\0\x01aa\0\x02whatever", b"other").await;
        assert_eq!(meter.rows((0, 9), None).await, Ok(vec![]));
        put(b"\0\0\0\x01aa\0\x01", b"").await;
        assert!(matches!(meter.rows((0, 9), None).await, Err(KmsError::Damaged(_))));
    }
}
