//! GetObject and HeadObject.

use super::encryption::{Beside, customer_headers, has_managed, show};
use super::object_headers::{self, Overrides};
use super::put::show_version;
use super::{Call, arguments, checksums, conditions};
use crate::auth::date::format_rfc1123;
use crate::dialect::Dialect;
use crate::errors::{Refusal, WireFault};
use crate::reply::{Reply, ReplyBody};
use http::StatusCode;
use model::RangeSpec;
use objects::api::{ObjectInfo, ReadObject};

pub(super) async fn object(call: Call<'_>) -> Result<Reply, Refusal> {
    let (request, overrides) = match lower(&call, false) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let by_part = request.part.is_some();
    let outcome = call.gateway.objects.get_object(&call.cx, request).await?;
    call.check_kms_read(&outcome.info.encryption)?;
    let mut reply = raise(call.dialect, &outcome.info, &overrides, by_part);
    reply.body = ReplyBody::Stream(outcome.info.length, outcome.body);
    Ok(reply)
}

pub(super) async fn head(call: Call<'_>) -> Result<Reply, Refusal> {
    let (request, overrides) = match lower(&call, true) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let by_part = request.part.is_some();
    let info = call.gateway.objects.head_object(&call.cx, request).await?;
    let mut reply = raise(call.dialect, &info, &overrides, by_part);
    reply.set("content-length", &info.length.to_string());
    Ok(reply)
}

fn lower(call: &Call<'_>, head: bool) -> Result<(ReadObject, Overrides), Refusal> {
    let (bucket, name) = call.object()?;
    let view = &call.view;
    let part = arguments::part_number(&call.query)?;
    // A header that is no single well-formed range is ignored (RangeSpec::parse), a repeated one too.
    let range = view.one("range").ok().flatten().and_then(RangeSpec::parse);
    if part.is_some() && range.is_some() {
        return Err(WireFault::InvalidRequest("Cannot specify both Range header and partNumber query parameter").into());
    }
    let overrides = Overrides::of(&call.query)?;
    // S3's clients ask for the checksum. OBS's do not and want it of a whole body; on HEAD it would cost a key.
    let want_checksum = if call.dialect.is_obs() {
        !head
    } else {
        view.one(view.names().checksum_mode)?.is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"))
    };
    let request = ReadObject {
        bucket: bucket.clone(),
        name: name.clone(),
        version: arguments::version(&call.query)?,
        range,
        part,
        preconditions: conditions::of_read(view)?,
        customer: customer_headers(view)?,
        other_encryption_headers: has_managed(view),
        want_checksum,
        if_range: conditions::if_range(call.dialect, view),
    };
    Ok((request, overrides))
}

fn raise(dialect: &'static Dialect, info: &ObjectInfo, overrides: &Overrides, by_part: bool) -> Reply {
    let mut reply = Reply::new(if info.partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
    object_headers::write(&mut reply, dialect, &info.headers, overrides);
    reply.set("etag", &info.etag.quoted());
    reply.set("last-modified", &format_rfc1123(info.last_modified));
    reply.set("accept-ranges", "bytes");
    if info.partial && info.length > 0 {
        let last = info.start.saturating_add(info.length - 1);
        reply.set("content-range", &format!("bytes {}-{last}/{}", info.start, info.size));
    }
    if by_part && let Some(parts) = info.parts {
        reply.set(dialect.names.parts_count, &parts.to_string());
    }
    if info.tags > 0 {
        reply.set(dialect.names.tagging_count, &info.tags.to_string());
    }
    show_version(&mut reply, dialect.names.version_id, info.version);
    show(&mut reply, dialect, &info.encryption, Beside::default());
    checksums::show(&mut reply, dialect, info.checksum.as_ref());
    checksums::show_of_part(&mut reply, dialect, info.part_checksum.as_ref());
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ETag, Timestamp};
    use objects::api::ObjectHeaders;
    use sse::AppliedEncryption;

    fn info() -> ObjectInfo {
        ObjectInfo {
            size: 100,
            etag: ETag::single([1; 16]),
            last_modified: Timestamp::from_secs(1_530_106_755),
            version: None,
            headers: ObjectHeaders::default(),
            encryption: AppliedEncryption::Obs { cipher: sse::DataCipher::Aes256Gcm },
            checksum: None,
            part_checksum: None,
            parts: Some(3),
            start: 10,
            length: 5,
            partial: true,
            tags: 0,
        }
    }

    #[test]
    fn a_range_is_206_with_plaintext_offsets() {
        let reply = raise(Dialect::OBS, &info(), &Overrides::default(), false);
        assert_eq!(reply.status, 206);
        assert_eq!(reply.headers["content-range"], "bytes 10-14/100");
        assert_eq!(reply.headers["content-type"], "binary/octet-stream");
        assert_eq!(reply.headers["last-modified"], "Wed, 27 Jun 2018 13:39:15 GMT");
        assert_eq!(reply.headers["x-obs-server-side-encryption"], "AES256");
        assert!(!reply.headers.contains_key("x-obs-mp-parts-count"));
    }

    #[test]
    fn a_read_by_part_tells_how_many_there_are() {
        let reply = raise(Dialect::S3, &info(), &Overrides::default(), true);
        assert_eq!(reply.headers["x-amz-mp-parts-count"], "3");
    }
}
