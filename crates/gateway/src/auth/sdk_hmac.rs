//! Huawei's SDK signatures, the way requests of the control APIs are signed: `SDK-HMAC-SHA256`, whose key is the secret
//! itself, and `V11-HMAC-SHA256`, whose key is derived for one day, region and service (kms-iam-api §1.2.1, §1.2.2).
//!
//! Stricter than the published scheme where that leaves holes: the body is always covered, no header that changes what
//! a request means may stand beside the signature unsigned, and no signed header may be repeated.

use super::date;
use super::error::AuthError;
use super::headers::{single_text, trim};
use super::target::{Target, decode, encode};
use super::{AcceptedRegions, SKEW_MILLIS_MAX, SignedRequest};
use crypto::{constant_time_eq, hmac_sha256, sha256};
use data_encoding::HEXLOWER;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use model::{AccessKeyId, Timestamp};
use std::fmt;
use zeroize::Zeroizing;

const PLAIN: &str = "SDK-HMAC-SHA256";
const DERIVED: &str = "V11-HMAC-SHA256";
/// The region that SDKs put into derived scopes of services that have none (kms-iam-api §1.2.2).
const GLOBAL_REGION: &str = "globe";
/// More names than any client signs; bounds the work before the signature is known to be right.
const SIGNED_HEADERS_MAX: usize = 256;
/// Headers besides `x-sdk-…` that change what a request means, so that they must be signed where they are sent.
const MEANINGFUL: [&str; 5] = ["x-project-id", "x-domain-id", "x-security-token", "x-subject-token", "x-auth-token"];

/// An SDK credential as found in a request, not verified yet.
pub struct SdkCredential {
    access_key: AccessKeyId,
    scope: Option<Scope>,
    /// Names in lower case, sorted, each once.
    signed_headers: Vec<String>,
    /// As given; compared with 64 hexadecimal digits.
    signature: String,
    security_token: Option<String>,
}

/// What a derived key is good for.
struct Scope {
    date: String,
    region: String,
    service: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.date, self.region, self.service)
    }
}

/// Shows neither signature nor token.
impl fmt::Debug for SdkCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkCredential")
            .field("access_key", &self.access_key)
            .field("derived", &self.scope.is_some())
            .finish_non_exhaustive()
    }
}

/// What a verification needs to know about the server.
#[derive(Clone, Copy, Debug)]
pub struct SdkVerifyConfig<'a> {
    /// Regions that a derived scope may name, besides `globe`.
    pub regions: AcceptedRegions<'a>,
    /// Services that a derived scope may name.
    pub services: &'a [&'a str],
}

/// The proof that a request and its whole body were signed by the holder of an access key's secret. Made by
/// [`SdkCredential::verify`] alone.
#[derive(Debug)]
pub struct VerifiedSdkSignature {
    access_key: AccessKeyId,
}

impl VerifiedSdkSignature {
    /// The access key that signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }
}

