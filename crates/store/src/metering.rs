//! Rows of [`Table::Metering`]: what was used, by day and account. docs/formats/metering.md draws them. Which uses there
//! are, and what follows the kind in a key, is known to the rooms that count.

use crate::{CommitError, MetaStore, StoreFault, Table, Transaction, read};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const FORMAT: u8 = 1;
const DAY_MILLIS: u64 = 86_400_000;
/// Most rows of one commit.
pub const ROWS_OF_COMMIT_MAX: usize = 1024;
/// Most rows of one report, so that no reader of it fills the memory.
pub const ROWS_OF_REPORT_MAX: usize = 200_000;

/// What a row counts. The numbers are stored and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MeterKind {
    /// Requests to the KMS.
    KeyUse = 1,
    /// Requests about buckets and objects.
    Requests = 2,
    /// What is stored.
    Storage = 3,
    /// Calls to the KMS for bucket keys, and those that they saved.
    BucketKeys = 4,
}

/// The day a moment falls on: whole days since 1970-01-01, UTC.
pub fn day_of(now: Timestamp) -> u32 {
    u32::try_from(now.as_millis() / DAY_MILLIS).unwrap_or(u32::MAX)
}

/// Key of a row, as stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MeterKey(Vec<u8>);

impl MeterKey {
    /// The key of what `kind` counts for an account (`None`: nobody who is known) on a day; `what` tells the rows of one
    /// account apart.
    pub fn new(day: u32, account: Option<&AccountId>, kind: MeterKind, what: &[u8]) -> Self {
        let mut w = Writer::bare();
        // An account id holds no zero byte.
        w.u32(day).raw(account.map_or(&[], |account| account.as_str().as_bytes())).u8(0).u8(kind as u8).raw(what);
        Self(w.finish())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn is_before(&self, day: u32) -> bool {
        self.0 < day.to_be_bytes().to_vec()
    }
}

/// A row of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterRow<const N: usize> {
    /// Days since 1970-01-01, UTC.
    pub day: u32,
    /// `None`: nobody who is known.
    pub account: Option<AccountId>,
    /// What follows the kind in the row's key.
    pub what: Vec<u8>,
    /// What was counted.
    pub amounts: [u64; N],
}

/// The value of a row.
pub fn encode_amounts<const N: usize>(amounts: [u64; N]) -> Vec<u8> {
    let mut w = Writer::new(FORMAT);
    for amount in amounts {
        w.u64(amount);
    }
    w.finish()
}

fn decode_amounts<const N: usize>(bytes: &[u8]) -> Result<[u64; N], DecodeError> {
    let (format, mut r) = Reader::open(bytes)?;
    if format != FORMAT {
        return Err(DecodeError("unknown format version"));
    }
    let mut amounts = [0; N];
    for amount in &mut amounts {
        *amount = r.u64()?;
    }
    r.finish()?;
    Ok(amounts)
}

/// Day, account, kind, and the rest of a row's key.
type KeyParts<'a> = (u32, &'a [u8], u8, &'a [u8]);

/// A key taken apart: day, account's bytes, kind, and the rest.
fn parts(key: &[u8]) -> Result<KeyParts<'_>, DecodeError> {
    let mut r = Reader::bare(key);
    let (day, rest) = (r.u32()?, r.rest());
    let end = rest.iter().position(|byte| *byte == 0).ok_or(DecodeError("key of a metering row"))?;
    let (kind, what) = rest[end + 1..].split_first().ok_or(DecodeError("key of a metering row"))?;
    Ok((day, &rest[..end], *kind, what))
}

fn damaged(problem: DecodeError) -> StoreFault {
    StoreFault::Corrupt(format!("table {}: {problem}", Table::Metering.name()))
}

/// The rows of a kind from the first day to the last, both included, in order of their keys: of one account, or of all.
/// `None` where they are more than [`ROWS_OF_REPORT_MAX`].
///
/// # Errors
/// What the store could not do; [`StoreFault::Corrupt`] for a row of this kind that cannot be read.
pub async fn metered<const N: usize>(
    store: &Arc<dyn MetaStore>,
    kind: MeterKind,
    (from_day, to_day): (u32, u32),
    of: Option<AccountId>,
) -> Result<Option<Vec<MeterRow<N>>>, StoreFault> {
    read(store, move |snapshot| {
        let (mut rows, mut problem) = (Vec::new(), None);
        snapshot.scan(Table::Metering, b"", Some(&from_day.to_be_bytes()), &mut |key, value| {
            let (day, account, of_kind, what) = match parts(key) {
                Ok(parts) => parts,
                Err(error) => {
                    problem = Some(error);
                    return false;
                }
            };
            if day > to_day {
                return false;
            }
            if of_kind != kind as u8 || of.as_ref().is_some_and(|of| of.as_str().as_bytes() != account) {
                return true;
            }
            match row(day, account, what, value) {
                Ok(row) => rows.push(row),
                Err(error) => problem = Some(error),
            }
            problem.is_none() && rows.len() <= ROWS_OF_REPORT_MAX
        })?;
        match problem {
            Some(problem) => Err(damaged(problem)),
            None => Ok((rows.len() <= ROWS_OF_REPORT_MAX).then_some(rows)),
        }
    })
    .await
}

fn row<const N: usize>(day: u32, account: &[u8], what: &[u8], value: &[u8]) -> Result<MeterRow<N>, DecodeError> {
    let parsed = || std::str::from_utf8(account).ok().and_then(AccountId::parse).ok_or(DecodeError("account id"));
    let account = if account.is_empty() { None } else { Some(parsed()?) };
    Ok(MeterRow { day, account, what: what.to_vec(), amounts: decode_amounts(value)? })
}

