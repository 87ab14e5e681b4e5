//! Records of multipart uploads in progress and of their parts.

use super::access::{self, Said};
use super::version::{decode_account, decode_checksum_kind};
use super::{StoredStream, headers};
use crate::api::{ObjectHeaders, Tags};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, Timestamp, VersionUid};
use policy::Acl;
use sse::{ChecksumAlgorithm, Envelope, EtagRule};

/// Of uploads. Format 1 ended after the record key.
const FORMAT_VERSION: u8 = 2;
/// Of parts.
const PART_FORMAT_VERSION: u8 = 1;

/// An upload in progress. Method, keys and metadata are fixed when it begins.
#[derive(Clone)]
pub(crate) struct UploadRecord {
    /// The uid of the version to be: the bindings of its keys name it.
    pub(crate) uid: VersionUid,
    pub(crate) created: Timestamp,
    pub(crate) owner: AccountId,
    pub(crate) etag_rule: EtagRule,
    pub(crate) headers: ObjectHeaders,
    pub(crate) envelope: Envelope,
    pub(crate) checksum: Option<(ChecksumAlgorithm, bool)>,
    /// The record key under the metadata key, for an upload under a customer key.
    pub(crate) escrow: Option<Vec<u8>>,
    /// The ACL of the object to be.
    pub(crate) acl: Option<Acl>,
    /// Its tags.
    pub(crate) tags: Tags,
    /// What its beginning said about the object: policies see it again with each part. `None` in records of format 1.
    pub(crate) said: Option<Said>,
    /// The account that began it: whoever goes on with it is of that account, or of the bucket owner's. `None`: the
    /// anonymous. In records of format 1 the owner.
    pub(crate) initiator: Option<AccountId>,
}

impl UploadRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_VERSION);
        w.raw(self.uid.as_bytes()).u64(self.created.as_millis()).str(self.owner.as_str());
        w.bool(self.etag_rule == EtagRule::CiphertextMd5);
        headers::encode(&self.headers, &mut w);
        w.bytes(&self.envelope.encode());
        w.option(self.checksum, |w, (algorithm, composite)| {
            w.u8(algorithm.code()).bool(composite);
        });
        w.option(self.escrow.as_deref(), |w, escrow| {
            w.bytes(escrow);
        });
        w.option(self.acl.as_ref(), |w, acl| access::encode_acl(acl, w));
        access::encode_tags(&self.tags, &mut w);
        w.option(self.said.as_ref(), |w, said| access::encode_said(said, w));
        w.option(self.initiator.as_ref(), |w, account| {
            w.str(account.as_str());
        });
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if !(1..=FORMAT_VERSION).contains(&format) {
            return Err(DecodeError("upload record of unknown format version"));
        }
        let mut record = Self {
            uid: VersionUid::from_bytes(r.array()?),
            created: Timestamp::from_millis(r.u64()?),
            owner: decode_account(&mut r)?,
            etag_rule: if r.bool()? { EtagRule::CiphertextMd5 } else { EtagRule::PlaintextMd5 },
            headers: headers::decode(&mut r)?,
            envelope: Envelope::decode(r.bytes()?)?,
            checksum: r.option(decode_checksum_kind)?,
            escrow: r.option(|r| r.bytes().map(<[u8]>::to_vec))?,
            acl: None,
            tags: Tags::new(),
            said: None,
            initiator: None,
        };
        if format > 1 {
            record.acl = r.option(access::decode_acl)?;
            record.tags = access::decode_tags(&mut r)?;
            record.said = r.option(access::decode_said)?;
            record.initiator = r.option(decode_account)?;
        } else {
            record.initiator = Some(record.owner.clone());
        }
        r.finish()?;
        Ok(record)
    }
}

/// A part of an upload in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartRecord {
    pub(crate) stored: StoredStream,
    pub(crate) created: Timestamp,
    /// The part's ETag, when it is not a digest of plaintext that must not stand in clear.
    pub(crate) public_md5: Option<[u8; 16]>,
    /// Algorithm of the part's checksum.
    pub(crate) checksum: Option<ChecksumAlgorithm>,
    /// The part's digests, sealed under the part's stream uid.
    pub(crate) digests: Vec<u8>,
}

impl PartRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(PART_FORMAT_VERSION);
        self.stored.encode(&mut w);
        w.u64(self.created.as_millis());
        w.option(self.public_md5, |w, md5| {
            w.raw(&md5);
        });
        w.option(self.checksum, |w, algorithm| {
            w.u8(algorithm.code());
        });
        w.bytes(&self.digests);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if format != PART_FORMAT_VERSION {
            return Err(DecodeError("part record of unknown format version"));
        }
        let record = Self {
            stored: StoredStream::decode(&mut r)?,
            created: Timestamp::from_millis(r.u64()?),
            public_md5: r.option(|r| r.array())?,
            checksum: r.option(|r| ChecksumAlgorithm::from_code(r.u8()?).ok_or(DecodeError("checksum algorithm")))?,
            digests: r.bytes()?.to_vec(),
        };
        r.finish()?;
        Ok(record)
    }
}
