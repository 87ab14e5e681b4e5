//! Signing requests, as the clients of the two clouds do. `aws_v4.rs` and `sdk_hmac.rs` share the request's parts and
//! the encoding of paths and queries.

mod aws_v4;
mod sdk_hmac;

pub(crate) use aws_v4::AwsV4;
pub(crate) use sdk_hmac::sdk_hmac_sha256;

use model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::macros::format_description;

/// Everything but `A-Za-z0-9-_.~` is encoded, in both schemes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What is signed of a request.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    /// As on the wire.
    pub(crate) path: &'a str,
    /// As on the wire, without the question mark.
    pub(crate) query: &'a str,
    /// All headers that are signed: lower-case names.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl Unsigned<'_> {
    /// Method, path, query, headers and the body's digest, a line each, and the names of the headers.
    fn canonical(&self, path: &str) -> (String, String) {
        let mut headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (*name, value.split_whitespace().collect::<Vec<_>>())).collect();
        headers.sort_by_key(|(name, _)| *name);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, words)| format!("{name}:{}\n", words.join(" "))).collect();
        let payload = hex(&crypto::sha256(self.body));
        let query = canonical_query(self.query);
        (format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", self.method), names)
    }
}

/// Decoded, sorted by name and value, encoded again.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (recode(name), recode(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Each segment decoded and encoded again.
fn canonical_path(path: &str) -> String {
    path.split('/').map(recode).collect::<Vec<_>>().join("/")
}

fn recode(text: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    utf8_percent_encode(&String::from_utf8_lossy(&decoded), ENCODED).to_string()
}

/// `YYYYMMDDTHHMMSSZ`, in UTC: the form of dates in both schemes.
pub(crate) fn basic_date(now: Timestamp) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    i64::try_from(now.as_secs())
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|date| date.format(format).ok())
        .unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_basic_form() {
        assert_eq!(basic_date(Timestamp::from_secs(1_440_938_160)), "20150830T123600Z");
    }

    #[test]
    fn queries_are_sorted_and_encoded_once() {
        assert_eq!(canonical_query("b=2&a=%2f&a=1&c"), "a=%2F&a=1&b=2&c=");
        assert_eq!(canonical_path("/v1.0/a b/%2F/~"), "/v1.0/a%20b/%2F/~");
    }
}