/// INVARIANT: the store's row is `before` until it is written as `before + since`; writing that again changes nothing, so
/// a write whose answer was lost counts nothing twice.
#[derive(Clone, Copy, Debug)]
struct Count<const N: usize> {
    /// What the row said before this process counted; `None`: not read yet.
    before: Option<[u64; N]>,
    since: [u64; N],
    /// Of these, what is written.
    written: [u64; N],
}

impl<const N: usize> Default for Count<N> {
    fn default() -> Self {
        Self { before: None, since: [0; N], written: [0; N] }
    }
}

impl<const N: usize> Count<N> {
    fn total(&self) -> [u64; N] {
        let mut total = self.before.unwrap_or([0; N]);
        total.iter_mut().zip(self.since).for_each(|(total, since)| *total = total.saturating_add(since));
        total
    }
}

/// Counts in memory, added to the store from time to time and at a clean end; a crash loses what was counted since the
/// last time, and nothing is counted twice.
pub struct Tally<const N: usize> {
    store: Arc<dyn MetaStore>,
    rows_max: usize,
    counts: Mutex<BTreeMap<MeterKey, Count<N>>>,
    /// Held by whoever flushes.
    turn: tokio::sync::Mutex<()>,
}

impl<const N: usize> Tally<N> {
    /// Counts nothing yet. `rows_max`: rows in memory beyond which new ones are counted together.
    pub fn new(store: Arc<dyn MetaStore>, rows_max: usize) -> Self {
        Self { store, rows_max, counts: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Adds to a row; where it is new and there is no room, to the row that `together` names. Of those the caller has few.
    pub fn add(&self, key: MeterKey, amounts: [u64; N], together: impl FnOnce() -> MeterKey) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = if counts.len() >= self.rows_max && !counts.contains_key(&key) { together() } else { key };
        let count = counts.entry(key).or_default();
        count.since.iter_mut().zip(amounts).for_each(|(since, amount)| *since = since.saturating_add(amount));
    }

    /// How many rows are in memory.
    pub fn rows_held(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Adds what was counted to the store.
    ///
    /// # Errors
    /// What the store could not do, or a damaged row; nothing is lost, the next flush writes it.
    pub async fn flush(&self, now: Timestamp) -> Result<(), StoreFault> {
        let _turn = self.turn.lock().await;
        let due: Vec<(MeterKey, Count<N>)> = {
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
        counts.retain(|key, count| count.since != count.written || !(key.is_before(today) || crowded));
        Ok(())
    }

    async fn write(&self, batch: &[(MeterKey, Count<N>)]) -> Result<(), StoreFault> {
        let unread: Vec<MeterKey> =
            batch.iter().filter(|(_, count)| count.before.is_none()).map(|(key, _)| key.clone()).collect();
        let rows = read(&self.store, move |snapshot| {
            unread.iter().map(|key| snapshot.get(Table::Metering, key.as_bytes())).collect::<Result<Vec<_>, _>>()
        })
        .await?;
        let mut rows = rows.into_iter();
        let mut transaction = Transaction::new();
        let mut written = Vec::with_capacity(batch.len());
        for (key, count) in batch {
            let mut count = *count;
            if count.before.is_none() {
                let row = rows.next().flatten();
                let row = row.as_deref().map(decode_amounts).transpose().map_err(damaged)?;
                count.before = Some(row.unwrap_or([0; N]));
            }
            transaction.put(Table::Metering, key.as_bytes().to_vec(), encode_amounts(count.total()));
            written.push((key, count));
        }
        {
            // Remembered before the commit: should its answer be lost, its rows hold these counts already.
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, count) in &written {
                counts.entry((*key).clone()).or_default().before = count.before;
            }
        }
        self.store.commit(transaction).await.map_err(|error| match error {
            CommitError::Fault(fault) => fault,
            CommitError::Conflict(_) => StoreFault::Unavailable(error.to_string()),
        })?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, count) in written {
            counts.entry(key.clone()).or_default().written = count.since;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: the row that docs/formats/metering.md draws.
    #[test]
    fn rows_are_stored_as_drawn() {
        let account = AccountId::parse("ab").unwrap();
        let key = MeterKey::new(0x0102, Some(&account), MeterKind::Requests, b"what");
        assert_eq!(key.as_bytes(), b"\0\0\x01\x02ab\0\x02what");
        assert_eq!(MeterKey::new(1, None, MeterKind::Storage, b"").as_bytes(), b"\0\0\0\x01\0\x03");
        assert_eq!(encode_amounts([1, 2]), [&[1][..], &1u64.to_be_bytes(), &2u64.to_be_bytes()].concat());
        assert_eq!(parts(key.as_bytes()), Ok((0x0102, &b"ab"[..], 2, &b"what"[..])));
        assert_eq!(decode_amounts(&encode_amounts([7, 8])), Ok([7, 8]));
        for wrong in [&b"\0\0\0"[..], b"\0\0\0\x01ab", b"\0\0\0\x01ab\0"] {
            assert!(parts(wrong).is_err(), "{wrong:?}");
        }
        for wrong in [vec![], vec![2; 17], encode_amounts([1]), encode_amounts([1, 2, 3])] {
            assert!(decode_amounts::<2>(&wrong).is_err(), "{wrong:?}");
        }
        assert!(row::<1>(1, b"not hex", b"", &encode_amounts([1])).is_err());
    }

    #[test]
    fn days_end_at_midnight() {
        assert_eq!(day_of(Timestamp::from_millis(DAY_MILLIS - 1)), 0);
        assert_eq!(day_of(Timestamp::from_millis(DAY_MILLIS)), 1);
        let key = MeterKey::new(5, None, MeterKind::KeyUse, b"");
        assert!(key.is_before(6) && !key.is_before(5));
    }
}
