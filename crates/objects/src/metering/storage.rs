//! What is stored, by bucket, method and CMK: counted once a day and kept as that day's rows, or counted now and only told.
//!
//! ```text
//! what follows the kind in the row's key    bucket's name || 0 || method (u8) || CMK uid (16, zeros for none)
//! value                                     objects, bytes of plaintext, bytes at rest
//! row `storage_usage` of Table::System      format (u8 = 1) || the last day that was counted in full (u32)
//! ```

use super::walk;
use crate::Fail;
use crate::api::{StorageUsage, StoredHow};
use crate::service::ObjectService;
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, CmkUid};
use store::metering::{MeterKey, MeterKind, MeterRow, ROWS_OF_COMMIT_MAX, day_of, encode_amounts};
use store::{Change, CommitError, Snapshot, StoreFault, Table, Transaction};

/// Key of the row in [`Table::System`] that says which day was counted last.
const ROW: &[u8] = b"storage_usage";
const FORMAT: u8 = 1;
const NO_CMK: CmkUid = CmkUid::from_bytes([0; 16]);

/// One walk over everything at a time.
#[derive(Default)]
pub(crate) struct StorageMeter {
    /// The last day that was counted in full, once it was looked up.
    turn: tokio::sync::Mutex<Option<u32>>,
}

impl ObjectService {
    /// Counts what is stored and keeps it as the present day's rows, unless that was done. Whether it was done now.
    ///
    /// # Errors
    /// What the store could not do; the next call tries again.
    pub async fn meter_storage(&self) -> Result<bool, StoreFault> {
        let today = day_of(self.clock.now());
        let mut last = self.storage.turn.lock().await;
        if last.is_none() {
            *last = store::read(&self.meta, last_day).await?;
        }
        // A clock set back counts no day twice.
        if last.is_some_and(|last| last >= today) {
            return Ok(false);
        }
        self.keep(today, self.walk(today, None).await?).await?;
        *last = Some(today);
        Ok(true)
    }

    /// What is stored now, of one account's buckets or of all. Keeps nothing. Checks no right: the caller has checked its
    /// own.
    ///
    /// # Errors
    /// [`Fail::Store`].
    pub async fn count_storage(&self, of: Option<AccountId>) -> Result<Vec<StorageUsage>, Fail> {
        let _turn = self.storage.turn.lock().await;
        Ok(self.walk(day_of(self.clock.now()), of.as_ref()).await?)
    }

    /// What was stored, as counted once a day: by day, account, bucket, method and CMK. Days count from 1970-01-01, UTC; the
    /// first and the last are included. Of one account's buckets, or of all. Checks no right: the caller has checked its
    /// own.
    ///
    /// # Errors
    /// [`Fail::Store`]; [`Fail::InvalidRequest`] for more rows than one report takes.
    pub async fn storage_usage(&self, days: (u32, u32), of: Option<AccountId>) -> Result<Vec<StorageUsage>, Fail> {
        self.metered(MeterKind::Storage, days, of, decode).await
    }

    async fn walk(&self, day: u32, of: Option<&AccountId>) -> Result<Vec<StorageUsage>, StoreFault> {
        let mut rows = Vec::new();
        for bucket in self.registry.all() {
            if of.is_some_and(|of| *of != bucket.record.owner) {
                continue;
            }
            for (how, [objects, bytes, sealed_bytes]) in walk::count(&self.meta, bucket.uid()).await? {
                rows.push(StorageUsage {
                    day,
                    account: bucket.record.owner.clone(),
                    bucket: bucket.name.to_string(),
                    how,
                    objects,
                    bytes,
                    sealed_bytes,
                });
            }
        }
        Ok(rows)
    }

    /// Puts a day's rows in the place of those that an unfinished attempt left, and says at the end that the day is whole.
    async fn keep(&self, day: u32, rows: Vec<StorageUsage>) -> Result<(), StoreFault> {
        let mut changes: Vec<Change> = store::read(&self.meta, move |snapshot| leftovers(snapshot, day)).await?;
        changes.extend(rows.iter().map(|row| {
            let amounts = encode_amounts([row.objects, row.bytes, row.sealed_bytes]);
            Change::Put(Table::Metering, key(row).as_bytes().to_vec().into(), amounts.into())
        }));
        let mut whole = Writer::new(FORMAT);
        whole.u32(day);
        changes.push(Change::Put(Table::System, ROW.into(), whole.finish().into()));
        for batch in changes.chunks(ROWS_OF_COMMIT_MAX) {
            let transaction = Transaction { changes: batch.to_vec(), ..Transaction::new() };
            self.meta.commit(transaction).await.map_err(|error| match error {
                CommitError::Fault(fault) => fault,
                CommitError::Conflict(_) => StoreFault::Unavailable(error.to_string()),
            })?;
        }
        Ok(())
    }
}