impl SdkCredential {
    /// The credential of a request; `None` if it has no `Authorization` header.
    ///
    /// # Errors
    /// [`AuthError::MultipleCredentials`] for two of them, and the reasons for which one cannot be read.
    pub fn find(headers: &HeaderMap) -> Result<Option<Self>, AuthError> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(AuthError::MultipleCredentials);
        }
        let value = value.to_str().map_err(|_| AuthError::UnsupportedAuthorizationType)?.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let derived = match scheme {
            PLAIN => false,
            DERIVED => true,
            "SDK-HMAC-SM3" | "SDK-ECDSA-P256-SHA256" | "SDK-SM2-SM3" => return Err(AuthError::UnsupportedAlgorithm),
            "" => return Err(AuthError::EmptyAuthorization),
            _ => return Err(AuthError::UnsupportedAuthorizationType),
        };
        let [who, signed_headers, signature] = fields(rest, if derived { "Credential" } else { "Access" })?;
        let (id, scope) = if derived { split_scope(who)? } else { (who, None) };
        let security_token = single_text(headers, "x-security-token")?.map(str::to_owned);
        Ok(Some(Self {
            access_key: AccessKeyId::parse(id).ok_or(AuthError::UnknownAccessKey)?,
            scope,
            signed_headers: parse_signed_headers(signed_headers)?,
            signature: signature.to_owned(),
            security_token,
        }))
    }

    /// The access key that claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        &self.access_key
    }

    /// The token sent with a temporary access key. It is authenticated by whoever issued it.
    pub fn security_token(&self) -> Option<&str> {
        self.security_token.as_deref()
    }

    /// Verifies the signature over `request`, which must be the one the credential was found in, and `body`, which must
    /// be its whole body.
    ///
    /// # Errors
    /// Any [`AuthError`] but those of finding the credential.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        body: &[u8],
        secret: &[u8],
        now: Timestamp,
        config: &SdkVerifyConfig<'_>,
    ) -> Result<VerifiedSdkSignature, AuthError> {
        self.check_coverage(request.headers)?;
        let date = check_date(request.headers, now)?;
        if let Some(scope) = &self.scope {
            if scope.region != GLOBAL_REGION {
                config.regions.check(&scope.region)?;
            }
            if !config.services.contains(&scope.service.as_str()) {
                let expected = config.services.first().copied().unwrap_or_default().to_owned();
                return Err(AuthError::WrongService { expected });
            }
            if !date.starts_with(&scope.date) {
                return Err(AuthError::WrongScopeDate);
            }
        }
        let canonical = self.canonical_request(request, &payload_hash(request.headers, body)?);
        let digest = HEXLOWER.encode(&sha256(&canonical));
        let (string_to_sign, signature) = match &self.scope {
            None => {
                let text = format!("{PLAIN}\n{date}\n{digest}");
                let signature = hmac_sha256(secret, &[text.as_bytes()]);
                (text, signature)
            }
            Some(scope) => {
                let text = format!("{DERIVED}\n{date}\n{scope}\n{digest}");
                let key = derived_key(secret, &self.access_key, scope);
                let signature = hmac_sha256(&key, &[text.as_bytes()]);
                (text, signature)
            }
        };
        if constant_time_eq(HEXLOWER.encode(&signature).as_bytes(), self.signature.as_bytes()) {
            Ok(VerifiedSdkSignature { access_key: self.access_key.clone() })
        } else {
            Err(AuthError::SignatureMismatch { string_to_sign, canonical_request: None })
        }
    }

    fn check_coverage(&self, headers: &HeaderMap) -> Result<(), AuthError> {
        let signed = |name: &str| self.signed_headers.binary_search_by(|signed| signed.as_str().cmp(name)).is_ok();
        let meaningful = |name: &&str| name.starts_with("x-sdk-") || MEANINGFUL.contains(name);
        let unsigned = headers.keys().map(|name| name.as_str()).filter(meaningful).find(|name| !signed(name));
        if let Some(name) = unsigned {
            return Err(AuthError::UnsignedHeader(name.to_owned()));
        }
        for name in &self.signed_headers {
            let mut values = headers.get_all(name.as_str()).iter();
            if values.next().is_none() {
                return Err(AuthError::SignedHeaderMissing(name.clone()));
            }
            // The scheme does not say how several values are joined, so that two requests could share a signature.
            if values.next().is_some() {
                return Err(AuthError::MalformedHeader("a signed header is repeated"));
            }
        }
        Ok(())
    }

    fn canonical_request(&self, request: &SignedRequest<'_>, payload: &str) -> Vec<u8> {
        let target = Target::parse(request.raw_target);
        let mut out = Vec::with_capacity(512);
        let mut line = |bytes: &[u8]| {
            out.extend_from_slice(bytes);
            out.push(b'\n');
        };
        line(request.method.as_bytes());
        line(canonical_path(target.path).as_bytes());
        line(canonical_query(&target).as_bytes());
        for name in &self.signed_headers {
            let value = request.headers.get(name.as_str()).map_or(&b""[..], |value| trim(value.as_bytes()));
            line(&[name.as_bytes(), b":", value].concat());
        }
        line(b"");
        line(self.signed_headers.join(";").as_bytes());
        out.extend_from_slice(payload.as_bytes());
        out
    }
}

/// Decoded, encoded again, and with a slash at the end that does not exist on the wire. Whoever routes requests signed
/// so must read the path the same way: decoded once, one slash at the end or none.
fn canonical_path(raw: &str) -> String {
    let mut path = encode(&decode(raw, false), true);
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Sorted by name and then value as they are before encoding.
fn canonical_query(target: &Target<'_>) -> String {
    let mut pairs: Vec<(&[u8], &[u8])> =
        target.query.iter().map(|pair| (pair.name.as_ref(), pair.value_bytes())).collect();
    pairs.sort_unstable();
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encode(name, false), encode(value, false))).collect();
    pairs.join("&")
}

