//! ListObjects and ListObjectVersions. Reads records only: encryption does not show, and no key is needed.

use crate::Fail;
use crate::api::{ListObjects, ListedObject, ObjectPage, RequestContext};
use crate::authorize::object_owner;
use crate::current::etag;
use crate::records::{Version, keys};
use crate::service::ObjectService;
use policy::Action;
use std::sync::Arc;
use store::{ReadError, Snapshot, StoreFault, Table};

/// Most names of a page.
pub(crate) const PAGE_MAX: usize = 1000;

impl ObjectService {
    /// ListObjects: current versions, delete markers left out.
    pub async fn list_objects(&self, cx: &RequestContext, request: ListObjects) -> Result<ObjectPage, Fail> {
        self.list_as(cx, Action::ListBucket, request).await
    }

    /// ListObjectVersions. Versioning cannot be enabled yet, so that each object has one version, the null version.
    pub async fn list_versions(&self, cx: &RequestContext, request: ListObjects) -> Result<ObjectPage, Fail> {
        self.list_as(cx, Action::ListBucketVersions, request).await
    }

    async fn list_as(&self, cx: &RequestContext, action: Action, request: ListObjects) -> Result<ObjectPage, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let _proof = self.authorize_bucket(cx, action, &bucket)?;
        let sse = Arc::clone(&self.sse);
        let uid = bucket.uid();
        let shown = Arc::clone(&bucket);
        let page = store::read(&self.meta, move |snapshot| {
            let object = |bytes: &[u8], name: String| -> Result<Option<ListedObject>, ReadError> {
                let corrupt = |e: &dyn std::fmt::Debug| StoreFault::Corrupt(format!("record of {name:?}: {e:?}"));
                match Version::decode(bytes).map_err(|e| corrupt(&e))? {
                    Version::DeleteMarker { .. } => Ok(None),
                    Version::Object(object) => Ok(Some(ListedObject {
                        etag: etag(&sse, &object).map_err(|e| corrupt(&e))?,
                        size: object.size,
                        last_modified: object.created,
                        owner: object_owner(&shown, &object.owner).clone(),
                        checksum_algorithm: object.checksum,
                        name,
                    })),
                }
            };
            list(snapshot, &keys::current(uid, ""), &request, object)
        })
        .await?;
        Ok(page)
    }
}

/// Walks names in byte order, jumping over what a common prefix covers.
fn list(
    snapshot: &dyn Snapshot,
    root: &[u8],
    request: &ListObjects,
    object: impl Fn(&[u8], String) -> Result<Option<ListedObject>, ReadError>,
) -> Result<ObjectPage, ReadError> {
    let max = request.max.min(PAGE_MAX);
    let delimiter = request.delimiter.as_deref().filter(|d| !d.is_empty());
    let mut page = ObjectPage::default();
    if max == 0 {
        return Ok(page);
    }
    let key_of = |name: &[u8]| [root, name].concat();
    let mut from = request.after.as_ref().map(|after| match grouped(after, &request.prefix, delimiter) {
        // A marker inside a group continues after the group, and so does the group itself as a marker.
        Some(group) if group == after => past(key_of(group.as_bytes())),
        _ => [&key_of(after.as_bytes())[..], &[0]].concat(),
    });
    let prefix = key_of(request.prefix.as_bytes());
    let mut last = None;
    loop {
        let mut jump = None;
        let mut failed = None;
        let mut full = false;
        snapshot.scan(Table::Current, &prefix, from.as_deref(), &mut |key, value| {
            let Ok(name) = std::str::from_utf8(&key[root.len()..]) else {
                failed = Some(StoreFault::Corrupt("an object name is not UTF-8".to_owned()));
                return false;
            };
            let group = grouped(name, &request.prefix, delimiter);
            let seen = group.is_some_and(|g| request.after.as_deref().is_some_and(|after| after.starts_with(g)));
            let listed = match (group, object(value, name.to_owned())) {
                (_, Err(error)) => {
                    failed = Some(error);
                    return false;
                }
                // A group that only delete markers make up is not shown.
                (_, Ok(None)) => return true,
                (Some(_), Ok(Some(_))) => None,
                (None, Ok(Some(listed))) => Some(listed),
            };
            if page.objects.len() + page.common_prefixes.len() == max && !seen {
                full = true;
                return false;
            }
            match (group, listed) {
                (Some(group), _) => {
                    if !seen {
                        page.common_prefixes.push(group.to_owned());
                        last = Some(group.to_owned());
                    }
                    jump = Some(past(key_of(group.as_bytes())));
                    false
                }
                (None, Some(listed)) => {
                    last = Some(name.to_owned());
                    page.objects.push(listed);
                    true
                }
                (None, None) => true,
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if full {
            page.next = last;
            return Ok(page);
        }
        match jump {
            Some(next) => from = Some(next),
            None => return Ok(page),
        }
    }
}

/// The common prefix that a name falls under: up to and including the first delimiter after `prefix`.
pub(crate) fn grouped<'a>(name: &'a str, prefix: &str, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter?;
    let at = name.strip_prefix(prefix)?.find(delimiter)?;
    Some(&name[..prefix.len() + at + delimiter.len()])
}

/// The first key after every key that begins with `prefix`. UTF-8 never holds 0xFF, so that appending one is past all.
pub(crate) fn past(mut prefix: Vec<u8>) -> Vec<u8> {
    prefix.push(0xff);
    prefix
}
