//! Buckets: list, create, head, delete, location, versioning; and OBS's negotiation (obs-api §1.3, §5.1-§5.4).

use super::arguments::{self, Owners};
use super::{Call, encryption_config, grants, object_headers, ownership};
use crate::dates::xml_date;
use crate::dialect::LocationDocument;
use crate::errors::{Refusal, WireFault};
use crate::gateway::Gateway;
use crate::reply::Reply;
use crate::route::Place;
use crate::xml::XmlWriter;
use http::StatusCode;
use objects::Fail;
use objects::api::CreateBucket;
use policy::ConditionKey;
use std::sync::Arc;

/// `HEAD ?apiversion`, unsigned: which version of the OBS protocol is spoken, and whether the bucket exists.
pub(crate) async fn api_version(gateway: &Gateway, place: &Place) -> Result<Reply, Refusal> {
    if let Some(bucket) = place.bucket()
        && !gateway.objects.bucket_exists(bucket).await?
    {
        return Err(Fail::NoSuchBucket.into());
    }
    Ok(Reply::ok().with("x-obs-api", "3.0"))
}

pub(super) async fn list(call: Call<'_>) -> Result<Reply, Refusal> {
    let prefix = arguments::text(&call.query, "prefix")?.unwrap_or_default();
    let buckets = call.gateway.objects.list_buckets(&call.cx).await?;
    let mut out = XmlWriter::new("ListAllMyBucketsResult", Some(call.dialect.namespace));
    if let Some(account) = call.cx.principal.account() {
        Owners::of(&call).write(&mut out, "Owner", account);
    }
    out.open("Buckets");
    for bucket in buckets.iter().filter(|bucket| bucket.name.as_str().starts_with(&prefix)) {
        out.open("Bucket");
        out.leaf("Name", bucket.name.as_str());
        out.leaf("CreationDate", &xml_date(bucket.created));
        if call.dialect.speaks_to_obs_clients() {
            out.leaf("Location", call.gateway.config.region.as_str());
            out.leaf("BucketType", "OBJECT");
        } else {
            out.leaf("BucketRegion", call.gateway.config.region.as_str());
        }
        out.close();
    }
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

pub(super) async fn create(mut call: Call<'_>) -> Result<Reply, Refusal> {
    // Nobody but an account owns buckets; more cannot be asked before the bucket is there.
    if call.cx.principal.is_anonymous() {
        return Err(Fail::AccessDenied.into());
    }
    let view = &call.view;
    let names = view.names();
    let (acl, ownership) = (grants::of_headers(view, grants::On::Bucket)?, ownership::of_headers(view)?);
    if view.one(names.bucket_object_lock)?.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return Err(WireFault::NotOffered("object lock".to_owned()).into());
    }
    if view.one(names.file_interface)?.is_some_and(|text| text.eq_ignore_ascii_case("enabled")) {
        return Err(WireFault::NotOffered("parallel file systems".to_owned()).into());
    }
    if view.one(names.bucket_storage_class)?.is_some_and(|class| class != object_headers::STORAGE_CLASS) {
        return Err(WireFault::InvalidStorageClass.into());
    }
    let encryption = encryption_config::of_headers(view)?;
    let bucket = call.bucket()?.clone();
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    let location = if document.bytes.is_empty() { None } else { location_constraint(&document)? };
    if location.as_deref().is_some_and(|location| location != call.gateway.config.region.as_str()) {
        return Err(WireFault::InvalidLocation.into());
    }
    if let Some(location) = &location {
        Arc::make_mut(&mut call.cx.conditions).add(ConditionKey::LocationConstraint, location);
    }
    let blocks_customer_keys = call.gateway.config.block_customer_keys_on_new_buckets && !call.dialect.is_obs();
    let request = CreateBucket { location, encryption, acl, ownership, blocks_customer_keys };
    call.gateway.objects.create_bucket(&call.cx, &bucket, request).await?;
    Ok(Reply::ok().with("location", &format!("/{bucket}")))
}

/// The location, in either vocabulary: the signature mode of a client decides which one it writes (obs-api §1.3).
fn location_constraint(document: &super::bodies::Document) -> Result<Option<String>, Refusal> {
    let root = document.parse(&["CreateBucketConfiguration"])?;
    if root.one("Tags")?.is_some_and(|tags| !tags.children().is_empty()) {
        return Err(WireFault::NotOffered("bucket tags".to_owned()).into());
    }
    let (constraint, location) = (root.one("LocationConstraint")?, root.one("Location")?);
    match (constraint, location) {
        (Some(_), Some(_)) => Err(WireFault::MalformedXml.into()),
        (None, Some(element)) if !element.children().is_empty() => {
            Err(WireFault::NotOffered("directory buckets".to_owned()).into())
        }
        (Some(element), None) | (None, Some(element)) => {
            Ok(Some(element.word().to_owned()).filter(|location| !location.is_empty()))
        }
        (None, None) => Ok(None),
    }
}

