//! Walking the index, for jobs: each row with the version that it needs by what is in force, not by what it says of itself.

use super::build::is_complete;
use crate::service::ObjectService;
use bytes::Bytes;
use model::{BucketKeyId, BucketUid, CmkUid};
use sse::{Dependent, DependentKind};
use store::{Snapshot, StoreFault, Table};

/// A row of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The row.
    pub row: Dependent,
    /// The version of the CMK without which it could not be opened: of what goes through a bucket key the one that wraps
    /// the bucket key's row; without a row the one of its own copy.
    pub version: u32,
    /// Whether a bucket key is between whose row is gone.
    pub orphan: bool,
    /// The row's key: a walk goes on after it.
    pub key: Bytes,
}

/// The version of a bucket key's row by the index, which holds it in a row of its own.
fn row_version(snapshot: &dyn Snapshot, of: &Dependent) -> Result<Option<u32>, StoreFault> {
    let Some(id) = of.bucket_key else { return Ok(None) };
    let own = Dependent { kind: DependentKind::BucketKey, id: *id.as_bytes(), ..of.clone() };
    let key = own.key();
    let found = snapshot.get(Table::CmkDependents, &key)?.map(|row| decode(&key, &row)).transpose()?;
    Ok(found.map(|row| row.version))
}

fn decode(key: &[u8], value: &[u8]) -> Result<Dependent, StoreFault> {
    Dependent::decode(key, value).map_err(|error| StoreFault::Corrupt(format!("a row of the index of CMKs: {error}")))
}

/// The bucket key whose rows the walk is at, and the version of its row.
type At = Option<((BucketUid, BucketKeyId), Option<u32>)>;

fn need(snapshot: &dyn Snapshot, at: &mut At, key: &[u8], value: &[u8]) -> Result<Need, StoreFault> {
    let row = decode(key, value)?;
    let version = match row.bucket_key.map(|id| (row.bucket, id)) {
        None => Some(row.version),
        Some(_) if row.kind == DependentKind::BucketKey => Some(row.version),
        // Rows of one bucket key stand together.
        Some(of) => match at {
            Some((known, version)) if *known == of => *version,
            _ => at.insert((of, row_version(snapshot, &row)?)).1,
        },
    };
    let orphan = version.is_none();
    Ok(Need { version: version.unwrap_or(row.version), orphan, key: Bytes::copy_from_slice(key), row })
}

impl ObjectService {
    /// Shows `visit` the rows of a CMK whose keys come after `after` (of all, where that is empty), in order and in one
    /// view of the store, until it returns `false`; gives back what it made of them. Asks no right.
    ///
    /// # Errors
    /// What the store could not read, and a row that does not decode; [`StoreFault::Unavailable`] as long as the index is
    /// not complete.
    pub async fn visit_dependents<T: Send + 'static>(
        &self,
        cmk: CmkUid,
        after: Vec<u8>,
        state: T,
        mut visit: impl FnMut(&mut T, Need) -> bool + Send + 'static,
    ) -> Result<T, StoreFault> {
        store::read(&self.meta, move |snapshot| {
            if !is_complete(snapshot)? {
                return Err(StoreFault::Unavailable("the index of what needs which CMK is not complete".to_owned()));
            }
            let (mut state, mut at, mut failed) = (state, None, None);
            let from = if after.is_empty() { None } else { Some([&after[..], &[0]].concat()) };
            let mut next = |key: &[u8], value: &[u8]| match need(snapshot, &mut at, key, value) {
                Ok(need) => visit(&mut state, need),
                Err(fault) => {
                    failed = Some(fault);
                    false
                }
            };
            snapshot.scan(Table::CmkDependents, &Dependent::prefix(cmk), from.as_deref(), &mut next)?;
            failed.map_or(Ok(state), Err)
        })
        .await
    }
}
