//! ListObjects, versions 1 and 2 (obs-api §5.5).

use super::arguments::{NameEncoding, Owners, page_size, read_token, text, write_token};
use super::checksums::{algorithm_word, type_word};
use super::policy_facts::add_listing;
use super::{Call, object_headers};
use crate::dates::xml_date;
use crate::errors::{Refusal, WireFault};
use crate::query::Query;
use crate::reply::Reply;
use crate::xml::XmlWriter;
use bytes::Bytes;
use http::StatusCode;
use model::BucketName;
use objects::api::{ListObjects, ListedObject, ObjectPage};
use std::sync::Arc;

/// What the client asked, as the answer repeats it.
struct Asked {
    prefix: String,
    delimiter: Option<String>,
    max: usize,
    encoding: NameEncoding,
    pages: Pages,
}

/// How the client goes from page to page.
enum Pages {
    /// Version 1.
    Marker(Option<String>),
    /// Version 2.
    Token { token: Option<String>, start_after: Option<String>, fetch_owner: bool },
}

pub(super) async fn objects(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    add_listing(Arc::make_mut(&mut call.cx.conditions), &call.query)?;
    let (asked, after) = match lower(&call.query) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let request = ListObjects {
        bucket: bucket.clone(),
        prefix: asked.prefix.clone(),
        delimiter: asked.delimiter.clone(),
        after,
        max: asked.max,
    };
    let page = call.gateway.objects.list_objects(&call.cx, request).await?;
    let mut reply = Reply::xml(StatusCode::OK, raise(&Owners::of(&call), &bucket, &asked, &page));
    reply.set(call.dialect.names.bucket_region, call.gateway.config.region.as_str());
    Ok(reply)
}

fn lower(query: &Query) -> Result<(Asked, Option<String>), Refusal> {
    let pages = match query.get("list-type")? {
        Some("2") => Pages::Token {
            token: query.get("continuation-token")?.map(str::to_owned),
            start_after: text(query, "start-after")?,
            fetch_owner: query.get("fetch-owner")? == Some("true"),
        },
        None | Some("" | "1") => Pages::Marker(text(query, "marker")?),
        Some(_) => return Err(WireFault::argument("list-type", "The list type must be 2.").into()),
    };
    let after = match &pages {
        Pages::Marker(marker) => marker.clone(),
        Pages::Token { token: Some(token), .. } => Some(read_token(token)?),
        Pages::Token { token: None, start_after, .. } => start_after.clone(),
    };
    let asked = Asked {
        prefix: text(query, "prefix")?.unwrap_or_default(),
        delimiter: text(query, "delimiter")?,
        max: page_size(query, "max-keys")?,
        encoding: NameEncoding::of(query)?,
        pages,
    };
    Ok((asked, after))
}

fn raise(owners: &Owners<'_>, bucket: &BucketName, asked: &Asked, page: &ObjectPage) -> Bytes {
    let name = |text: &str| asked.encoding.write(text).into_owned();
    // A page of nothing ends the listing, or clients would ask for ever.
    let next = page.next.as_deref().filter(|_| asked.max > 0);
    let mut out = XmlWriter::new("ListBucketResult", Some(owners.dialect.namespace));
    out.leaf("Name", bucket.as_str());
    out.leaf("Prefix", &name(&asked.prefix));
    let with_owner = match &asked.pages {
        Pages::Marker(marker) => {
            out.leaf("Marker", &name(marker.as_deref().unwrap_or_default()));
            out.optional("NextMarker", next.map(name).as_deref());
            true
        }
        Pages::Token { token, start_after, fetch_owner } => {
            out.optional("StartAfter", start_after.as_deref().map(name).as_deref());
            out.optional("ContinuationToken", token.as_deref());
            out.optional("NextContinuationToken", next.map(write_token).as_deref());
            out.value("KeyCount", page.objects.len() + page.common_prefixes.len());
            *fetch_owner
        }
    };
    out.value("MaxKeys", asked.max);
    out.optional("Delimiter", asked.delimiter.as_deref().map(name).as_deref());
    out.optional("EncodingType", asked.encoding.word());
    out.value("IsTruncated", next.is_some());
    for object in &page.objects {
        write_object(&mut out, owners, object, asked.encoding, with_owner);
    }
    for prefix in &page.common_prefixes {
        out.open("CommonPrefixes");
        out.leaf("Prefix", &name(prefix));
        out.close();
    }
    out.finish()
}

