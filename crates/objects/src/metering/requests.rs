//! Requests about buckets and objects.
//!
//! ```text
//! what follows the kind in the row's key    outcome (u8: 2 to 5) || dialect || 0 || operation
//! value                                     requests, bytes received, bytes sent
//! ```

use crate::Fail;
use crate::api::{RequestCounts, RequestKind, RequestUsage};
use crate::service::ObjectService;
use model::codec::DecodeError;
use model::{AccountId, Timestamp};
use std::sync::Arc;
use store::metering::{MeterKey, MeterKind, MeterRow, Tally, day_of};
use store::{MetaStore, StoreFault};

/// Most rows held in memory, at some 200 bytes each. What goes beyond between two flushes is counted under [`OTHER`], of
/// which there are four rows for an account.
const ROWS_MAX: usize = 32_768;
/// Dialect and operation under which is counted what there is no room to tell apart.
const OTHER: &str = "other";

/// The counts.
pub(crate) struct RequestMeter {
    tally: Tally<3>,
}

impl RequestMeter {
    pub(crate) fn new(store: Arc<dyn MetaStore>) -> Self {
        Self { tally: Tally::new(store, ROWS_MAX) }
    }

    fn count(&self, now: Timestamp, kind: &RequestKind, counts: RequestCounts) {
        let key = |dialect: &str, operation: &str| {
            let what = [&[kind.outcome][..], dialect.as_bytes(), &[0], operation.as_bytes()].concat();
            MeterKey::new(day_of(now), kind.account.as_ref(), MeterKind::Requests, &what)
        };
        let RequestCounts { requests, bytes_received, bytes_sent } = counts;
        let amounts = [requests, bytes_received, bytes_sent];
        self.tally.add(key(kind.dialect, kind.operation), amounts, || key(OTHER, OTHER));
    }
}

impl ObjectService {
    /// Counts what a request came to, on the present day. May be called more than once for one: what it sends is known
    /// later than how it ends.
    pub fn count_request(&self, kind: &RequestKind, counts: RequestCounts) {
        self.requests.count(self.clock.now(), kind, counts);
    }

    /// Writes down the requests that were counted. To be called from time to time and at a clean end: a crash loses what
    /// was counted since.
    ///
    /// # Errors
    /// What the store could not do; the next call writes it.
    pub async fn flush_requests(&self) -> Result<(), StoreFault> {
        self.requests.tally.flush(self.clock.now()).await
    }

    /// Requests by day, account, outcome, dialect and operation, from the first day to the last, both included; days count
    /// from 1970-01-01, UTC. Of one account, or of all. Checks no right: the caller has checked its own.
    ///
    /// # Errors
    /// [`Fail::Store`]; [`Fail::InvalidRequest`] for more rows than one report takes.
    pub async fn request_usage(&self, days: (u32, u32), of: Option<AccountId>) -> Result<Vec<RequestUsage>, Fail> {
        self.flush_requests().await?;
        self.metered(MeterKind::Requests, days, of, decode).await
    }
}

fn decode(row: MeterRow<3>) -> Result<RequestUsage, DecodeError> {
    const WRONG: DecodeError = DecodeError("key of counted requests");
    let (outcome, names) = row.what.split_first().ok_or(WRONG)?;
    let (dialect, operation) = std::str::from_utf8(names).ok().and_then(|names| names.split_once('\0')).ok_or(WRONG)?;
    let [requests, bytes_received, bytes_sent] = row.amounts;
    Ok(RequestUsage {
        day: row.day,
        account: row.account,
        dialect: dialect.to_owned(),
        operation: operation.to_owned(),
        outcome: *outcome,
        requests,
        bytes_received,
        bytes_sent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::engine::memory::MemoryStore;
    use store::metering::metered;

    fn made(operation: &'static str, outcome: u8) -> RequestKind {
        RequestKind { account: AccountId::parse("aa"), dialect: "s3", operation, outcome }
    }

    async fn told(store: &Arc<dyn MetaStore>) -> Vec<RequestUsage> {
        let rows = metered(store, MeterKind::Requests, (0, 9), None).await.unwrap().unwrap();
        rows.into_iter().map(|row| decode(row).unwrap()).collect()
    }

    #[tokio::test]
    async fn requests_add_up_by_what_they_are_also_after_a_restart() {
        let store = MemoryStore::shared();
        let now = Timestamp::from_millis(5);
        for _ in 0..2 {
            let meter = RequestMeter::new(Arc::clone(&store));
            let put = RequestCounts { requests: 1, bytes_received: 10, bytes_sent: 0 };
            meter.count(now, &made("PutObject", 2), put);
            meter.count(now, &made("PutObject", 2), RequestCounts { bytes_sent: 7, ..RequestCounts::default() });
            meter.count(now, &made("PutObject", 4), put);
            meter.count(now, &RequestKind { account: None, ..made("GetObject", 4) }, put);
            meter.tally.flush(now).await.unwrap();
        }
        let rows = told(&store).await;
        let shown: Vec<_> = rows
            .iter()
            .map(|r| (r.account.is_some(), r.dialect.as_str(), r.operation.as_str(), r.outcome, r.requests))
            .collect();
        assert_eq!(
            shown,
            [(false, "s3", "GetObject", 4, 2), (true, "s3", "PutObject", 2, 2), (true, "s3", "PutObject", 4, 2)]
        );
        assert_eq!((rows[1].bytes_received, rows[1].bytes_sent), (20, 14));
    }

    #[tokio::test]
    async fn memory_is_bounded_and_nothing_goes_uncounted() {
        let store = MemoryStore::shared();
        let meter = RequestMeter { tally: Tally::new(Arc::clone(&store), 2) };
        let one = RequestCounts { requests: 1, ..RequestCounts::default() };
        for operation in ["A", "B", "C", "D", "A"] {
            meter.count(Timestamp::default(), &made(operation, 2), one);
        }
        assert_eq!(meter.tally.rows_held(), 3);
        meter.tally.flush(Timestamp::default()).await.unwrap();
        let rows = told(&store).await;
        let shown: Vec<_> = rows.iter().map(|r| (r.dialect.as_str(), r.operation.as_str(), r.requests)).collect();
        assert_eq!(shown, [("other", "other", 2), ("s3", "A", 2), ("s3", "B", 1)]);
    }

    #[test]
    fn a_key_that_cannot_be_read_is_an_error() {
        for what in [&b""[..], b"\x02", b"\x02s3", b"\x02\xff\0x"] {
            let row = MeterRow { day: 1, account: None, what: what.to_vec(), amounts: [0; 3] };
            assert!(decode(row).is_err(), "{what:?}");
        }
    }
}
