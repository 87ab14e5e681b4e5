//! Metering: how many requests of which operation each account made to each CMK, by day. Counted in memory, added to the
//! store from time to time and at a clean end; a crash loses what was counted since the last time, and nothing twice.
//!
//! ```text
//! row of Table::Metering    key: day since 1970 (u32 BE) || account id || 0 || 1 || CMK uid (16, zeros for none)
//!                                || operation's name
//!                           value: format (u8 = 1) || ended well (u64 BE) || did not (u64 BE)
//! ```

use crate::{KeyService, KmsError};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, CmkUid, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{MetaStore, Table, Transaction};

const FORMAT: u8 = 1;
/// What follows the account in the keys of these rows; other uses of the table have other bytes.
const KIND_KMS: u8 = 1;
const DAY_MILLIS: u64 = 86_400_000;
/// Most rows held in memory, at some 150 bytes each. What goes beyond between two flushes is counted under
/// [`OTHER_OPERATIONS`] of its account without its CMK.
const ROWS_MAX: usize = 32_768;
/// Most rows of one commit.
const ROWS_OF_COMMIT_MAX: usize = 1024;
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

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    day: u32,
    account: AccountId,
    cmk: CmkUid,
    operation: &'static str,
}

/// INVARIANT: the store's row is `before` until it is written as `before + since`; writing that again changes nothing, so
/// a write whose answer was lost counts nothing twice.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// What the row said before this process counted; `None`: not read yet.
    before: Option<[u64; 2]>,
    /// Ended well and not, since.
    since: [u64; 2],
    /// Of these, what is written.
    written: [u64; 2],
}

impl Count {
    fn total(&self) -> [u64; 2] {
        let before = self.before.unwrap_or_default();
        [before[0] + self.since[0], before[1] + self.since[1]]
    }
}

/// The counts.
pub(crate) struct Meter {
    store: Arc<dyn MetaStore>,
    rows_max: usize,
    counts: Mutex<BTreeMap<Key, Count>>,
    /// Held by whoever flushes.
    turn: tokio::sync::Mutex<()>,
}

impl Meter {
    pub(crate) fn new(store: Arc<dyn MetaStore>) -> Self {
        Self { store, rows_max: ROWS_MAX, counts: Mutex::default(), turn: tokio::sync::Mutex::default() }
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
        let cmk = cmk.unwrap_or(NO_CMK);
        let mut key = Key { day: day_of(now), account: account.clone(), cmk, operation };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= self.rows_max && !counts.contains_key(&key) {
            (key.cmk, key.operation) = (NO_CMK, OTHER_OPERATIONS);
        }
        counts.entry(key).or_default().since[usize::from(!ended_well)] += 1;
    }

    /// Adds what was counted to the store.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`]; nothing is lost, the next flush writes it.
    pub(crate) async fn flush(&self, now: Timestamp) -> Result<(), KmsError> {
        let _turn = self.turn.lock().await;
        let due: Vec<(Key, Count)> = {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let unwritten = counts.iter().filter(|(_, count)| count.since != count.written);
            unwritten.map(|(key, count)| (key.clone(), *count)).collect()
        };
        for batch in due.chunks(ROWS_OF_COMMIT_MAX) {
            self.write(batch).await?;
        }
        // Of days that are over, and beyond half of the room, only what is not written yet need be kept: who asks again is
        // read again.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (today, crowded) = (day_of(now), counts.len() > self.rows_max / 2);
        counts.retain(|key, count| count.since != count.written || (key.day >= today && !crowded));
        Ok(())
    }

    async fn write(&self, batch: &[(Key, Count)]) -> Result<(), KmsError> {
        let unread: Vec<Vec<u8>> =
            batch.iter().filter(|(_, count)| count.before.is_none()).map(|(key, _)| encode_key(key)).collect();
        let rows = store::read(&self.store, move |snapshot| {
            unread.iter().map(|key| snapshot.get(Table::Metering, key)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
        let mut rows = rows.into_iter();
        let mut transaction = Transaction::new();
        let mut written = Vec::with_capacity(batch.len());
        for (key, count) in batch {
            let mut count = *count;
            if count.before.is_none() {
                let row = rows.next().flatten();
                count.before = Some(row.as_deref().map(decode).transpose().map_err(damaged)?.unwrap_or_default());
            }
            transaction.put(Table::Metering, encode_key(key), encode(count.total()));
            written.push((key, count));
        }
        {
            // Remembered before the commit: should its answer be lost, its rows hold these counts already.
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, count) in &written {
                counts.entry((*key).clone()).or_default().before = count.before;
            }
        }
        self.store.commit(transaction).await?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, count) in written {
            counts.entry(key.clone()).or_default().written = count.since;
        }
        Ok(())
    }

    /// What was written of these days, the last included, in order of day, account, CMK and operation.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub(crate) async fn rows(&self, from_day: u32, to_day: u32) -> Result<Vec<UsageRow>, KmsError> {
        let rows = store::read(&self.store, move |snapshot| {
            let mut rows = Vec::new();
            snapshot.scan(Table::Metering, b"", Some(&from_day.to_be_bytes()), &mut |key, value| {
                let within = key.get(..4).is_none_or(|day| day <= &to_day.to_be_bytes()[..]);
                if within {
                    rows.push((key.to_vec(), value.to_vec()));
                }
                within
            })?;
            Ok(rows)
        })
        .await?;
        let mut usage = Vec::with_capacity(rows.len());
        for (key, value) in rows {
            if let Some(row) = decode_key(&key).map_err(damaged)? {
                let [ok, refused] = decode(&value).map_err(damaged)?;
                usage.push(UsageRow { ok, refused, ..row });
            }
        }
        Ok(usage)
    }
}

