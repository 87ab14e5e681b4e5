//! The request target as it stood on the wire, taken apart without losing a byte: signatures are made over the raw
//! text, so nothing here normalises a path or drops a parameter.
//!
//! In a query `+` stands for a blank, as every client that sends a bare one means it; in a path it is a plus.

use std::borrow::Cow;

/// A parameter of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryPair<'a> {
    /// The decoded name.
    pub name: Cow<'a, [u8]>,
    /// The decoded value; `None` when there is no `=`.
    pub value: Option<Cow<'a, [u8]>>,
}

impl QueryPair<'_> {
    /// Whether the decoded name is `name`, without regard to case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value, empty if there is none.
    pub fn value_bytes(&self) -> &[u8] {
        self.value.as_deref().unwrap_or_default()
    }
}

/// A request target: path and query.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The raw path, `/` if the target has none.
    pub path: &'a str,
    /// Parameters in the order sent. Empty pieces (`&&`) are skipped.
    pub query: Vec<QueryPair<'a>>,
}

impl<'a> Target<'a> {
    /// Splits `raw`, which is `path?query` exactly as sent.
    pub fn parse(raw: &'a str) -> Self {
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, query),
            None => (raw, ""),
        };
        Self { path: if path.is_empty() { "/" } else { path }, query: parse_query(query) }
    }

    /// All values of the parameters called `name`, without regard to case.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s QueryPair<'a>> {
        self.query.iter().filter(move |pair| pair.is(name))
    }
}

/// Parameters of a raw query, in the order sent.
pub fn parse_query(raw: &str) -> Vec<QueryPair<'_>> {
    raw.split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| match piece.split_once('=') {
            Some((name, value)) => QueryPair { name: decode(name, true), value: Some(decode(value, true)) },
            None => QueryPair { name: decode(piece, true), value: None },
        })
        .collect()
}

/// Percent-decodes once. A `%` that is not followed by two hexadecimal digits stays as it is.
pub fn decode(raw: &str, plus_is_blank: bool) -> Cow<'_, [u8]> {
    if !raw.bytes().any(|b| b == b'%' || (plus_is_blank && b == b'+')) {
        return Cow::Borrowed(raw.as_bytes());
    }
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' if at + 2 < bytes.len() => match (hex_digit(bytes[at + 1]), hex_digit(bytes[at + 2])) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    at += 2;
                }
                _ => out.push(b'%'),
            },
            b'+' if plus_is_blank => out.push(b' '),
            byte => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(out)
}

/// Percent-encodes every byte but `A-Za-z0-9-_.~`, and `/` if it is to be kept: the encoding of AWS's signatures.
pub fn encode_into(out: &mut Vec<u8>, bytes: &[u8], keep_slash: bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') || (keep_slash && byte == b'/') {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

/// As [`encode_into`], as text.
pub fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    encode_into(&mut out, bytes, keep_slash);
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_stays_raw_and_the_query_is_decoded_once() {
        let target = Target::parse("/a%2Fb//%2e%2e?x=%2525&y&&z=&a+b=c+d%2B=e");
        assert_eq!(target.path, "/a%2Fb//%2e%2e");
        let shown: Vec<_> = target
            .query
            .iter()
            .map(|p| (String::from_utf8_lossy(&p.name).into_owned(), p.value.as_ref().map(|v| v.to_vec())))
            .collect();
        assert_eq!(
            shown,
            [
                ("x".to_owned(), Some(b"%25".to_vec())),
                ("y".to_owned(), None),
                ("z".to_owned(), Some(vec![])),
                ("a b".to_owned(), Some(b"c d+=e".to_vec())),
            ]
        );
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(&*decode("%", true), b"%");
        assert_eq!(&*decode("%4", true), b"%4");
        assert_eq!(&*decode("%zz%41", true), b"%zzA");
        assert_eq!(&*decode("a+b", false), b"a+b");
        assert_eq!(Target::parse("").path, "/");
        assert_eq!(Target::parse("?a").path, "/");
    }

    #[test]
    fn encoding_is_that_of_aws() {
        assert_eq!(encode("a b/ü~*'".as_bytes(), true), "a%20b/%C3%BC~%2A%27");
        assert_eq!(encode(b"a/b", false), "a%2Fb");
    }
}
