//! Inputs: JSON of bounded size into the structs of `members.rs`, and the rules that members of every operation follow.

use super::BODY_BYTES_MAX;
use super::fault::{Fault, Kind};
use data_encoding::BASE64;
use model::Timestamp;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Most bytes of a ciphertext, an import token or wrapped key material (AWS: 6144).
pub(super) const BLOB_BYTES_MAX: usize = kms::CIPHERTEXT_BYTES_MAX;
/// Most grant tokens of one request, and most characters of each (AWS).
const GRANT_TOKENS_MAX: usize = 10;
const GRANT_TOKEN_CHARS_MAX: usize = 8192;

/// Parses a body; an empty one counts as `{}`.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Fault::new(Kind::Validation, format!("The request body exceeds {BODY_BYTES_MAX} bytes.")));
    }
    let body: &[u8] = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    // Structs would also be read from arrays; the API has objects only.
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Fault::new(Kind::Serialization, "The request body is not a JSON object."));
    }
    // Nesting is harmless: known members nest two deep at most, unknown ones are skipped without recursion. The message tells the
    // place and not the value, which may be secret.
    serde_json::from_slice(body).map_err(|e| {
        Fault::new(
            Kind::Serialization,
            format!("The request body is not valid at line {} column {}.", e.line(), e.column()),
        )
    })
}

/// A member that must be there.
pub(super) fn required<'a>(value: &'a Option<String>, member: &str) -> Result<&'a str, Fault> {
    match value.as_deref() {
        None => Err(Fault::missing(member)),
        Some("") => Err(Fault::constraint("", member, "Member must have length greater than or equal to 1")),
        Some(text) => Ok(text),
    }
}

/// A page size within `1..=max`.
pub(super) fn limit(value: Option<i64>, default: usize, max: usize) -> Result<usize, Fault> {
    let Some(value) = value else { return Ok(default) };
    let rule = if value < 1 {
        "Member must have value greater than or equal to 1".to_owned()
    } else {
        format!("Member must have value less than or equal to {max}")
    };
    usize::try_from(value)
        .ok()
        .filter(|limit| (1..=max).contains(limit))
        .ok_or_else(|| Fault::constraint(&value.to_string(), "limit", &rule))
}

/// A number of days, bytes or the like within `min..=max`.
pub(super) fn within(value: i64, member: &str, min: u32, max: u32) -> Result<u32, Fault> {
    let rule = if value < i64::from(min) {
        format!("Member must have value greater than or equal to {min}")
    } else {
        format!("Member must have value less than or equal to {max}")
    };
    u32::try_from(value)
        .ok()
        .filter(|given| (min..=max).contains(given))
        .ok_or_else(|| Fault::constraint(&value.to_string(), member, &rule))
}

/// A member of bytes that must be there, from base64. Never shown: it may be a secret.
pub(super) fn blob(value: Option<String>, member: &str, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let text = Zeroizing::new(value.ok_or_else(|| Fault::missing(member))?);
    let too_long = || {
        let rule = format!("Member must have length less than or equal to {bytes_max}");
        Fault::constraint("...", member, &rule)
    };
    // Refused before it is decoded.
    if text.len() > BASE64.encode_len(bytes_max) {
        return Err(too_long());
    }
    let bytes = BASE64
        .decode(text.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| Fault::new(Kind::Serialization, format!("{member} is not valid base64.")))?;
    match bytes.len() {
        0 => Err(Fault::constraint("", member, "Member must have length greater than or equal to 1")),
        length if length > bytes_max => Err(too_long()),
        _ => Ok(bytes),
    }
}

/// A moment, from epoch seconds.
pub(super) fn moment(seconds: f64, member: &str) -> Result<Timestamp, Fault> {
    let millis = seconds * 1000.0;
    if !(0.0..=253_402_300_799_000.0).contains(&millis) {
        return Err(Fault::constraint("...", member, "Member must be a moment before the year 10000"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds above")]
    Ok(Timestamp::from_millis(millis as u64))
}

/// The bounds of grant tokens.
pub(super) fn check_grant_tokens(tokens: &Option<Vec<String>>) -> Result<(), Fault> {
    let Some(tokens) = tokens else { return Ok(()) };
    if tokens.len() > GRANT_TOKENS_MAX {
        let rule = format!("Member must have length less than or equal to {GRANT_TOKENS_MAX}");
        return Err(Fault::constraint("...", "grantTokens", &rule));
    }
    match tokens.iter().find(|token| token.is_empty() || token.len() > GRANT_TOKEN_CHARS_MAX) {
        None => Ok(()),
        Some(_) => {
            let rule = format!("Member must have length between 1 and {GRANT_TOKEN_CHARS_MAX}");
            Err(Fault::constraint("...", "grantTokens", &rule))
        }
    }
}
