//! Dates and documents in the forms of the query APIs.

use model::Timestamp;

/// A date as the query APIs write it: without milliseconds.
pub(super) fn date(at: Timestamp) -> String {
    crate::dates::xml_date(Timestamp::from_secs(at.as_secs())).replace(".000Z", "Z")
}

/// A document for a reply: percent-encoded by RFC 3986, as AWS sends it and SDKs decode it.
pub(super) fn encoded(document: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(document.len() * 2);
    for b in document.bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(b)),
            // Writing to a String cannot fail.
            b => drop(write!(out, "%{b:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_dates_and_documents() {
        assert_eq!(date(Timestamp::from_millis(1_530_106_755_042)), "2018-06-27T13:39:15Z");
        assert_eq!(encoded("{\"a b\":\"/*\u{e9}~\"}"), "%7B%22a%20b%22%3A%22%2F%2A%C3%A9~%22%7D");
    }
}
