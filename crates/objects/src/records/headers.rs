//! Standard headers and user metadata as part of a record.

use crate::api::ObjectHeaders;
use bytes::Bytes;
use model::codec::{DecodeError, Reader, Writer};

pub(crate) fn encode(headers: &ObjectHeaders, w: &mut Writer) {
    let ObjectHeaders {
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        website_redirect,
        user_metadata,
    } = headers;
    for value in [
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        website_redirect,
    ] {
        w.option(value.as_deref(), |w, v| {
            w.str(v);
        });
    }
    w.u32(user_metadata.len() as u32);
    for (name, value) in user_metadata {
        w.str(name).bytes(value);
    }
}

pub(crate) fn decode(r: &mut Reader<'_>) -> Result<ObjectHeaders, DecodeError> {
    let mut text = || r.option(|r| r.str().map(str::to_owned));
    let mut headers = ObjectHeaders {
        content_type: text()?,
        cache_control: text()?,
        content_disposition: text()?,
        content_encoding: text()?,
        content_language: text()?,
        expires: text()?,
        website_redirect: text()?,
        user_metadata: Vec::new(),
    };
    for _ in 0..r.u32()? {
        let name = r.str()?.to_owned();
        headers.user_metadata.push((name, Bytes::copy_from_slice(r.bytes()?)));
    }
    Ok(headers)
}