fn write_object(
    out: &mut XmlWriter,
    owners: &Owners<'_>,
    object: &ListedObject,
    encoding: NameEncoding,
    with_owner: bool,
) {
    out.open("Contents");
    out.leaf("Key", &encoding.write(&object.name));
    out.leaf("LastModified", &xml_date(object.last_modified));
    out.leaf("ETag", &object.etag.quoted());
    if !owners.dialect.is_obs()
        && let Some((algorithm, composite)) = object.checksum_algorithm
    {
        out.leaf("ChecksumAlgorithm", algorithm_word(algorithm));
        out.leaf("ChecksumType", type_word(composite));
    }
    out.value("Size", object.size);
    if with_owner {
        owners.write(out, "Owner", &object.owner);
    }
    out.leaf("StorageClass", object_headers::STORAGE_CLASS);
    out.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::xml::{Element, XmlLimits};
    use model::{AccountId, ETag, Timestamp};
    use sse::ChecksumAlgorithm;

    fn page(next: Option<&str>) -> ObjectPage {
        ObjectPage {
            objects: vec![ListedObject {
                name: "a b/\u{1}".into(),
                size: 7,
                etag: ETag::single([0; 16]),
                last_modified: Timestamp::from_millis(1_530_106_755_042),
                owner: AccountId::parse("aa").unwrap(),
                checksum_algorithm: Some((ChecksumAlgorithm::Crc64Nvme, false)),
            }],
            common_prefixes: vec!["c d/".into()],
            next: next.map(str::to_owned),
        }
    }

    fn listed(dialect: &'static Dialect, query: &str, next: Option<&str>) -> Element {
        let (asked, _) = lower(&Query::parse(query).unwrap()).unwrap();
        let bytes = raise(&Owners::nameless(dialect), &BucketName::parse("bkt").unwrap(), &asked, &page(next));
        Element::parse(&bytes, &XmlLimits::default()).unwrap()
    }

    fn leaf<'a>(element: &'a Element, name: &str) -> Option<&'a str> {
        element.one(name).unwrap().map(Element::text)
    }

    #[test]
    fn version_1() {
        let root = listed(Dialect::OBS, "marker=m&delimiter=/&max-keys=2", Some("c d/"));
        assert_eq!(leaf(&root, "NextMarker"), Some("c d/"));
        assert_eq!(leaf(&root, "IsTruncated"), Some("true"));
        assert_eq!(leaf(&root, "MaxKeys"), Some("2"));
        let object = root.one("Contents").unwrap().unwrap();
        assert_eq!(leaf(object, "Key"), Some("a b/\u{1}"));
        assert_eq!(leaf(object, "ETag"), Some("\"00000000000000000000000000000000\""));
        assert_eq!(leaf(object, "StorageClass"), Some("STANDARD"));
        assert_eq!(leaf(object, "LastModified"), Some("2018-06-27T13:39:15.042Z"));
        assert!(leaf(object, "ChecksumAlgorithm").is_none(), "OBS knows no such element");
        let owner = object.one("Owner").unwrap().unwrap();
        assert!(leaf(owner, "DisplayName").is_none());
    }

    #[test]
    fn version_2_pages_by_token() {
        let root = listed(Dialect::S3, "list-type=2&start-after=s&encoding-type=url", Some("c d/"));
        assert_eq!(leaf(&root, "KeyCount"), Some("2"));
        assert_eq!(leaf(&root, "StartAfter"), Some("s"));
        assert_eq!(leaf(root.one("Contents").unwrap().unwrap(), "Key"), Some("a+b/%01"));
        assert_eq!(leaf(root.one("CommonPrefixes").unwrap().unwrap(), "Prefix"), Some("c+d/"));
        let token = leaf(&root, "NextContinuationToken").unwrap();
        let (_, after) = lower(&Query::parse(&format!("list-type=2&continuation-token={token}")).unwrap()).unwrap();
        assert_eq!(after.as_deref(), Some("c d/"));
        assert!(root.one("Contents").unwrap().unwrap().one("Owner").unwrap().is_none());
    }

    #[test]
    fn a_page_of_nothing_is_the_last() {
        let root = listed(Dialect::S3, "max-keys=0", Some("x"));
        assert_eq!(leaf(&root, "IsTruncated"), Some("false"));
        assert!(leaf(&root, "NextMarker").is_none());
    }

    #[test]
    fn arguments_that_cannot_be() {
        for bad in ["max-keys=-1", "encoding-type=base64", "list-type=3", "list-type=2&continuation-token=%3d"] {
            assert!(lower(&Query::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
