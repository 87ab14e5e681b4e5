//! The fields of a V4 credential, from the `Authorization` header or from the query. Strict where the signature does
//! not protect: each field exactly once, nothing empty, nothing unknown.

use super::super::error::AuthError;
use super::super::target::Target;
use super::scope::Scope;
use model::AccessKeyId;

/// A V4 credential.
pub(in super::super) struct V4Fields {
    pub(in super::super) access_key: AccessKeyId,
    pub(in super::super) scope: Scope,
    /// Names in lower case, sorted, each once.
    pub(in super::super) signed_headers: Vec<String>,
    /// As given; compared with 64 hexadecimal digits.
    pub(in super::super) signature: String,
    pub(in super::super) presigned: Option<Presigned>,
}

/// What only the query form has.
pub(in super::super) struct Presigned {
    /// `X-Amz-Date` as given.
    pub(in super::super) date: String,
    /// Between 1 and 604800.
    pub(in super::super) expires_seconds: u64,
    /// `X-Amz-Content-Sha256` of the query, if any.
    pub(in super::super) payload: Option<String>,
}

/// Longest time a presigned V4 request may be valid, in seconds: a week.
const EXPIRES_SECONDS_MAX: u64 = 604_800;
/// More names than any client signs; bounds the work before the signature is known to be right.
const SIGNED_HEADERS_MAX: usize = 256;

impl V4Fields {
    /// From what follows `AWS4-HMAC-SHA256 `; fields are separated by commas, with or without blanks.
    pub(in super::super) fn from_header(rest: &str) -> Result<Self, AuthError> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in rest.split(',') {
            let (name, value) = field
                .trim()
                .split_once('=')
                .ok_or(AuthError::MalformedHeader("a field is not of the form name=value"))?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(AuthError::MalformedHeader("unknown field")),
            };
            if slot.replace(value.trim()).is_some() {
                return Err(AuthError::MalformedHeader("a field is repeated"));
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) = (credential, signed_headers, signature) else {
            return Err(AuthError::MalformedHeader("Credential, SignedHeaders and Signature are required"));
        };
        let (access_key, scope) = split_credential(credential, AuthError::MalformedHeader)?;
        Ok(Self {
            access_key,
            scope,
            signed_headers: parse_signed_headers(signed_headers, AuthError::MalformedHeader)?,
            signature: signature.to_owned(),
            presigned: None,
        })
    }

    /// From the parameters `X-Amz-…`.
    pub(in super::super) fn from_query(target: &Target<'_>) -> Result<Self, AuthError> {
        match required(target, "X-Amz-Algorithm")? {
            "AWS4-HMAC-SHA256" => {}
            "AWS4-ECDSA-P256-SHA256" => return Err(AuthError::UnsupportedAlgorithm),
            _ => return Err(AuthError::MalformedQuery("X-Amz-Algorithm must be AWS4-HMAC-SHA256")),
        }
        let (access_key, scope) = split_credential(required(target, "X-Amz-Credential")?, AuthError::MalformedQuery)?;
        let signed_headers = parse_signed_headers(required(target, "X-Amz-SignedHeaders")?, AuthError::MalformedQuery)?;
        let signature = required(target, "X-Amz-Signature")?.to_owned();
        let date = required(target, "X-Amz-Date")?.to_owned();
        let expires = required(target, "X-Amz-Expires")?;
        let expires_seconds = expires
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| expires.parse().ok())
            .flatten()
            .filter(|seconds| (1..=EXPIRES_SECONDS_MAX).contains(seconds))
            .ok_or(AuthError::ExpiresOutOfRange)?;
        let payload = optional(target, "X-Amz-Content-Sha256")?.map(str::to_owned);
        let presigned = Some(Presigned { date, expires_seconds, payload });
        Ok(Self { access_key, scope, signed_headers, signature, presigned })
    }
}

/// `access-key-id/date/region/service/aws4_request`.
pub(in super::super) fn split_credential(
    credential: &str,
    malformed: fn(&'static str) -> AuthError,
) -> Result<(AccessKeyId, Scope), AuthError> {
    let mut parts = credential.rsplitn(5, '/');
    let (terminator, service, region, date, id) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let (Some("aws4_request"), Some(service), Some(region), Some(date), Some(id)) =
        (terminator, service, region, date, id)
    else {
        return Err(malformed("the credential is not of the form id/date/region/service/aws4_request"));
    };
    if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed("the credential's date is not of the form YYYYMMDD"));
    }
    if region.is_empty() || service.is_empty() || region.len() > 64 || service.len() > 64 {
        return Err(malformed("the credential's region or service is empty or too long"));
    }
    let access_key = AccessKeyId::parse(id).ok_or(AuthError::UnknownAccessKey)?;
    Ok((access_key, Scope { date: date.to_owned(), region: region.to_owned(), service: service.to_owned() }))
}

fn parse_signed_headers(list: &str, malformed: fn(&'static str) -> AuthError) -> Result<Vec<String>, AuthError> {
    let mut names: Vec<String> = list.split(';').map(str::to_ascii_lowercase).collect();
    if names.len() > SIGNED_HEADERS_MAX || names.iter().any(String::is_empty) {
        return Err(malformed("SignedHeaders is empty, has an empty name or too many"));
    }
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(malformed("SignedHeaders names a header twice"));
    }
    if names.binary_search_by(|name| name.as_str().cmp("host")).is_err() {
        return Err(malformed("SignedHeaders must contain host"));
    }
    Ok(names)
}

fn required<'t>(target: &'t Target<'_>, name: &'static str) -> Result<&'t str, AuthError> {
    optional(target, name)?.filter(|value| !value.is_empty()).ok_or(AuthError::MalformedQuery(
        "X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders and -Signature are required",
    ))
}

fn optional<'t>(target: &'t Target<'_>, name: &'static str) -> Result<Option<&'t str>, AuthError> {
    let mut pairs = target.all(name);
    let Some(first) = pairs.next() else { return Ok(None) };
    if pairs.next().is_some() {
        return Err(AuthError::MalformedQuery("a parameter is repeated"));
    }
    std::str::from_utf8(first.value_bytes()).map(Some).map_err(|_| AuthError::MalformedQuery("a value is no text"))
}
