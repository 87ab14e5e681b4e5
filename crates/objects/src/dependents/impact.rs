//! What would be lost without a CMK: counted in one walk over its rows of the index.

use super::build::is_complete;
use crate::service::ObjectService;
use async_trait::async_trait;
use model::{BucketKeyId, BucketUid};
use sse::{CmkId, Dependent, DependentKind, Dependents, KeyImpact};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use store::{Snapshot, StoreFault, Table};

/// Answers the KMS. Holds no room open: the KMS outlives this one.
struct Answers(Weak<ObjectService>);

#[async_trait]
impl Dependents for Answers {
    async fn impact(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, String> {
        let objects = self.0.upgrade().ok_or("the store of objects is closed")?;
        objects.key_impact(cmk, version).await
    }
}

/// What rows come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    objects: u64,
    bytes: u64,
    uploads: u64,
}

impl Sum {
    fn add(&mut self, row: &Dependent) {
        match row.kind {
            DependentKind::Object => {
                self.objects += 1;
                self.bytes = self.bytes.saturating_add(row.bytes);
            }
            DependentKind::Upload => self.uploads += 1,
            DependentKind::BucketKey => {}
        }
    }
}

/// Rows that stand together: those of one bucket and bucket key, or of one bucket without one. The bucket key's own row is
/// the last of them.
struct Group {
    bucket: BucketUid,
    bucket_key: Option<BucketKeyId>,
    all: Sum,
    /// Those whose own wrap, or copy of the bucket key, is of the version that is asked about.
    of_version: Sum,
    /// The version that wraps the bucket key's row.
    row_version: Option<u32>,
}

/// What a walk counts.
#[derive(Default)]
struct Count {
    /// The version that is asked about; `None`: all.
    version: Option<u32>,
    impact: KeyImpact,
    buckets: BTreeSet<BucketUid>,
    group: Option<Group>,
}

impl Count {
    fn of(version: Option<u32>) -> Self {
        Self { version, ..Self::default() }
    }

    fn add(&mut self, row: &Dependent) {
        if self.group.as_ref().is_none_or(|group| (group.bucket, group.bucket_key) != (row.bucket, row.bucket_key)) {
            self.settle();
        }
        let group = self.group.get_or_insert_with(|| Group {
            bucket: row.bucket,
            bucket_key: row.bucket_key,
            all: Sum::default(),
            of_version: Sum::default(),
            row_version: None,
        });
        if row.kind == DependentKind::BucketKey {
            group.row_version = Some(row.version);
            return;
        }
        group.all.add(row);
        if self.version.is_none_or(|version| version == row.version) {
            group.of_version.add(row);
        }
    }

    /// Ends a group. What goes through a bucket key needs the version that wraps the bucket key's row: it is rewrapped, and
    /// the copies beside the objects are not. Without a row the copies are all there is.
    fn settle(&mut self) {
        let Some(group) = self.group.take() else { return };
        let Sum { objects, bytes, uploads } = match (self.version, group.row_version) {
            (Some(version), Some(of_row)) => {
                if version == of_row {
                    group.all
                } else {
                    Sum::default()
                }
            }
            _ => group.of_version,
        };
        // A bucket key that nothing is sealed under is needed by nobody.
        if objects == 0 && uploads == 0 {
            return;
        }
        self.impact.objects += objects;
        self.impact.bytes = self.impact.bytes.saturating_add(bytes);
        self.impact.uploads += uploads;
        self.impact.bucket_keys += u64::from(group.bucket_key.is_some());
        self.buckets.insert(group.bucket);
    }
}

fn count(snapshot: &dyn Snapshot, cmk: &CmkId, version: Option<u32>) -> Result<Count, StoreFault> {
    if !is_complete(snapshot)? {
        return Err(StoreFault::Unavailable("the index of what needs which CMK is not complete".to_owned()));
    }
    let (mut count, mut damaged) = (Count::of(version), None);
    snapshot.scan(Table::CmkDependents, &Dependent::prefix(cmk.uid), None, &mut |key, value| {
        match Dependent::decode(key, value) {
            Ok(row) => count.add(&row),
            Err(error) => damaged = Some(StoreFault::Corrupt(format!("a row of the index of CMKs: {error}"))),
        }
        damaged.is_none()
    })?;
    count.settle();
    damaged.map_or(Ok(count), Err)
}

