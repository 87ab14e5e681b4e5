//! The header view of a request: what its headers say, together with what a presigned URL says for them.
//!
//! In a presigned URL the dialect's own parameters (`x-obs-…`, `x-amz-…`) act as headers (obs-api §2.5,
//! s3-sse-behaviour §18); a header of the same name must say the same. A customer key in a query is refused: it would
//! stand in every log on the way. Of a header that means one thing there may be one: a second value is refused
//! rather than ignored, since two readers of one request must never disagree.

use super::{Dialect, Names};
use crate::query::Query;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// A header cannot be taken as it is (400).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// There must be one value and there are several.
    Repeated(String),
    /// The value is not text.
    NotText(String),
    /// Key material in a query.
    KeyInQuery,
    /// An encryption parameter in the query of a request that is not presigned, where it would be without effect.
    ParameterWithoutEffect(String),
}

/// A request's headers as its dialect reads them.
#[derive(Debug)]
pub struct HeaderView<'a> {
    dialect: &'static Dialect,
    headers: Cow<'a, HeaderMap>,
}

/// Parameters that belong to the signature itself and are no headers of the operation.
fn is_of_signature(name: &str) -> bool {
    matches!(
        name,
        "x-amz-algorithm"
            | "x-amz-credential"
            | "x-amz-date"
            | "x-amz-expires"
            | "x-amz-signedheaders"
            | "x-amz-signature"
            | "x-amz-content-sha256"
            | "x-amz-security-token"
            | "x-obs-security-token"
            | "x-obs-date"
    )
}

/// What a header says, without the padding that HTTP allows around it (RFC 9110 §5.5: blanks and tabs). Operations and
/// the conditions of policies both read through here: what one of them took for padding and the other for a part of
/// the value would be a word that a policy cannot forbid. Blanks of Unicode are no padding.
///
/// # Errors
/// The bytes are not UTF-8.
pub fn said(value: &HeaderValue) -> Result<&str, std::str::Utf8Error> {
    std::str::from_utf8(unpadded(value.as_bytes()))
}

fn unpadded(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

impl<'a> HeaderView<'a> {
    /// Joins headers and, for a presigned request, the dialect's parameters.
    ///
    /// Headers of the other dialect are read as this one's where they occur alone (obs-api §4.2). The signature check
    /// has refused them before unless they are signed, which only V4 does.
    pub fn new(
        dialect: &'static Dialect,
        headers: &'a HeaderMap,
        query: &Query,
        presigned: bool,
    ) -> Result<Self, HeaderFault> {
        let names = &dialect.names;
        let mut merged: Cow<'a, HeaderMap> = Cow::Borrowed(headers);
        translate_foreign(dialect, headers, &mut merged)?;
        for family in [dialect, dialect.foreign()] {
            for (name, value) in query.with_prefix(family.names.prefix) {
                let name = name.to_ascii_lowercase();
                if is_of_signature(&name) {
                    continue;
                }
                if name.ends_with("-customer-key") {
                    return Err(HeaderFault::KeyInQuery);
                }
                if !presigned || !name.starts_with(names.prefix) {
                    if name.contains("server-side") || name.contains("copy-source") || name.contains("sse-kms") {
                        return Err(HeaderFault::ParameterWithoutEffect(name));
                    }
                    continue;
                }
                if let Some(header) = headers.get(&name) {
                    if unpadded(header.as_bytes()) != unpadded(value) {
                        return Err(HeaderFault::Repeated(name));
                    }
                    continue;
                }
                let value = HeaderValue::from_bytes(value).map_err(|_| HeaderFault::NotText(name.clone()))?;
                let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderFault::NotText(name.clone()))?;
                merged.to_mut().append(header, value);
            }
        }
        Ok(Self { dialect, headers: merged })
    }

    /// The dialect whose words these are.
    pub fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    /// The dialect's names.
    pub fn names(&self) -> &'static Names {
        &self.dialect.names
    }

    /// All headers, parameters of a presigned URL included.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether the header is there.
    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// The one value of a header, as text.
    pub fn one(&self, name: &str) -> Result<Option<&str>, HeaderFault> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => said(value).map(Some).map_err(|_| HeaderFault::NotText(name.to_owned())),
            (Some(_), Some(_)) => Err(HeaderFault::Repeated(name.to_owned())),
        }
    }

    /// Like [`HeaderView::one`], owned.
    pub fn owned(&self, name: &str) -> Result<Option<String>, HeaderFault> {
        Ok(self.one(name)?.map(str::to_owned))
    }

    /// Headers whose name begins so: the rest of the name, and the value. A repeated header comes once per value.
    pub fn with_prefix<'s>(&'s self, prefix: &'s str) -> impl Iterator<Item = (&'s str, &'s HeaderValue)> {
        self.headers.iter().filter_map(move |(name, value)| Some((name.as_str().strip_prefix(prefix)?, value)))
    }
}

