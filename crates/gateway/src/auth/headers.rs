//! Reading headers the way signatures do: by prefix, with repeated ones told apart, values as bytes.

use super::error::AuthError;
use http::{HeaderMap, HeaderValue};

/// Prefix of headers in the S3 dialect.
pub(super) const AMZ_PREFIX: &str = "x-amz-";
/// Prefix of headers in the OBS dialect.
pub(super) const OBS_PREFIX: &str = "x-obs-";

/// The one value of a header that must not be repeated.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h HeaderValue>, AuthError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(AuthError::RepeatedHeader(name)),
        None => Ok(first),
    }
}

/// As [`single`], as text; a value that is no visible ASCII counts as empty, which no caller accepts.
pub(super) fn single_text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, AuthError> {
    Ok(single(headers, name)?.map(|value| value.to_str().unwrap_or_default().trim()))
}

/// Names (lower case) of the headers in the request that begin with `prefix`, each once.
pub(super) fn names_with_prefix<'h>(headers: &'h HeaderMap, prefix: &'h str) -> impl Iterator<Item = &'h str> {
    headers.keys().map(|name| name.as_str()).filter(move |name| name.starts_with(prefix))
}

/// A value without the blanks around it.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Whether the value must not be shown to anybody, not even the client who sent it: it would end up in logs.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("customer-key") || name.ends_with("security-token")
}

/// Stands for a secret value in texts for debugging.
pub(super) const HIDDEN: &[u8] = b"<hidden>";
