//! The current version of an object: reading it, and replacing it in one transaction that also lets go of what it
//! replaces.

use crate::Fail;
use crate::api::WriteExpectation;
use crate::bodies::{ReadLease, Removal, Upkeep};
use crate::dependents;
use crate::preconditions::check_write;
use crate::records::{Content, Layout, LayoutPart, ObjectVersion, StoredStream, Version, keys};
use crate::registry::Bucket;
use crate::service::ObjectService;
use bytes::Bytes;
use model::{BlobId, ETag, ObjectName, VersionUid};
use sse::{Dependent, SseService};
use std::sync::Arc;
use store::{Change, CommitError, Expectation, ReadError, Snapshot, StoreFault, Table, Transaction};

/// An object version as read, with what belongs to it.
pub(crate) struct Found {
    pub(crate) object: Box<ObjectVersion>,
    pub(crate) layout: Option<Layout>,
    /// The sealed bytes of a small body of one stream.
    pub(crate) inline: Option<Bytes>,
    /// Keeps its blobs from being removed.
    pub(crate) lease: ReadLease,
}

/// The rows and blobs that a version holds.
#[derive(Default)]
pub(crate) struct Holdings {
    inline: Vec<BlobId>,
    later: Vec<Removal>,
    layout: Option<VersionUid>,
}

impl Holdings {
    /// A stream that readers take together with its record, or that has no readers.
    pub(crate) fn add(&mut self, stored: &StoredStream) {
        if stored.inline { self.inline.push(stored.blob) } else { self.later.push(Removal::Blob(stored.blob)) }
    }

    /// A part of an object: readers come to it after they have read the record, so that its row outlives them too.
    fn add_part(&mut self, stored: &StoredStream) {
        let blob = stored.blob;
        self.later.push(if stored.inline { Removal::Row(blob) } else { Removal::Blob(blob) });
    }

    /// Lets go of everything: what nobody can be reading goes with the transaction, the rest is entered for removal.
    pub(crate) fn release(self, tx: &mut Transaction) -> Vec<Removal> {
        for id in self.inline {
            tx.delete(Table::Inline, keys::blob(id));
        }
        for removal in &self.later {
            if let Removal::Blob(id) = removal {
                tx.delete(Table::BlobRefs, keys::blob(*id));
            }
            removal.enter(tx);
        }
        if let Some(uid) = self.layout {
            tx.delete(Table::Layouts, keys::layout(uid));
        }
        self.later
    }
}

/// Enters a new stream into the transaction that refers to it.
pub(crate) fn hold(tx: &mut Transaction, stored: &StoredStream, inline: Option<Bytes>) -> Upkeep {
    match inline {
        Some(bytes) => {
            tx.put(Table::Inline, keys::blob(stored.blob), bytes);
            Upkeep::default()
        }
        None => {
            tx.put(Table::BlobRefs, keys::blob(stored.blob), Bytes::from_static(&[1]));
            Upkeep { confirm: vec![stored.blob], remove: Vec::new() }
        }
    }
}

fn corrupt(what: &str, error: impl std::fmt::Display) -> ReadError {
    StoreFault::Corrupt(format!("{what}: {error}"))
}

fn read_version(snapshot: &dyn Snapshot, row: &Bytes) -> Result<Option<(Bytes, Version)>, ReadError> {
    match snapshot.get(Table::Current, row)? {
        None => Ok(None),
        Some(bytes) => {
            let version = Version::decode(&bytes).map_err(|e| corrupt("version record", e))?;
            Ok(Some((bytes, version)))
        }
    }
}

pub(crate) fn read_layout(snapshot: &dyn Snapshot, object: &ObjectVersion) -> Result<Option<Layout>, ReadError> {
    if object.content != Content::Parts {
        return Ok(None);
    }
    let row = snapshot.get(Table::Layouts, object.uid.as_bytes())?;
    let bytes = row.ok_or_else(|| corrupt("part layout", "missing"))?;
    Layout::decode(&bytes).map(Some).map_err(|e| corrupt("part layout", e))
}