/// The hash of the body. The header that could replace it may only repeat it: the body is the request.
fn payload_hash(headers: &HeaderMap, body: &[u8]) -> Result<String, AuthError> {
    let actual = HEXLOWER.encode(&sha256(body));
    match single_text(headers, "x-sdk-content-sha256")? {
        // Clients leave the header out of the signature's last line when there is no body.
        _ if body.is_empty() => Ok(actual),
        None => Ok(actual),
        Some(said) if said == actual => Ok(actual),
        Some(said) if said.len() == 64 => Err(AuthError::PayloadHashMismatch),
        Some(_) => Err(AuthError::InvalidPayloadHash),
    }
}

/// Checks `X-Sdk-Date` and gives it back as it stands in the string to sign.
fn check_date(headers: &HeaderMap, now: Timestamp) -> Result<&str, AuthError> {
    let text = single_text(headers, "x-sdk-date")?.ok_or(AuthError::MissingDate)?;
    let at = date::parse_iso_basic(text).ok_or(AuthError::MissingDate)?;
    if at.millis_since(now) > SKEW_MILLIS_MAX || now.millis_since(at) > SKEW_MILLIS_MAX {
        return Err(AuthError::TimeSkewed { requested: at, now });
    }
    Ok(text)
}

/// HKDF-SHA256 (RFC 5869) of one block, salted with the access key id; the key is its text in hexadecimal digits.
fn derived_key(secret: &[u8], access_key: &AccessKeyId, scope: &Scope) -> Zeroizing<Vec<u8>> {
    let extracted = Zeroizing::new(hmac_sha256(access_key.as_str().as_bytes(), &[secret]));
    let expanded = Zeroizing::new(hmac_sha256(extracted.as_slice(), &[scope.to_string().as_bytes(), &[1]]));
    Zeroizing::new(HEXLOWER.encode(expanded.as_slice()).into_bytes())
}

/// The values of the three fields, each exactly once, nothing else.
fn fields<'v>(rest: &'v str, who: &str) -> Result<[&'v str; 3], AuthError> {
    let mut found = [None; 3];
    for field in rest.split(',') {
        let (name, value) =
            field.trim().split_once('=').ok_or(AuthError::MalformedHeader("a field is not of the form name=value"))?;
        let slot = match name {
            _ if name == who => 0,
            "SignedHeaders" => 1,
            "Signature" => 2,
            _ => return Err(AuthError::MalformedHeader("unknown field")),
        };
        if found[slot].replace(value.trim()).is_some() {
            return Err(AuthError::MalformedHeader("a field is repeated"));
        }
    }
    match found {
        [Some(who), Some(signed_headers), Some(signature)] => Ok([who, signed_headers, signature]),
        _ => Err(AuthError::MalformedHeader("the access key, SignedHeaders and Signature are required")),
    }
}

/// `access-key-id/date/region/service`.
fn split_scope(credential: &str) -> Result<(&str, Option<Scope>), AuthError> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [id, date, region, service] = parts.as_slice() else {
        return Err(AuthError::MalformedHeader("the credential is not of the form id/date/region/service"));
    };
    let sound = date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit());
    if !sound || region.is_empty() || service.is_empty() || region.len() > 64 || service.len() > 64 {
        return Err(AuthError::MalformedHeader("the credential's date, region or service is malformed"));
    }
    let scope = Scope { date: (*date).into(), region: (*region).into(), service: (*service).into() };
    Ok((id, Some(scope)))
}

fn parse_signed_headers(list: &str) -> Result<Vec<String>, AuthError> {
    let mut names: Vec<String> = list.split(';').map(str::to_ascii_lowercase).collect();
    if names.len() > SIGNED_HEADERS_MAX || names.iter().any(String::is_empty) {
        return Err(AuthError::MalformedHeader("SignedHeaders is empty, has an empty name or too many"));
    }
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(AuthError::MalformedHeader("SignedHeaders names a header twice"));
    }
    for compulsory in ["host", "x-sdk-date"] {
        if !names.iter().any(|name| name == compulsory) {
            return Err(AuthError::MalformedHeader("SignedHeaders must contain host and x-sdk-date"));
        }
    }
    Ok(names)
}