impl KeyService {
    /// Requests by day, account, CMK and operation, from the first day to the last, both included; days count from
    /// 1970-01-01, UTC. Checks no right: the caller has checked its own.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::Damaged`].
    pub async fn usage(&self, from_day: u32, to_day: u32) -> Result<Vec<UsageRow>, KmsError> {
        self.flush_usage().await?;
        self.meter.rows(from_day, to_day).await
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

fn day_of(now: Timestamp) -> u32 {
    u32::try_from(now.as_millis() / DAY_MILLIS).unwrap_or(u32::MAX)
}

fn encode_key(key: &Key) -> Vec<u8> {
    let mut w = Writer::bare();
    // An account id holds no zero byte.
    w.u32(key.day).raw(key.account.as_str().as_bytes()).u8(0).u8(KIND_KMS);
    w.raw(key.cmk.as_bytes()).raw(key.operation.as_bytes());
    w.finish()
}

/// `None` for a row of another use of the table.
fn decode_key(key: &[u8]) -> Result<Option<UsageRow>, DecodeError> {
    let mut r = Reader::bare(key);
    let day = r.u32()?;
    let rest = r.rest();
    let end = rest.iter().position(|byte| *byte == 0).ok_or(DecodeError("key of a metering row"))?;
    let mut r = Reader::bare(&rest[end + 1..]);
    if r.u8()? != KIND_KMS {
        return Ok(None);
    }
    let account = std::str::from_utf8(&rest[..end]).ok().and_then(AccountId::parse).ok_or(DecodeError("account id"))?;
    let cmk = Some(CmkUid::from_bytes(r.array()?)).filter(|cmk| *cmk != NO_CMK);
    let operation = std::str::from_utf8(r.rest()).map_err(|_| DecodeError("operation"))?.to_owned();
    Ok(Some(UsageRow { day, account, cmk, operation, ok: 0, refused: 0 }))
}

fn encode([ok, refused]: [u64; 2]) -> Vec<u8> {
    let mut w = Writer::new(FORMAT);
    w.u64(ok).u64(refused);
    w.finish()
}

fn decode(bytes: &[u8]) -> Result<[u64; 2], DecodeError> {
    let (format, mut r) = Reader::open(bytes)?;
    if format != FORMAT {
        return Err(DecodeError("unknown format version"));
    }
    let counts = [r.u64()?, r.u64()?];
    r.finish()?;
    Ok(counts)
}

fn damaged(problem: DecodeError) -> KmsError {
    KmsError::Damaged(format!("table {}: {problem}", Table::Metering.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::StoreFault;
    use store::engine::memory::MemoryStore;
    use testkit::FaultyMeta;

    const CMK: CmkUid = CmkUid::from_bytes([7; 16]);

    fn day(number: u64) -> Timestamp {
        Timestamp::from_millis(number * DAY_MILLIS + 5)
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
        assert_eq!(told(meter.rows(0, u32::MAX).await.unwrap()), want);
        assert_eq!(told(meter.rows(3, 3).await.unwrap()), want[..1]);
        assert_eq!(told(meter.rows(4, 9).await.unwrap()), want[1..]);
        assert_eq!(told(meter.rows(5, 9).await.unwrap()), []);
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
        let rows = meter.rows(0, 9).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.ok).collect::<Vec<_>>(), [2]);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_what_has_no_room_is_counted_together() {
        let store = MemoryStore::shared();
        let meter = Meter { rows_max: 2, ..Meter::new(store) };
        for number in 0..10 {
            meter.count(day(1), &account("aa"), Some(CmkUid::from_bytes([number; 16])), "Decrypt", true);
        }
        assert_eq!(meter.counts.lock().unwrap().len(), 3);
        meter.flush(day(1)).await.unwrap();
        assert_eq!(meter.counts.lock().unwrap().len(), 0, "what is written makes room");
        let rows = meter.rows(1, 1).await.unwrap();
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
        assert_eq!(meter.rows(0, 9).await, Ok(vec![]));
        put(b"\0\0\0\x01aa\0\x01", b"").await;
        assert!(matches!(meter.rows(0, 9).await, Err(KmsError::Damaged(_))));
    }
}
