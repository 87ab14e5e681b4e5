//! GetObjectAttributes (s3-sse-behaviour §1, §5, §10): what is asked for in one header, and nothing else, as a document.
//! OBS has no such operation.

use super::arguments::PAGE_MAX;
use super::encryption::{customer_headers, has_managed};
use super::put::show_version;
use super::{Call, arguments, checksums, conditions, object_headers};
use crate::Compat;
use crate::auth::date::format_rfc1123;
use crate::dialect::{HeaderFault, HeaderView, said};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use objects::api::{AskedParts, AttributeParts, ObjectAttributes, ReadAttributes, ReadObject};

const ATTRIBUTES: &str = "x-amz-object-attributes";
const MAX_PARTS: &str = "x-amz-max-parts";
const MARKER: &str = "x-amz-part-number-marker";

/// Which attributes are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    etag: bool,
    checksum: bool,
    parts: bool,
    storage_class: bool,
    size: bool,
}

pub(super) async fn object(call: Call<'_>) -> Result<Reply, Refusal> {
    if call.dialect.is_obs() {
        return Err(WireFault::NotOffered("attributes".to_owned()).into());
    }
    let (asked, request) = match lower(&call) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let page = Page::of(&request);
    let found = call.gateway.objects.object_attributes(&call.cx, request).await?;
    call.check_kms_read(&found.encryption)?;
    let mut reply = Reply::xml(StatusCode::OK, document(&call, asked, &page, &found));
    reply.set("last-modified", &format_rfc1123(found.last_modified));
    show_version(&mut reply, call.dialect.names.version_id, found.version);
    // For the audit log: the reply says nothing of encryption (s3-sse-behaviour §1).
    reply.encryption = Some(found.encryption);
    Ok(reply)
}

fn lower(call: &Call<'_>) -> Result<(Asked, ReadAttributes), Refusal> {
    let (bucket, name) = call.object()?;
    let view = &call.view;
    let asked = asked(view)?;
    let read = ReadObject {
        bucket: bucket.clone(),
        name: name.clone(),
        version: arguments::version(&call.query)?,
        range: None,
        part: None,
        preconditions: conditions::of_read(view)?,
        customer: customer_headers(view)?,
        other_encryption_headers: has_managed(view),
        want_checksum: asked.checksum,
        if_range: None,
    };
    let page = AskedParts {
        after: number(view, MARKER)?.unwrap_or(0),
        max: number(view, MAX_PARTS)?.unwrap_or(PAGE_MAX).min(PAGE_MAX),
        // The suite wants sizes of parts without checksums too (s3-sse-behaviour §10).
        sizes_alone: call.gateway.config.compat == Compat::Ceph,
    };
    Ok((asked, ReadAttributes { read, parts: asked.parts.then_some(page) }))
}

/// The attributes of all headers of that name: some clients send one line for each.
fn asked(view: &HeaderView<'_>) -> Result<Asked, Refusal> {
    let mut asked = Asked::default();
    for value in view.headers().get_all(ATTRIBUTES) {
        let text = said(value).map_err(|_| HeaderFault::NotText(ATTRIBUTES.to_owned()))?;
        for word in text.split(',').map(|word| word.trim_matches([' ', '\t'])).filter(|word| !word.is_empty()) {
            match word {
                "ETag" => asked.etag = true,
                "Checksum" => asked.checksum = true,
                "ObjectParts" => asked.parts = true,
                "StorageClass" => asked.storage_class = true,
                "ObjectSize" => asked.size = true,
                _ => return Err(WireFault::argument(ATTRIBUTES, "Invalid attribute name specified.").into()),
            }
        }
    }
    if asked == Asked::default() {
        let message = "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing \
                       or empty";
        return Err(WireFault::argument(ATTRIBUTES, message).into());
    }
    Ok(asked)
}

fn number(view: &HeaderView<'_>, name: &'static str) -> Result<Option<usize>, Refusal> {
    let Some(text) = view.one(name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // Beyond what can be counted is beyond every part.
    let number = digits.then(|| text.parse().unwrap_or(usize::MAX));
    number.map(Some).ok_or_else(|| WireFault::argument(name, "The value must be a number.").into())
}

/// The page of parts as it was asked for.
struct Page {
    after: usize,
    max: usize,
}

impl Page {
    fn of(request: &ReadAttributes) -> Self {
        request.parts.as_ref().map_or(Self { after: 0, max: 0 }, |asked| Self { after: asked.after, max: asked.max })
    }
}

fn document(call: &Call<'_>, asked: Asked, page: &Page, found: &ObjectAttributes) -> bytes::Bytes {
    let mut out = XmlWriter::new("GetObjectAttributesResponse", Some(call.dialect.namespace));
    if asked.etag {
        out.leaf("ETag", &found.etag.to_string());
    }
    if let Some(stored) = &found.checksum {
        out.open("Checksum");
        checksums::write_value(&mut out, &stored.value);
        checksums::write_type(&mut out, stored.composite_parts.is_some());
        out.close();
    }
    if let Some(parts) = &found.parts {
        write_parts(&mut out, page, parts);
    }
    if asked.storage_class {
        out.leaf("StorageClass", object_headers::STORAGE_CLASS);
    }
    if asked.size {
        out.value("ObjectSize", found.size);
    }
    out.finish()
}

fn write_parts(out: &mut XmlWriter, page: &Page, parts: &AttributeParts) {
    out.open("ObjectParts");
    if let Some(listed) = &parts.listed {
        out.value("IsTruncated", parts.truncated);
        out.value("MaxParts", page.max);
        out.value("NextPartNumberMarker", listed.last().map_or(0, |part| part.number));
        out.value("PartNumberMarker", page.after);
        for part in listed {
            out.open("Part");
            if let Some(checksum) = &part.checksum {
                checksums::write_value(out, checksum);
            }
            out.value("PartNumber", part.number);
            out.value("Size", part.size);
            out.close();
        }
    }
    out.value("PartsCount", parts.total);
    out.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::query::Query;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn with<T>(lines: &[(&'static str, &'static str)], f: impl Fn(&HeaderView<'_>) -> Result<T, Refusal>) -> Option<T> {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        f(&HeaderView::new(Dialect::S3, &map, &Query::default(), false).unwrap()).ok()
    }

    #[test]
    fn attributes_in_one_line_or_in_several() {
        let all = Asked { etag: true, checksum: true, parts: true, storage_class: true, size: true };
        let line = (ATTRIBUTES, "ETag,Checksum, ObjectParts ,StorageClass,ObjectSize");
        assert_eq!(with(&[line], asked), Some(all));
        let lines = [(ATTRIBUTES, "ETag"), (ATTRIBUTES, "Checksum,ETag"), (ATTRIBUTES, "ObjectSize")];
        assert_eq!(with(&lines, asked), Some(Asked { parts: false, storage_class: false, ..all }));
        for bad in ["", ",", "etag", "ETag;Checksum", "ETag,VersionId"] {
            assert_eq!(with(&[(ATTRIBUTES, bad)], asked), None, "{bad}");
        }
        assert_eq!(with(&[], asked), None);
    }

    #[test]
    fn numbers_of_a_page() {
        let read = |text: &'static str| with(&[(MAX_PARTS, text)], |view| number(view, MAX_PARTS));
        assert_eq!(read("0"), Some(Some(0)));
        assert_eq!(read("1001"), Some(Some(1001)));
        assert_eq!(read("99999999999999999999999"), Some(Some(usize::MAX)));
        for bad in ["", "-1", "+1", "1.5", "x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(with(&[], |view| number(view, MAX_PARTS)), Some(None));
    }
}
