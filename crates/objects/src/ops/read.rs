//! GetObject and HeadObject.

use crate::Fail;
use crate::api::{GetOutcome, IfRange, ObjectInfo, ReadObject, RequestContext, StoredChecksum};
use crate::authorize::{Actions, Facts, READ, READ_TAGS, action_for};
use crate::bodies::{ObjectBody, spans};
use crate::current::{Found, streams};
use crate::preconditions::{State, check_read};
use crate::records::{Layout, LayoutPart, ObjectVersion};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use model::{ETag, ResolvedRange};
use sse::{BodyKeys, ChecksumValue, CustomerKeySent, SseError, SseService};
use std::sync::Arc;

/// An object that may be read: it exists, the principal has the right to it, and the encryption headers fit.
pub(super) struct Admitted {
    pub(super) bucket: Arc<Bucket>,
    pub(super) found: Found,
    pub(super) etag: ETag,
    pub(super) customer: Option<CustomerKeySent>,
    span: Span,
}

/// Which bytes are asked for.
#[derive(Clone, Copy)]
struct Span {
    start: u64,
    length: u64,
    partial: bool,
    /// The part asked for, as an index of the layout.
    part: Option<usize>,
}

impl ObjectService {
    /// GetObject. The first piece of the body is verified before this returns.
    pub async fn get_object(&self, cx: &RequestContext, request: ReadObject) -> Result<GetOutcome, Fail> {
        let Admitted { bucket, found, etag, customer, span } = self.admit(cx, &request, false, None).await?;
        let Found { object, layout, inline, lease } = found;
        let customer_md5 = request.customer.key_md5.clone();
        let keys = self
            .sse
            .begin_read(&object.envelope, target(&bucket, &request.name, object.uid), customer, &key_user(cx))
            .await?;
        verify_record(&keys, &object, &bucket, &request.name, layout.as_ref())?;
        let mut info = info(&object, etag, layout.as_ref(), span, customer_md5.as_deref());
        info.tags = self.tags_shown(cx, &bucket, &request, &object);
        if request.want_checksum {
            self.tell_checksum(&mut info, &keys, &object, layout.as_ref(), span)?;
        }
        let plan = spans(streams(&object, layout.as_ref()), span.start, span.length);
        let (meta, blobs) = (Arc::clone(&self.meta), Arc::clone(&self.blobs));
        let body = ObjectBody::open(Arc::new(keys), meta, blobs, plan, inline, lease).await?;
        Ok(GetOutcome { info, body: Box::new(body) })
    }

    /// HeadObject. Asks no KMS, unless the client wants the checksum of an SSE-KMS object, which is sealed under its
    /// DEK. A wrong customer key is refused here as well, also for an empty object.
    pub async fn head_object(&self, cx: &RequestContext, request: ReadObject) -> Result<ObjectInfo, Fail> {
        let Admitted { bucket, found, etag, customer, span } = self.admit(cx, &request, true, None).await?;
        let Found { object, layout, .. } = found;
        let customer_md5 = request.customer.key_md5.clone();
        let mut info = info(&object, etag, layout.as_ref(), span, customer_md5.as_deref());
        info.tags = self.tags_shown(cx, &bucket, &request, &object);
        let of_part = span.part.is_some() && object.checksum.is_some_and(|(_, composite)| composite);
        let want_checksum = request.want_checksum && (of_part || (!span.partial && object.checksum.is_some()));
        if want_checksum || !object.envelope.is_kms() {
            let keys = self
                .sse
                .begin_read(&object.envelope, target(&bucket, &request.name, object.uid), customer, &key_user(cx))
                .await?;
            verify_record(&keys, &object, &bucket, &request.name, layout.as_ref())?;
            if want_checksum {
                self.tell_checksum(&mut info, &keys, &object, layout.as_ref(), span)?;
            }
        }
        Ok(info)
    }

