//! UploadPart and UploadPartCopy. A part sent again replaces the one before: its stream has another uid, hence another
//! key, so that no key and nonce repeat.

use super::Upload;
use crate::Fail;
use crate::api::{CopyOutcome, CopySource, RequestBody, RequestContext, StoredChecksum, UploadPart, WriteOutcome};
use crate::current::{Holdings, hold};
use crate::ops::copy::copy_body;
use crate::ops::put::etag_is_public;
use crate::ops::refuse_blocked;
use crate::records::{PartRecord, keys};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use model::ETag;
use sse::{BodyKeys, ChecksumAlgorithm, Digests, KeptChecksum, Reader, SseError, SseService};
use std::sync::Arc;
use store::{CommitError, Expectation, Table, Transaction};

impl ObjectService {
    /// UploadPart.
    pub async fn upload_part(
        &self,
        cx: &RequestContext,
        request: UploadPart,
        body: RequestBody,
    ) -> Result<WriteOutcome, Fail> {
        let (bucket, upload, keys) = self.open_upload(cx, &request, false).await?;
        self.write_part(&bucket, &request, &upload, &keys, body).await
    }

    /// UploadPartCopy.
    pub async fn upload_part_copy(
        &self,
        cx: &RequestContext,
        request: UploadPart,
        source: CopySource,
    ) -> Result<CopyOutcome, Fail> {
        // No body crosses the wire: only a customer key makes a part copy need TLS (obs-api §4.7).
        let (bucket, upload, keys) = self.open_upload(cx, &request, true).await?;
        let source = self.open_source(cx, &source).await?;
        let body = copy_body(source.body, source.length);
        let write = self.write_part(&bucket, &request, &upload, &keys, body).await?;
        Ok(CopyOutcome { write, source_version: None })
    }

    async fn open_upload(
        &self,
        cx: &RequestContext,
        request: &UploadPart,
        no_body: bool,
    ) -> Result<(Arc<Bucket>, Upload, BodyKeys), Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let upload = self.upload_to_write(cx, &bucket, &request.name, request.upload).await?;
        let envelope = &upload.record.envelope;
        let customer = &request.encryption.customer;
        refuse_blocked(&bucket, envelope.is_customer() || !customer.is_empty())?;
        let reader = Reader { customer, transport: cx.transport, metadata_only: no_body };
        let sent = self.sse.check_reader(envelope, reader, &cx.principal)?;
        let target = target(&bucket, &request.name, upload.record.uid);
        let user = key_user(cx);
        let keys = self.sse.begin_read(envelope, target, sent, &user).await.map_err(not_of_upload)?;
        self.sse.check_repeated(&keys, &request.encryption, &user)?;
        Ok((bucket, upload, keys))
    }

    async fn write_part(
        &self,
        bucket: &Bucket,
        request: &UploadPart,
        upload: &Upload,
        keys: &BodyKeys,
        body: RequestBody,
    ) -> Result<WriteOutcome, Fail> {
        let named = upload.record.checksum.map(|(algorithm, _)| algorithm);
        let sent = body.checksum.as_ref().map(|c| c.algorithm()).or(body.trailing_algorithm);
        if let (Some(named), Some(sent)) = (named, sent)
            && named != sent
        {
            return Err(Fail::InvalidRequest(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {named:?}, actual checksum Type: {sent:?}"
            )));
        }
        let rule = upload.record.etag_rule;
        // Without a named algorithm the parts carry what the client sends, or CRC64NVME, so that the whole has one.
        let keep = Some(named.unwrap_or(ChecksumAlgorithm::Crc64Nvme));
        let new = self.body_store().store(keys, rule, body, keep).await?;
        let public = etag_is_public(keys, rule);
        let checksum = new.checksum.clone().map(|value| KeptChecksum { value, composite_parts: None });
        let digests = Digests { etag_md5: (!public).then_some(new.etag_md5), checksum: checksum.clone() };
        let record = PartRecord {
            stored: new.stored,
            created: self.clock.now(),
            public_md5: public.then_some(new.etag_md5),
            checksum: checksum.as_ref().map(|kept| kept.value.algorithm()),
            digests: keys.seal_digests(new.stored.stream.as_bytes(), &digests),
        };
        let committed = self.commit_part(request, upload, &record, new.inline.clone()).await;
        if !new.stored.inline && committed.as_ref().is_err_and(|fail| !matches!(fail, Fail::Store(_))) {
            self.housekeeper.discard(new.stored.blob);
        }
        committed?;
        tracing::debug!(bucket = %bucket.name, part = request.part.get(), "part stored");
        Ok(WriteOutcome {
            etag: ETag::single(new.etag_md5),
            last_modified: record.created,
            version: None,
            encryption: SseService::applied(&upload.record.envelope, request.encryption.customer.key_md5.as_deref()),
            checksum: checksum.map(StoredChecksum::from),
            size: new.stored.plain_bytes,
        })
    }

    /// Puts the part's row, and lets go of the part that it replaces.
    async fn commit_part(
        &self,
        request: &UploadPart,
        upload: &Upload,
        record: &PartRecord,
        inline: Option<bytes::Bytes>,
    ) -> Result<(), Fail> {
        let key = keys::part(request.upload, request.part);
        loop {
            let row_key = key.clone();
            let old = store::read(&self.meta, move |s| s.get(Table::Parts, &row_key)).await?;
            let mut tx = Transaction::new();
            tx.expect(Expectation::Present(Table::Uploads, upload.key.clone()));
            let mut held = Holdings::default();
            match old {
                Some(old) => {
                    held.add(&PartRecord::decode(&old).map_err(super::corrupt)?.stored);
                    tx.expect(Expectation::Equals(Table::Parts, key.clone(), old));
                }
                None => {
                    tx.expect(Expectation::Absent(Table::Parts, key.clone()));
                }
            }
            tx.put(Table::Parts, key.clone(), record.encode());
            let mut upkeep = hold(&mut tx, &record.stored, inline.clone());
            upkeep.remove = held.release(&mut tx);
            match self.housekeeper.commit(&self.meta, tx, upkeep).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict(0)) => return Err(Fail::NoSuchUpload),
                Err(CommitError::Conflict(_)) => {}
                Err(CommitError::Fault(fault)) => return Err(fault.into()),
            }
        }
    }
}

/// Another customer key than the upload's is the request's fault, not a denial (S3 behaviour §9).
pub(super) fn not_of_upload(error: SseError) -> Fail {
    match error {
        SseError::CustomerKeyWrong => SseError::CustomerKeyNotOfUpload.into(),
        other => other.into(),
    }
}
