//! DeleteObject and DeleteObjects (obs-api §6.5).

use super::arguments::{self, NameEncoding};
use super::{Call, put};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use futures_util::StreamExt;
use http::StatusCode;
use model::{ObjectName, VersionId};
use objects::Fail;
use objects::api::DeleteOutcome;

/// Most objects of one request.
const OBJECTS_MAX: usize = 1000;

/// Deletions under way at the same time: enough for one durable batch, few enough to leave room for others.
const CONCURRENT: usize = 32;

pub(super) async fn one(call: Call<'_>) -> Result<Reply, Refusal> {
    let (bucket, name) = call.object()?;
    if call.view.has("if-match") {
        let refusal = WireFault::NotOffered("conditional deletion".to_owned());
        return Err(call.refuse(refusal).await);
    }
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let outcome = call.gateway.objects.delete_object(&call.cx, bucket, name, version).await?;
    let mut reply = Reply::no_content();
    put::show_version(&mut reply, call.dialect.names.version_id, outcome.version);
    if outcome.delete_marker {
        reply.set(call.dialect.names.delete_marker, "true");
    }
    Ok(reply)
}

/// One line of the request.
struct Item {
    name: String,
    version: Option<String>,
}

pub(super) async fn many(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    call.gateway.objects.authorize_delete_objects(&call.cx, &bucket).await?;
    let document = call.document(call.gateway.config.limits.list_document_bytes_max, true).await?;
    if !document.digested {
        return Err(WireFault::MissingDigest.into());
    }
    let (items, quiet, encoding) = lower(&document.parse(&["Delete"])?)?;
    let call = &call;
    let outcomes: Vec<(Item, Result<DeleteOutcome, Refusal>)> = futures_util::stream::iter(items)
        .map(|item| async {
            let outcome = delete(call, &item).await;
            (item, outcome)
        })
        .buffered(CONCURRENT)
        .collect()
        .await;
    let mut out = XmlWriter::new("DeleteResult", Some(call.dialect.namespace));
    out.optional("EncodingType", encoding.word());
    for (item, outcome) in &outcomes {
        match outcome {
            Ok(_) if quiet => {}
            Ok(outcome) => write_deleted(&mut out, item, outcome, encoding),
            Err(refusal) => {
                let wording = refusal.wording(call.dialect, call.gateway.config.compat);
                if wording.status.is_server_error() {
                    tracing::error!(request_id = call.cx.request_id, why = refusal.for_the_log(), "deletion failed");
                }
                out.open("Error");
                out.leaf("Key", &encoding.write(&item.name));
                out.optional("VersionId", item.version.as_deref());
                out.leaf("Code", wording.code);
                out.leaf("Message", &wording.message);
                out.close();
            }
        }
    }
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

async fn delete(call: &Call<'_>, item: &Item) -> Result<DeleteOutcome, Refusal> {
    let name = ObjectName::parse(item.name.as_bytes()).map_err(Fail::Name)?;
    let version: Option<VersionId> = item.version.as_deref().map(arguments::version_named).transpose()?;
    Ok(call.gateway.objects.delete_object(&call.cx, call.bucket()?, &name, version).await?)
}

fn lower(root: &Element) -> Result<(Vec<Item>, bool, NameEncoding), Refusal> {
    let quiet = match root.one("Quiet")?.map(Element::word) {
        None | Some("false" | "") => false,
        Some("true") => true,
        Some(_) => return Err(WireFault::MalformedXml.into()),
    };
    let encoding = NameEncoding::named(root.one("EncodingType")?.map(Element::word).filter(|word| !word.is_empty()))?;
    let mut items = Vec::new();
    for object in root.all("Object") {
        if items.len() == OBJECTS_MAX {
            return Err(WireFault::MalformedXml.into());
        }
        for condition in ["ETag", "LastModifiedTime", "Size"] {
            if object.one(condition)?.is_some() {
                return Err(WireFault::NotOffered("conditional deletion".to_owned()).into());
            }
        }
        let sent = object.one("Key")?.ok_or(WireFault::MalformedXml)?.text();
        let name = match encoding {
            NameEncoding::Plain => sent.to_owned(),
            NameEncoding::Url => {
                let bytes = crate::query::percent_decode(sent, true)?.into_owned();
                String::from_utf8(bytes).map_err(|_| WireFault::MalformedXml)?
            }
        };
        let version = object.one("VersionId")?.map(|element| element.word().to_owned()).filter(|text| !text.is_empty());
        items.push(Item { name, version });
    }
    if items.is_empty() {
        return Err(WireFault::MalformedXml.into());
    }
    Ok((items, quiet, encoding))
}

fn write_deleted(out: &mut XmlWriter, item: &Item, outcome: &DeleteOutcome, encoding: NameEncoding) {
    out.open("Deleted");
    out.leaf("Key", &encoding.write(&item.name));
    out.optional("VersionId", item.version.as_deref());
    if outcome.delete_marker {
        out.value("DeleteMarker", true);
        if let Some(version) = outcome.version {
            out.value("DeleteMarkerVersionId", version);
        }
    }
    out.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::XmlLimits;

    fn parse(body: &str) -> Result<(Vec<Item>, bool, NameEncoding), Refusal> {
        let xml = format!("<Delete>{body}</Delete>");
        lower(&Element::parse(xml.as_bytes(), &XmlLimits::default()).unwrap())
    }

    #[test]
    fn names_keep_their_blanks_and_versions_may_be_named() {
        let (items, quiet, _) =
            parse("<Quiet>true</Quiet><Object><Key> a </Key></Object><Object><Key>b</Key><VersionId>null</VersionId></Object>")
                .unwrap();
        assert!(quiet);
        assert_eq!(items[0].name, " a ");
        assert_eq!(items[0].version, None);
        assert_eq!(items[1].version.as_deref(), Some("null"));
    }

    #[test]
    fn url_encoded_names_are_decoded_once() {
        let (items, _, encoding) =
            parse("<EncodingType>url</EncodingType><Object><Key>a%252F+b</Key></Object>").unwrap();
        assert_eq!(items[0].name, "a%2F b");
        assert_eq!(encoding.write(&items[0].name), "a%252F+b");
    }

    #[test]
    fn empty_too_long_and_conditional_requests_are_refused() {
        assert!(parse("").is_err());
        assert!(parse("<Object/>").is_err());
        assert!(parse("<Quiet>maybe</Quiet><Object><Key>a</Key></Object>").is_err());
        assert!(parse("<Object><Key>a</Key><ETag>x</ETag></Object>").is_err());
        let object = "<Object><Key>a</Key></Object>";
        assert!(parse(&object.repeat(1000)).is_ok());
        assert!(parse(&object.repeat(1001)).is_err());
    }
}
