//! What needs which version of a CMK, from the index, in one view of the store: before a job, and as its evidence after it.
//!
//! INVARIANT: a count holds its turn until its walk has ended, also after whoever asked for it went away. There is one turn
//! for all who count (`KeyService::turn_to_count`): each walks all that is under a CMK.

use super::record::{Totals, VersionNeeds};
use super::scope::{RewrapFrom, Scope, Task};
use super::service::Rooms;
use kms::{CmkId, CountTurn};
use model::{BucketKeyId, BucketUid};
use objects::Need;
use sse::DependentKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::StoreFault;
use tokio::sync::watch;

/// Rows between two looks at whether the count is still wanted.
const LOOK_EVERY_ROWS: u64 = 1024;

/// What there is to do, and what needs which version of the CMK as a whole.
pub(super) type Counted = (Totals, Vec<VersionNeeds>);

/// What a count is about.
struct Asked {
    scope: Scope,
    /// The CMK's newest version.
    newest: u32,
    /// As many versions as a CMK has at most.
    versions_max: usize,
    /// Buckets that are there.
    buckets: BTreeSet<BucketUid>,
}

/// Why a walk did not come to its end.
#[derive(Clone, Copy)]
enum Cut {
    /// Nobody wants it any more.
    Told,
    /// There are more versions than a CMK can have.
    Versions,
}

#[derive(Default)]
struct Count {
    rows: u64,
    cut: Option<Cut>,
    totals: Totals,
    versions: BTreeMap<u32, VersionNeeds>,
    /// The bucket key that is being counted, and the versions it was counted for: rows of one stand together.
    counted: Option<((BucketUid, BucketKeyId), BTreeSet<u32>)>,
}

impl Count {
    fn add(&mut self, need: &Need, asked: &Asked) {
        let (row, scope) = (&need.row, &asked.scope);
        match scope.task(need, asked.newest) {
            // Of a bucket that is gone, a bucket key goes as soon as no write can have it any more, if nothing needs it now:
            // the rows that it serves come before its own.
            Some(Task::BucketKey)
                if !asked.buckets.contains(&row.bucket) && !self.serves(row.bucket, row.bucket_key) => {}
            Some(Task::BucketKey) => self.totals.bucket_keys += 1,
            Some(Task::Step(_)) if row.kind == DependentKind::Upload => self.totals.uploads += 1,
            Some(Task::Step(_)) => {
                self.totals.objects += 1;
                self.totals.bytes = self.totals.bytes.saturating_add(row.bytes);
            }
            None if scope.is_served_by_bucket_key(need) && is_named(scope, need) => self.totals.served += 1,
            None => {}
        }
        // One that nothing is sealed under needs nothing.
        if row.kind == DependentKind::BucketKey {
            return;
        }
        // To leave one out would be to say that nothing needs it.
        if self.versions.len() >= asked.versions_max && !self.versions.contains_key(&need.version) {
            self.cut = Some(Cut::Versions);
            return;
        }
        let version = need.version;
        let of = self.versions.entry(version).or_insert(VersionNeeds { version, ..VersionNeeds::default() });
        if row.kind == DependentKind::Upload {
            of.uploads += 1;
        } else {
            of.objects += 1;
            of.bytes = of.bytes.saturating_add(row.bytes);
        }
        let Some(bucket_key) = row.bucket_key.map(|id| (row.bucket, id)) else { return };
        match &mut self.counted {
            Some((counted, versions)) if *counted == bucket_key => {
                of.bucket_keys += u64::from(versions.insert(version))
            }
            _ => {
                of.bucket_keys += 1;
                self.counted = Some((bucket_key, BTreeSet::from([version])));
            }
        }
    }

    fn serves(&self, bucket: BucketUid, id: Option<BucketKeyId>) -> bool {
        let counted = self.counted.as_ref().map(|(counted, _)| *counted);
        counted.is_some() && counted == id.map(|id| (bucket, id))
    }
}

