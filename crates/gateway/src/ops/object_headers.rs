//! Headers kept with an object: read from a write, refused where they ask for what is not offered, and written to the
//! reply of a read.

use crate::dialect::{Dialect, HeaderFault, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::query::Query;
use crate::reply::Reply;
use bytes::Bytes;
use http::HeaderValue;
use objects::api::ObjectHeaders;
use std::collections::BTreeMap;

/// The one storage class.
pub(super) const STORAGE_CLASS: &str = "STANDARD";

/// Longest website redirect in bytes (obs-api §6.1).
const REDIRECT_BYTES_MAX: usize = 2048;

/// Reads the website redirect: a path or a URL. A copy has its own and never its source's.
pub(super) fn website_redirect(view: &HeaderView<'_>) -> Result<Option<String>, Refusal> {
    let redirect = view.owned(view.names().website_redirect)?;
    if let Some(redirect) = &redirect {
        let formed = ["/", "http://", "https://"].iter().any(|start| redirect.starts_with(start));
        if !formed || redirect.len() > REDIRECT_BYTES_MAX {
            return Err(WireFault::InvalidRedirect.into());
        }
    }
    Ok(redirect)
}

/// Reads standard headers and user metadata.
pub(super) fn read(view: &HeaderView<'_>) -> Result<ObjectHeaders, Refusal> {
    Ok(ObjectHeaders {
        content_type: view.owned("content-type")?.filter(|text| !text.is_empty()),
        cache_control: view.owned("cache-control")?,
        content_disposition: view.owned("content-disposition")?,
        content_encoding: content_encoding(view)?,
        content_language: view.owned("content-language")?,
        expires: view.owned("expires")?,
        website_redirect: website_redirect(view)?,
        user_metadata: user_metadata(view),
    })
}

/// `Content-Encoding` without `aws-chunked`, which is of the transfer and not of the object: removed wherever it stands
/// in the list, and nothing else (s3-sse-behaviour §15).
fn content_encoding(view: &HeaderView<'_>) -> Result<Option<String>, HeaderFault> {
    let mut kept = Vec::new();
    for value in view.headers().get_all("content-encoding") {
        let text = value.to_str().map_err(|_| HeaderFault::NotText("content-encoding".to_owned()))?;
        let codings =
            text.split(',').map(str::trim).filter(|c| !c.is_empty() && !c.eq_ignore_ascii_case("aws-chunked"));
        kept.extend(codings.map(str::to_owned));
    }
    Ok((!kept.is_empty()).then(|| kept.join(",")))
}

/// User metadata: names in lower case, values as received bytes; a repeated name's values joined by commas.
///
/// Left out are the names by which encrypting clients tell length and digest of their plaintext: a digest of plaintext
/// must not stand beside a sealed object.
fn user_metadata(view: &HeaderView<'_>) -> Vec<(String, Bytes)> {
    let mut all: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (name, value) in view.with_prefix(view.names().meta_prefix) {
        if name.is_empty() || tells_of_plaintext(name) {
            continue;
        }
        all.entry(name)
            .and_modify(|joined| {
                joined.push(b',');
                joined.extend_from_slice(value.as_bytes());
            })
            .or_insert_with(|| value.as_bytes().to_vec());
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), Bytes::from(value))).collect()
}

/// Whether clients that encrypt use a name for the length or digest of their plaintext. `_` is as good as `-`: many a
/// program and proxy writes one for the other.
fn tells_of_plaintext(name: &str) -> bool {
    let name = name.replace('_', "-");
    ["unencrypted-content-md5", "unencrypted-content-length"].iter().any(|tells| name.ends_with(tells))
}

/// Refuses what a write asks for and would not get. To drop a retention date in silence would be worse than to
/// refuse it.
pub(super) fn refuse_what_is_not_offered(view: &HeaderView<'_>) -> Result<(), Refusal> {
    let names = view.names();
    if view.one(names.storage_class)?.is_some_and(|class| class != STORAGE_CLASS) {
        return Err(WireFault::InvalidStorageClass.into());
    }
    for (name, what) in [
        (names.expires, "the expiry of single objects"),
        (names.write_offset, "appending to objects"),
        (names.callback, "callbacks"),
        (names.persistent_headers, "persistent headers"),
    ] {
        if view.has(name) {
            return Err(WireFault::NotOffered(what.to_owned()).into());
        }
    }
    if view.with_prefix(names.object_lock_prefix).next().is_some() {
        return Err(WireFault::NotOffered("object lock".to_owned()).into());
    }
    Ok(())
}

