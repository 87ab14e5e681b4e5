//! What needs which version of a CMK, from the index, in one view of the store: before a job, and as its evidence after it.

use super::record::{Totals, VersionNeeds};
use super::scope::{RewrapFrom, Scope, Task};
use super::service::Rooms;
use model::{BucketKeyId, BucketUid};
use objects::Need;
use sse::DependentKind;
use std::collections::{BTreeMap, BTreeSet};
use store::StoreFault;

/// Versions that are told apart at most; needs of further ones are told of the last. A CMK rotated every 90 days has fewer
/// for fifteen years.
const VERSIONS_MAX: usize = 64;

#[derive(Default)]
struct Count {
    totals: Totals,
    versions: BTreeMap<u32, VersionNeeds>,
    /// The bucket key that is being counted, and the versions it was counted for: rows of one stand together.
    counted: Option<((BucketUid, BucketKeyId), BTreeSet<u32>)>,
}

impl Count {
    fn add(&mut self, need: &Need, scope: &Scope, newest: u32) {
        let row = &need.row;
        match scope.task(need, newest) {
            Some(Task::BucketKey) => self.totals.bucket_keys += 1,
            Some(Task::Step(_)) if row.kind == DependentKind::Upload => self.totals.uploads += 1,
            Some(Task::Step(_)) => {
                self.totals.objects += 1;
                self.totals.bytes = self.totals.bytes.saturating_add(row.bytes);
            }
            None if scope.is_served_by_bucket_key(need) && is_named(scope, need) => self.totals.served += 1,
            None => {}
        }
        let full = self.versions.len() >= VERSIONS_MAX && !self.versions.contains_key(&need.version);
        let version = if full { self.versions.keys().next_back().copied() } else { Some(need.version) };
        let version = version.unwrap_or(need.version);
        let of = self.versions.entry(version).or_insert(VersionNeeds { version, ..VersionNeeds::default() });
        match row.kind {
            DependentKind::Object => {
                of.objects += 1;
                of.bytes = of.bytes.saturating_add(row.bytes);
            }
            DependentKind::Upload => of.uploads += 1,
            // One that nothing is sealed under needs nothing.
            DependentKind::BucketKey => return,
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
}

fn is_named(scope: &Scope, need: &Need) -> bool {
    scope.bucket.as_ref().is_none_or(|(uid, _)| *uid == need.row.bucket) && need.row.name.starts_with(&scope.prefix)
}

impl Rooms {
    /// What of a scope is to be done, and what needs which version of the scope's CMK as a whole. A version that nothing
    /// needs is not among them.
    pub(super) async fn count(&self, scope: &Scope) -> Result<(Totals, Vec<VersionNeeds>), StoreFault> {
        match &scope.from {
            RewrapFrom::Cmk(cmk, _) => {
                let newest = self.keys.current_version(cmk).unwrap_or_default();
                let scope = scope.clone();
                let counted =
                    self.objects.visit_dependents(cmk.uid, Vec::new(), Count::default(), move |count, need| {
                        count.add(&need, &scope, newest);
                        true
                    });
                let Count { totals, versions, .. } = counted.await?;
                let needs = |of: &VersionNeeds| of.objects > 0 || of.uploads > 0 || of.bucket_keys > 0;
                Ok((totals, versions.into_values().filter(needs).collect()))
            }
            RewrapFrom::Managed => self.count_managed(scope).await.map(|totals| (totals, Vec::new())),
        }
    }

    async fn count_managed(&self, scope: &Scope) -> Result<Totals, StoreFault> {
        let Some((bucket, _)) = &scope.bucket else { return Ok(Totals::default()) };
        let (mut totals, mut after) = (Totals::default(), None);
        loop {
            let page = self.objects.managed_objects(*bucket, &scope.prefix, after.as_deref(), 1000).await?;
            for object in &page.0 {
                totals.objects += 1;
                totals.bytes = totals.bytes.saturating_add(object.bytes);
            }
            match page.1 {
                Some(last) => after = Some(last),
                None => return Ok(totals),
            }
        }
    }
}