/// Whether nobody wants what is counted: told so, or whoever could tell is gone.
fn is_unwanted(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

fn is_named(scope: &Scope, need: &Need) -> bool {
    scope.bucket.as_ref().is_none_or(|(uid, _)| *uid == need.row.bucket) && need.row.name.starts_with(&scope.prefix)
}

impl Rooms {
    /// What of a scope is to be done, and what needs which version of the scope's CMK as a whole; a version that nothing
    /// needs is not among them. `None`: it was not wanted any more before its end.
    pub(super) async fn count(
        self: &Arc<Self>,
        scope: &Scope,
        turn: CountTurn,
        stop: watch::Receiver<bool>,
    ) -> Result<Option<Counted>, StoreFault> {
        let (rooms, scope) = (Arc::clone(self), scope.clone());
        let walk = tokio::spawn(async move {
            let _held = turn;
            match &scope.from {
                RewrapFrom::Cmk(cmk, _) => rooms.count_dependents(cmk.clone(), scope, stop).await,
                RewrapFrom::Managed => rooms.count_managed(&scope, stop).await,
            }
        });
        walk.await.unwrap_or_else(|error| Err(StoreFault::Unavailable(format!("a count did not end: {error}"))))
    }

    async fn count_dependents(
        &self,
        cmk: CmkId,
        scope: Scope,
        stop: watch::Receiver<bool>,
    ) -> Result<Option<Counted>, StoreFault> {
        let asked = Asked {
            scope,
            newest: self.keys.current_version(&cmk).unwrap_or_default(),
            versions_max: self.keys.config().versions_max as usize,
            buckets: self.objects.buckets_by_uid().into_keys().collect(),
        };
        let visit = move |count: &mut Count, need: Need| {
            if count.rows.is_multiple_of(LOOK_EVERY_ROWS) && is_unwanted(&stop) {
                count.cut = Some(Cut::Told);
                return false;
            }
            count.rows += 1;
            count.add(&need, &asked);
            count.cut.is_none()
        };
        let Count { totals, versions, cut, .. } =
            self.objects.visit_dependents(cmk.uid, Vec::new(), Count::default(), visit).await?;
        match cut {
            None => Ok(Some((totals, versions.into_values().collect()))),
            Some(Cut::Told) => Ok(None),
            Some(Cut::Versions) => Err(StoreFault::Corrupt("the index has more versions than a CMK".to_owned())),
        }
    }

    async fn count_managed(&self, scope: &Scope, stop: watch::Receiver<bool>) -> Result<Option<Counted>, StoreFault> {
        let Some((bucket, _)) = &scope.bucket else { return Ok(Some(Counted::default())) };
        let (mut totals, mut after) = (Totals::default(), None);
        loop {
            if is_unwanted(&stop) {
                return Ok(None);
            }
            let page = self.objects.managed_objects(*bucket, &scope.prefix, after.as_deref(), 1000).await?;
            for object in &page.0 {
                totals.objects += 1;
                totals.bytes = totals.bytes.saturating_add(object.bytes);
            }
            match page.1 {
                Some(last) => after = Some(last),
                None => return Ok(Some((totals, Vec::new()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use model::{AccountId, AccountNumber, CmkUid, RegionName};
    use sse::Dependent;

    fn need(bucket: u8, kind: DependentKind, version: u32) -> Need {
        let row = Dependent {
            cmk: CmkUid::from_bytes([1; 16]),
            bucket: BucketUid::from_bytes([bucket; 16]),
            bucket_key: Some(BucketKeyId::from_bytes([5; 16])),
            kind,
            id: [9; 16],
            version,
            bytes: 10,
            name: String::new(),
        };
        Need { version, orphan: false, key: Bytes::new(), row }
    }

    fn asked(versions_max: usize) -> Asked {
        let cmk = CmkId {
            region: RegionName::parse("local-1").unwrap(),
            account: AccountId::parse("aa").unwrap(),
            number: AccountNumber::parse("000000000001").unwrap(),
            uid: CmkUid::from_bytes([1; 16]),
        };
        let scope = Scope {
            from: RewrapFrom::Cmk(cmk, None),
            to: None,
            bucket: None,
            prefix: String::new(),
            copies: false,
            bucket_key: false,
        };
        Asked { scope, newest: 9, versions_max, buckets: BTreeSet::from([BucketUid::from_bytes([2; 16])]) }
    }

    fn counted(rows: &[Need], versions_max: usize) -> Count {
        let mut count = Count::default();
        rows.iter().for_each(|row| count.add(row, &asked(versions_max)));
        count
    }

    #[test]
    fn a_bucket_key_of_a_bucket_that_is_gone_is_counted_while_something_needs_it() {
        use DependentKind::{BucketKey, Object};
        let bucket_keys = |rows: &[Need]| counted(rows, 1000).totals.bucket_keys;
        assert_eq!(bucket_keys(&[need(2, BucketKey, 1)]), 1, "the bucket is there");
        assert_eq!(bucket_keys(&[need(3, BucketKey, 1)]), 0);
        assert_eq!(bucket_keys(&[need(3, Object, 1), need(3, BucketKey, 1)]), 1);
        assert_eq!(bucket_keys(&[need(4, Object, 1), need(3, BucketKey, 1)]), 0, "that is another's");
    }

    #[test]
    fn no_version_is_left_out() {
        let rows: Vec<Need> = (1..=3).map(|version| need(2, DependentKind::Object, version)).collect();
        assert!(counted(&rows, 3).cut.is_none());
        assert!(matches!(counted(&rows, 2).cut, Some(Cut::Versions)));
    }
}
