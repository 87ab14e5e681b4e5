//! Multipart uploads (obs-api §7, s3-sse-behaviour §9).

use super::arguments::{self, NameEncoding, page_size, text, write_owner};
use super::encryption::{Repeated, customer_headers, show, write_headers};
use super::list::algorithm_word;
use super::put::show_write;
use super::{Call, conditions, object_headers};
use crate::body::integrity;
use crate::dates::xml_date;
use crate::dialect::{Dialect, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::query::url_encode;
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use http::StatusCode;
use model::{PART_NUMBER_MAX, PartNumber, UploadId};
use objects::api::{CompleteUpload, CompletedPart, CreateUpload, ListParts, ListUploads, StoredChecksum, UploadPart};
use sse::{ChecksumAlgorithm, ChecksumValue, CustomerHeaders};

// ---- create -----------------------------------------------------------------------------------------------------

pub(super) async fn create(call: Call<'_>) -> Result<Reply, Refusal> {
    let request = match lower_create(&call) {
        Ok(request) => request,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.check_kms_write(&request.bucket, &request.encryption).await?;
    let (bucket, name) = call.object()?;
    let encoding = NameEncoding::of(&call.query)?;
    let outcome = call.gateway.objects.create_upload(&call.cx, request).await?;
    let mut out = XmlWriter::new("InitiateMultipartUploadResult", Some(call.dialect.namespace));
    out.leaf("Bucket", bucket.as_str());
    out.leaf("Key", &encoding.write(name.as_str()));
    out.leaf("UploadId", &outcome.upload.to_hex());
    out.optional("EncodingType", encoding.word());
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    if let Some((algorithm, composite)) = outcome.checksum
        && !call.dialect.is_obs()
    {
        reply.set(call.dialect.names.checksum_algorithm, algorithm_word(algorithm));
        reply.set(call.dialect.names.checksum_type, type_word(composite));
    }
    show(&mut reply, call.dialect, &outcome.encryption, Repeated::of(&call.view)?);
    Ok(reply)
}

fn lower_create(call: &Call<'_>) -> Result<CreateUpload, Refusal> {
    let view = &call.view;
    object_headers::refuse_what_is_not_offered(view)?;
    let (bucket, name) = call.object()?;
    Ok(CreateUpload {
        bucket: bucket.clone(),
        name: name.clone(),
        headers: object_headers::read(view)?,
        encryption: write_headers(view)?,
        checksum: lower_checksum(view)?,
    })
}

/// The checksum an upload names: its algorithm, and whether of the whole object or of its parts.
fn lower_checksum(view: &HeaderView<'_>) -> Result<Option<(ChecksumAlgorithm, Option<bool>)>, Refusal> {
    let names = view.names();
    let invalid = |what: &str| Refusal::Wire(WireFault::InvalidChecksum(what.to_owned()));
    let full_object = match view.one(names.checksum_type)? {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("FULL_OBJECT") => Some(true),
        Some(word) if word.eq_ignore_ascii_case("COMPOSITE") => Some(false),
        Some(_) => return Err(invalid("Value for the checksum type header is invalid.")),
    };
    match view.one(names.checksum_algorithm)? {
        Some(word) => match integrity::algorithm_named(word) {
            Some(algorithm) => Ok(Some((algorithm, full_object))),
            None => Err(invalid("Checksum algorithm provided is unsupported.")),
        },
        None if full_object.is_some() => Err(invalid("The checksum type can only be used with a checksum algorithm.")),
        None => Ok(None),
    }
}

const fn type_word(composite: bool) -> &'static str {
    if composite { "COMPOSITE" } else { "FULL_OBJECT" }
}

// ---- parts ------------------------------------------------------------------------------------------------------

pub(super) async fn part(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let lowered = match customer_headers(&call.view).map_err(Refusal::from).and_then(|c| lower_part(&call, c)) {
        Ok(request) => call.stream().map(|body| (request, body)),
        Err(refusal) => Err(refusal),
    };
    let (request, body) = match lowered {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let outcome = call.gateway.objects.upload_part(&call.cx, request, body).await?;
    let mut reply = Reply::ok();
    show_write(&mut reply, call.dialect, &outcome);
    // The type belongs to the object, not to a part of it.
    reply.headers.remove(call.dialect.names.checksum_type);
    show(&mut reply, call.dialect, &outcome.encryption, Repeated::default());
    Ok(reply)
}

/// Encryption headers other than the customer key are those of the upload and ignored here (s3-sse-behaviour §9).
pub(super) fn lower_part(call: &Call<'_>, customer: CustomerHeaders) -> Result<UploadPart, Refusal> {
    let (bucket, name) = call.object()?;
    let part = arguments::part_number(&call.query)?;
    Ok(UploadPart {
        bucket: bucket.clone(),
        name: name.clone(),
        upload: arguments::upload(&call.query)?,
        part: part.ok_or_else(|| WireFault::argument("partNumber", "A part needs a number."))?,
        customer,
    })
}

pub(super) async fn list_parts(call: Call<'_>) -> Result<Reply, Refusal> {
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
    write_owner(&mut out, "Initiator", call.dialect, &page.owner);
    write_owner(&mut out, "Owner", call.dialect, &page.owner);
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
        after: marker,
        max: page_size(&call.query, "max-parts")?,
    };
    Ok((request, NameEncoding::of(&call.query)?, marker))
}

// ---- complete and abort -----------------------------------------------------------------------------------------

pub(super) async fn complete(mut call: Call<'_>) -> Result<Reply, Refusal> {
    // Its checksum headers speak of the object, not of the document.
    let document = call.document(call.gateway.config.limits.list_document_bytes_max, false).await;
    let request = match document.and_then(|document| lower_complete(&call, &document)) {
        Ok(request) => request,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let outcome = call.gateway.objects.complete_upload(&call.cx, request).await?;
    let encoding = NameEncoding::of(&call.query)?;
    let scheme = if call.peer.secure { "https" } else { "http" };
    let location = format!("{scheme}://{}/{bucket}/{}", call.host.unwrap_or("localhost"), url_encode(name.as_str()));
    let mut out = XmlWriter::new("CompleteMultipartUploadResult", Some(call.dialect.namespace));
    out.leaf("Location", &location);
    out.leaf("Bucket", bucket.as_str());
    out.leaf("Key", &encoding.write(name.as_str()));
    out.leaf("ETag", &outcome.etag.quoted());
    write_checksum(&mut out, call.dialect, outcome.checksum.as_ref());
    out.optional("EncodingType", encoding.word());
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    super::put::show_version(&mut reply, call.dialect.names.version_id, outcome.version);
    show(&mut reply, call.dialect, &outcome.encryption, Repeated::default());
    Ok(reply)
}

fn lower_complete(call: &Call<'_>, document: &super::bodies::Document) -> Result<CompleteUpload, Refusal> {
    let (bucket, name) = call.object()?;
    let root = document.parse(&["CompleteMultipartUpload"])?;
    NameEncoding::of(&call.query)?;
    Ok(CompleteUpload {
        bucket: bucket.clone(),
        name: name.clone(),
        upload: arguments::upload(&call.query)?,
        parts: lower_parts(&root)?,
        customer: customer_headers(&call.view)?,
        checksum: whole_checksum(&call.view)?,
        expectation: conditions::of_write(&call.view, call.gateway.config.compat)?,
    })
}

fn lower_parts(root: &Element) -> Result<Vec<CompletedPart>, Refusal> {
    let mut parts = Vec::new();
    for element in root.all("Part") {
        if parts.len() == usize::from(PART_NUMBER_MAX) {
            return Err(WireFault::MalformedXml.into());
        }
        let number = element.one("PartNumber")?.ok_or(WireFault::MalformedXml)?.word();
        let number = number.parse().map_err(|_| WireFault::MalformedXml)?;
        let part = PartNumber::new(number).ok_or_else(|| {
            WireFault::argument("PartNumber", "Part number must be an integer between 1 and 10000, inclusive")
        })?;
        let etag = element.one("ETag")?.ok_or(WireFault::MalformedXml)?.word();
        parts.push(CompletedPart { part, etag: conditions::unquote(etag), checksum: part_checksum(element)? });
    }
    if parts.is_empty() { Err(WireFault::MalformedXml.into()) } else { Ok(parts) }
}

/// A part's checksum, if the client repeats it. Of several the first of this order is taken: they were held against the
/// part when it was written.
fn part_checksum(element: &Element) -> Result<Option<ChecksumValue>, Refusal> {
    for (name, algorithm) in [
        ("ChecksumCRC32", ChecksumAlgorithm::Crc32),
        ("ChecksumCRC32C", ChecksumAlgorithm::Crc32c),
        ("ChecksumCRC64NVME", ChecksumAlgorithm::Crc64Nvme),
        ("ChecksumSHA1", ChecksumAlgorithm::Sha1),
        ("ChecksumSHA256", ChecksumAlgorithm::Sha256),
        ("CRC64", ChecksumAlgorithm::Crc64Xz),
    ] {
        if let Some(text) = element.one(name)?.map(Element::word).filter(|text| !text.is_empty()) {
            let value = integrity::parse_value(algorithm, text);
            return Ok(Some(
                value.ok_or_else(|| WireFault::InvalidChecksum(format!("Value for {name} of a part is invalid.")))?,
            ));
        }
    }
    Ok(None)
}

/// The whole object's checksum as a header. A composite one ends in `-parts`, which the object's own parts decide.
fn whole_checksum(view: &HeaderView<'_>) -> Result<Option<ChecksumValue>, Refusal> {
    let mut found = None;
    for (name, value) in view.with_prefix(view.names().checksum_prefix) {
        let Some(algorithm) = integrity::algorithm_named(name) else { continue };
        let text = value.to_str().unwrap_or_default().trim();
        let text = match text.rsplit_once('-') {
            Some((value, parts)) if !parts.is_empty() && parts.bytes().all(|b| b.is_ascii_digit()) => value,
            _ => text,
        };
        let value = integrity::parse_value(algorithm, text).ok_or_else(|| {
            WireFault::InvalidChecksum(format!("Value for the checksum header of {name} is invalid."))
        })?;
        if found.replace(value).is_some() {
            return Err(WireFault::InvalidChecksum("Expecting a single checksum header.".to_owned()).into());
        }
    }
    Ok(found)
}

/// A checksum in a document.
pub(super) fn write_checksum(out: &mut XmlWriter, dialect: &'static Dialect, checksum: Option<&StoredChecksum>) {
    let Some(stored) = checksum else { return };
    let mut value = integrity::format_value(&stored.value);
    let element = match stored.value.algorithm() {
        ChecksumAlgorithm::Crc64Xz => "CRC64",
        _ if dialect.is_obs() => return,
        ChecksumAlgorithm::Crc32 => "ChecksumCRC32",
        ChecksumAlgorithm::Crc32c => "ChecksumCRC32C",
        ChecksumAlgorithm::Crc64Nvme => "ChecksumCRC64NVME",
        ChecksumAlgorithm::Sha1 => "ChecksumSHA1",
        ChecksumAlgorithm::Sha256 => "ChecksumSHA256",
    };
    if let Some(parts) = stored.composite_parts {
        value = format!("{value}-{parts}");
    }
    out.leaf(element, &value);
    if !dialect.is_obs() {
        out.leaf("ChecksumType", type_word(stored.composite_parts.is_some()));
    }
}

pub(super) async fn abort(call: Call<'_>) -> Result<Reply, Refusal> {
    let (bucket, name) = call.object()?;
    let upload = match arguments::upload(&call.query) {
        Ok(upload) => upload,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.gateway.objects.abort_upload(&call.cx, bucket, name, upload).await?;
    Ok(Reply::no_content())
}

// ---- list -------------------------------------------------------------------------------------------------------

pub(super) async fn list_uploads(call: Call<'_>) -> Result<Reply, Refusal> {
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
    for upload in &page.uploads {
        out.open("Upload");
        out.leaf("Key", &name(&upload.name));
        out.leaf("UploadId", &upload.upload.to_hex());
        write_owner(&mut out, "Initiator", call.dialect, &upload.owner);
        write_owner(&mut out, "Owner", call.dialect, &upload.owner);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use crate::xml::XmlLimits;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn parts(body: &str) -> Result<Vec<CompletedPart>, &'static str> {
        let xml = format!("<CompleteMultipartUpload>{body}</CompleteMultipartUpload>");
        lower_parts(&Element::parse(xml.as_bytes(), &XmlLimits::default()).unwrap())
            .map_err(|refusal| refusal.wording(Dialect::S3, crate::Compat::Aws).code)
    }

    #[test]
    fn parts_in_the_order_sent_with_etags_in_any_spelling() {
        let found = parts(
            "<Part><PartNumber>2</PartNumber><ETag>&quot;ab&quot;</ETag></Part>\
             <Part><ETag>cd</ETag><PartNumber> 1 </PartNumber><ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part>",
        )
        .unwrap();
        assert_eq!((found[0].part.get(), found[0].etag.as_str()), (2, "ab"));
        assert_eq!((found[1].part.get(), found[1].etag.as_str()), (1, "cd"));
        assert_eq!(found[1].checksum.as_ref().unwrap().bytes(), [0, 0, 0, 1]);
    }

    #[test]
    fn lists_that_cannot_be() {
        for (body, code) in [
            ("", "MalformedXML"),
            ("<Part><PartNumber>1</PartNumber></Part>", "MalformedXML"),
            ("<Part><PartNumber>x</PartNumber><ETag>a</ETag></Part>", "MalformedXML"),
            ("<Part><PartNumber>0</PartNumber><ETag>a</ETag></Part>", "InvalidArgument"),
            ("<Part><PartNumber>10001</PartNumber><ETag>a</ETag></Part>", "InvalidArgument"),
            ("<Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>x</ChecksumCRC32></Part>", "InvalidRequest"),
        ] {
            assert_eq!(parts(body).unwrap_err(), code, "{body}");
        }
        let part = "<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>";
        assert!(parts(&part.repeat(10_000)).is_ok());
        assert_eq!(parts(&part.repeat(10_001)).unwrap_err(), "MalformedXML");
    }

    fn with<T>(lines: &[(&'static str, &'static str)], f: impl Fn(&HeaderView<'_>) -> T) -> T {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        f(&HeaderView::new(Dialect::S3, &map, &Query::default(), false).unwrap())
    }

    #[test]
    fn the_whole_objects_checksum() {
        let value = with(&[("x-amz-checksum-crc32", "AAAAAQ==-3"), ("x-amz-checksum-type", "COMPOSITE")], |view| {
            whole_checksum(view).unwrap().unwrap()
        });
        assert_eq!(value.bytes(), [0, 0, 0, 1]);
        let two = [("x-amz-checksum-crc32", "AAAAAQ=="), ("x-amz-checksum-crc32c", "AAAAAQ==")];
        assert!(with(&two, |view| whole_checksum(view).is_err()));
        assert!(with(&[], |view| whole_checksum(view).unwrap().is_none()));
    }

    #[test]
    fn the_checksum_an_upload_names() {
        let named = |lines: &[(&'static str, &'static str)]| with(lines, |view| lower_checksum(view).ok());
        let algorithm = ("x-amz-checksum-algorithm", "crc32c");
        assert_eq!(named(&[]), Some(None));
        assert_eq!(named(&[algorithm]), Some(Some((ChecksumAlgorithm::Crc32c, None))));
        let full = ("x-amz-checksum-type", "FULL_OBJECT");
        assert_eq!(named(&[algorithm, full]), Some(Some((ChecksumAlgorithm::Crc32c, Some(true)))));
        assert_eq!(named(&[full]), None, "a type without an algorithm");
        assert_eq!(named(&[("x-amz-checksum-algorithm", "SHA512")]), None);
    }
}
