//! A version of a CMK, as table `cmk_versions` keeps it.

use super::{FORMAT_1, FORMAT_CMK, PROVIDER_EMBEDDED, open_cmk};
use crate::ProviderName;
use model::codec::{DecodeError, Reader, Writer};
use model::{CmkUid, Timestamp};

/// How a version of a CMK came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionCause {
    /// With the CMK.
    Created,
    /// The schedule.
    Scheduled,
    /// Somebody asked for it.
    OnDemand,
    /// Material from outside.
    Imported,
}

impl VersionCause {
    const ALL: [Self; 4] = [Self::Created, Self::Scheduled, Self::OnDemand, Self::Imported];
}

/// One version of a CMK: how its provider finds the material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CmkVersionRecord {
    pub(crate) provider: ProviderName,
    pub(crate) created: Timestamp,
    /// Opaque to all but the provider. Empty once imported material was deleted or has expired.
    pub(crate) reference: Vec<u8>,
    pub(crate) cause: VersionCause,
    /// Names the material in replies, tells nothing about it.
    pub(crate) material_id: [u8; 32],
    /// When imported material is to be deleted.
    pub(crate) expires: Option<Timestamp>,
    /// Keyed digest of imported material, so that only the same is taken again. Zero for the rest.
    pub(crate) digest: [u8; 32],
}

impl CmkVersionRecord {
    pub(crate) fn key(uid: CmkUid, version: u32) -> Vec<u8> {
        let mut w = Writer::bare();
        w.raw(uid.as_bytes()).u32(version);
        w.finish()
    }

    pub(crate) fn parts_of_key(key: &[u8]) -> Result<(CmkUid, u32), DecodeError> {
        let mut r = Reader::bare(key);
        let parts = (CmkUid::from_bytes(r.array()?), r.u32()?);
        r.finish()?;
        Ok(parts)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_CMK);
        w.str(self.provider.as_str()).u64(self.created.as_millis()).bytes(&self.reference);
        w.u8(self.cause as u8).raw(&self.material_id).raw(&self.digest);
        match self.expires {
            None => w.u8(0),
            Some(at) => w.u8(1).u64(at.as_millis()),
        };
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (format, mut r) = open_cmk(bytes)?;
        let record = if format == FORMAT_1 {
            if r.u8()? != PROVIDER_EMBEDDED {
                return Err(DecodeError("unknown key provider"));
            }
            let (created, reference) = (Timestamp::from_millis(r.u64()?), r.bytes()?.to_vec());
            let (cause, provider) = (VersionCause::Created, ProviderName::embedded());
            Self { provider, created, reference, cause, material_id: [0; 32], expires: None, digest: [0; 32] }
        } else {
            let provider = ProviderName::parse(r.str()?).ok_or(DecodeError("name of a key provider"))?;
            let (created, reference) = (Timestamp::from_millis(r.u64()?), r.bytes()?.to_vec());
            let cause = usize::from(r.u8()?);
            let cause = VersionCause::ALL.get(cause).copied().ok_or(DecodeError("cause of a version"))?;
            let (material_id, digest) = (r.array()?, r.array()?);
            let expires = match r.u8()? {
                0 => None,
                1 => Some(Timestamp::from_millis(r.u64()?)),
                _ => return Err(DecodeError("expiry of material")),
            };
            Self { provider, created, reference, cause, material_id, expires, digest }
        };
        r.finish()?;
        Ok(record)
    }
}
