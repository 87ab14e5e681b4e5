//! The index of what needs a CMK: one row for every object version, upload in progress and bucket key that is wrapped
//! under it, written and removed in the very transaction that writes and removes what it stands for.
//! docs/formats/dependents.md draws the rows byte by byte.
//!
//! Rows of one CMK stand together, in them those of one bucket, in them those of one bucket key: so a single walk counts
//! objects, bytes, buckets and bucket keys, and holds no more than a row in memory.

use crate::bucket_keys::BucketKeyRecord;
use crate::envelope::{Envelope, Through};
use bytes::Bytes;
use model::codec::{DecodeError, Reader, Writer};
use model::{BucketKeyId, BucketUid, CmkUid};
use store::{Change, Table};

const FORMAT_VERSION: u8 = 1;
const ID_BYTES: usize = 16;
const KEY_BYTES: usize = 4 * ID_BYTES + 1;
/// Stands for "no bucket key" in a row's key. Ids of bucket keys are random.
const NO_BUCKET_KEY: [u8; ID_BYTES] = [0; ID_BYTES];

/// What a row of the index stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DependentKind {
    /// An object version; its id is the version's uid.
    Object,
    /// An upload in progress; its id is the upload's.
    Upload,
    /// A bucket key; its id is the bucket key's.
    BucketKey,
}

impl DependentKind {
    const ALL: [Self; 3] = [Self::Object, Self::Upload, Self::BucketKey];

    fn code(self) -> u8 {
        match self {
            Self::Object => 1,
            Self::Upload => 2,
            Self::BucketKey => 3,
        }
    }
}

/// A row of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependent {
    /// The CMK that is needed.
    pub cmk: CmkUid,
    /// The bucket it is needed in.
    pub bucket: BucketUid,
    /// The bucket key between CMK and DEK, if there is one.
    pub bucket_key: Option<BucketKeyId>,
    /// What needs it.
    pub kind: DependentKind,
    /// Which.
    pub id: [u8; ID_BYTES],
    /// The CMK's version that wrapped the key.
    pub version: u32,
    /// Plaintext bytes of an object version; 0 for anything else.
    pub bytes: u64,
    /// The object's name; empty for a bucket key.
    pub name: String,
}

impl Dependent {
    /// The row of something sealed so; `None` if it needs no CMK.
    pub fn of(
        envelope: &Envelope,
        bucket: BucketUid,
        kind: DependentKind,
        id: &[u8; ID_BYTES],
        bytes: u64,
        name: &str,
    ) -> Option<Self> {
        let Envelope::Kms { through, .. } = envelope else { return None };
        let (cmk, version, bucket_key) = match through {
            Through::Cmk(wrapped) => (wrapped.cmk_uid(), wrapped.version(), None),
            Through::BucketKey { id, bucket_key, .. } => (bucket_key.cmk_uid(), bucket_key.version(), Some(*id)),
        };
        Some(Self { cmk, bucket, bucket_key, kind, id: *id, version, bytes, name: name.to_owned() })
    }

    /// The row of a stored bucket key, from its own row in [`Table::BucketKeys`].
    ///
    /// # Errors
    /// What is wrong with that row.
    pub fn of_bucket_key(key: &[u8], record: &[u8]) -> Result<Self, DecodeError> {
        let id: [u8; ID_BYTES] = key.try_into().map_err(|_| DecodeError("key of a bucket key row"))?;
        Ok(Self::of_bucket_key_record(BucketKeyId::from_bytes(id), &BucketKeyRecord::decode(record)?))
    }

    pub(crate) fn of_bucket_key_record(id: BucketKeyId, record: &BucketKeyRecord) -> Self {
        Self {
            cmk: record.cmk,
            bucket: record.bucket,
            bucket_key: Some(id),
            kind: DependentKind::BucketKey,
            id: *id.as_bytes(),
            version: record.wrapped.version(),
            bytes: 0,
            name: String::new(),
        }
    }

    /// What the keys of all rows of a CMK begin with.
    pub fn prefix(cmk: CmkUid) -> Bytes {
        Bytes::copy_from_slice(cmk.as_bytes())
    }

