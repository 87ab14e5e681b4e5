//! The record of an object version.

use super::{StoredStream, access, headers};
use crate::api::{ObjectHeaders, Tags};
use model::codec::{DecodeError, Reader, Writer};
use model::{AccountId, BucketUid, ObjectName, Timestamp, VersionId, VersionUid};
use policy::Acl;
use sse::{ChecksumAlgorithm, Envelope};

/// What is written. Format 1 ended after the authentication code.
const FORMAT_VERSION: u8 = 2;
/// The format that the authentication code covers, whatever the record's: a record that is written again with another
/// ACL keeps its code.
const AUTHENTICATED_FORMAT: u8 = 1;
/// Begins what the authentication code covers.
const AUTH_LABEL: &str = "strongroom/v1/version";

/// One immutable state of an object.
#[derive(Clone)]
pub(crate) enum Version {
    /// An object.
    Object(Box<ObjectVersion>),
    /// A delete marker.
    DeleteMarker { version: VersionId, created: Timestamp, owner: AccountId },
}

/// An object version with a body.
#[derive(Clone)]
pub(crate) struct ObjectVersion {
    pub(crate) version: VersionId,
    pub(crate) uid: VersionUid,
    pub(crate) created: Timestamp,
    pub(crate) owner: AccountId,
    /// Plaintext size in bytes.
    pub(crate) size: u64,
    pub(crate) etag: StoredEtag,
    pub(crate) headers: ObjectHeaders,
    pub(crate) envelope: Envelope,
    pub(crate) content: Content,
    /// Algorithm of the kept checksum and whether it is composite: not secret, and shown by listings.
    pub(crate) checksum: Option<(ChecksumAlgorithm, bool)>,
    /// Digests of the plaintext, sealed (see `sse::Digests`). Missing where nobody could compute them: an upload under a
    /// customer key, completed without it.
    pub(crate) digests: Option<Vec<u8>>,
    /// Authentication code under the DEK; none for plain objects.
    pub(crate) code: Option<[u8; 32]>,
    /// `None`: only the owner's account. Not covered by the code: an ACL changes without the DEK.
    pub(crate) acl: Option<Acl>,
    /// Not covered by the code either, for the same reason.
    pub(crate) tags: Tags,
}

/// The ETag as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredEtag {
    /// The MD5, when it is not a digest of plaintext that must not stand in clear; otherwise among the digests.
    pub(crate) public_md5: Option<[u8; 16]>,
    /// Number of parts, for multipart objects.
    pub(crate) parts: Option<u32>,
}

/// Where the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// One stream.
    Single(StoredStream),
    /// A layout row keyed by the version's uid tells.
    Parts,
}

impl Version {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::DeleteMarker { version, created, owner } => {
                let mut w = Writer::new(FORMAT_VERSION);
                w.u8(1);
                encode_version_id(*version, &mut w);
                w.u64(created.as_millis()).str(owner.as_str());
                w.finish()
            }
            Self::Object(object) => {
                let mut w = Writer::new(FORMAT_VERSION);
                object.encode_core(&mut w);
                w.option(object.code, |w, code| {
                    w.raw(&code);
                });
                w.option(object.acl.as_ref(), |w, acl| access::encode_acl(acl, w));
                access::encode_tags(&object.tags, &mut w);
                w.finish()
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = Reader::open(bytes)?;
        if !(1..=FORMAT_VERSION).contains(&format) {
            return Err(DecodeError("version record of unknown format version"));
        }
        let version = match r.u8()? {
            0 => Self::Object(Box::new(ObjectVersion::decode(format, &mut r)?)),
            1 => Self::DeleteMarker {
                version: decode_version_id(&mut r)?,
                created: Timestamp::from_millis(r.u64()?),
                owner: decode_account(&mut r)?,
            },
            _ => return Err(DecodeError("version record of unknown kind")),
        };
        r.finish()?;
        Ok(version)
    }
}

