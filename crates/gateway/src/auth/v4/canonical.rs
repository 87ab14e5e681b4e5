//! The canonical request: what a V4 signature covers.

use super::super::headers::{HIDDEN, is_secret};
use super::super::target::{Target, decode, encode_into};
use crypto::sha256;
use data_encoding::HEXLOWER;
use http::HeaderMap;

/// What goes into a canonical request.
pub(in super::super) struct CanonicalParts<'a> {
    pub(in super::super) method: &'a str,
    pub(in super::super) target: &'a Target<'a>,
    pub(in super::super) headers: &'a HeaderMap,
    /// Lower case, sorted.
    pub(in super::super) signed_headers: &'a [String],
    /// The value of `x-amz-content-sha256`, or what stands for it.
    pub(in super::super) payload: &'a str,
}

impl CanonicalParts<'_> {
    /// The path, decoded once and encoded again as AWS encodes: what a client signs who builds it from the object's
    /// name.
    pub(in super::super) fn encoded_path(&self) -> String {
        super::super::target::encode(&decode(self.target.path, false), true)
    }

    /// The canonical request with `path`; values of keys and tokens are replaced if `hide_secrets`, which is for texts
    /// only and never signed.
    pub(in super::super) fn request(&self, path: &str, hide_secrets: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(self.method.as_bytes());
        out.push(b'\n');
        out.extend_from_slice(path.as_bytes());
        out.push(b'\n');
        self.write_query(&mut out, hide_secrets);
        out.push(b'\n');
        for name in self.signed_headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            if hide_secrets && is_secret(name) {
                out.extend_from_slice(HIDDEN);
            } else {
                self.write_header_values(&mut out, name);
            }
            out.push(b'\n');
        }
        out.push(b'\n');
        out.extend_from_slice(self.signed_headers.join(";").as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.payload.as_bytes());
        out
    }

    /// Every parameter but the signature, encoded, sorted by encoded name and then value.
    fn write_query(&self, out: &mut Vec<u8>, hide_secrets: bool) {
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = self
            .target
            .query
            .iter()
            .filter(|pair| !pair.is("X-Amz-Signature"))
            .map(|pair| {
                let (mut name, mut value) = (Vec::new(), Vec::new());
                encode_into(&mut name, &pair.name, false);
                if hide_secrets && is_secret(&String::from_utf8_lossy(&pair.name)) {
                    value.extend_from_slice(HIDDEN);
                } else {
                    encode_into(&mut value, pair.value_bytes(), false);
                }
                (name, value)
            })
            .collect();
        pairs.sort_unstable();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }

    /// Values of a repeated header are joined by commas; outer blanks go, runs of blanks inside become one.
    fn write_header_values(&self, out: &mut Vec<u8>, name: &str) {
        for (index, value) in self.headers.get_all(name).iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
            for (index, word) in words.enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(word);
            }
        }
    }
}

/// What is put under the HMAC.
pub(in super::super) fn string_to_sign(timestamp: &str, scope: &str, canonical_request: &[u8]) -> String {
    format!("AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{}", HEXLOWER.encode(&sha256(canonical_request)))
}