/// What removes the rows that a day already has.
fn leftovers(snapshot: &dyn Snapshot, day: u32) -> Result<Vec<Change>, StoreFault> {
    let mut found = Vec::new();
    snapshot.scan(Table::Metering, &day.to_be_bytes(), None, &mut |key, _| {
        let kind = key.get(4..).and_then(|rest| rest.iter().position(|byte| *byte == 0)).and_then(|at| key.get(at + 5));
        if kind == Some(&(MeterKind::Storage as u8)) {
            found.push(Change::Delete(Table::Metering, key.to_vec().into()));
        }
        true
    })?;
    Ok(found)
}

fn last_day(snapshot: &dyn Snapshot) -> Result<Option<u32>, StoreFault> {
    let Some(row) = snapshot.get(Table::System, ROW)? else { return Ok(None) };
    let decode = || {
        let (format, mut r) = Reader::open(&row)?;
        if format != FORMAT {
            return Err(DecodeError("unknown format version"));
        }
        let day = r.u32()?;
        r.finish().map(|()| day)
    };
    decode().map(Some).map_err(|problem| StoreFault::Corrupt(format!("the day storage was counted: {problem}")))
}

fn key(row: &StorageUsage) -> MeterKey {
    let (method, cmk) = match row.how {
        StoredHow::Plain => (0, NO_CMK),
        StoredHow::Obs => (1, NO_CMK),
        StoredHow::Kms(cmk) => (2, cmk.unwrap_or(NO_CMK)),
        StoredHow::Customer => (3, NO_CMK),
        StoredHow::Unreadable => (255, NO_CMK),
    };
    let what = [row.bucket.as_bytes(), &[0, method], cmk.as_bytes()].concat();
    MeterKey::new(row.day, Some(&row.account), MeterKind::Storage, &what)
}

fn decode(row: MeterRow<3>) -> Result<StorageUsage, DecodeError> {
    const WRONG: DecodeError = DecodeError("key of counted storage");
    let end = row.what.iter().position(|byte| *byte == 0).ok_or(WRONG)?;
    let mut r = Reader::bare(&row.what[end + 1..]);
    let (method, cmk) = (r.u8()?, CmkUid::from_bytes(r.array()?));
    r.finish()?;
    let how = match method {
        0 => StoredHow::Plain,
        1 => StoredHow::Obs,
        2 => StoredHow::Kms(Some(cmk).filter(|cmk| *cmk != NO_CMK)),
        3 => StoredHow::Customer,
        255 => StoredHow::Unreadable,
        _ => return Err(WRONG),
    };
    let [objects, bytes, sealed_bytes] = row.amounts;
    Ok(StorageUsage {
        day: row.day,
        account: row.account.ok_or(WRONG)?,
        bucket: std::str::from_utf8(&row.what[..end]).map_err(|_| WRONG)?.to_owned(),
        how,
        objects,
        bytes,
        sealed_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: the row that docs/formats/metering.md draws; and it is read back.
    #[test]
    fn rows_are_stored_as_drawn_and_read_back() {
        let cmk = CmkUid::from_bytes([7; 16]);
        let of = |how| StorageUsage {
            day: 3,
            account: AccountId::parse("ab").unwrap(),
            bucket: "pics".to_owned(),
            how,
            objects: 1,
            bytes: 2,
            sealed_bytes: 18,
        };
        for (how, method, uid) in [
            (StoredHow::Plain, 0, NO_CMK),
            (StoredHow::Obs, 1, NO_CMK),
            (StoredHow::Kms(Some(cmk)), 2, cmk),
            (StoredHow::Kms(None), 2, NO_CMK),
            (StoredHow::Customer, 3, NO_CMK),
            (StoredHow::Unreadable, 255, NO_CMK),
        ] {
            let what = [&b"pics\0"[..], &[method], uid.as_bytes()].concat();
            assert_eq!(key(&of(how)).as_bytes(), [&b"\0\0\0\x03ab\0\x03"[..], &what].concat());
            let row = MeterRow { day: 3, account: AccountId::parse("ab"), what, amounts: [1, 2, 18] };
            assert_eq!(decode(row), Ok(of(how)));
        }
        for what in [&b"pics"[..], b"pics\0\0", b"pics\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
            let row = MeterRow { day: 3, account: AccountId::parse("ab"), what: what.to_vec(), amounts: [0; 3] };
            assert!(decode(row).is_err(), "{what:?}");
        }
    }
}