/// Writes headers and metadata to the reply of a read; `overrides` are the `response-…` parameters.
pub(super) fn write(reply: &mut Reply, dialect: &'static Dialect, headers: &ObjectHeaders, overrides: &Overrides) {
    let over = |index: usize, stored: &Option<String>| overrides.0[index].clone().or_else(|| stored.clone());
    let content_type = over(0, &headers.content_type);
    reply.set("content-type", content_type.as_deref().unwrap_or("binary/octet-stream"));
    reply.set_some("content-language", over(1, &headers.content_language).as_deref());
    reply.set_some("expires", over(2, &headers.expires).as_deref());
    reply.set_some("cache-control", over(3, &headers.cache_control).as_deref());
    reply.set_some("content-disposition", over(4, &headers.content_disposition).as_deref());
    reply.set_some("content-encoding", over(5, &headers.content_encoding).as_deref());
    reply.set_some(dialect.names.website_redirect, headers.website_redirect.as_deref());
    for (name, value) in &headers.user_metadata {
        reply.append_stored(&format!("{}{name}", dialect.names.meta_prefix), value);
    }
}

const OVERRIDES: [&str; 6] = [
    "response-content-type",
    "response-content-language",
    "response-expires",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
];

/// Values of the `response-…` parameters, in the order of [`OVERRIDES`].
#[derive(Debug, Default)]
pub(super) struct Overrides([Option<String>; 6]);

impl Overrides {
    /// Reads them. A value that no header can have is refused.
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        let mut values = Self::default();
        for (slot, name) in values.0.iter_mut().zip(OVERRIDES) {
            *slot = query.get_filled(name)?.map(str::to_owned);
            if slot.as_ref().is_some_and(|value| HeaderValue::from_bytes(value.as_bytes()).is_err()) {
                return Err(WireFault::argument(name, "The value cannot be a header.").into());
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderName};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    fn with<T>(dialect: &'static Dialect, map: &HeaderMap, f: impl Fn(&HeaderView<'_>) -> T) -> T {
        f(&HeaderView::new(dialect, map, &Query::default(), false).unwrap())
    }

    #[test]
    fn aws_chunked_is_removed_and_the_rest_is_kept() {
        for (sent, kept) in [
            ("gzip, aws-chunked", Some("gzip")),
            ("aws-chunked", None),
            ("aws-chunked,gzip,AWS-CHUNKED , br", Some("gzip,br")),
            ("", None),
        ] {
            let map = headers(&[("content-encoding", sent)]);
            let read = with(Dialect::S3, &map, |view| read(view).unwrap());
            assert_eq!(read.content_encoding.as_deref(), kept, "{sent}");
        }
    }

    #[test]
    fn metadata_is_of_the_own_dialect_and_tells_no_plaintext_digest() {
        let map = headers(&[
            ("x-amz-meta-b", "2"),
            ("x-amz-meta-a", "1"),
            ("x-amz-meta-a", "1b"),
            ("x-amz-meta-", "nameless"),
            ("x-amz-meta-x-amz-unencrypted-content-md5", "d41d8cd98f00b204e9800998ecf8427e"),
            ("x-amz-meta-unencrypted_content_md5", "d41d8cd98f00b204e9800998ecf8427e"),
            ("x-amz-meta-x-amz-unencrypted_content-length", "0"),
            ("x-amz-metadata-directive", "COPY"),
        ]);
        let read = with(Dialect::S3, &map, |view| read(view).unwrap());
        let expected = [("a".to_owned(), Bytes::from_static(b"1,1b")), ("b".to_owned(), Bytes::from_static(b"2"))];
        assert_eq!(read.user_metadata, expected);
    }

    #[test]
    fn what_would_be_dropped_is_refused() {
        for (name, value) in
            [("x-amz-object-lock-mode", "COMPLIANCE"), ("x-amz-storage-class", "GLACIER"), ("x-obs-expires", "3")]
        {
            let map = headers(&[(name, value)]);
            assert!(with(Dialect::S3, &map, refuse_what_is_not_offered).is_err(), "{name}");
        }
        let fine = headers(&[("x-amz-acl", "private"), ("x-amz-storage-class", "STANDARD"), ("x-amz-tagging", "")]);
        assert!(with(Dialect::S3, &fine, refuse_what_is_not_offered).is_ok());
    }

    #[test]
    fn redirects_are_paths_or_urls() {
        for (value, good) in [("/a", true), ("https://x/", true), ("javascript:x", false), ("", false)] {
            let map = headers(&[("x-obs-website-redirect-location", value)]);
            assert_eq!(with(Dialect::OBS, &map, |view| read(view).is_ok()), good, "{value}");
        }
    }

    #[test]
    fn overrides_replace_and_cannot_smuggle_headers() {
        let query = Query::parse("response-content-type=text/x&response-expires=").unwrap();
        let mut reply = Reply::ok();
        let stored = ObjectHeaders { expires: Some("never".into()), ..ObjectHeaders::default() };
        write(&mut reply, Dialect::OBS, &stored, &Overrides::of(&query).unwrap());
        assert_eq!(reply.headers["content-type"], "text/x");
        assert_eq!(reply.headers["expires"], "never");
        let smuggling = Query::parse("response-content-disposition=a%0d%0aset-cookie:x").unwrap();
        assert!(Overrides::of(&smuggling).is_err());
    }
}
