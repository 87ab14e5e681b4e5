//! Rows of [`Table::BucketKeys`](store::Table::BucketKeys). docs/formats/bucket-keys.md draws them.

use crate::RequesterFingerprint;
use crypto::BucketKey;
use kms::CmkWrapped;
use model::codec::{DecodeError, Reader, Writer};
use model::{BucketUid, CmkUid, Timestamp};

const FORMAT_VERSION: u8 = 1;

/// A stored bucket key. Its id is the row's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketKeyRecord {
    pub(crate) bucket: BucketUid,
    pub(crate) cmk: CmkUid,
    /// Who obtained it.
    pub(crate) requester: RequesterFingerprint,
    /// When.
    pub(crate) created: Timestamp,
    /// The key, wrapped by a version of the CMK: the one in force, whatever the copies beside objects say.
    pub(crate) wrapped: CmkWrapped<BucketKey>,
}

impl BucketKeyRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.raw(self.bucket.as_bytes())
            .raw(self.cmk.as_bytes())
            .raw(self.requester.as_bytes())
            .u64(self.created.as_millis())
            .bytes(self.wrapped.as_bytes());
        w.finish()
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(row)?;
        if format != FORMAT_VERSION {
            return Err(DecodeError("bucket key of unknown format version"));
        }
        let record = Self {
            bucket: BucketUid::from_bytes(r.array()?),
            cmk: CmkUid::from_bytes(r.array()?),
            requester: RequesterFingerprint::from_bytes(r.array()?),
            created: Timestamp::from_millis(r.u64()?),
            wrapped: CmkWrapped::from_bytes(r.bytes()?).map_err(|_| DecodeError("wrapped bucket key"))?,
        };
        r.finish()?;
        if record.wrapped.cmk_uid() != record.cmk {
            return Err(DecodeError("bucket key that is wrapped by another CMK than it names"));
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: the bytes that docs/formats/bucket-keys.md draws; and nothing else is read.
    #[test]
    fn a_row_is_drawn_in_the_docs() {
        let file = include_str!("../../../../vectors/records/bucket-key.hex");
        let golden: Vec<&str> = file.lines().filter(|line| !line.starts_with('#')).collect();
        let row = data_encoding::HEXLOWER.decode(golden[0].as_bytes()).unwrap();
        let record = BucketKeyRecord::decode(&row).unwrap();
        assert_eq!(record.bucket, BucketUid::from_bytes([0x22; 16]));
        assert_eq!(record.cmk, CmkUid::from_bytes([0x11; 16]));
        assert_eq!(record.requester, RequesterFingerprint::from_bytes([0x55; 32]));
        assert_eq!(record.created, Timestamp::from_millis(1_800_000_000_000));
        assert_eq!(record.wrapped.version(), 2);
        assert_eq!(record.encode(), row);
        let wrong_format = [&[2], &row[1..]].concat();
        let mut another_cmk = row.clone();
        another_cmk[17] ^= 1;
        for wrong in [&row[1..], &row[..row.len() - 1], &[&row[..], &[0]].concat(), &wrong_format, &another_cmk] {
            assert!(BucketKeyRecord::decode(wrong).is_err(), "{}", data_encoding::HEXLOWER.encode(wrong));
        }
    }
}
