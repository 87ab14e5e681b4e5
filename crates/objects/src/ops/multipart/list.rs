//! ListParts and ListMultipartUploads. Need no key; encryption does not show. A customer key that is sent with a list of
//! parts is held against the upload all the same: a wrong one is refused by every read (s3-sse-behaviour §1, §5).

use super::Upload;
use super::part::not_of_upload;
use crate::Fail;
use crate::api::{ListParts, ListUploads, ListedPart, ListedUpload, PartPage, RequestContext, UploadPage};
use crate::authorize::object_owner;
use crate::ops::list::{PAGE_MAX, grouped, past};
use crate::records::{UploadRecord, keys};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use model::ETag;
use policy::Action;
use sse::Reader;
use std::sync::Arc;
use store::{StoreFault, Table};

impl ObjectService {
    /// ListParts.
    pub async fn list_parts(&self, cx: &RequestContext, request: ListParts) -> Result<PartPage, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let action = Action::ListMultipartUploadParts;
        let upload = self.upload_to_manage(cx, action, &bucket, &request.name, request.upload).await?;
        self.check_customer_key(cx, &bucket, &request, &upload).await?;
        let all = self.parts(request.upload).await?;
        let mut rest = all.iter().filter(|p| p.number.get() > request.after);
        let mut page =
            PartPage { parts: Vec::new(), next: None, owner: object_owner(&bucket, &upload.record.owner).clone() };
        for part in rest.by_ref().take(request.max.min(PAGE_MAX)) {
            let md5 = match part.record.public_md5 {
                Some(md5) => md5,
                None => {
                    let id = part.record.stored.stream;
                    let note = &part.record.digests;
                    let digests = self.sse.open_digests_keyless(&upload.record.envelope, id.as_bytes(), note, false)?;
                    digests.and_then(|d| d.etag_md5).ok_or_else(|| super::corrupt("a part has no ETag"))?
                }
            };
            page.parts.push(ListedPart {
                part: part.number,
                etag: ETag::single(md5),
                size: part.record.stored.plain_bytes,
                last_modified: part.record.created,
            });
        }
        if rest.next().is_some() {
            page.next = page.parts.last().map(|p| p.part.get());
        }
        Ok(page)
    }

    /// Transport, form and identity of a customer key, as UploadPart asks them. Without one there is nothing to check: the
    /// list holds nothing that is sealed under it.
    async fn check_customer_key(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        request: &ListParts,
        upload: &Upload,
    ) -> Result<(), Fail> {
        if request.customer.is_empty() {
            return Ok(());
        }
        let envelope = &upload.record.envelope;
        let reader = Reader { customer: &request.customer, transport: cx.transport, metadata_only: true };
        let sent = self.sse.check_reader(envelope, reader, &cx.principal)?;
        let target = target(bucket, &request.name, upload.record.uid);
        let keys = self.sse.begin_read(envelope, target, sent, &key_user(cx)).await;
        keys.map(drop).map_err(not_of_upload)
    }

    /// ListMultipartUploads.
    pub async fn list_uploads(&self, cx: &RequestContext, request: ListUploads) -> Result<UploadPage, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let _proof = self.authorize_bucket(cx, Action::ListBucketMultipartUploads, &bucket)?;
        let uid = bucket.uid();
        let shown = Arc::clone(&bucket);
        let page = store::read(&self.meta, move |snapshot| {
            let delimiter = request.delimiter.as_deref().filter(|d| !d.is_empty());
            let max = request.max.min(PAGE_MAX);
            let mut page = UploadPage::default();
            if max == 0 {
                return Ok(page);
            }
            let prefix = keys::upload_prefix(uid, &request.prefix);
            let mut from = request.after_name.as_ref().map(|name| {
                let escaped = keys::upload_prefix(uid, name);
                match (grouped(name, &request.prefix, delimiter), request.after_upload) {
                    (Some(group), _) if group == name => past(escaped),
                    (_, Some(upload)) => [&escaped[..], &[0, 0], upload.as_bytes(), &[0]].concat(),
                    // Past all uploads of this name, before any longer name.
                    (_, None) => [&escaped[..], &[0, 1]].concat(),
                }
            });
            let mut last = None;
            loop {
                let mut jump = None;
                let mut failed = None;
                let mut full = false;
                snapshot.scan(Table::Uploads, &prefix, from.as_deref(), &mut |key, row| {
                    let parsed = keys::parse_upload(key).zip(UploadRecord::decode(row).ok());
                    let Some(((name, upload), record)) = parsed else {
                        failed = Some(StoreFault::Corrupt("an upload's record".to_owned()));
                        return false;
                    };
                    if page.uploads.len() + page.common_prefixes.len() == max {
                        full = true;
                        return false;
                    }
                    if let Some(group) = grouped(&name, &request.prefix, delimiter) {
                        last = Some((group.to_owned(), None));
                        page.common_prefixes.push(group.to_owned());
                        jump = Some(past(keys::upload_prefix(uid, group)));
                        return false;
                    }
                    last = Some((name.clone(), Some(upload)));
                    let owner = object_owner(&shown, &record.owner).clone();
                    page.uploads.push(ListedUpload { name, upload, initiated: record.created, owner });
                    true
                })?;
                if let Some(error) = failed {
                    return Err(error);
                }
                if full {
                    page.next = last;
                    return Ok(page);
                }
                match jump {
                    Some(next) => from = Some(next),
                    None => return Ok(page),
                }
            }
        })
        .await?;
        Ok(page)
    }
}
