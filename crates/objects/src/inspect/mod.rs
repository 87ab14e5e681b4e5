//! Looking at what lies on disk, damage included, without changing it: for whoever verifies a store that no server has open.
//!
//! ```text
//! rows.rs        a page of a table, damaged rows told and passed
//! inspected.rs   what object versions and uploads have in common for whoever opens them
//! versions.rs    object versions: their records, and what must stand beside each
//! uploads.rs     uploads in progress and their parts
//! streams.rs     one sealed stream: is it there, of its length, referred to
//! open.rs        with an object's keys: code, every segment, digests, ETag
//! index.rs       the index of CMKs and the rows of bucket keys, the other way round
//! references.rs  rows and files that nobody refers to, in bounded memory
//! ```
//!
//! A normal read trusts the first thing that is wrong to end it. Here each thing that is wrong becomes a [`Finding`] with a
//! name, and the walk goes on.
//!
//! INVARIANT: a page holds records alone, and is bounded in rows and bytes. What a record leads to (the layout of its parts,
//! the parts of an upload) is read when the record is inspected, by as many workers as there are.

#![expect(clippy::result_large_err, reason = "a finding is what a walk is for, made once for each thing that is wrong")]

mod index;
mod inspected;
mod open;
mod references;
mod rows;
mod streams;
mod uploads;
mod versions;

pub use index::{InspectedBucketKey, InspectedDependent};
pub use inspected::Inspected;
pub use open::OpenedBody;
pub use references::{REFERENCES_HELD, ReferenceCounts};
pub use rows::Page;
pub use uploads::{FoundUpload, InspectedUpload};
pub use versions::{FoundVersion, InspectedVersion, SealedHow};

use crate::records::{BucketRecord, keys};
use model::codec::DecodeError;
use model::{BucketName, BucketUid};
use rows::Rows;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::engine::files::BlobFiles;
use store::{MetaStore, StoreFault, Table};

macro_rules! kinds {
    ($($variant:ident = $name:literal, $meaning:literal;)*) => {
        /// What kind of thing is wrong. The names are part of the report's format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $(#[doc = $meaning] $variant,)*
        }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

kinds! {
    StoreDamaged = "store-damaged", "A table or a directory could not be read to its end.";
    RecordDamaged = "record-damaged", "A record does not match its checksum or cannot be decoded.";
    RowUnknown = "row-unknown", "A row stands where this version of the software writes none.";
    BucketMissing = "bucket-missing", "Something belongs to a bucket that does not exist, or a bucket's own rows disagree.";
    LayoutWrong = "layout-wrong", "The parts of an object do not add up to it.";
    BodyMissing = "body-missing", "The sealed bytes that a record refers to are not there.";
    BodyLength = "body-length", "Sealed bytes are longer or shorter than their record says.";
    BodyShared = "body-shared", "Two records refer to the same sealed bytes.";
    ReferenceMissing = "reference-missing", "A record refers to a blob that the table of references does not know.";
    KeyDamaged = "key-damaged", "A wrapped key does not open, or a key above it is gone.";
    BucketKeyRow = "bucket-key-row", "An object opens by the copy of its bucket key alone: the key's row is wrong or gone.";
    RecordForged = "record-not-authentic", "A record is not the one that was written with the object's DEK.";
    BodyDamaged = "body-damaged", "Sealed bytes do not authenticate, or do not match their checksum.";
    DigestsDamaged = "digests-damaged", "The sealed digests of an object or a part do not open.";
    EtagWrong = "etag-wrong", "The ETag is not the MD5 of the bytes that it is made of.";
    ChecksumWrong = "checksum-wrong", "The kept checksum is not that of the plaintext.";
    IndexMissing = "index-missing", "The index of CMKs lacks a row: an impact report would count too little.";
    IndexWrong = "index-wrong", "A row of the index of CMKs says something else than the record.";
    IndexExtra = "index-extra", "The index of CMKs has a row for something that is not there or needs no CMK.";
    OrphanRow = "orphan-row", "A row that nothing refers to.";
    OrphanFile = "orphan-file", "A blob file that nothing refers to.";
    ForeignFile = "foreign-file", "A file or directory that does not belong where it lies.";
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The bucket, where one is known.
    pub bucket: Option<String>,
    /// The object's name, where one is known.
    pub object: Option<String>,
    /// The version's uid, where one is known.
    pub version: Option<String>,
    /// The row or file: `current: 6f6e65…`, `blobs/ab/ab01…`.
    pub at: String,
    /// What is wrong with it, in words. Never a key, never bytes of a body.
    pub detail: String,
}

impl Finding {
    /// About a row or file alone.
    pub fn at(kind: FindingKind, at: impl Into<String>, detail: impl Into<String>) -> Self {
        let (at, detail) = (at.into(), detail.into());
        Self { kind, bucket: None, object: None, version: None, at, detail }
    }
}

/// Where something is, for the findings about it.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) bucket: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) at: String,
}

impl Place {
    pub(crate) fn finding(&self, kind: FindingKind, detail: impl Into<String>) -> Finding {
        let Self { bucket, object, version, at } = self.clone();
        Finding { kind, bucket, object, version, at, detail: detail.into() }
    }

    pub(crate) fn at(&self, at: impl Into<String>) -> Self {
        Self { at: at.into(), ..self.clone() }
    }
}

/// What is told of tables that all buckets share, where a record leads to a row of one.
#[derive(Clone, Copy)]
pub(crate) struct Scope {
    /// Whether the index of CMKs says that it is complete: a row that it lacks is wrong then.
    index: bool,
    /// Whether one bucket alone is looked at. Shared tables are not walked then, so what is wrong with their rows is told
    /// by the record that needs the row; else by the walk, once.
    alone: bool,
}

