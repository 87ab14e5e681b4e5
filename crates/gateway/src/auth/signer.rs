//! The client's side: signs requests and URLs, for our own command line, for the benchmark and for tests. It shares the
//! canonical forms with the verifier; that both are right is shown by published vectors and not by their agreement.

use super::chunk_signatures::ChunkSignatures;
use super::credential::Dialect;
use super::date::{format_iso_basic, format_rfc1123};
use super::legacy::{Placement, ResourceForm, canonical_resource, resource_paths, string_head};
use super::target::{Target, encode};
use super::v4::{CanonicalParts, Scope, SigningKey, signature_hex, string_to_sign};
use super::{AuthError, SignedRequest, legacy};
use data_encoding::HEXLOWER;
use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::Timestamp;
use std::fmt;

/// Who signs. The secret is borrowed: who owns it wipes it.
#[derive(Clone, Copy)]
pub struct SigningCredential<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// Its secret.
    pub secret: &'a [u8],
    /// Session token of a temporary access key.
    pub session_token: Option<&'a str>,
}

/// Shows neither secret nor token.
impl fmt::Debug for SigningCredential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCredential").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What a V4 signature says about the body.
#[derive(Clone, Copy, Debug)]
pub enum SignedPayload {
    /// Nothing.
    Unsigned,
    /// Its SHA-256.
    Sha256([u8; 32]),
    /// Signed chunks follow; with a signed trailer if `trailer`.
    StreamingSigned {
        /// Whether a trailer follows.
        trailer: bool,
    },
    /// Unsigned chunks and a trailer follow.
    StreamingUnsignedTrailer,
}

impl SignedPayload {
    fn text(self) -> String {
        match self {
            Self::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
            Self::Sha256(hash) => HEXLOWER.encode(&hash),
            Self::StreamingSigned { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
            Self::StreamingSigned { trailer: true } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER".to_owned(),
            Self::StreamingUnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        }
    }
}

/// Something that cannot be put into a header or a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotSign(&'static str);

impl fmt::Display for CannotSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request cannot be signed: {}", self.0)
    }
}

impl std::error::Error for CannotSign {}

impl From<AuthError> for CannotSign {
    fn from(_: AuthError) -> Self {
        Self("a header is repeated")
    }
}

/// Signs with AWS V4 in the header, for one region and service.
#[derive(Clone, Copy, Debug)]
pub struct SignerV4<'a> {
    /// Who signs.
    pub credential: SigningCredential<'a>,
    /// Region of the scope.
    pub region: &'a str,
    /// Service of the scope, `s3` for objects.
    pub service: &'a str,
}

impl SignerV4<'_> {
    /// Adds `x-amz-date`, `x-amz-content-sha256`, the session token if any, and `Authorization`, which covers every
    /// header in `headers`. `Host` must be among them. `raw_target` is path and query as they will be sent.
    ///
    /// Gives back the signer of the body's chunks, which only the streaming payloads need.
    ///
    /// # Errors
    /// [`CannotSign`] when `Host` is missing or a value cannot stand in a header.
    pub fn sign(
        &self,
        method: &str,
        raw_target: &str,
        headers: &mut HeaderMap,
        payload: SignedPayload,
        now: Timestamp,
    ) -> Result<ChunkSignatures, CannotSign> {
        if !headers.contains_key("host") {
            return Err(CannotSign("no Host header"));
        }
        let timestamp = format_iso_basic(now);
        let payload = payload.text();
        set(headers, "x-amz-date", &timestamp)?;
        set(headers, "x-amz-content-sha256", &payload)?;
        if let Some(token) = self.credential.session_token {
            set(headers, "x-amz-security-token", token)?;
        }
        headers.remove(AUTHORIZATION);
        let mut signed_headers: Vec<String> = headers.keys().map(|name| name.as_str().to_owned()).collect();
        signed_headers.sort_unstable();

        let target = Target::parse(raw_target);
        let parts =
            CanonicalParts { method, target: &target, headers, signed_headers: &signed_headers, payload: &payload };
        let scope = self.scope(&timestamp);
        let key = SigningKey::derive(self.credential.secret, &scope);
        let request = parts.request(&parts.encoded_path(), false);
        let signature = signature_hex(&key, &string_to_sign(&timestamp, &scope.to_string(), &request));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.credential.access_key_id,
            signed_headers.join(";")
        );
        set(headers, "authorization", &authorization)?;
        Ok(ChunkSignatures::new(key, timestamp, scope.to_string(), signature))
    }

    /// Gives back `raw_target` with the parameters of a presigned URL, valid for `expires_seconds` (at most 604800)
    /// from `now`. `headers` must hold `Host` and whatever the sender will have to send unchanged.
    ///
    /// # Errors
    /// [`CannotSign`] when `Host` is missing.
    pub fn presign(
        &self,
        method: &str,
        raw_target: &str,
        headers: &HeaderMap,
        expires_seconds: u64,
        now: Timestamp,
    ) -> Result<String, CannotSign> {
        if !headers.contains_key("host") {
            return Err(CannotSign("no Host header"));
        }
        let timestamp = format_iso_basic(now);
        let scope = self.scope(&timestamp);
        let mut signed_headers: Vec<String> = headers.keys().map(|name| name.as_str().to_owned()).collect();
        signed_headers.sort_unstable();
        let credential = format!("{}/{scope}", self.credential.access_key_id);
        let mut presigned = format!(
            "{raw_target}{}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={timestamp}\
             &X-Amz-Expires={expires_seconds}&X-Amz-SignedHeaders={}",
            if raw_target.contains('?') { '&' } else { '?' },
            encode(credential.as_bytes(), false),
            encode(signed_headers.join(";").as_bytes(), false),
        );
        if let Some(token) = self.credential.session_token {
            presigned.push_str("&X-Amz-Security-Token=");
            presigned.push_str(&encode(token.as_bytes(), false));
        }
        let payload = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
        let signature = {
            let target = Target::parse(&presigned);
            let parts = CanonicalParts {
                method,
                target: &target,
                headers,
                signed_headers: &signed_headers,
                payload: payload.unwrap_or("UNSIGNED-PAYLOAD"),
            };
            let key = SigningKey::derive(self.credential.secret, &scope);
            let request = parts.request(&parts.encoded_path(), false);
            signature_hex(&key, &string_to_sign(&timestamp, &scope.to_string(), &request))
        };
        presigned.push_str("&X-Amz-Signature=");
        presigned.push_str(&signature);
        Ok(presigned)
    }

    fn scope(&self, timestamp: &str) -> Scope {
        Scope {
            date: timestamp.get(..8).unwrap_or_default().to_owned(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }
}

/// Signs with the OBS signature or AWS V2, in the header or in the URL.
#[derive(Clone, Copy, Debug)]
pub struct LegacySigner<'a> {
    /// Who signs.
    pub credential: SigningCredential<'a>,
    /// OBS, or S3 for V2.
    pub dialect: Dialect,
    /// What stands for the bucket in `Host`, as in [`SignedRequest::host_bucket`].
    pub host_bucket: Option<&'a str>,
}

