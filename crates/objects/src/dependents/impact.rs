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

/// What a walk counts.
#[derive(Default)]
struct Count {
    impact: KeyImpact,
    buckets: BTreeSet<BucketUid>,
    /// The last bucket key that was counted: rows of one stand together.
    bucket_key: Option<(BucketUid, BucketKeyId)>,
}

impl Count {
    fn add(&mut self, row: &Dependent) {
        match row.kind {
            DependentKind::Object => {
                self.impact.objects += 1;
                self.impact.bytes = self.impact.bytes.saturating_add(row.bytes);
            }
            DependentKind::Upload => self.impact.uploads += 1,
            // One that nothing is sealed under is needed by nobody.
            DependentKind::BucketKey => return,
        }
        self.buckets.insert(row.bucket);
        let bucket_key = row.bucket_key.map(|id| (row.bucket, id));
        if bucket_key.is_some() && bucket_key != self.bucket_key {
            self.impact.bucket_keys += 1;
            self.bucket_key = bucket_key;
        }
    }
}

fn count(snapshot: &dyn Snapshot, cmk: &CmkId, version: Option<u32>) -> Result<Count, StoreFault> {
    if !is_complete(snapshot)? {
        return Err(StoreFault::Unavailable("the index of what needs which CMK is not complete".to_owned()));
    }
    let (mut count, mut damaged) = (Count::default(), None);
    snapshot.scan(Table::CmkDependents, &Dependent::prefix(cmk.uid), None, &mut |key, value| {
        match Dependent::decode(key, value) {
            Ok(row) if version.is_none_or(|version| row.version == version) => count.add(&row),
            Ok(_) => {}
            Err(error) => damaged = Some(StoreFault::Corrupt(format!("a row of the index of CMKs: {error}"))),
        }
        damaged.is_none()
    })?;
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
