//! Multipart uploads: one file per operation. Each part is a sealed stream of its own under the upload's DEK; complete
//! writes the authenticated list of parts and moves no data.

mod abort;
mod complete;
mod create;
mod list;
mod part;

use crate::Fail;
use crate::records::{PartRecord, UploadRecord, keys};
use crate::registry::Bucket;
use crate::service::ObjectService;
use bytes::Bytes;
use model::{ObjectName, PartNumber, UploadId};
use store::{StoreFault, Table};

/// An upload in progress and the row it was read from.
pub(super) struct Upload {
    pub(super) key: Bytes,
    pub(super) row: Bytes,
    pub(super) record: UploadRecord,
}

/// A part and the row it was read from.
pub(super) struct Part {
    pub(super) number: PartNumber,
    pub(super) key: Bytes,
    pub(super) row: Bytes,
    pub(super) record: PartRecord,
}

fn corrupt(error: impl std::fmt::Display) -> StoreFault {
    StoreFault::Corrupt(format!("multipart record: {error}"))
}

impl ObjectService {
    /// The upload, or 404: an upload belongs to one object of one bucket's life.
    pub(super) async fn upload(&self, bucket: &Bucket, name: &ObjectName, id: UploadId) -> Result<Upload, Fail> {
        let key = keys::upload(bucket.uid(), name, id);
        let row_key = key.clone();
        let row = store::read(&self.meta, move |s| s.get(Table::Uploads, &row_key)).await?.ok_or(Fail::NoSuchUpload)?;
        let record = UploadRecord::decode(&row).map_err(corrupt)?;
        Ok(Upload { key, row, record })
    }

    /// All parts of an upload, in ascending order.
    pub(super) async fn parts(&self, id: UploadId) -> Result<Vec<Part>, Fail> {
        let parts = store::read(&self.meta, move |snapshot| {
            let mut parts = Vec::new();
            let mut failed = None;
            snapshot.scan(Table::Parts, &keys::parts(id), None, &mut |key, row| {
                match parse_part(key, row) {
                    Ok(part) => parts.push(part),
                    Err(error) => failed = Some(error),
                }
                failed.is_none()
            })?;
            failed.map_or(Ok(parts), Err)
        });
        Ok(parts.await?)
    }
}

fn parse_part(key: &[u8], row: &[u8]) -> Result<Part, StoreFault> {
    let number = key
        .get(16..18)
        .and_then(|n| PartNumber::new(u64::from(u16::from_be_bytes([n[0], n[1]]))))
        .ok_or_else(|| corrupt("part number"))?;
    let record = PartRecord::decode(row).map_err(corrupt)?;
    Ok(Part { number, key: Bytes::copy_from_slice(key), row: Bytes::copy_from_slice(row), record })
}
