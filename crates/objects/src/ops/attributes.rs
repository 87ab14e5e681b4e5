//! GetObjectAttributes (s3-sse-behaviour §10): what HEAD tells, and the parts.
//!
//! INVARIANT: no digest of plaintext is told that HEAD with checksum mode would not tell the same requester. Checksums, of
//! the object and of its parts, open with the object's keys alone, as there.

use super::read::{Admitted, part_checksum, verify_record};
use crate::Fail;
use crate::api::{AskedParts, AttributePart, AttributeParts, ObjectAttributes, ReadAttributes, RequestContext};
use crate::authorize::READ_ATTRIBUTES;
use crate::records::LayoutPart;
use crate::service::{ObjectService, key_user, target};
use sse::{BodyKeys, SseService};

impl ObjectService {
    /// GetObjectAttributes. Needs the right to read the object beside the one to read its attributes. A KMS is asked only
    /// where a checksum of an SSE-KMS object is told; a customer key is tried as by HEAD, for an empty object too.
    pub async fn object_attributes(
        &self,
        cx: &RequestContext,
        request: ReadAttributes,
    ) -> Result<ObjectAttributes, Fail> {
        let read = &request.read;
        let Admitted { bucket, found, etag, customer, .. } = self.admit(cx, read, true, Some(READ_ATTRIBUTES)).await?;
        let (object, layout) = (found.object, found.layout);
        let composite = object.checksum.is_some_and(|(_, composite)| composite);
        let of_parts = composite && layout.is_some() && request.parts.is_some();
        let keys = if of_parts || (read.want_checksum && object.checksum.is_some()) || !object.envelope.is_kms() {
            let target = target(&bucket, &read.name, object.uid);
            let keys = self.sse.begin_read(&object.envelope, target, customer, &key_user(cx)).await?;
            verify_record(&keys, &object, &bucket, &read.name, layout.as_ref())?;
            Some(keys)
        } else {
            None
        };
        let checksum = match &keys {
            Some(keys) if read.want_checksum => self.checksum(keys, &object)?,
            _ => None,
        };
        let parts = match (&layout, &request.parts) {
            (Some(layout), Some(asked)) => Some(parts(&layout.parts, asked, keys.as_ref().filter(|_| composite))?),
            _ => None,
        };
        Ok(ObjectAttributes {
            etag,
            size: object.size,
            last_modified: object.created,
            version: None,
            checksum,
            parts,
            encryption: SseService::applied(&object.envelope, read.customer.key_md5.as_deref()),
        })
    }
}

/// A page of the parts: told where they have checksums of their own (`keys`), or where sizes alone are wanted too. Their
/// numbers are those of a read by part number: places, from 1.
fn parts(all: &[LayoutPart], asked: &AskedParts, keys: Option<&BodyKeys>) -> Result<AttributeParts, Fail> {
    let total = all.len();
    if keys.is_none() && !asked.sizes_alone {
        return Ok(AttributeParts { total, listed: None, truncated: false });
    }
    let mut listed = Vec::new();
    for (place, part) in all.iter().enumerate().skip(asked.after).take(asked.max) {
        let checksum = match keys {
            Some(keys) => part_checksum(keys, part)?,
            None => None,
        };
        listed.push(AttributePart { number: place + 1, size: part.stored.plain_bytes, checksum });
    }
    // A page without room is a complete one, as everywhere.
    let truncated = asked.max > 0 && asked.after.saturating_add(listed.len()) < total;
    Ok(AttributeParts { total, listed: Some(listed), truncated })
}
