//! What is used, by account and day: requests, counted as they end; storage, counted by walking all records once a day.
//! How counts are kept is [`store::metering`]'s.

mod requests;
mod storage;
mod walk;

pub(crate) use requests::RequestMeter;
pub(crate) use storage::StorageMeter;

use crate::Fail;
use crate::service::ObjectService;
use model::AccountId;
use model::codec::DecodeError;
use sse::BucketKeyUsage;
use store::metering::{MeterKind, MeterRow, ROWS_OF_REPORT_MAX, metered};
use store::{StoreFault, Table};

impl ObjectService {
    /// Calls to the KMS for bucket keys, made and saved, by day, account, bucket, operation and CMK, from the first day to
    /// the last, both included; days count from 1970-01-01, UTC. Of one account, or of all. Checks no right: the caller has
    /// checked its own.
    ///
    /// # Errors
    /// [`Fail::Store`]; [`Fail::InvalidRequest`] for more rows than one report takes.
    pub async fn bucket_key_usage(&self, days: (u32, u32), of: Option<AccountId>) -> Result<Vec<BucketKeyUsage>, Fail> {
        self.sse.flush_bucket_key_usage().await?;
        self.metered(MeterKind::BucketKeys, days, of, BucketKeyUsage::decode).await
    }

    /// Rows of a kind, of one account or of all.
    async fn metered<const N: usize, T>(
        &self,
        kind: MeterKind,
        days: (u32, u32),
        of: Option<AccountId>,
        decode: impl Fn(MeterRow<N>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, Fail> {
        let Some(rows) = metered(&self.meta, kind, days, of).await? else {
            return Err(Fail::InvalidRequest(format!("more than {ROWS_OF_REPORT_MAX} rows: ask for fewer days")));
        };
        let damaged = |problem| StoreFault::Corrupt(format!("table {}: {problem}", Table::Metering.name()));
        Ok(rows.into_iter().map(decode).collect::<Result<_, _>>().map_err(damaged)?)
    }
}
