//! From what a request declares about its body to the body itself.

use super::chunked::{ChunkVerification, ChunkedBody};
use super::integrity::{BodyRefused, Integrity};
use super::source::{ByteSource, PlainBody};
use crate::auth::Payload;
use http::HeaderMap;
use objects::api::RequestBody;

/// The body of an upload, decoded as `payload` declares. Nothing is read from `source` yet.
///
/// # Errors
/// [`BodyRefused::MissingContentLength`], [`BodyRefused::MalformedTrailer`] when chunks end in a trailer that was not
/// announced, [`BodyRefused::InvalidRequest`] when a trailer is announced that cannot come.
pub fn request_body(
    payload: Payload,
    integrity: Integrity,
    headers: &HeaderMap,
    source: Box<dyn ByteSource>,
) -> Result<RequestBody, BodyRefused> {
    let trailing = integrity.trailing_algorithm;
    let mut content_sha256 = None;
    let verification = match payload {
        Payload::None | Payload::Unsigned => None,
        Payload::Sha256(hash) => {
            content_sha256 = Some(hash);
            None
        }
        Payload::StreamingSigned { trailer: false, chunks } => Some(ChunkVerification::Signed(chunks)),
        Payload::StreamingSigned { trailer: true, chunks } => {
            Some(ChunkVerification::SignedWithTrailer(chunks, trailing.ok_or(BodyRefused::MalformedTrailer)?))
        }
        Payload::StreamingUnsignedTrailer => {
            Some(ChunkVerification::UnsignedWithTrailer(trailing.ok_or(BodyRefused::MalformedTrailer)?))
        }
    };
    let takes_trailer = verification.as_ref().is_some_and(|verification| verification.trailer().is_some());
    if trailing.is_some() && !takes_trailer {
        return Err(BodyRefused::InvalidRequest(
            "A trailer is announced that this kind of body does not have.".to_owned(),
        ));
    }
    let (length, source): (_, Box<dyn objects::api::BodySource>) = match verification {
        Some(verification) => {
            let length = number(headers, "x-amz-decoded-content-length")?.ok_or(BodyRefused::MissingContentLength)?;
            (Some(length), Box::new(ChunkedBody::new(source, verification, length)))
        }
        None => {
            let length = number(headers, "content-length")?;
            if length.is_none() && !headers.contains_key("transfer-encoding") {
                return Err(BodyRefused::MissingContentLength);
            }
            (length, Box::new(PlainBody::new(source, length)))
        }
    };
    Ok(RequestBody {
        source,
        length,
        content_md5: integrity.content_md5,
        content_sha256,
        checksum: integrity.checksum,
        trailing_algorithm: trailing,
    })
}

/// A header that holds a length in bytes; one that is repeated or no number counts as missing a length.
fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, BodyRefused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match digits.then(|| text.parse().ok()).flatten() {
        Some(number) if values.next().is_none() => Ok(Some(number)),
        _ => Err(BodyRefused::MissingContentLength),
    }
}
