//! The server's own keys, as table `internal_keys` keeps them.

use super::{FORMAT_1, PROVIDER_EMBEDDED, open};
use model::codec::{DecodeError, Writer};
use model::{BucketUid, Timestamp};

/// Which of the server's own keys a row of `InternalKeys` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum InternalKey {
    /// Seals metadata of objects, such as plaintext checksums.
    Metadata,
    /// Seals the secrets of access keys.
    Secrets,
    /// Stands in for a bucket key where the method is SSE-OBS.
    SseObs(BucketUid),
    /// Seals tokens; by number.
    Token(u32),
    /// Signs checkpoints of the audit log.
    Audit,
}

impl InternalKey {
    /// What keys of token keys' rows begin with.
    pub(crate) const TOKEN_PREFIX: &'static [u8] = b"token/";

    /// The row's key: a name, for SSE-OBS followed by the bucket uid, for token keys by the number.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::Metadata => b"metadata".to_vec(),
            Self::Secrets => b"secrets".to_vec(),
            Self::SseObs(bucket) => [b"sse-obs/".as_slice(), bucket.as_bytes()].concat(),
            Self::Token(number) => [Self::TOKEN_PREFIX, &number.to_be_bytes()].concat(),
            Self::Audit => b"audit".to_vec(),
        }
    }
}

/// A key of the server under the root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InternalKeyRecord {
    pub(crate) created: Timestamp,
    pub(crate) wrapped: [u8; crypto::WRAPPED_BYTES],
}

impl InternalKeyRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(FORMAT_1);
        w.u8(PROVIDER_EMBEDDED).u64(self.created.as_millis()).raw(&self.wrapped);
        w.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = open(bytes)?;
        if r.u8()? != PROVIDER_EMBEDDED {
            return Err(DecodeError("unknown key provider"));
        }
        let record = Self { created: Timestamp::from_millis(r.u64()?), wrapped: r.array()? };
        r.finish()?;
        Ok(record)
    }
}