    /// Admits a reader. `besides`: a further right that is asked where the object was found.
    pub(super) async fn admit(
        &self,
        cx: &RequestContext,
        request: &ReadObject,
        metadata_only: bool,
        besides: Option<Actions>,
    ) -> Result<Admitted, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let version = request.version;
        let found = self.find_for(cx, READ, &bucket, &request.name, version, !metadata_only).await?;
        if let Some(actions) = besides {
            let (action, facts) = (action_for(actions, version), Facts::new());
            let _proof = self.authorize_found(cx, action, &bucket, &request.name, version, &found.object, facts)?;
        }
        if request.other_encryption_headers {
            return Err(SseError::HeadersOnRead.into());
        }
        let reader = sse::Reader { customer: &request.customer, transport: cx.transport, metadata_only };
        let customer = self.sse.check_reader(&found.object.envelope, reader, &cx.principal)?;
        let etag = self.etag(&found.object)?;
        let state = State { etag, last_modified: found.object.created };
        let placed = check_read(&request.preconditions, state, self.clock.now())
            .and_then(|()| place(request, state, &found.object, found.layout.as_ref()));
        let span = match placed {
            Ok(span) => span,
            // The answer to a condition or a range that does not hold also needs the right customer key (S3 behaviour
            // §5): a wrong one learns neither ETag nor size.
            Err(fail) if found.object.envelope.is_customer() => {
                let target = target(&bucket, &request.name, found.object.uid);
                self.sse.begin_read(&found.object.envelope, target, customer, &key_user(cx)).await?;
                return Err(fail);
            }
            Err(fail) => return Err(fail),
        };
        Ok(Admitted { bucket, found, etag, customer, span })
    }

    /// The number of tags, for who may read them.
    fn tags_shown(&self, cx: &RequestContext, bucket: &Bucket, request: &ReadObject, object: &ObjectVersion) -> usize {
        if object.tags.is_empty() {
            return 0;
        }
        let action = action_for(READ_TAGS, request.version);
        let allowed = self.authorize_found(cx, action, bucket, &request.name, request.version, object, Facts::new());
        if allowed.is_ok() { object.tags.len() } else { 0 }
    }

    /// The checksum of what is answered: the object's, or that of the part where the object's is made of parts'
    /// (s3-sse-behaviour §10).
    fn tell_checksum(
        &self,
        info: &mut ObjectInfo,
        keys: &BodyKeys,
        object: &ObjectVersion,
        layout: Option<&Layout>,
        span: Span,
    ) -> Result<(), Fail> {
        let composite = object.checksum.is_some_and(|(_, composite)| composite);
        let part = span.part.filter(|_| composite).zip(layout).and_then(|(index, layout)| layout.parts.get(index));
        if let Some(part) = part {
            info.part_checksum = part_checksum(keys, part)?;
        } else if !span.partial {
            info.checksum = self.checksum(keys, object)?;
        }
        Ok(())
    }

    pub(super) fn checksum(&self, keys: &BodyKeys, object: &ObjectVersion) -> Result<Option<StoredChecksum>, Fail> {
        match &object.digests {
            Some(note) => Ok(keys
                .open_digests(object.uid.as_bytes(), note, object.etag.public_md5.is_none())?
                .checksum
                .map(Into::into)),
            None => Ok(None),
        }
    }
}

/// A part's own checksum.
pub(super) fn part_checksum(keys: &BodyKeys, part: &LayoutPart) -> Result<Option<ChecksumValue>, Fail> {
    let digests = keys.open_digests(part.stored.stream.as_bytes(), &part.digests, false)?;
    Ok(digests.checksum.map(|kept| kept.value))
}

/// Checks the record's authentication code: name, size, ETag, metadata and part layout are what the writer wrote.
pub(crate) fn verify_record(
    keys: &BodyKeys,
    object: &ObjectVersion,
    bucket: &Bucket,
    name: &model::ObjectName,
    layout: Option<&Layout>,
) -> Result<(), Fail> {
    let layout_bytes = layout.map(Layout::encode);
    let bytes = object.authenticated_bytes(bucket.uid(), name, layout_bytes.as_deref());
    keys.verify_record(&bytes, object.code.as_ref()).inspect_err(|_| {
        tracing::error!(bucket = %bucket.name, version = %object.uid, "an object's record does not authenticate");
    })?;
    let stored: u64 = streams(object, layout).iter().map(|s| s.plain_bytes).sum();
    if stored == object.size { Ok(()) } else { Err(SseError::Damaged.into()) }
}

fn info(
    object: &ObjectVersion,
    etag: ETag,
    layout: Option<&Layout>,
    span: Span,
    customer_md5: Option<&str>,
) -> ObjectInfo {
    ObjectInfo {
        size: object.size,
        etag,
        last_modified: object.created,
        version: None,
        headers: object.headers.clone(),
        encryption: SseService::applied(&object.envelope, customer_md5),
        checksum: None,
        part_checksum: None,
        parts: layout.map(|l| l.parts.len() as u32),
        start: span.start,
        length: span.length,
        partial: span.partial,
        tags: 0,
    }
}

/// Which bytes a range or a part number asks for. Pure.
fn place(request: &ReadObject, state: State, object: &ObjectVersion, layout: Option<&Layout>) -> Result<Span, Fail> {
    if let Some(part) = request.part {
        if request.range.is_some() {
            return Err(Fail::InvalidRequest(
                "Cannot specify both Range header and partNumber query parameter".to_owned(),
            ));
        }
        let Some(layout) = layout else {
            // An object that was written at once is its own first part.
            return if part.get() == 1 {
                Ok(Span { start: 0, length: object.size, partial: object.size > 0, part: None })
            } else {
                Err(Fail::InvalidPartNumber)
            };
        };
        let mut start = 0;
        for (index, p) in layout.parts.iter().enumerate() {
            // Parts are addressed by their place, as S3 does: numbers need not be consecutive at upload.
            if index + 1 == usize::from(part.get()) {
                return Ok(Span { start, length: p.stored.plain_bytes, partial: true, part: Some(index) });
            }
            start += p.stored.plain_bytes;
        }
        return Err(Fail::InvalidPartNumber);
    }
    // A resumed download must not splice two versions: another object than the one named is given whole.
    let same = match &request.if_range {
        None => true,
        Some(IfRange::ETag(etag)) => *etag == state.etag.to_string(),
        Some(IfRange::Date(date)) => date.as_secs() == state.last_modified.as_secs(),
        Some(IfRange::Never) => false,
    };
    match request.range.filter(|_| same) {
        None => Ok(Span { start: 0, length: object.size, partial: false, part: None }),
        Some(range) => {
            let ResolvedRange { start, length } =
                range.resolve(object.size).map_err(|_| Fail::InvalidRange { size: object.size })?;
            Ok(Span { start, length, partial: true, part: None })
        }
    }
}
