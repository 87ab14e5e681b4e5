//! Where a sealed stream rests: in the metadata store when it is small, else in the blob store.

use model::codec::{DecodeError, Reader, Writer};
use model::{BlobId, StreamUid};

/// A sealed stream at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredStream {
    pub(crate) stream: StreamUid,
    pub(crate) blob: BlobId,
    /// Whether the sealed bytes are a row of the metadata store rather than a blob.
    pub(crate) inline: bool,
    pub(crate) plain_bytes: u64,
}

impl StoredStream {
    pub(crate) fn encode(&self, w: &mut Writer) {
        w.raw(self.stream.as_bytes()).raw(self.blob.as_bytes()).bool(self.inline).u64(self.plain_bytes);
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            stream: StreamUid::from_bytes(r.array()?),
            blob: BlobId::from_bytes(r.array()?),
            inline: r.bool()?,
            plain_bytes: r.u64()?,
        })
    }
}
