//! KMS calls that bucket keys made, and those that an object would have taken and a bucket key saved: counters since the
//! start, and metering by day, account, bucket, CMK and operation.
//!
//! ```text
//! what follows the kind in the row's key    bucket's name || 0 || operation (u8) || CMK uid (16, zeros for none)
//! value                                     calls made, calls saved
//! ```

use kms::{KeyUse, Operation};
use model::codec::{DecodeError, Reader};
use model::{AccountId, BucketName, CmkUid, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::metering::{MeterKey, MeterKind, MeterRow, Tally, day_of};
use store::{MetaStore, StoreFault};

/// Most rows held in memory, at some 200 bytes each. What goes beyond between two flushes is counted without its bucket
/// and CMK.
const ROWS_MAX: usize = 32_768;
const NO_CMK: CmkUid = CmkUid::from_bytes([0; 16]);

/// What the KMS is asked for bucket keys. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum BucketKeyCall {
    GenerateDataKey = 1,
    Decrypt = 2,
}

impl BucketKeyCall {
    const ALL: [Self; 2] = [Self::GenerateDataKey, Self::Decrypt];

    fn operation(self) -> Operation {
        match self {
            Self::GenerateDataKey => Operation::GenerateDataKey,
            Self::Decrypt => Operation::Decrypt,
        }
    }
}

/// Calls since the start.
#[derive(Debug, Default)]
pub struct BucketKeyCounters {
    made: [AtomicU64; 2],
    saved: [AtomicU64; 2],
}

impl BucketKeyCounters {
    /// Calls made and calls saved, by operation.
    pub fn snapshot(&self) -> impl Iterator<Item = (Operation, u64, u64)> {
        BucketKeyCall::ALL.into_iter().enumerate().map(|(at, call)| {
            let read = |counters: &[AtomicU64; 2]| counters[at].load(Ordering::Relaxed);
            (call.operation(), read(&self.made), read(&self.saved))
        })
    }

    /// Lookups answered without the KMS.
    pub fn hits(&self) -> u64 {
        self.snapshot().map(|(_, _, saved)| saved).sum()
    }

    /// Lookups that needed the KMS.
    pub fn misses(&self) -> u64 {
        self.snapshot().map(|(_, made, _)| made).sum()
    }
}

/// Calls of one operation for bucket keys of one bucket and CMK, by one account on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketKeyUsage {
    /// Days since 1970-01-01, UTC.
    pub day: u32,
    /// The requester's account.
    pub account: AccountId,
    /// The bucket; empty where there was no room to tell buckets apart.
    pub bucket: String,
    /// The CMK; `None` likewise.
    pub cmk: Option<CmkUid>,
    /// `GenerateDataKey` or `Decrypt`.
    pub operation: &'static str,
    /// Calls made to the KMS.
    pub made: u64,
    /// Objects that would have taken a call and took none.
    pub saved: u64,
}

impl BucketKeyUsage {
    /// Reads a row of [`MeterKind::BucketKeys`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(row: MeterRow<2>) -> Result<Self, DecodeError> {
        const WRONG: DecodeError = DecodeError("key of counted calls for bucket keys");
        let end = row.what.iter().position(|byte| *byte == 0).ok_or(WRONG)?;
        let mut r = Reader::bare(&row.what[end + 1..]);
        let (code, cmk) = (r.u8()?, CmkUid::from_bytes(r.array()?));
        r.finish()?;
        let call = BucketKeyCall::ALL.into_iter().find(|call| *call as u8 == code).ok_or(WRONG)?;
        let [made, saved] = row.amounts;
        Ok(Self {
            day: row.day,
            account: row.account.ok_or(WRONG)?,
            bucket: std::str::from_utf8(&row.what[..end]).map_err(|_| WRONG)?.to_owned(),
            cmk: Some(cmk).filter(|cmk| *cmk != NO_CMK),
            operation: call.operation().name(),
            made,
            saved,
        })
    }
}

/// Both ways of counting.
pub(super) struct Counts {
    counters: Arc<BucketKeyCounters>,
    tally: Tally<2>,
}

impl Counts {
    pub(super) fn new(store: Arc<dyn MetaStore>) -> Self {
        Self::with_room(store, ROWS_MAX)
    }

    fn with_room(store: Arc<dyn MetaStore>, rows_max: usize) -> Self {
        Self { counters: Arc::default(), tally: Tally::new(store, rows_max) }
    }

    pub(super) fn counters(&self) -> Arc<BucketKeyCounters> {
        Arc::clone(&self.counters)
    }

    /// A call is made to the KMS, whatever comes of it.
    pub(super) fn made(&self, call: BucketKeyCall, proof: &KeyUse, bucket: &BucketName, now: Timestamp) {
        self.counters.made[call as usize - 1].fetch_add(1, Ordering::Relaxed);
        self.meter(call, proof.principal().account(), bucket, proof.cmk().uid, now, [1, 0]);
    }

