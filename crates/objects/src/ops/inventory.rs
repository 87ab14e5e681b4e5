//! The encryption inventory: a listing that says of each object how it is sealed. Reads records alone: no key is needed, no
//! body is read, and nothing that is sealed is shown but an ETag, which every listing shows.

use crate::Fail;
use crate::api::RequestContext;
use crate::current::etag;
use crate::inspect::SealedHow;
use crate::records::{ObjectVersion, Version, keys};
use crate::service::ObjectService;
use bytes::Bytes;
use model::{BucketName, ETag, Timestamp};
use policy::Action;
use sse::{BucketKeyRow, ChecksumAlgorithm, SseService};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{ReadError, Snapshot, StoreFault, Table};

/// Most objects of a page.
pub const INVENTORY_PAGE_MAX: usize = 1000;

/// A page of the inventory.
#[derive(Clone, Debug, Default)]
pub struct InventoryPage {
    /// Objects in order of their names.
    pub objects: Vec<InventoryEntry>,
    /// The last name, when there are more.
    pub next: Option<String>,
}

/// An object and how it is sealed.
#[derive(Clone, Debug)]
pub struct InventoryEntry {
    /// Its name.
    pub name: String,
    /// Its version's uid: names what is sealed, also where buckets have no versions.
    pub uid: String,
    /// Plaintext bytes.
    pub size: u64,
    /// When it was written.
    pub last_modified: Timestamp,
    /// As listings show it.
    pub etag: ETag,
    /// How it is sealed. The version of the CMK is the one that opens it now: through a bucket key, that of the key's row.
    pub how: SealedHow,
    /// The kept checksum's algorithm.
    pub checksum: Option<ChecksumAlgorithm>,
    /// Parts of an object that was written by multipart upload.
    pub parts: Option<u32>,
}

impl ObjectService {
    /// A page of the inventory, names behind `after`. It tells which keys seal what; so it asks for the right to read the
    /// bucket's encryption configuration and for the right to list the bucket.
    ///
    /// # Errors
    /// As a listing. A record that cannot be read fails its page: an inventory that leaves objects out is none.
    pub async fn encryption_inventory(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        after: Option<String>,
        max: usize,
    ) -> Result<InventoryPage, Fail> {
        let bucket = self.bucket(bucket)?;
        let _list = self.authorize_bucket(cx, Action::ListBucket, &bucket)?;
        let _read = self.authorize_bucket(cx, Action::GetEncryptionConfiguration, &bucket)?;
        let (sse, prefix) = (Arc::clone(&self.sse), keys::bucket_uid(bucket.uid()));
        let max = max.clamp(1, INVENTORY_PAGE_MAX);
        let page = store::read(&self.meta, move |snapshot| page(snapshot, &sse, &prefix, after.as_deref(), max));
        Ok(page.await?)
    }
}

fn page(
    snapshot: &dyn Snapshot,
    sse: &SseService,
    prefix: &[u8],
    after: Option<&str>,
    max: usize,
) -> Result<InventoryPage, ReadError> {
    let from = after.map(|name| [prefix, name.as_bytes(), &[0]].concat());
    let (mut rows, mut more): (Vec<(String, Bytes)>, bool) = (Vec::new(), false);
    snapshot.scan(Table::Current, prefix, from.as_deref(), &mut |key, value| {
        if rows.len() == max {
            more = true;
            return false;
        }
        rows.push((String::from_utf8_lossy(&key[prefix.len()..]).into_owned(), Bytes::copy_from_slice(value)));
        true
    })?;
    let next = rows.last().map(|(name, _)| name.clone()).filter(|_| more);
    let mut page = InventoryPage { objects: Vec::with_capacity(rows.len()), next };
    // Objects of one bucket go through few bucket keys.
    let mut versions = BTreeMap::new();
    for (name, row) in rows {
        let corrupt = |what: String| StoreFault::Corrupt(format!("record of {name:?}: {what}"));
        match Version::decode(&row).map_err(|error| corrupt(error.0.to_owned()))? {
            Version::DeleteMarker { .. } => {}
            Version::Object(object) => {
                let etag = etag(sse, &object).map_err(|_| corrupt("its ETag does not open".to_owned()))?;
                page.objects.push(entry(snapshot, &mut versions, name, &object, etag)?);
            }
        }
    }
    Ok(page)
}

fn entry(
    snapshot: &dyn Snapshot,
    versions: &mut BTreeMap<[u8; 16], Option<u32>>,
    name: String,
    object: &ObjectVersion,
    etag: ETag,
) -> Result<InventoryEntry, ReadError> {
    let mut how = SealedHow::of(&object.envelope);
    if let Some(id) = how.bucket_key {
        let known = match versions.get(id.as_bytes()) {
            Some(known) => *known,
            None => {
                let row = snapshot.get(Table::BucketKeys, id.as_bytes())?;
                let known = row.and_then(|row| BucketKeyRow::decode(&row).ok()).map(|row| row.version);
                versions.insert(*id.as_bytes(), known);
                known
            }
        };
        how.cmk_version = known.or(how.cmk_version);
    }
    Ok(InventoryEntry {
        name,
        uid: object.uid.to_string(),
        size: object.size,
        last_modified: object.created,
        etag,
        how,
        checksum: object.checksum.map(|(algorithm, _)| algorithm),
        parts: object.etag.parts,
    })
}