/// Adds this dialect's spelling of the other dialect's headers.
fn translate_foreign(
    dialect: &'static Dialect,
    headers: &HeaderMap,
    merged: &mut Cow<'_, HeaderMap>,
) -> Result<(), HeaderFault> {
    let foreign = dialect.foreign();
    if !headers.keys().any(|name| name.as_str().starts_with(foreign.names.prefix)) {
        return Ok(());
    }
    for (own, other) in dialect.names.all().into_iter().zip(foreign.names.all()) {
        if own == other || other.ends_with('-') || !headers.contains_key(other) {
            continue;
        }
        if headers.contains_key(own) {
            return Err(HeaderFault::Repeated(own.to_owned()));
        }
        for value in headers.get_all(other) {
            merged.to_mut().append(HeaderName::from_static(own), value.clone());
        }
    }
    let prefixes = |names: &Names| [names.meta_prefix, names.grant_prefix, names.object_lock_prefix];
    let families: Vec<_> = prefixes(&dialect.names).into_iter().zip(prefixes(&foreign.names)).collect();
    for (name, value) in headers {
        let of_family = |(own, other): &(&str, &str)| Some(format!("{own}{}", name.as_str().strip_prefix(other)?));
        let Some(own) = families.iter().find_map(of_family) else { continue };
        if headers.contains_key(&own) {
            return Err(HeaderFault::Repeated(own));
        }
        let own = HeaderName::from_bytes(own.as_bytes()).map_err(|_| HeaderFault::NotText(name.to_string()))?;
        merged.to_mut().append(own, value.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view<'a>(headers: &'a HeaderMap, query: &str, presigned: bool) -> Result<HeaderView<'a>, HeaderFault> {
        HeaderView::new(Dialect::OBS, headers, &Query::parse(query).unwrap(), presigned)
    }

    #[test]
    fn a_presigned_url_speaks_for_missing_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-obs-acl", HeaderValue::from_static("private"));
        let query = "x-obs-server-side-encryption=kms&X-OBS-ACL=private&x-amz-acl=x&x-obs-security-token=t";
        let view = view(&headers, query, true).unwrap();
        assert_eq!(view.one("x-obs-server-side-encryption").unwrap(), Some("kms"));
        assert_eq!(view.one("x-obs-acl").unwrap(), Some("private"), "said twice in the same words");
        assert!(!view.has("x-amz-acl"), "the other dialect's parameters are no headers");
        assert!(!view.has("x-obs-security-token"));
        let contradicting =
            super::HeaderView::new(Dialect::OBS, &headers, &Query::parse("X-OBS-ACL=public-read").unwrap(), true);
        assert_eq!(contradicting.unwrap_err(), HeaderFault::Repeated("x-obs-acl".into()));
    }

    #[test]
    fn parameters_without_effect_are_refused() {
        let headers = HeaderMap::new();
        let refused = |query: &str, presigned| view(&headers, query, presigned).unwrap_err();
        let sse = "x-obs-server-side-encryption";
        assert_eq!(refused(&format!("{sse}=kms"), false), HeaderFault::ParameterWithoutEffect(sse.into()));
        assert_eq!(refused("x-obs-server-side-encryption-customer-key=a", true), HeaderFault::KeyInQuery);
        assert_eq!(refused("X-Amz-Server-Side-Encryption-Customer-Key=a", false), HeaderFault::KeyInQuery);
        assert!(matches!(
            refused("x-amz-server-side-encryption=aws:kms", true),
            HeaderFault::ParameterWithoutEffect(_)
        ));
    }

    #[test]
    fn two_values_of_one_header_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append("x-obs-server-side-encryption", HeaderValue::from_static("kms"));
        headers.append("x-obs-server-side-encryption", HeaderValue::from_static("AES256"));
        let view = view(&headers, "", false).unwrap();
        assert!(matches!(view.one("x-obs-server-side-encryption"), Err(HeaderFault::Repeated(_))));
    }

    #[test]
    fn only_blanks_and_tabs_are_padding() {
        let mut headers = HeaderMap::new();
        headers.insert("x-obs-acl", HeaderValue::from_static(" \t public-read\t "));
        assert_eq!(view(&headers, "", false).unwrap().one("x-obs-acl").unwrap(), Some("public-read"));
        for blank in ["\u{a0}", "\u{85}", "\u{2003}", "\u{3000}", "\u{feff}"] {
            for value in [format!("{blank}public-read"), format!("public-read{blank}")] {
                headers.insert("x-obs-acl", HeaderValue::from_bytes(value.as_bytes()).unwrap());
                assert_eq!(view(&headers, "", false).unwrap().one("x-obs-acl").unwrap(), Some(&*value));
            }
        }
    }

    #[test]
    fn the_other_dialects_spelling_is_read_where_it_stands_alone() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-server-side-encryption-aws-kms-key-id", HeaderValue::from_static("k"));
        headers.insert("x-amz-meta-colour", HeaderValue::from_static("red"));
        headers.insert("x-amz-grant-read", HeaderValue::from_static("id=a"));
        let read = view(&headers, "", false).unwrap();
        assert_eq!(read.one("x-obs-server-side-encryption-kms-key-id").unwrap(), Some("k"));
        assert_eq!(read.one("x-obs-meta-colour").unwrap(), Some("red"));
        assert_eq!(read.one("x-obs-grant-read").unwrap(), Some("id=a"));
        headers.insert("x-obs-server-side-encryption-kms-key-id", HeaderValue::from_static("other"));
        assert!(matches!(view(&headers, "", false), Err(HeaderFault::Repeated(_))), "two keys are one too many");
    }

    #[test]
    fn line_breaks_cannot_enter_through_a_parameter() {
        let headers = HeaderMap::new();
        assert!(matches!(view(&headers, "x-obs-meta-a=b%0d%0aset-cookie:%20x", true), Err(HeaderFault::NotText(_))));
    }
}