    /// An object took no call.
    pub(super) fn saved(&self, call: BucketKeyCall, proof: &KeyUse, bucket: &BucketName, now: Timestamp) {
        self.counters.saved[call as usize - 1].fetch_add(1, Ordering::Relaxed);
        self.meter(call, proof.principal().account(), bucket, proof.cmk().uid, now, [0, 1]);
    }

    fn meter(
        &self,
        call: BucketKeyCall,
        account: Option<&AccountId>,
        bucket: &BucketName,
        cmk: CmkUid,
        now: Timestamp,
        amounts: [u64; 2],
    ) {
        // Who has no account has no right to a CMK.
        let Some(account) = account else { return };
        let key = |bucket: &str, cmk: CmkUid| {
            let what = [bucket.as_bytes(), &[0, call as u8], cmk.as_bytes()].concat();
            MeterKey::new(day_of(now), Some(account), MeterKind::BucketKeys, &what)
        };
        self.tally.add(key(bucket.as_str(), cmk), amounts, || key("", NO_CMK));
    }

    pub(super) async fn flush(&self, now: Timestamp) -> Result<(), StoreFault> {
        self.tally.flush(now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::engine::memory::MemoryStore;
    use store::metering::metered;

    fn count(counts: &Counts, bucket: &str, cmk: u8, amounts: [u64; 2]) {
        let (account, bucket) = (AccountId::parse("aa").unwrap(), BucketName::parse(bucket).unwrap());
        let cmk = CmkUid::from_bytes([cmk; 16]);
        counts.meter(BucketKeyCall::Decrypt, Some(&account), &bucket, cmk, Timestamp::from_millis(5), amounts);
    }

    async fn told(store: &Arc<dyn MetaStore>) -> Vec<(String, Option<CmkUid>, &'static str, u64, u64)> {
        let rows = metered::<2>(store, MeterKind::BucketKeys, (0, 9), None).await.unwrap().unwrap();
        let rows = rows.into_iter().map(|row| BucketKeyUsage::decode(row).unwrap());
        rows.map(|row| (row.bucket, row.cmk, row.operation, row.made, row.saved)).collect()
    }

    #[tokio::test]
    async fn calls_add_up_by_bucket_and_cmk_also_after_a_restart() {
        let store = MemoryStore::shared();
        for _ in 0..2 {
            let counts = Counts::new(Arc::clone(&store));
            count(&counts, "pics", 1, [1, 0]);
            count(&counts, "pics", 1, [0, 1]);
            count(&counts, "pics", 2, [0, 1]);
            counts.flush(Timestamp::from_millis(5)).await.unwrap();
        }
        let of = |cmk, made, saved| ("pics".to_owned(), Some(CmkUid::from_bytes([cmk; 16])), "Decrypt", made, saved);
        assert_eq!(told(&store).await, [of(1, 2, 2), of(2, 0, 2)]);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_nothing_goes_uncounted() {
        let store = MemoryStore::shared();
        let counts = Counts::with_room(Arc::clone(&store), 2);
        for cmk in 1..=9 {
            count(&counts, "pics", cmk, [1, 2]);
        }
        assert_eq!(counts.tally.rows_held(), 3);
        counts.flush(Timestamp::from_millis(5)).await.unwrap();
        let rows = told(&store).await;
        assert_eq!(rows[0], (String::new(), None, "Decrypt", 7, 14));
        assert_eq!(rows.iter().map(|row| row.3).sum::<u64>(), 9);
    }

    /// Golden: the key that docs/formats/metering.md draws; and nothing else is read.
    #[test]
    fn a_key_that_cannot_be_read_is_an_error() {
        let row =
            |what: &[u8]| MeterRow { day: 3, account: AccountId::parse("ab"), what: what.to_vec(), amounts: [1, 2] };
        let drawn = [&b"pics\0\x01"[..], &[7; 16]].concat();
        let usage = BucketKeyUsage::decode(row(&drawn)).unwrap();
        assert_eq!(
            (usage.bucket.as_str(), usage.operation, usage.cmk),
            ("pics", "GenerateDataKey", Some(CmkUid::from_bytes([7; 16])))
        );
        let unknown = [&b"pics\0\x03"[..], &[7; 16]].concat();
        for wrong in [&b""[..], b"pics", b"pics\0\x01", &drawn[..drawn.len() - 1], &unknown] {
            assert!(BucketKeyUsage::decode(row(wrong)).is_err(), "{wrong:?}");
        }
        assert!(BucketKeyUsage::decode(MeterRow { account: None, ..row(&drawn) }).is_err());
    }
}
