//! Verification of a V4 signature. What is cheap and tells a client most comes first; nothing is believed before the
//! signature has been compared.

use super::super::chunk_signatures::ChunkSignatures;
use super::super::credential::Scheme;
use super::super::date;
use super::super::error::AuthError;
use super::super::headers::{AMZ_PREFIX, OBS_PREFIX, names_with_prefix, single_text};
use super::super::payload::{Declared, Payload};
use super::super::target::Target;
use super::super::verified::VerifiedSignature;
use super::super::{SKEW_MILLIS_MAX, SignedRequest, VerifyConfig};
use super::canonical::{CanonicalParts, string_to_sign};
use super::parse::V4Fields;
use super::scope::SigningKey;
use crypto::{constant_time_eq, hmac_sha256};
use data_encoding::HEXLOWER;
use http::HeaderMap;
use model::Timestamp;
use std::borrow::Cow;

pub(in super::super) fn verify(
    fields: &V4Fields,
    request: &SignedRequest<'_>,
    secret: &[u8],
    now: Timestamp,
    config: &VerifyConfig<'_>,
) -> Result<VerifiedSignature, AuthError> {
    if fields.scope.service != config.service {
        return Err(AuthError::WrongService { expected: config.service.to_owned() });
    }
    config.regions.check(&fields.scope.region)?;
    check_coverage(&fields.signed_headers, request.headers)?;
    let timestamp = check_time(fields, request.headers, now)?;
    let (payload_text, declared) = declared_payload(fields, request.headers, config)?;

    let target = Target::parse(request.raw_target);
    let parts = CanonicalParts {
        method: request.method,
        target: &target,
        headers: request.headers,
        signed_headers: &fields.signed_headers,
        payload: &payload_text,
    };
    let scope = fields.scope.to_string();
    let key = SigningKey::derive(secret, &fields.scope);
    let encoded = parts.encoded_path();
    // Clients either encode the object's name or sign the path they send; both name the same object.
    let paths = [encoded.as_str(), target.path];
    let candidates = if encoded == target.path { &paths[..1] } else { &paths[..] };
    let matches = candidates.iter().any(|path| {
        let expected = signature_hex(&key, &string_to_sign(&timestamp, &scope, &parts.request(path, false)));
        constant_time_eq(expected.as_bytes(), fields.signature.as_bytes())
    });
    if !matches {
        return Err(AuthError::SignatureMismatch {
            string_to_sign: string_to_sign(&timestamp, &scope, &parts.request(&encoded, false)),
            canonical_request: Some(String::from_utf8_lossy(&parts.request(&encoded, true)).into_owned()),
        });
    }

    let payload = match declared {
        Declared::Unsigned => Payload::Unsigned,
        Declared::Sha256(hash) => Payload::Sha256(hash),
        Declared::StreamingUnsignedTrailer => Payload::StreamingUnsignedTrailer,
        Declared::StreamingSigned { trailer } => Payload::StreamingSigned {
            trailer,
            chunks: ChunkSignatures::new(key, timestamp, scope, fields.signature.clone()),
        },
    };
    let scheme = if fields.presigned.is_some() { Scheme::V4Query } else { Scheme::V4Header };
    let presigned_at = fields.presigned.as_ref().and_then(|presigned| date::parse_iso_basic(&presigned.date));
    Ok(VerifiedSignature::new(fields.access_key.clone(), scheme, payload, false).presigned_at(presigned_at))
}

/// The signature in hexadecimal.
pub(in super::super) fn signature_hex(key: &SigningKey, string_to_sign: &str) -> String {
    HEXLOWER.encode(&hmac_sha256(key.expose(), &[string_to_sign.as_bytes()]))
}

/// Every header that a dialect gives a meaning must be signed, and every header said to be signed must be there.
fn check_coverage(signed_headers: &[String], headers: &HeaderMap) -> Result<(), AuthError> {
    let signed = |name: &str| signed_headers.binary_search_by(|signed| signed.as_str().cmp(name)).is_ok();
    let unsigned =
        names_with_prefix(headers, AMZ_PREFIX).chain(names_with_prefix(headers, OBS_PREFIX)).find(|name| !signed(name));
    if let Some(name) = unsigned {
        return Err(AuthError::UnsignedHeader(name.to_owned()));
    }
    match signed_headers.iter().find(|name| !headers.contains_key(name.as_str())) {
        Some(name) => Err(AuthError::SignedHeaderMissing(name.clone())),
        None => Ok(()),
    }
}

/// Checks the request's time and gives it back as it stands in the string to sign.
fn check_time(fields: &V4Fields, headers: &HeaderMap, now: Timestamp) -> Result<String, AuthError> {
    let at = match &fields.presigned {
        Some(presigned) => {
            let at = date::parse_iso_basic(&presigned.date)
                .ok_or(AuthError::MalformedQuery("X-Amz-Date is not of the form YYYYMMDDTHHMMSSZ"))?;
            if at.millis_since(now) > SKEW_MILLIS_MAX {
                return Err(AuthError::NotYetValid);
            }
            let end = at.plus_millis(presigned.expires_seconds * 1000);
            if now > end {
                return Err(AuthError::Expired { at: end });
            }
            at
        }
        None => {
            let text = match single_text(headers, "x-amz-date")? {
                Some(text) => Some(text),
                None => single_text(headers, "date")?,
            };
            let at = text.and_then(date::parse).ok_or(AuthError::MissingDate)?;
            if at.millis_since(now) > SKEW_MILLIS_MAX || now.millis_since(at) > SKEW_MILLIS_MAX {
                return Err(AuthError::TimeSkewed { requested: at, now });
            }
            at
        }
    };
    let timestamp = date::format_iso_basic(at);
    if !timestamp.starts_with(&fields.scope.date) {
        return Err(AuthError::WrongScopeDate);
    }
    Ok(timestamp)
}

/// The payload line of the canonical request, and what it means.
fn declared_payload<'r>(
    fields: &'r V4Fields,
    headers: &'r HeaderMap,
    config: &VerifyConfig<'_>,
) -> Result<(Cow<'r, str>, Declared), AuthError> {
    let header = single_text(headers, "x-amz-content-sha256")?;
    let in_query = fields.presigned.as_ref().and_then(|presigned| presigned.payload.as_deref());
    let text = match (in_query, header) {
        (Some(in_query), Some(header)) if in_query != header => return Err(AuthError::InvalidPayloadHash),
        (Some(text), _) | (None, Some(text)) => text,
        (None, None) => match config.body_sha256 {
            Some(hash) => return Ok((Cow::Owned(HEXLOWER.encode(&hash)), Declared::Sha256(hash))),
            None if fields.presigned.is_some() => "UNSIGNED-PAYLOAD",
            None => return Err(AuthError::MissingPayloadHash),
        },
    };
    let declared = Declared::parse(text)?;
    match (declared, config.body_sha256) {
        // The seed of chunk signatures is a request's own header signature.
        (Declared::StreamingSigned { .. }, _) if fields.presigned.is_some() => Err(AuthError::InvalidPayloadHash),
        (Declared::Sha256(hash), Some(body)) if hash != body => Err(AuthError::PayloadHashMismatch),
        // Whoever hands over the body's hash wants the body signed.
        (Declared::Sha256(_), _) | (_, None) => Ok((Cow::Borrowed(text), declared)),
        (_, Some(_)) => Err(AuthError::InvalidPayloadHash),
    }
}
