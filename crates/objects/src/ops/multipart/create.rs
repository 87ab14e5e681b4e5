//! CreateMultipartUpload: fixes method, keys, metadata and checksum of the object to be.

use crate::Fail;
use crate::api::{CreateUpload, CreateUploadOutcome, RequestContext};
use crate::dependents;
use crate::ops::put::check_metadata;
use crate::records::{UploadRecord, is_said, keys};
use crate::service::{ObjectService, key_user, target};
use model::{UploadId, VersionUid};
use sse::ChecksumAlgorithm;
use store::{CommitError, Expectation, Table, Transaction};

impl ObjectService {
    /// CreateMultipartUpload.
    pub async fn create_upload(
        &self,
        cx: &RequestContext,
        mut request: CreateUpload,
    ) -> Result<CreateUploadOutcome, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let named = self.naming_cmk(cx, &bucket, &request.name, &mut request.encryption);
        let new = self.admit_write(&named, &bucket, &request.name, request.acl.as_ref(), request.tags)?;
        let plan = self.plan(cx, &bucket, &request.encryption)?;
        let checksum = request.checksum.map(checksum_kind).transpose()?;
        check_metadata(&request.headers)?;
        let upload = UploadId::random(&*self.entropy);
        // The version to be has the upload's id as its uid: a completion that is repeated, because its answer was lost,
        // finds what it has made.
        let uid = VersionUid::from_bytes(*upload.as_bytes());
        let (keys, applied) = self.sse.begin_write(plan, target(&bucket, &request.name, uid), &key_user(cx)).await?;
        let record = UploadRecord {
            uid,
            created: self.clock.now(),
            owner: new.owner,
            etag_rule: cx.rules.encryption.etag_rule,
            headers: request.headers,
            envelope: keys.envelope().clone(),
            checksum,
            escrow: if keys.envelope().is_customer() { keys.escrow_record_key(uid.as_bytes()) } else { None },
            acl: new.acl,
            tags: new.tags,
            initiator: cx.principal.account().cloned(),
            said: Some(cx.conditions.values.iter().filter(|(key, _)| is_said(key)).cloned().collect()),
        };
        let mut tx = Transaction::new();
        tx.expect(Expectation::Present(Table::BucketUids, keys::bucket_uid(bucket.uid()))).put(
            Table::Uploads,
            keys::upload(bucket.uid(), &request.name, upload),
            record.encode(),
        );
        let dependent = dependents::of_upload(bucket.uid(), request.name.as_str(), upload, &record);
        tx.changes.extend(dependent.map(|dependent| dependent.enter()));
        match self.meta.commit(tx).await {
            Ok(()) => Ok(CreateUploadOutcome { upload, encryption: applied, checksum }),
            Err(CommitError::Conflict(_)) => Err(Fail::NoSuchBucket),
            Err(CommitError::Fault(fault)) => Err(fault.into()),
        }
    }
}

/// Whether the checksum is composite: CRC-64 values are of the full object, the hashes are composite, the other CRCs
/// are composite unless asked otherwise (S3 behaviour §13).
fn checksum_kind(
    (algorithm, full_object): (ChecksumAlgorithm, Option<bool>),
) -> Result<(ChecksumAlgorithm, bool), Fail> {
    use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme, Crc64Xz, Sha1, Sha256};
    let refuse = |what: &str| {
        Err(Fail::InvalidRequest(format!(
            "The {what} checksum type cannot be used with the {algorithm:?} checksum algorithm."
        )))
    };
    match (algorithm, full_object) {
        (Crc64Nvme | Crc64Xz, Some(false)) => refuse("COMPOSITE"),
        (Sha1 | Sha256, Some(true)) => refuse("FULL_OBJECT"),
        (Crc64Nvme | Crc64Xz, _) => Ok((algorithm, false)),
        (Sha1 | Sha256, _) => Ok((algorithm, true)),
        (Crc32 | Crc32c, full) => Ok((algorithm, full != Some(true))),
    }
}
