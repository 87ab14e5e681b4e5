//! ListObjectVersions (obs-api §5.5). Versioning cannot be enabled yet: each object has one version, `null`, and is its
//! latest. Clients that empty a bucket ask this before anything else.

use super::arguments::{NameEncoding, Owners, page_size, text};
use super::policy_facts::add_listing;
use super::{Call, object_headers};
use crate::dates::xml_date;
use crate::errors::Refusal;
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use objects::api::ListObjects;
use std::sync::Arc;

const NULL_VERSION: &str = "null";

pub(super) async fn list(mut call: Call<'_>) -> Result<Reply, Refusal> {
    add_listing(Arc::make_mut(&mut call.cx.conditions), &call.query)?;
    let (request, encoding) = match lower(&call) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let asked = request.clone();
    let page = call.gateway.objects.list_versions(&call.cx, request).await?;
    let name = |text: &str| encoding.write(text).into_owned();
    // A page of nothing ends the listing, or clients would ask for ever.
    let next = page.next.as_deref().filter(|_| asked.max > 0);
    let owners = Owners::of(&call);
    let mut out = XmlWriter::new("ListVersionsResult", Some(call.dialect.namespace));
    out.leaf("Name", asked.bucket.as_str());
    out.leaf("Prefix", &name(&asked.prefix));
    out.leaf("KeyMarker", &name(asked.after.as_deref().unwrap_or_default()));
    out.leaf("VersionIdMarker", call.query.get_filled("version-id-marker")?.unwrap_or_default());
    if let Some(next) = next {
        out.leaf("NextKeyMarker", &name(next));
        // A common prefix has no version.
        if page.objects.last().is_some_and(|last| last.name == next) {
            out.leaf("NextVersionIdMarker", NULL_VERSION);
        }
    }
    out.value("MaxKeys", asked.max);
    out.optional("Delimiter", asked.delimiter.as_deref().map(name).as_deref());
    out.optional("EncodingType", encoding.word());
    out.value("IsTruncated", next.is_some());
    for object in &page.objects {
        out.open("Version");
        out.leaf("Key", &name(&object.name));
        out.leaf("VersionId", NULL_VERSION);
        out.value("IsLatest", true);
        out.leaf("LastModified", &xml_date(object.last_modified));
        out.leaf("ETag", &object.etag.quoted());
        out.value("Size", object.size);
        owners.write(&mut out, "Owner", &object.owner);
        out.leaf("StorageClass", object_headers::STORAGE_CLASS);
        out.close();
    }
    for prefix in &page.common_prefixes {
        out.open("CommonPrefixes");
        out.leaf("Prefix", &name(prefix));
        out.close();
    }
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    reply.set(call.dialect.names.bucket_region, call.gateway.config.region.as_str());
    Ok(reply)
}

fn lower(call: &Call<'_>) -> Result<(ListObjects, NameEncoding), Refusal> {
    let query = &call.query;
    let request = ListObjects {
        bucket: call.bucket()?.clone(),
        prefix: text(query, "prefix")?.unwrap_or_default(),
        delimiter: text(query, "delimiter")?,
        // The null version is the last of its object, whichever version the marker names.
        after: text(query, "key-marker")?,
        max: page_size(query, "max-keys")?,
    };
    Ok((request, NameEncoding::of(query)?))
}