fn holdings(snapshot: &dyn Snapshot, version: &Version) -> Result<Holdings, ReadError> {
    let mut held = Holdings::default();
    if let Version::Object(object) = version {
        match (&object.content, read_layout(snapshot, object)?) {
            (Content::Single(stored), _) => held.add(stored),
            (Content::Parts, layout) => {
                held.layout = Some(object.uid);
                layout.iter().flat_map(|l| &l.parts).for_each(|p| held.add_part(&p.stored));
            }
        }
    }
    Ok(held)
}

/// What a write replaces.
struct Replaced {
    row: Option<Bytes>,
    etag: Option<ETag>,
    held: Holdings,
    /// What the index of CMKs says of it, to be taken back.
    index: Option<Change>,
}

impl ObjectService {
    /// Reads the current version. `with_body`: also the sealed bytes of a small body, in the same snapshot.
    pub(crate) async fn find(&self, bucket: &Bucket, name: &ObjectName, with_body: bool) -> Result<Found, Fail> {
        let lease = self.epochs.enter();
        let row = keys::current(bucket.uid(), name.as_str());
        let found = store::read(&self.meta, move |snapshot| {
            let Some((_, version)) = read_version(snapshot, &row)? else { return Ok(None) };
            let Version::Object(object) = version else { return Ok(Some(None)) };
            let layout = read_layout(snapshot, &object)?;
            let inline = match object.content {
                Content::Single(stored) if stored.inline && with_body => {
                    snapshot.get(Table::Inline, stored.blob.as_bytes())?
                }
                _ => None,
            };
            Ok(Some(Some((object, layout, inline))))
        })
        .await?;
        match found {
            None => Err(Fail::NoSuchKey { delete_marker: false }),
            Some(None) => Err(Fail::NoSuchKey { delete_marker: true }),
            Some(Some((object, layout, inline))) => Ok(Found { object, layout, inline, lease }),
        }
    }

    /// The ETag, from the record or from its sealed digests.
    pub(crate) fn etag(&self, object: &ObjectVersion) -> Result<ETag, Fail> {
        etag(&self.sse, object)
    }