    /// What the keys of all rows of a kind begin with that share this one's bucket key (or, like it, have none).
    pub fn prefix_of_kind(&self, kind: DependentKind) -> Bytes {
        let mut key = Vec::with_capacity(KEY_BYTES);
        key.extend_from_slice(self.cmk.as_bytes());
        key.extend_from_slice(self.bucket.as_bytes());
        key.extend_from_slice(self.bucket_key.as_ref().map_or(&NO_BUCKET_KEY, |id| id.as_bytes()));
        key.push(kind.code());
        key.into()
    }

    /// The row's key.
    pub fn key(&self) -> Bytes {
        [&self.prefix_of_kind(self.kind)[..], &self.id].concat().into()
    }

    /// The row's value.
    pub fn value(&self) -> Bytes {
        let mut w = Writer::new(FORMAT_VERSION);
        w.u32(self.version).u64(self.bytes).str(&self.name);
        w.finish().into()
    }

    /// The change that enters it.
    pub fn enter(&self) -> Change {
        Change::Put(Table::CmkDependents, self.key(), self.value())
    }

    /// The change that removes it.
    pub fn remove(&self) -> Change {
        Change::Delete(Table::CmkDependents, self.key())
    }

    /// Reads a row.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, DecodeError> {
        let mut k = Reader::bare(key);
        let (cmk, bucket, bucket_key) = (k.array()?, k.array()?, k.array()?);
        let code = k.u8()?;
        let kind = DependentKind::ALL.into_iter().find(|kind| kind.code() == code);
        let kind = kind.ok_or(DecodeError("kind of a dependent"))?;
        let id = k.array()?;
        k.finish()?;
        let (format, mut r) = Reader::open(value)?;
        if format != FORMAT_VERSION {
            return Err(DecodeError("dependent of unknown format version"));
        }
        let row = Self {
            cmk: CmkUid::from_bytes(cmk),
            bucket: BucketUid::from_bytes(bucket),
            bucket_key: (bucket_key != NO_BUCKET_KEY).then(|| BucketKeyId::from_bytes(bucket_key)),
            kind,
            id,
            version: r.u32()?,
            bytes: r.u64()?,
            name: r.str()?.to_owned(),
        };
        r.finish()?;
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(
            (cmk, bucket, id) in any::<([u8; 16], [u8; 16], [u8; 16])>(),
            bucket_key in proptest::option::of(any::<[u8; 16]>().prop_filter("zeros are none", |id| *id != [0; 16])),
            kind in proptest::sample::select(&DependentKind::ALL[..]),
            (version, bytes) in any::<(u32, u64)>(),
            name in ".{0,40}",
        ) {
            let row = Dependent {
                cmk: CmkUid::from_bytes(cmk),
                bucket: BucketUid::from_bytes(bucket),
                bucket_key: bucket_key.map(BucketKeyId::from_bytes),
                kind,
                id,
                version,
                bytes,
                name,
            };
            prop_assert_eq!(Dependent::decode(&row.key(), &row.value()), Ok(row.clone()));
            prop_assert!(row.key().starts_with(&Dependent::prefix(row.cmk)));
            prop_assert!(Dependent::decode(&row.key()[1..], &row.value()).is_err());
            prop_assert!(Dependent::decode(&row.key(), &row.value()[1..]).is_err());
        }
    }

    /// Golden: the bytes that docs/formats/dependents.md draws.
    #[test]
    fn a_row_is_drawn_in_the_docs() {
        let row = Dependent {
            cmk: CmkUid::from_bytes([0x11; 16]),
            bucket: BucketUid::from_bytes([0x22; 16]),
            bucket_key: Some(BucketKeyId::from_bytes([0x33; 16])),
            kind: DependentKind::Object,
            id: [0x44; 16],
            version: 2,
            bytes: 65_537,
            name: "a/b".into(),
        };
        let file = include_str!("../../../vectors/records/cmk-dependent.hex");
        let golden: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        assert_eq!(golden, [hex(&row.key()), hex(&row.value())]);
    }
}