pub(super) async fn head(call: Call<'_>) -> Result<Reply, Refusal> {
    let _info = call.gateway.objects.head_bucket(&call.cx, call.bucket()?).await?;
    let mut reply = Reply::ok().with("content-type", "application/xml");
    reply.set(call.dialect.names.bucket_region, call.gateway.config.region.as_str());
    if call.dialect.speaks_to_obs_clients() {
        reply.set(call.dialect.names.bucket_storage_class, object_headers::STORAGE_CLASS);
        // These two keep their names in the S3 dialect (obs-api §5.3).
        reply.set("x-obs-version", "3.0");
        reply.set("x-obs-bucket-type", "OBJECT");
    }
    Ok(reply)
}

pub(super) async fn delete(call: Call<'_>) -> Result<Reply, Refusal> {
    call.gateway.objects.delete_bucket(&call.cx, call.bucket()?).await?;
    Ok(Reply::no_content())
}

pub(super) async fn location(call: Call<'_>) -> Result<Reply, Refusal> {
    let _info = call.gateway.objects.bucket_location(&call.cx, call.bucket()?).await?;
    let document =
        location_document(call.dialect.location, call.dialect.namespace, call.gateway.config.region.as_str());
    Ok(Reply::xml(StatusCode::OK, document))
}

fn location_document(form: LocationDocument, namespace: &str, region: &str) -> bytes::Bytes {
    let root = match form {
        LocationDocument::Location => "Location",
        LocationDocument::Constraint => "LocationConstraint",
        LocationDocument::WrappedConstraint => "CreateBucketConfiguration",
    };
    let mut out = XmlWriter::new(root, Some(namespace));
    match form {
        LocationDocument::Location => out.text(region),
        LocationDocument::Constraint if region == "us-east-1" => {}
        LocationDocument::Constraint => out.text(region),
        LocationDocument::WrappedConstraint => out.leaf("LocationConstraint", region),
    }
    out.finish()
}

/// Versioning cannot be set yet, so the answer is that of a bucket that never had it.
pub(super) async fn versioning(call: Call<'_>) -> Result<Reply, Refusal> {
    let _info = call.gateway.objects.bucket_versioning(&call.cx, call.bucket()?).await?;
    let out = XmlWriter::new("VersioningConfiguration", Some(call.dialect.namespace));
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::bodies::Document;

    fn location(xml: &'static str) -> Result<Option<String>, Refusal> {
        location_constraint(&Document { bytes: bytes::Bytes::from_static(xml.as_bytes()), digested: false, room: None })
    }

    #[test]
    fn both_vocabularies_of_a_location() {
        for word in ["Location", "LocationConstraint"] {
            let xml = format!("<CreateBucketConfiguration><{word}> local-1 </{word}></CreateBucketConfiguration>");
            assert_eq!(location(xml.leak()).unwrap().as_deref(), Some("local-1"));
        }
        assert_eq!(location("<CreateBucketConfiguration xmlns=\"http://x/\"/>").unwrap(), None);
        for bad in [
            "<Other/>",
            "<CreateBucketConfiguration>",
            "<CreateBucketConfiguration><Location>a</Location><LocationConstraint>b</LocationConstraint>\
             </CreateBucketConfiguration>",
        ] {
            assert!(matches!(location(bad), Err(Refusal::Wire(WireFault::MalformedXml))), "{bad}");
        }
    }

    #[test]
    fn location_documents() {
        let text = |form, region| {
            let bytes = location_document(form, "http://n/", region);
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.split_once("?>").unwrap().1.replace(" xmlns=\"http://n/\"", "")
        };
        assert_eq!(text(LocationDocument::Location, "r1"), "<Location>r1</Location>");
        assert_eq!(text(LocationDocument::Constraint, "r1"), "<LocationConstraint>r1</LocationConstraint>");
        assert_eq!(text(LocationDocument::Constraint, "us-east-1"), "<LocationConstraint></LocationConstraint>");
        assert_eq!(
            text(LocationDocument::WrappedConstraint, "r1"),
            "<CreateBucketConfiguration><LocationConstraint>r1</LocationConstraint></CreateBucketConfiguration>"
        );
    }
}