    /// What a write replaces. An unconditional write or delete also gets rid of a record that is damaged: what it held
    /// cannot be told and stays for a scrub.
    async fn replaced(&self, bucket: &Bucket, name: &ObjectName, conditional: bool) -> Result<Replaced, Fail> {
        let row = keys::current(bucket.uid(), name.as_str());
        let (bucket_uid, object) = (bucket.uid(), name.as_str().to_owned());
        let sse = Arc::clone(&self.sse);
        store::read(&self.meta, move |snapshot| {
            let Some(bytes) = snapshot.get(Table::Current, &row)? else {
                return Ok(Replaced { row: None, etag: None, held: Holdings::default(), index: None });
            };
            let decoded = Version::decode(&bytes).map_err(|e| corrupt("version record", e));
            let understood = decoded.and_then(|version| Ok((holdings(snapshot, &version)?, version)));
            let (held, version) = match understood {
                Ok((held, version)) => (held, version),
                Err(error) if conditional => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "a damaged object is replaced; its sealed bytes stay for a scrub");
                    // Whatever CMK it needed cannot be told either.
                    let index = Some(dependents::rebuild_at_next_start(snapshot));
                    return Ok(Replaced { row: Some(bytes), etag: None, held: Holdings::default(), index });
                }
            };
            let etag = match &version {
                Version::Object(object) if conditional => {
                    Some(etag(&sse, object).map_err(|_| corrupt("version record", "its ETag does not open"))?)
                }
                _ => None,
            };
            let index = dependents::of_version(bucket_uid, &object, &version).map(|dependent| dependent.remove());
            Ok(Replaced { row: Some(bytes), etag, held, index })
        })
        .await
        .map_err(Fail::from)
    }

    /// A first look at a write's expectation, before its body is read. The commit decides.
    pub(crate) async fn precheck(
        &self,
        bucket: &Bucket,
        name: &ObjectName,
        expectation: &WriteExpectation,
    ) -> Result<(), Fail> {
        if *expectation == WriteExpectation::default() {
            return Ok(());
        }
        check_write(expectation, self.replaced(bucket, name, true).await?.etag)
    }

    /// Makes a version the current one. `prepare` adds what belongs to it; expectations that it adds come first, and a
    /// conflict of one of those is given back as [`Replace::Conflict`].
    ///
    /// The expectation is decided together with the commit: of several writers who expect the object to be absent one
    /// wins.
    pub(crate) async fn replace_current(
        &self,
        bucket: &Bucket,
        name: &ObjectName,
        expectation: &WriteExpectation,
        version: Option<&Version>,
        prepare: impl Fn(&mut Transaction) -> Upkeep,
    ) -> Result<(), Replace> {
        let row = keys::current(bucket.uid(), name.as_str());
        let encoded: Option<Bytes> = version.map(|v| v.encode().into());
        let dependent = version.and_then(|version| dependents::of_version(bucket.uid(), name.as_str(), version));
        loop {
            let conditional = *expectation != WriteExpectation::default();
            let replaced = self.replaced(bucket, name, conditional).await?;
            check_write(expectation, replaced.etag)?;
            let mut tx = if encoded.is_none() { Transaction::freeing_room() } else { Transaction::new() };
            let mut upkeep = prepare(&mut tx);
            let own = tx.expectations.len();
            tx.expect(Expectation::Present(Table::BucketUids, keys::bucket_uid(bucket.uid())));
            tx.expect(match replaced.row {
                Some(old) => Expectation::Equals(Table::Current, row.clone(), old),
                None => Expectation::Absent(Table::Current, row.clone()),
            });
            match &encoded {
                Some(encoded) => tx.put(Table::Current, row.clone(), encoded.clone()),
                None => tx.delete(Table::Current, row.clone()),
            };
            tx.changes.extend(replaced.index);
            tx.changes.extend(dependent.as_ref().map(Dependent::enter));
            upkeep.remove.extend(replaced.held.release(&mut tx));
            match self.housekeeper.commit(&self.meta, tx, upkeep).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict(i)) if i < own => return Err(Replace::Conflict),
                Err(CommitError::Conflict(i)) if i == own => return Err(Fail::NoSuchBucket.into()),
                // Somebody else wrote the object in between: look again.
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(Fail::from(fault).into()),
            }
        }
    }
}

/// Why a version did not become the current one.
pub(crate) enum Replace {
    /// An expectation that the caller added does not hold.
    Conflict,
    /// Anything else.
    Fail(Fail),
}

impl From<Fail> for Replace {
    fn from(fail: Fail) -> Self {
        Self::Fail(fail)
    }
}

impl From<Replace> for Fail {
    fn from(replace: Replace) -> Self {
        match replace {
            Replace::Conflict => Self::ConditionalConflict,
            Replace::Fail(fail) => fail,
        }
    }
}

/// The ETag, from the record or from its sealed digests.
pub(crate) fn etag(sse: &SseService, object: &ObjectVersion) -> Result<ETag, Fail> {
    let md5 = match object.etag.public_md5 {
        Some(md5) => md5,
        None => {
            let note = object.digests.as_deref().unwrap_or_default();
            let digests = sse.open_digests_keyless(&object.envelope, object.uid.as_bytes(), note, true)?;
            digests.and_then(|d| d.etag_md5).ok_or_else(|| StoreFault::Corrupt("version record: no ETag".to_owned()))?
        }
    };
    Ok(ETag { md5, parts: object.etag.parts })
}

/// Which streams hold the body, in order.
pub(crate) fn streams(object: &ObjectVersion, layout: Option<&Layout>) -> Vec<StoredStream> {
    match (&object.content, layout) {
        (Content::Single(stored), _) => vec![*stored],
        (Content::Parts, Some(layout)) => layout.parts.iter().map(|p: &LayoutPart| p.stored).collect(),
        (Content::Parts, None) => Vec::new(),
    }
}
