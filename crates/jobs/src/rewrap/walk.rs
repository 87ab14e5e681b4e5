//! The next page of what a job has to do: rows of the index, or objects of a bucket, in order, after a cursor.

use super::scope::{RewrapFrom, Scope, Task};
use super::service::Rooms;
use model::{BucketUid, CmkUid, ObjectName, UploadId, VersionUid};
use objects::{Need, RewrapStep};
use sse::{DependentKind, RewrapTo};
use store::StoreFault;

/// Most rows that are passed over in one view of the store while some that need something are looked for.
const PASSED_MAX: usize = 20_000;

/// Something to be done.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The walk is past it when this is its cursor.
    pub(super) cursor: Vec<u8>,
    pub(super) bucket: BucketUid,
    /// Empty for a bucket key.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) what: What,
}

/// What it is, and what is done to it.
#[derive(Clone, Debug)]
pub(super) enum What {
    Object(VersionUid, RewrapStep),
    Upload(UploadId, RewrapStep),
    BucketKey(model::BucketKeyId),
    /// A bucket key that may be needed no more.
    Sweep(model::BucketKeyId),
}

/// Some of what there is to do.
#[derive(Default)]
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    passed: usize,
    /// The last key that was looked at; `None`: the walk is at its end.
    pub(super) more: Option<Vec<u8>>,
}

impl Page {
    fn take(&mut self, need: Need, what: Option<What>, max: usize) -> bool {
        self.passed += 1;
        let cursor = need.key.to_vec();
        if let Some(what) = what {
            let row = need.row;
            self.items.push(Item {
                cursor: cursor.clone(),
                bucket: row.bucket,
                name: row.name,
                bytes: row.bytes,
                what,
            });
        }
        let goes_on = self.items.len() < max && self.passed < PASSED_MAX;
        self.more = (!goes_on).then_some(cursor);
        goes_on
    }
}

fn what(scope: &Scope, need: &Need, newest: u32) -> Option<What> {
    let id = need.row.id;
    match (scope.task(need, newest)?, need.row.kind) {
        (Task::Step(step), DependentKind::Upload) => Some(What::Upload(UploadId::from_bytes(id), step)),
        (Task::Step(step), _) => Some(What::Object(VersionUid::from_bytes(id), step)),
        (Task::BucketKey, _) => Some(What::BucketKey(model::BucketKeyId::from_bytes(id))),
    }
}

impl Rooms {
    /// Up to `max` rows that need something, after the cursor.
    pub(super) async fn page(&self, scope: &Scope, after: &[u8], max: usize) -> Result<Page, StoreFault> {
        match &scope.from {
            RewrapFrom::Cmk(cmk, _) => {
                let newest = self.keys.current_version(cmk).unwrap_or_default();
                let scope = scope.clone();
                let visit = move |page: &mut Page, need: Need| {
                    let what = what(&scope, &need, newest);
                    page.take(need, what, max)
                };
                self.objects.visit_dependents(cmk.uid, after.to_vec(), Page::default(), visit).await
            }
            RewrapFrom::Managed => self.managed_page(scope, after, max).await,
        }
    }

    /// Up to `max` bucket keys of the CMK, in the scope's bucket or in all, after the cursor.
    pub(super) async fn bucket_keys_page(
        &self,
        cmk: CmkUid,
        scope: &Scope,
        after: &[u8],
        max: usize,
    ) -> Result<Page, StoreFault> {
        let bucket = scope.bucket.as_ref().map(|(uid, _)| *uid);
        let visit = move |page: &mut Page, need: Need| {
            let row = &need.row;
            let ours = row.kind == DependentKind::BucketKey && bucket.is_none_or(|uid| uid == row.bucket);
            let what = ours.then(|| What::Sweep(model::BucketKeyId::from_bytes(row.id)));
            page.take(need, what, max)
        };
        self.objects.visit_dependents(cmk, after.to_vec(), Page::default(), visit).await
    }

    async fn managed_page(&self, scope: &Scope, after: &[u8], max: usize) -> Result<Page, StoreFault> {
        let (Some((bucket, _)), Some(to)) = (&scope.bucket, &scope.to) else { return Ok(Page::default()) };
        let after = String::from_utf8_lossy(after);
        let after = Some(after.as_ref()).filter(|after| !after.is_empty());
        let (found, last) = self.objects.managed_objects(*bucket, &scope.prefix, after, max).await?;
        let to = RewrapTo { key_ref: Some(to.to_arn()), bucket_key: Some(scope.bucket_key) };
        let item = |object: objects::ManagedObject| Item {
            cursor: object.name.as_str().as_bytes().to_vec(),
            bucket: *bucket,
            name: object.name.as_str().to_owned(),
            bytes: object.bytes,
            what: What::Object(object.uid, RewrapStep::To(to.clone())),
        };
        let items = found.into_iter().map(item).collect();
        Ok(Page { items, passed: 0, more: last.map(String::into_bytes) })
    }
}

impl Item {
    /// The name, if it is one.
    pub(super) fn object_name(&self) -> Option<ObjectName> {
        ObjectName::parse(self.name.as_bytes()).ok()
    }
}