impl LegacySigner<'_> {
    /// Adds `Date` unless there is one, the session token if any, and `Authorization`.
    ///
    /// # Errors
    /// [`CannotSign`] when a value cannot stand in a header.
    pub fn sign(
        &self,
        method: &str,
        raw_target: &str,
        headers: &mut HeaderMap,
        now: Timestamp,
    ) -> Result<(), CannotSign> {
        let (scheme, token_header, own_date) = match self.dialect {
            Dialect::Obs => ("OBS", "x-obs-security-token", "x-obs-date"),
            Dialect::S3 => ("AWS", "x-amz-security-token", "x-amz-date"),
        };
        if let Some(token) = self.credential.session_token {
            set(headers, token_header, token)?;
        }
        if !headers.contains_key(DATE) && !headers.contains_key(own_date) {
            set(headers, "date", &format_rfc1123(now))?;
        }
        let date = if headers.contains_key(own_date) {
            Vec::new()
        } else {
            headers.get(DATE).map(|value| value.as_bytes().to_vec()).unwrap_or_default()
        };
        let signature = self.signature(method, raw_target, headers, &date)?;
        set(headers, "authorization", &format!("{scheme} {}:{signature}", self.credential.access_key_id))
    }

    /// Gives back `raw_target` with the parameters of a signed URL that is valid until `expires`. Own-prefix parameters
    /// already in it are signed as part of the resource; `headers` are those that the sender will have to send.
    ///
    /// # Errors
    /// [`CannotSign`] when a header is repeated.
    pub fn presign(
        &self,
        method: &str,
        raw_target: &str,
        headers: &HeaderMap,
        expires: Timestamp,
    ) -> Result<String, CannotSign> {
        let (id_name, token_name) = match self.dialect {
            Dialect::Obs => ("AccessKeyId", "x-obs-security-token"),
            Dialect::S3 => ("AWSAccessKeyId", "x-amz-security-token"),
        };
        let expires = expires.as_secs().to_string();
        let mut presigned = format!(
            "{raw_target}{}{id_name}={}&Expires={expires}",
            if raw_target.contains('?') { '&' } else { '?' },
            encode(self.credential.access_key_id.as_bytes(), false),
        );
        if let Some(token) = self.credential.session_token {
            presigned.push_str(&format!("&{token_name}={}", encode(token.as_bytes(), false)));
        }
        let signature = self.signature(method, &presigned, headers, expires.as_bytes())?;
        presigned.push_str("&Signature=");
        presigned.push_str(&encode(signature.as_bytes(), false));
        Ok(presigned)
    }

    fn signature(
        &self,
        method: &str,
        raw_target: &str,
        headers: &HeaderMap,
        date: &[u8],
    ) -> Result<String, CannotSign> {
        let request = SignedRequest { method, raw_target, headers, host_bucket: self.host_bucket };
        let target = Target::parse(raw_target);
        let head = string_head(self.dialect, &request, &target, date, Placement::Resource, false)?;
        let paths = resource_paths(target.path, self.host_bucket);
        let form = ResourceForm { placement: Placement::Resource, keep_empty_value: false, leave_out: false };
        let path = paths.first().map_or(target.path, String::as_str);
        let resource = canonical_resource(self.dialect, path, &target, form, false);
        Ok(legacy::signature(self.credential.secret, &head, &resource))
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), CannotSign> {
    let value = HeaderValue::from_str(value).map_err(|_| CannotSign("a value cannot stand in a header"))?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}