impl ObjectVersion {
    /// Everything from the kind to the digests: what the code covers.
    fn encode_core(&self, w: &mut Writer) {
        w.u8(0);
        encode_version_id(self.version, w);
        w.raw(self.uid.as_bytes()).u64(self.created.as_millis()).str(self.owner.as_str()).u64(self.size);
        w.option(self.etag.public_md5, |w, md5| {
            w.raw(&md5);
        });
        w.option(self.etag.parts, |w, parts| {
            w.u32(parts);
        });
        headers::encode(&self.headers, w);
        w.bytes(&self.envelope.encode());
        match &self.content {
            Content::Single(stored) => {
                w.u8(0);
                stored.encode(w);
            }
            Content::Parts => {
                w.u8(1);
            }
        }
        w.option(self.checksum, |w, (algorithm, composite)| {
            w.u8(algorithm.code()).bool(composite);
        });
        w.option(self.digests.as_deref(), |w, digests| {
            w.bytes(digests);
        });
    }

    fn decode(format: u8, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut object = Self {
            version: decode_version_id(r)?,
            uid: VersionUid::from_bytes(r.array()?),
            created: Timestamp::from_millis(r.u64()?),
            owner: decode_account(r)?,
            size: r.u64()?,
            etag: StoredEtag { public_md5: r.option(|r| r.array())?, parts: r.option(|r| r.u32())? },
            headers: headers::decode(r)?,
            envelope: Envelope::decode(r.bytes()?)?,
            content: match r.u8()? {
                0 => Content::Single(StoredStream::decode(r)?),
                1 => Content::Parts,
                _ => return Err(DecodeError("body of unknown kind")),
            },
            checksum: r.option(decode_checksum_kind)?,
            digests: r.option(|r| r.bytes().map(<[u8]>::to_vec))?,
            code: r.option(|r| r.array())?,
            acl: None,
            tags: Tags::new(),
        };
        if format > 1 {
            object.acl = r.option(access::decode_acl)?;
            object.tags = access::decode_tags(r)?;
        }
        Ok(object)
    }

    /// What the authentication code covers: the record up to the code, where it belongs (bucket and name), and the layout
    /// of its parts. A record moved elsewhere, a part dropped, a size or an ETag changed: all show. The ACL and the tags,
    /// which follow the code, are not covered: they change while nobody holds the DEK.
    pub(crate) fn authenticated_bytes(&self, bucket: BucketUid, name: &ObjectName, layout: Option<&[u8]>) -> Vec<u8> {
        let mut w = Writer::bare();
        w.str(AUTH_LABEL).raw(bucket.as_bytes()).str(name.as_str());
        let mut core = Writer::new(AUTHENTICATED_FORMAT);
        self.encode_core(&mut core);
        w.bytes(core.as_bytes());
        w.option(layout, |w, layout| {
            w.bytes(layout);
        });
        w.finish()
    }
}

pub(crate) fn encode_version_id(version: VersionId, w: &mut Writer) {
    match version {
        VersionId::Null => w.u8(0),
        VersionId::Id(id) => w.u8(1).raw(&id),
    };
}

fn decode_version_id(r: &mut Reader<'_>) -> Result<VersionId, DecodeError> {
    match r.u8()? {
        0 => Ok(VersionId::Null),
        1 => Ok(VersionId::Id(r.array()?)),
        _ => Err(DecodeError("version id of unknown kind")),
    }
}

pub(crate) fn decode_account(r: &mut Reader<'_>) -> Result<AccountId, DecodeError> {
    AccountId::parse(r.str()?).ok_or(DecodeError("account id"))
}

pub(crate) fn decode_checksum_kind(r: &mut Reader<'_>) -> Result<(ChecksumAlgorithm, bool), DecodeError> {
    let algorithm = ChecksumAlgorithm::from_code(r.u8()?).ok_or(DecodeError("checksum algorithm"))?;
    Ok((algorithm, r.bool()?))
}
