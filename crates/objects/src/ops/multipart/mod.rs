//! Multipart uploads: one file per operation. Each part is a sealed stream of its own under the upload's DEK; complete
//! writes the authenticated list of parts and moves no data.

mod abort;
mod complete;
mod create;
mod list;
mod part;

use crate::Fail;
use crate::api::{RequestContext, Tags};
use crate::records::{PartRecord, Said, UploadRecord, keys};
use crate::registry::Bucket;
use crate::service::ObjectService;
use bytes::Bytes;
use model::{ObjectName, PartNumber, UploadId};
use policy::{Action, ConditionKey};
use sse::Envelope;
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

impl Upload {
    /// What the beginning of the upload said about the object, and its tags.
    fn said(&self) -> (Said, Tags) {
        let said = self.record.said.clone().unwrap_or_else(|| said_by(&self.record.envelope));
        (said, self.record.tags.clone())
    }

    /// Refuses whoever is neither of the account that began the upload nor of the bucket owner's, whatever they may write:
    /// the object belongs to whom the beginning gave it to, with the ACL and under the key chosen then (obs-api §7).
    fn admit_account(&self, cx: &RequestContext, bucket: &Bucket) -> Result<(), Fail> {
        let account = cx.principal.account();
        let began = account == self.record.initiator.as_ref();
        if began || account == Some(&bucket.rules.owner) { Ok(()) } else { Err(Fail::AccessDenied) }
    }
}

/// What a request said about encryption whose envelope is all that is left of it: records of format 1.
fn said_by(envelope: &Envelope) -> Said {
    match envelope {
        Envelope::Plain => Said::new(),
        Envelope::Obs { .. } => vec![(ConditionKey::ServerSideEncryption, "AES256".to_owned())],
        Envelope::Kms { cmk, .. } => {
            vec![(ConditionKey::ServerSideEncryption, "kms".to_owned()), (ConditionKey::SseKmsKeyId, cmk.to_obs())]
        }
        Envelope::Customer { .. } => vec![(ConditionKey::SseCustomerAlgorithm, "AES256".to_owned())],
    }
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

    /// The upload, for who may write its object. Nobody else learns whether there is one.
    pub(super) async fn upload_to_write(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        id: UploadId,
    ) -> Result<Upload, Fail> {
        let found = self.upload(bucket, name, id).await;
        let (said, tags) = found.as_ref().map(Upload::said).unwrap_or_default();
        let envelope = found.as_ref().ok().map(|upload| &upload.record.envelope);
        let _proof = self.authorize_upload_write(cx, bucket, name, (&said, &tags), envelope)?;
        let upload = found?;
        upload.admit_account(cx, bucket)?;
        Ok(upload)
    }

    /// The upload, for who may do this to it: by a right to the bucket, or because their account began it.
    pub(super) async fn upload_to_manage(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
        name: &ObjectName,
        id: UploadId,
    ) -> Result<Upload, Fail> {
        let found = self.upload(bucket, name, id).await;
        let Err(denied) = self.authorize_name(cx, action, bucket, name, &[]) else { return found };
        // The anonymous have begun nothing that is known to be theirs.
        let initiator = found.as_ref().ok().and_then(|upload| upload.record.initiator.as_ref());
        match initiator {
            Some(account) if cx.principal.account() == Some(account) => {
                let _proof = self.authorize_owned(cx, action, bucket, name, account, None, &[])?;
                found
            }
            _ => Err(denied),
        }
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
