//! What of a request may stand in a log.
//!
//! Of headers: nothing. Of the target: the path and the query's names; values of those parameters alone that carry no
//! secret. A presigned signature is a right to use it, and a customer key in a query is refused but was sent.

use crate::auth::target::Target;

/// Parameters whose values are shown. All others show their names only.
const SHOWN: &[&str] = &[
    "delimiter",
    "encoding-type",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "partNumber",
    "prefix",
    "start-after",
    "upload-id-marker",
    "uploadId",
    "versionId",
    "x-id",
];

/// Longest text shown, in bytes.
const SHOWN_BYTES_MAX: usize = 2048;

/// The request target without secrets, on one line.
pub fn target(raw: &str) -> String {
    let target = Target::parse(raw);
    let mut out = String::with_capacity(raw.len().min(SHOWN_BYTES_MAX));
    push_visible(&mut out, target.path);
    for (index, pair) in target.query.iter().enumerate() {
        let name = String::from_utf8_lossy(&pair.name);
        out.push(if index == 0 { '?' } else { '&' });
        push_visible(&mut out, &name);
        if let Some(value) = &pair.value {
            out.push('=');
            if SHOWN.contains(&&*name) {
                push_visible(&mut out, &String::from_utf8_lossy(value));
            } else {
                out.push_str("***");
            }
        }
        if out.len() > SHOWN_BYTES_MAX {
            out.push('…');
            break;
        }
    }
    out
}

fn push_visible(out: &mut String, text: &str) {
    let room = SHOWN_BYTES_MAX.saturating_sub(out.len());
    let end = (0..=text.len().min(room)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    out.extend(text[..end].chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
    if end < text.len() {
        out.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_harmless_values_are_shown() {
        assert_eq!(target("/b/k?uploadId=7&partNumber=2&acl"), "/b/k?uploadId=7&partNumber=2&acl");
    }

    #[test]
    fn signatures_tokens_and_keys_are_not() {
        let shown = target(
            "/b/k?X-Amz-Signature=SECRET&x-obs-security-token=SECRET&Signature=SECRET\
             &x-amz-server-side-encryption-customer-key=SECRET&unknown=SECRET&X-Amz-Credential=SECRET",
        );
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("X-Amz-Signature=***"));
    }

    #[test]
    fn one_line_of_bounded_length() {
        let shown = target(&format!("/b/k?prefix=a%0d%0ab&marker={}", "x".repeat(5000)));
        assert!(!shown.contains(['\r', '\n']));
        assert!(shown.len() < 2200);
        assert!(target(&"/é".repeat(3000)).len() < 2200);
    }
}
