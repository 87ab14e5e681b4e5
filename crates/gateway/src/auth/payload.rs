//! What a request says about its body: hashed, unsigned, or framed in signed or unsigned chunks. Told by
//! `x-amz-content-sha256` and not by `Content-Encoding`, which some clients send with an ordinary body.

use super::chunk_signatures::ChunkSignatures;
use super::error::AuthError;
use super::headers::single_text;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use http::HeaderMap;

/// What the signature declares about the body.
#[derive(Debug)]
pub enum Payload {
    /// Nothing: OBS and V2 signatures and anonymous requests usually do not mention the body.
    None,
    /// The body is deliberately not signed.
    Unsigned,
    /// The body must have this SHA-256.
    Sha256([u8; 32]),
    /// `aws-chunked`, each chunk signed on top of the one before.
    StreamingSigned {
        /// Whether a signed trailer follows.
        trailer: bool,
        /// Verifies the chunks; starts from the request's own signature.
        chunks: ChunkSignatures,
    },
    /// `aws-chunked` without chunk signatures, followed by a trailer.
    StreamingUnsignedTrailer,
}

/// The declaration before it is joined with the key that chunk signatures need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Unsigned,
    Sha256([u8; 32]),
    StreamingSigned { trailer: bool },
    StreamingUnsignedTrailer,
}

impl Declared {
    /// From the value of `x-amz-content-sha256`.
    pub(super) fn parse(value: &str) -> Result<Self, AuthError> {
        Ok(match value {
            "UNSIGNED-PAYLOAD" => Self::Unsigned,
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Self::StreamingUnsignedTrailer,
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Self::StreamingSigned { trailer: false },
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Self::StreamingSigned { trailer: true },
            value if value.starts_with("STREAMING-AWS4-ECDSA-") => return Err(AuthError::UnsupportedAlgorithm),
            value => Self::Sha256(sha256_hex(value).ok_or(AuthError::InvalidPayloadHash)?),
        })
    }

    /// The payload where no key for chunk signatures exists.
    fn without_key(self) -> Result<Payload, AuthError> {
        match self {
            Self::Unsigned => Ok(Payload::Unsigned),
            Self::Sha256(hash) => Ok(Payload::Sha256(hash)),
            Self::StreamingUnsignedTrailer => Ok(Payload::StreamingUnsignedTrailer),
            Self::StreamingSigned { .. } => Err(AuthError::InvalidPayloadHash),
        }
    }
}

/// What an anonymous, OBS-signed or V2-signed request says about its body.
///
/// An anonymous AWS SDK sends chunks with a trailer and no `x-amz-content-sha256`; it is recognised by the trailer
/// announcement, the decoded length and `aws-chunked` together.
///
/// # Errors
/// [`AuthError::InvalidPayloadHash`] for an unknown value or for signed chunks, which need a V4 signature.
pub fn unsigned_request_payload(headers: &HeaderMap) -> Result<Payload, AuthError> {
    if let Some(value) = single_text(headers, "x-amz-content-sha256")? {
        return Declared::parse(value)?.without_key();
    }
    if let Some(value) = single_text(headers, "x-obs-content-sha256")? {
        // One OBS SDK sends it; hex and base64 are both taken as the documents do not say which.
        let hash = sha256_hex(value).or_else(|| BASE64.decode(value.as_bytes()).ok()?.try_into().ok());
        return match hash {
            Some(hash) => Ok(Payload::Sha256(hash)),
            None => Declared::parse(value)?.without_key(),
        };
    }
    let chunked = headers
        .get_all("content-encoding")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("aws-chunked")));
    if chunked && headers.contains_key("x-amz-trailer") && headers.contains_key("x-amz-decoded-content-length") {
        return Ok(Payload::StreamingUnsignedTrailer);
    }
    Ok(Payload::None)
}

fn sha256_hex(value: &str) -> Option<[u8; 32]> {
    if value.len() != 64 {
        return None;
    }
    HEXLOWER_PERMISSIVE.decode(value.as_bytes()).ok()?.try_into().ok()
}