impl ObjectService {
    /// Who tells the KMS what needs a CMK.
    pub fn dependents(self: &Arc<Self>) -> Arc<dyn Dependents> {
        Arc::new(Answers(Arc::downgrade(self)))
    }

    /// What needs the CMK, or one version of it. A bucket's default needs no particular version.
    async fn key_impact(&self, cmk: &CmkId, version: Option<u32>) -> Result<KeyImpact, String> {
        let wanted = cmk.clone();
        let counted = store::read(&self.meta, move |snapshot| count(snapshot, &wanted, version)).await;
        let Count { mut impact, buckets, .. } = counted.map_err(|fault| fault.to_string())?;
        let all: BTreeMap<BucketUid, _> = self.registry.all().into_iter().map(|b| (b.uid(), b)).collect();
        // Names are told of buckets of the CMK's own account only; one that is gone has no owner to ask.
        let (mut names, mut foreign) = (BTreeSet::new(), 0);
        for uid in &buckets {
            match all.get(uid).filter(|bucket| bucket.record.owner == cmk.account) {
                Some(bucket) => drop(names.insert(bucket.name.to_string())),
                None => foreign += 1,
            }
        }
        impact.foreign_buckets = foreign;
        if version.is_none() {
            for bucket in all.values() {
                let Some(default) = &bucket.record.encryption else { continue };
                if !self.sse.default_leads_to(default, &bucket.record.owner, cmk) {
                    continue;
                }
                if bucket.record.owner != cmk.account {
                    impact.foreign_defaults += 1;
                } else {
                    impact.bucket_defaults.push(bucket.name.to_string());
                    names.insert(bucket.name.to_string());
                }
            }
            impact.bucket_defaults.sort_unstable();
        }
        impact.buckets = names.into_iter().collect();
        Ok(impact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::CmkUid;

    fn row(bucket: u8, bucket_key: Option<u8>, kind: DependentKind, version: u32) -> Dependent {
        Dependent {
            cmk: CmkUid::from_bytes([1; 16]),
            bucket: BucketUid::from_bytes([bucket; 16]),
            bucket_key: bucket_key.map(|id| BucketKeyId::from_bytes([id; 16])),
            kind,
            id: [9; 16],
            version,
            bytes: 10,
            name: String::new(),
        }
    }

    /// Objects, bytes, uploads, bucket keys and buckets that need a version.
    fn needs(rows: &[Dependent], version: Option<u32>) -> (u64, u64, u64, u64, usize) {
        let mut count = Count::of(version);
        rows.iter().for_each(|row| count.add(row));
        count.settle();
        let KeyImpact { objects, bytes, uploads, bucket_keys, .. } = count.impact;
        (objects, bytes, uploads, bucket_keys, count.buckets.len())
    }

    #[test]
    fn what_goes_through_a_bucket_key_needs_the_version_of_its_row() {
        use DependentKind::{BucketKey, Object, Upload};
        let rows = [
            row(1, None, Object, 1),
            row(1, None, Object, 2),
            // Rewrapped: the copies say 1 and one 2, the row 3.
            row(1, Some(5), Object, 1),
            row(1, Some(5), Object, 2),
            row(1, Some(5), Upload, 1),
            row(1, Some(5), BucketKey, 3),
            // Its row is lost.
            row(2, Some(6), Object, 1),
            row(2, Some(6), Object, 2),
            // As it was made.
            row(2, Some(7), Upload, 1),
            row(2, Some(7), BucketKey, 1),
            // Nothing is sealed under it.
            row(3, Some(8), BucketKey, 1),
        ];
        assert_eq!(needs(&rows, None), (6, 60, 2, 3, 2));
        assert_eq!(needs(&rows, Some(1)), (2, 20, 1, 2, 2));
        assert_eq!(needs(&rows, Some(2)), (2, 20, 0, 1, 2));
        assert_eq!(needs(&rows, Some(3)), (2, 20, 1, 1, 1));
        assert_eq!(needs(&rows, Some(4)), (0, 0, 0, 0, 0));
        assert_eq!(needs(&[], None), (0, 0, 0, 0, 0));
    }
}