impl Scope {
    /// Where nobody listens: what is wrong was told before.
    pub(crate) const UNHEARD: Self = Self { index: false, alone: false };

    /// What is to be told of a row of a shared table that could not be read.
    pub(crate) fn of_shared_row(self, place: &Place, table: Table, key: &[u8], fault: &StoreFault) -> Option<Finding> {
        let place = place.at(row_name(table, key));
        match fault {
            StoreFault::Corrupt(_) if self.alone => {
                Some(place.finding(FindingKind::RecordDamaged, "the row does not match its checksum"))
            }
            StoreFault::Corrupt(_) => None,
            fault => Some(place.finding(FindingKind::StoreDamaged, fault.to_string())),
        }
    }
}

/// A row, as findings name it: the table, and the key in hexadecimal as far as it is short.
pub(crate) fn row_name(table: Table, key: &[u8]) -> String {
    const KEY_SHOWN_MAX: usize = 65;
    let shown = data_encoding::HEXLOWER.encode(&key[..key.len().min(KEY_SHOWN_MAX)]);
    let more = if key.len() > KEY_SHOWN_MAX { "…" } else { "" };
    format!("{}: {shown}{more}", table.name())
}

/// Looks at a store. Its methods block.
#[derive(Clone)]
pub struct Inspector {
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) blobs: Arc<BlobFiles>,
}

/// The buckets of a store.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    names: BTreeMap<BucketUid, BucketName>,
}

impl Buckets {
    /// The name of a bucket.
    pub fn name(&self, uid: BucketUid) -> Option<&BucketName> {
        self.names.get(&uid)
    }

    /// The uid of a bucket.
    pub fn uid(&self, name: &BucketName) -> Option<BucketUid> {
        self.names.iter().find(|(_, found)| *found == name).map(|(uid, _)| *uid)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl Inspector {
    /// Over records and blob files, of which it changes none.
    pub fn new(meta: Arc<dyn MetaStore>, blobs: Arc<BlobFiles>) -> Self {
        Self { meta, blobs }
    }

    /// Reads the buckets, which are few enough to be held in memory, as a server does.
    pub fn buckets(&self, findings: &mut Vec<Finding>) -> Buckets {
        let mut buckets = Buckets::default();
        self.each_row(Table::Buckets, findings, |inspector, key, value, findings| {
            let at = row_name(Table::Buckets, key);
            let name = BucketName::parse(std::str::from_utf8(key).unwrap_or_default());
            let (Ok(name), Ok(record)) = (name, BucketRecord::decode(value)) else {
                let mut finding = Finding::at(FindingKind::RecordDamaged, at, "a bucket's record cannot be decoded");
                finding.bucket = std::str::from_utf8(key).ok().map(str::to_owned);
                findings.push(finding);
                return;
            };
            let row = inspector.get(Table::BucketUids, &keys::bucket_uid(record.uid));
            if !matches!(&row, Ok(Some(found)) if found == name.as_str().as_bytes()) {
                let detail = "the row of the bucket's uid is missing or names another bucket";
                let mut finding = Finding::at(FindingKind::BucketMissing, at.clone(), detail);
                finding.bucket = Some(name.to_string());
                findings.push(finding);
            }
            if let Some(other) = buckets.names.insert(record.uid, name.clone()) {
                let detail = format!("buckets `{other}` and `{name}` have the same uid");
                findings.push(Finding::at(FindingKind::BucketMissing, at, detail));
            }
        });
        self.each_row(Table::BucketUids, findings, |_, key, value, findings| {
            let known = BucketUid::try_from_slice(key).and_then(|uid| buckets.name(uid));
            if known.is_none_or(|name| name.as_str().as_bytes() != value) {
                let detail = "a bucket's uid is alive, and no bucket has it";
                findings.push(Finding::at(FindingKind::BucketMissing, row_name(Table::BucketUids, key), detail));
            }
        });
        self.each_row(Table::Versions, findings, |_, key, _, findings| {
            let detail = "versions that are not current are not written by this version of the software";
            findings.push(Finding::at(FindingKind::RowUnknown, row_name(Table::Versions, key), detail));
        });
        buckets
    }

    /// Calls `visit` with every sound row of a table; damage is told and passed.
    pub(crate) fn each_row(
        &self,
        table: Table,
        findings: &mut Vec<Finding>,
        mut visit: impl FnMut(&Self, &[u8], &[u8], &mut Vec<Finding>),
    ) {
        let mut after = None;
        loop {
            let Rows { rows, next, broken } = self.rows(table, &[], after.as_deref());
            for (key, value) in rows {
                match value {
                    Ok(value) => visit(self, &key, &value, findings),
                    Err(why) => findings.push(Finding::at(FindingKind::RecordDamaged, row_name(table, &key), why)),
                }
            }
            findings.extend(broken);
            match next {
                Some(next) => after = Some(next),
                None => return,
            }
        }
    }
}

/// How a record that does not decode is told.
pub(crate) fn undecoded(DecodeError(what): DecodeError) -> String {
    format!("cannot be decoded: {what}")
}

/// Ids from keys of rows.
pub(crate) trait FromSlice: Sized {
    fn try_from_slice(bytes: &[u8]) -> Option<Self>;
}

macro_rules! from_slice {
    ($($id:ty),*) => {
        $(impl FromSlice for $id {
            fn try_from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_bytes)
            }
        })*
    };
}

from_slice!(BucketUid, model::BlobId, model::UploadId, model::VersionUid, model::BucketKeyId);
