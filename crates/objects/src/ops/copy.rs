//! CopyObject. The source is opened under its own envelope and authority, the target sealed under a fresh DEK: nothing
//! of the source's encryption carries over.

use super::put::Write;
use super::read::verify_record;
use crate::Fail;
use crate::api::{CopyObject, CopyOutcome, CopySource, CopyTags, ObjectHeaders, RequestBody, RequestContext, Tags};
use crate::authorize::{Facts, READ, READ_TAGS, action_for, request_tags};
use crate::bodies::{CopyBody, ObjectBody, spans};
use crate::current::{Found, streams};
use crate::preconditions::{State, check_copy_source};
use crate::records::ObjectVersion;
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use policy::Action;
use sse::{ChecksumAlgorithm, DataCipher, EncryptionHeaders, EncryptionPlan, Envelope, Reader, SseError, Through};
use std::sync::Arc;

/// The source of a copy, admitted and ready to be read.
pub(crate) struct Source {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) object: Box<ObjectVersion>,
    pub(crate) body: ObjectBody,
    /// Number of bytes of `body`.
    pub(crate) length: u64,
}

/// Largest source of one copy, in plaintext bytes.
const COPY_BYTES_MAX: u64 = 5 << 30;

impl ObjectService {
    /// CopyObject.
    pub async fn copy_object(&self, cx: &RequestContext, mut request: CopyObject) -> Result<CopyOutcome, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let (tags, copied) = match (&request.tags, cx.rules.copy_tags_by_default) {
            (CopyTags::Replace(tags), _) => (tags.clone(), false),
            (CopyTags::Copy, _) | (CopyTags::Default, true) => (Tags::new(), true),
            (CopyTags::Default, false) => (Tags::new(), false),
        };
        let named = self.naming_cmk(cx, &bucket, &request.name, &mut request.encryption);
        let mut new = self.admit_write(&named, &bucket, &request.name, request.acl.as_ref(), tags)?;
        self.admit_expectation(cx, &bucket, &request.name, &request.expectation).await?;
        let onto_itself = request.source.bucket == request.bucket && request.source.name == request.name;
        let requested = self.plan(cx, &bucket, &request.encryption)?;
        let source = self.open_source(cx, &request.source).await?;
        if copied && !source.object.tags.is_empty() {
            new.tags = self.copied_tags(cx, &request, &source, &bucket)?;
        }
        let plan = if onto_itself && request.encryption.is_empty() {
            self.self_copy_plan(cx, &request, requested, &source.object, &bucket)?
        } else {
            requested
        };
        let checksum = request
            .checksum_algorithm
            .or(source.object.checksum.map(|(algorithm, _)| algorithm))
            .unwrap_or(ChecksumAlgorithm::Crc64Nvme);
        let write = Write {
            bucket: &bucket,
            name: &request.name,
            headers: ObjectHeaders {
                website_redirect: request.website_redirect,
                ..request.replace_headers.unwrap_or_else(|| source.object.headers.clone())
            },
            plan,
            new,
            checksum,
            expectation: &request.expectation,
        };
        let body = copy_body(source.body, source.length);
        let write = self.write_object(cx, write, body).await?;
        Ok(CopyOutcome { write, source_version: None })
    }

    /// Opens the source of a copy: existence, right to read, SSE-C headers, conditions, then its keys.
    pub(crate) async fn open_source(&self, cx: &RequestContext, source: &CopySource) -> Result<Source, Fail> {
        let bucket = self.bucket(&source.bucket)?;
        let found = self.find_for(cx, READ, &bucket, &source.name, source.version, true).await?;
        let Found { object, layout, inline, lease } = found;
        // The body does not leave the server: transport rules are the target's.
        let reader = Reader { customer: &source.customer, transport: cx.transport, metadata_only: true };
        let customer = self.sse.check_reader(&object.envelope, reader, &cx.principal)?;
        let state = State { etag: self.etag(&object)?, last_modified: object.created };
        let keys = self
            .sse
            .begin_read(&object.envelope, target(&bucket, &source.name, object.uid), customer, &key_user(cx))
            .await?;
        check_copy_source(&source.preconditions, state, self.clock.now())?;
        verify_record(&keys, &object, &bucket, &source.name, layout.as_ref())?;
        let (start, length) = match source.range {
            None => (0, object.size),
            Some((first, last)) if first <= last && last < object.size => (first, last - first + 1),
            Some(_) => return Err(Fail::InvalidRange { size: object.size }),
        };
        if length > COPY_BYTES_MAX {
            return Err(Fail::InvalidRequest("The copy source is larger than the maximum of 5 GiB".to_owned()));
        }
        let plan = spans(streams(&object, layout.as_ref()), start, length);
        let (meta, blobs) = (Arc::clone(&self.meta), Arc::clone(&self.blobs));
        let body = ObjectBody::open(Arc::new(keys), meta, blobs, plan, inline, lease).await?;
        Ok(Source { bucket, object, body, length })
    }

    /// The source's tags for its copy: who takes them over must be allowed to read them there and to set them here.
    fn copied_tags(
        &self,
        cx: &RequestContext,
        request: &CopyObject,
        source: &Source,
        bucket: &Bucket,
    ) -> Result<Tags, Fail> {
        let CopySource { name, version, .. } = &request.source;
        let action = action_for(READ_TAGS, *version);
        let _proof = self.authorize_found(cx, action, &source.bucket, name, *version, &source.object, Facts::new())?;
        let tags = source.object.tags.clone();
        let facts = request_tags(&tags);
        let _proof = self.authorize_name(cx, Action::PutObjectTagging, bucket, &request.name, &facts)?;
        drop(facts);
        Ok(tags)
    }

    /// A copy onto itself without encryption headers: in OBS it keeps its method; in S3 the bucket's default decides,
    /// and a copy that would change nothing is refused (S3 behaviour §11).
    fn self_copy_plan(
        &self,
        cx: &RequestContext,
        request: &CopyObject,
        requested: EncryptionPlan,
        object: &ObjectVersion,
        bucket: &Bucket,
    ) -> Result<EncryptionPlan, Fail> {
        let same_method = match (&object.envelope, &requested) {
            (Envelope::Plain, EncryptionPlan::Plain) => true,
            (Envelope::Obs { cipher: old, .. }, EncryptionPlan::Obs { cipher: new })
            | (Envelope::Kms { cipher: old, .. }, EncryptionPlan::Kms { cipher: new, .. }) => old == new,
            _ => false,
        };
        let redirected = request.website_redirect != object.headers.website_redirect;
        let nothing_else_changes = request.replace_headers.is_none() && !redirected;
        if cx.rules.self_copy_keeps_method {
            if nothing_else_changes {
                return Err(changes_nothing());
            }
            return self.plan_like(cx, &object.envelope, bucket, request);
        }
        if nothing_else_changes && same_method && bucket.record.encryption.is_none() {
            return Err(changes_nothing());
        }
        Ok(requested)
    }

    fn plan_like(
        &self,
        cx: &RequestContext,
        envelope: &Envelope,
        bucket: &Bucket,
        request: &CopyObject,
    ) -> Result<EncryptionPlan, Fail> {
        let mut headers = EncryptionHeaders::default();
        match envelope {
            Envelope::Plain => return Ok(EncryptionPlan::Plain),
            Envelope::Obs { .. } => headers.method = Some("AES256".to_owned()),
            Envelope::Kms { cmk, through, .. } => {
                headers.method = Some("kms".to_owned());
                headers.key_id = Some(cmk.to_obs());
                headers.bucket_key_enabled = Some(matches!(through, Through::BucketKey { .. }).to_string());
            }
            Envelope::Customer { .. } => {
                let sent = &request.source.customer;
                if sent.is_empty() {
                    return Err(SseError::CustomerKeyMissing.into());
                }
                headers.customer.algorithm = sent.algorithm.clone();
                headers.customer.key = sent.key.clone();
                headers.customer.key_md5 = sent.key_md5.clone();
            }
        }
        headers.data_encryption = envelope.cipher().map(|cipher| cipher_word(cipher).to_owned());
        self.plan(cx, bucket, &headers)
    }
}

fn changes_nothing() -> Fail {
    Fail::InvalidRequest(
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
         metadata, storage class, website redirect location or encryption attributes."
            .to_owned(),
    )
}

/// The data cipher as a request names it.
fn cipher_word(cipher: DataCipher) -> &'static str {
    match cipher {
        DataCipher::Aes256Gcm => "AES256",
        DataCipher::Sm4Gcm => "SM4",
    }
}

/// A source as the body of a write.
pub(crate) fn copy_body(body: ObjectBody, length: u64) -> RequestBody {
    RequestBody {
        source: Box::new(CopyBody(body)),
        length: Some(length),
        content_md5: None,
        content_sha256: None,
        checksum: None,
        trailing_algorithm: None,
    }
}
