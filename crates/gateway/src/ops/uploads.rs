//! Listings of multipart uploads and of their parts (obs-api §7).

use super::arguments::{self, NameEncoding, Owners, page_size, text};
use super::encryption::customer_headers;
use super::{Call, object_headers};
use crate::dates::xml_date;
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use model::{PART_NUMBER_MAX, UploadId};
use objects::api::{ListParts, ListUploads};

pub(super) async fn parts(call: Call<'_>) -> Result<Reply, Refusal> {
    let (bucket, name) = call.object()?;
    let (request, encoding, marker) = match lower_list_parts(&call) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (upload, max) = (request.upload, request.max);
    let page = call.gateway.objects.list_parts(&call.cx, request).await?;
    let next = page.next.filter(|_| max > 0);
    let mut out = XmlWriter::new("ListPartsResult", Some(call.dialect.namespace));
    out.leaf("Bucket", bucket.as_str());
    out.leaf("Key", &encoding.write(name.as_str()));
    out.leaf("UploadId", &upload.to_hex());
    Owners::of(&call).write(&mut out, "Initiator", &page.owner);
    Owners::of(&call).write(&mut out, "Owner", &page.owner);
    out.leaf("StorageClass", object_headers::STORAGE_CLASS);
    out.value("PartNumberMarker", marker);
    out.value("NextPartNumberMarker", next.unwrap_or_else(|| page.parts.last().map_or(0, |part| part.part.get())));
    out.value("MaxParts", max);
    out.optional("EncodingType", encoding.word());
    out.value("IsTruncated", next.is_some());
    for part in &page.parts {
        out.open("Part");
        out.value("PartNumber", part.part.get());
        out.leaf("LastModified", &xml_date(part.last_modified));
        out.leaf("ETag", &part.etag.quoted());
        out.value("Size", part.size);
        out.close();
    }
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

fn lower_list_parts(call: &Call<'_>) -> Result<(ListParts, NameEncoding, u16), Refusal> {
    let (bucket, name) = call.object()?;
    let marker = match call.query.get_filled("part-number-marker")? {
        None => 0,
        Some(text) => match text.parse::<u64>() {
            Ok(number) => u16::try_from(number).unwrap_or(PART_NUMBER_MAX).min(PART_NUMBER_MAX),
            Err(_) => {
                return Err(WireFault::argument("part-number-marker", "The value must be a part number.").into());
            }
        },
    };
    let request = ListParts {
        bucket: bucket.clone(),
        name: name.clone(),
        upload: arguments::upload(&call.query)?,
        customer: customer_headers(&call.view)?,
        after: marker,
        max: page_size(&call.query, "max-parts")?,
    };
    Ok((request, NameEncoding::of(&call.query)?, marker))
}

pub(super) async fn list(call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?;
    let (request, encoding) = match lower_list_uploads(&call) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let asked = request.clone();
    let page = call.gateway.objects.list_uploads(&call.cx, request).await?;
    let name = |text: &str| encoding.write(text).into_owned();
    let next = page.next.as_ref().filter(|_| asked.max > 0);
    let mut out = XmlWriter::new("ListMultipartUploadsResult", Some(call.dialect.namespace));
    out.leaf("Bucket", bucket.as_str());
    out.leaf("KeyMarker", &name(asked.after_name.as_deref().unwrap_or_default()));
    out.leaf("UploadIdMarker", &asked.after_upload.map(|upload| upload.to_hex()).unwrap_or_default());
    if let Some((after, upload)) = next {
        out.leaf("NextKeyMarker", &name(after));
        out.optional("NextUploadIdMarker", upload.map(|upload| upload.to_hex()).as_deref());
    }
    out.optional("Delimiter", asked.delimiter.as_deref().map(name).as_deref());
    out.leaf("Prefix", &name(&asked.prefix));
    out.value("MaxUploads", asked.max);
    out.optional("EncodingType", encoding.word());
    out.value("IsTruncated", next.is_some());
    let owners = Owners::of(&call);
    for upload in &page.uploads {
        out.open("Upload");
        out.leaf("Key", &name(&upload.name));
        out.leaf("UploadId", &upload.upload.to_hex());
        owners.write(&mut out, "Initiator", &upload.owner);
        owners.write(&mut out, "Owner", &upload.owner);
        out.leaf("StorageClass", object_headers::STORAGE_CLASS);
        out.leaf("Initiated", &xml_date(upload.initiated));
        out.close();
    }
    for prefix in &page.common_prefixes {
        out.open("CommonPrefixes");
        out.leaf("Prefix", &name(prefix));
        out.close();
    }
    Ok(Reply::xml(StatusCode::OK, out.finish()))
}

fn lower_list_uploads(call: &Call<'_>) -> Result<(ListUploads, NameEncoding), Refusal> {
    let query = &call.query;
    let after_name = text(query, "key-marker")?;
    // Without a name the id alone marks nothing (S3's ListMultipartUploads).
    let after_upload = match query.get_filled("upload-id-marker")? {
        Some(id) if after_name.is_some() => {
            let message = "Invalid uploadId marker";
            Some(UploadId::parse_hex(id).ok_or_else(|| WireFault::argument("upload-id-marker", message))?)
        }
        _ => None,
    };
    let request = ListUploads {
        bucket: call.bucket()?.clone(),
        prefix: text(query, "prefix")?.unwrap_or_default(),
        delimiter: text(query, "delimiter")?,
        after_name,
        after_upload,
        max: page_size(query, "max-uploads")?,
    };
    Ok((request, NameEncoding::of(query)?))
}
