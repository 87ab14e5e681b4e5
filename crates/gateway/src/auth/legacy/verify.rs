//! Verification of OBS and V2 signatures: refuse what the signature cannot cover, check the time, then try the
//! candidates in a fixed order.

use super::super::credential::Dialect;
use super::super::date;
use super::super::error::AuthError;
use super::super::headers::{names_with_prefix, single, trim};
use super::super::payload::unsigned_request_payload;
use super::super::target::Target;
use super::super::verified::VerifiedSignature;
use super::super::{SKEW_MILLIS_MAX, SignedRequest, VerifyConfig};
use super::fields::LegacyFields;
use super::subresources::{foreign_prefix, is_signed_subresource, is_sometimes_left_out, own_prefix};
use super::text::{
    Placement, ResourceForm, canonical_resource, has_prefix, lower, resource_paths, signed_pairs, string_head,
};
use crypto::{constant_time_eq, hmac_sha1};
use data_encoding::BASE64;
use http::HeaderMap;
use model::Timestamp;

/// OBS headers that OBS SDKs in V2 mode send beside `x-amz-` ones and that mean nothing in the S3 dialect.
const HARMLESS_FOREIGN: [&str; 2] = ["x-obs-az-redundancy", "x-obs-bucket-type"];

pub(in super::super) fn verify(
    fields: &LegacyFields,
    request: &SignedRequest<'_>,
    secret: &[u8],
    now: Timestamp,
    config: &VerifyConfig<'_>,
) -> Result<VerifiedSignature, AuthError> {
    let target = Target::parse(request.raw_target);
    refuse_foreign(fields.dialect, request.headers, &target)?;
    refuse_ambiguous(fields.dialect, &target)?;
    if fields.expires.is_some() {
        refuse_split(fields.dialect, request.headers, &target)?;
    }
    let date = match &fields.expires {
        Some(expires) => check_expiry(expires, now)?.as_bytes(),
        None => check_date(fields.dialect, request.headers, now)?,
    };
    let payload = unsigned_request_payload(request.headers)?;

    let paths = resource_paths(target.path, request.host_bucket);
    let forms = resource_forms(fields, &target, config);
    for &form in &forms {
        let head = string_head(fields.dialect, request, &target, date, form.placement, false)?;
        for path in &paths {
            let resource = canonical_resource(fields.dialect, path, &target, form, false);
            let expected = signature(secret, &head, &resource);
            if constant_time_eq(expected.as_bytes(), fields.signature.as_bytes()) {
                let (access_key, scheme) = (fields.access_key.clone(), fields.scheme());
                return Ok(VerifiedSignature::new(access_key, scheme, payload, form.leave_out));
            }
        }
    }
    let mut shown = string_head(fields.dialect, request, &target, date, forms[0].placement, true)?;
    shown.extend_from_slice(&canonical_resource(fields.dialect, &paths[0], &target, forms[0], true));
    Err(AuthError::SignatureMismatch {
        string_to_sign: String::from_utf8_lossy(&shown).into_owned(),
        canonical_request: None,
    })
}

/// The signature in base64.
pub(in super::super) fn signature(secret: &[u8], head: &[u8], resource: &[u8]) -> String {
    BASE64.encode(&hmac_sha1(secret, &[head, resource]))
}

/// Candidates in the order of preference: everything signed comes first. With the two spellings of a bucket's path
/// that makes at most eight.
fn resource_forms(fields: &LegacyFields, target: &Target<'_>, config: &VerifyConfig<'_>) -> Vec<ResourceForm> {
    let mut empty_value = false;
    let mut left_out = false;
    let mut prefixed = false;
    for (name, pair) in signed_pairs(fields.dialect, target) {
        empty_value |= pair.value.as_deref().is_some_and(<[u8]>::is_empty);
        left_out |= is_sometimes_left_out(&String::from_utf8_lossy(name));
        prefixed |= has_prefix(pair, own_prefix(fields.dialect));
    }
    let presigned = fields.expires.is_some();
    // INVARIANT: never both, so that the candidates stay few; and a URL, which others use, never leaves anything out.
    let with_left_out: &[bool] =
        if left_out && !presigned && config.obs_unsigned_subresources { &[false, true] } else { &[false] };
    let placements: &[Placement] = if prefixed && presigned && fields.dialect == Dialect::S3 {
        &[Placement::Resource, Placement::Headers]
    } else {
        &[Placement::Resource]
    };
    let empty_values: &[bool] = if empty_value { &[false, true] } else { &[false] };

    let mut forms = Vec::with_capacity(4);
    for &leave_out in with_left_out {
        for &placement in placements {
            for &keep_empty_value in empty_values {
                forms.push(ResourceForm { placement, keep_empty_value, leave_out });
            }
        }
    }
    forms
}

