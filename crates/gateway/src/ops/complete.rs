//! CompleteMultipartUpload (obs-api §7, s3-sse-behaviour §9).

use super::arguments::{self, NameEncoding};
use super::bodies::Document;
use super::encryption::{customer_headers, show};
use super::{Call, checksums, conditions, put};
use crate::dialect::HeaderView;
use crate::errors::{Refusal, WireFault};
use crate::query::url_encode;
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use http::StatusCode;
use model::{PART_NUMBER_MAX, PartNumber, UploadId};
use objects::api::{CompleteUpload, CompletedPart};

pub(super) async fn upload(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let upload = match arguments::upload(&call.query) {
        Ok(upload) => upload,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    call.gateway.objects.authorize_complete(&call.cx, bucket, name, upload).await?;
    // Its checksum headers speak of the object, not of the document.
    let document = call.document(call.gateway.config.limits.list_document_bytes_max, false).await?;
    let request = lower_complete(&call, upload, &document)?;
    let (bucket, name) = call.object()?;
    let outcome = call.gateway.objects.complete_upload(&call.cx, request).await?;
    let encoding = NameEncoding::of(&call.query)?;
    let scheme = if call.client.secure { "https" } else { "http" };
    let location = format!("{scheme}://{}/{bucket}/{}", call.host.unwrap_or("localhost"), url_encode(name.as_str()));
    let mut out = XmlWriter::new("CompleteMultipartUploadResult", Some(call.dialect.namespace));
    out.leaf("Location", &location);
    out.leaf("Bucket", bucket.as_str());
    out.leaf("Key", &encoding.write(name.as_str()));
    out.leaf("ETag", &outcome.etag.quoted());
    checksums::write(&mut out, call.dialect, outcome.checksum.as_ref());
    out.optional("EncodingType", encoding.word());
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    put::show_version(&mut reply, call.dialect.names.version_id, outcome.version);
    show(&mut reply, call.dialect, &outcome.encryption, call.beside_part(&outcome.encryption));
    Ok(reply)
}

fn lower_complete(call: &Call<'_>, upload: UploadId, document: &Document) -> Result<CompleteUpload, Refusal> {
    let (bucket, name) = call.object()?;
    let root = document.parse(&["CompleteMultipartUpload"])?;
    NameEncoding::of(&call.query)?;
    let (checksum, checksum_parts) = match checksums::of_object(&call.view)? {
        Some((checksum, parts)) => (Some(checksum), parts),
        None => (None, None),
    };
    Ok(CompleteUpload {
        bucket: bucket.clone(),
        name: name.clone(),
        upload,
        parts: lower_parts(&root)?,
        customer: customer_headers(&call.view)?,
        checksum,
        checksum_parts,
        checksum_composite: checksums::composite(&call.view)?,
        object_size: object_size(&call.view)?,
        expectation: conditions::of_write(&call.view, call.gateway.config.compat)?,
    })
}

/// The size the client says the object will have, in bytes of plaintext.
fn object_size(view: &HeaderView<'_>) -> Result<Option<u64>, Refusal> {
    let name = view.names().object_size;
    let Some(text) = view.one(name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let size = digits.then(|| text.parse().ok()).flatten();
    size.map(Some).ok_or_else(|| WireFault::argument(name, "The size must be a number of bytes.").into())
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
        parts.push(CompletedPart { part, etag: conditions::unquote(etag), checksum: checksums::of_part(element)? });
    }
    if parts.is_empty() { Err(WireFault::MalformedXml.into()) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::xml::XmlLimits;

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
    fn the_size_an_object_will_have() {
        let read = |text: &str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("x-amz-mp-object-size", text.parse().unwrap());
            let query = crate::query::Query::default();
            object_size(&HeaderView::new(Dialect::S3, &headers, &query, false).unwrap())
                .map_err(|refusal| refusal.wording(Dialect::S3, crate::Compat::Aws).code)
        };
        assert_eq!(read("0"), Ok(Some(0)));
        assert_eq!(read("18446744073709551615"), Ok(Some(u64::MAX)));
        for bad in ["", "-1", "+1", "1.0", "18446744073709551616"] {
            assert_eq!(read(bad), Err("InvalidArgument"), "{bad}");
        }
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
}