/// A header or parameter of the other dialect would act without being signed.
fn refuse_foreign(dialect: Dialect, headers: &HeaderMap, target: &Target<'_>) -> Result<(), AuthError> {
    let prefix = foreign_prefix(dialect);
    let in_headers = names_with_prefix(headers, prefix)
        .find(|name| !(dialect == Dialect::S3 && HARMLESS_FOREIGN.contains(name)))
        .map(str::to_owned);
    let in_query = || target.query.iter().find(|pair| has_prefix(pair, prefix)).map(|pair| lower(&pair.name));
    match in_headers.or_else(in_query) {
        Some(name) => Err(AuthError::ForeignHeader(name)),
        None => Ok(()),
    }
}

/// The text that is signed holds names and values decoded and without marks between them, so one text can stand for
/// several queries: `a=1&b=2` reads like `a` with the value `1&b=2`, `b=2` like a parameter called `b=2`, a line feed
/// in a value like the next header. Whoever holds a signed URL could so drop an encryption parameter. Such queries are
/// refused; so are signed parameters given twice, which one reader takes for one thing and the next for another.
fn refuse_ambiguous(dialect: Dialect, target: &Target<'_>) -> Result<(), AuthError> {
    let mut names: Vec<String> = Vec::new();
    for (name, pair) in signed_pairs(dialect, target) {
        let name = std::str::from_utf8(name).map_err(|_| AuthError::MalformedQuery("a signed parameter is no text"))?;
        let blanks_around = pair.name.len() != name.len() && !is_sometimes_left_out(name);
        let odd_name = name.bytes().any(|b| b.is_ascii_control() || matches!(b, b'=' | b'&' | b':' | b' '));
        if blanks_around || odd_name || pair.value_bytes().iter().any(u8::is_ascii_control) {
            return Err(AuthError::MalformedQuery("a signed parameter holds characters that are not allowed"));
        }
        let hides_another = pair.value_bytes().split(|b| *b == b'&').skip(1).any(|piece| {
            let name = piece.split(|b| *b == b'=').next().unwrap_or_default();
            is_signed_subresource(dialect, &String::from_utf8_lossy(name))
        });
        if hides_another {
            return Err(AuthError::MalformedQuery("a signed parameter's value reads like another parameter"));
        }
        names.push(name.to_ascii_lowercase());
    }
    names.sort_unstable();
    match names.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err(AuthError::MalformedQuery("a signed parameter is repeated")),
        false => Ok(()),
    }
}

/// Of a name that stands both as header and as parameter of a signed URL the values must be the same. Where parameters
/// are signed as headers the values of one name are joined by commas, so whoever holds the URL could split a signed
/// value that contains one: the header `/bkt/a` with the parameter `b` reads like `/bkt/a,b`, and means another object.
fn refuse_split(dialect: Dialect, headers: &HeaderMap, target: &Target<'_>) -> Result<(), AuthError> {
    for pair in target.query.iter().filter(|pair| has_prefix(pair, own_prefix(dialect))) {
        let mut values = headers.get_all(lower(&pair.name)).iter().map(|value| trim(value.as_bytes()));
        let same = values.next().is_none_or(|value| value == trim(pair.value_bytes())) && values.next().is_none();
        if !same {
            return Err(AuthError::MalformedQuery("a signed parameter is also a header, with another value"));
        }
    }
    Ok(())
}

/// Checks the request's date and gives back what stands in the date's place: nothing if the date is among the
/// dialect's own headers.
fn check_date(dialect: Dialect, headers: &HeaderMap, now: Timestamp) -> Result<&[u8], AuthError> {
    let own = match dialect {
        Dialect::Obs => "x-obs-date",
        Dialect::S3 => "x-amz-date",
    };
    let (raw, signed): (&[u8], &[u8]) = match single(headers, own)? {
        Some(value) => (value.as_bytes(), b""),
        None => {
            let value = single(headers, "date")?.ok_or(AuthError::MissingDate)?.as_bytes();
            (value, trim(value))
        }
    };
    let at = std::str::from_utf8(raw).ok().and_then(date::parse).ok_or(AuthError::MissingDate)?;
    if at.millis_since(now) > SKEW_MILLIS_MAX || now.millis_since(at) > SKEW_MILLIS_MAX {
        return Err(AuthError::TimeSkewed { requested: at, now });
    }
    Ok(signed)
}

/// `Expires` is in whole seconds since the Unix epoch; the skew of clocks does not enter.
fn check_expiry(expires: &str, now: Timestamp) -> Result<&str, AuthError> {
    let digits = !expires.is_empty() && expires.bytes().all(|b| b.is_ascii_digit());
    let seconds: u64 =
        digits.then(|| expires.parse().ok()).flatten().ok_or(AuthError::MalformedQuery("Expires is not a number"))?;
    let at = Timestamp::from_secs(seconds);
    if now > at { Err(AuthError::Expired { at }) } else { Ok(expires) }
}
