//! Object tags: as a document (obs-api §6.6), and as the header of a write (`A=1&B=2`). How many and how long they may be,
//! the operation knows.

use super::put::show_version;
use super::{Call, arguments};
use crate::dialect::HeaderView;
use crate::errors::{Refusal, WireFault};
use crate::query::percent_decode;
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use http::StatusCode;
use objects::Fail;
use objects::api::{CopyTags, OBJECT_TAGS_MAX, Tags};
use policy::Action;

const ROOT: &str = "Tagging";

/// Longest document: ten of the longest tags with every character escaped, and their elements.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn get(call: Call<'_>) -> Result<Reply, Refusal> {
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let outcome = call.gateway.objects.get_object_tags(&call.cx, bucket, name, version).await?;
    let mut out = XmlWriter::new(ROOT, Some(call.dialect.namespace));
    out.open("TagSet");
    for (key, value) in &outcome.tags {
        out.open("Tag");
        out.leaf("Key", key);
        out.leaf("Value", value);
        out.close();
    }
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    show_version(&mut reply, call.dialect.names.version_id, outcome.version);
    Ok(reply)
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let (bucket, name) = (bucket.clone(), name.clone());
    let action = if version.is_some() { Action::PutObjectVersionTagging } else { Action::PutObjectTagging };
    // Policies may ask for the tags, which stand in the body. Of the anonymous no body is read before they have rights.
    let signed = !call.cx.principal.is_anonymous();
    if !signed {
        call.gateway.objects.authorize_on_object(&call.cx, &bucket, &name, version, action).await?;
    }
    let tags = match sent(&mut call).await {
        Ok(tags) => tags,
        Err(refusal) => {
            if signed {
                call.gateway.objects.authorize_on_object(&call.cx, &bucket, &name, version, action).await?;
            }
            return Err(refusal);
        }
    };
    let version = call.gateway.objects.put_object_tags(&call.cx, &bucket, &name, version, tags).await?;
    let mut reply = Reply::ok();
    show_version(&mut reply, call.dialect.names.version_id, version);
    Ok(reply)
}

pub(super) async fn delete(call: Call<'_>) -> Result<Reply, Refusal> {
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let version = call.gateway.objects.delete_object_tags(&call.cx, bucket, name, version).await?;
    let mut reply = Reply::no_content();
    show_version(&mut reply, call.dialect.names.version_id, version);
    Ok(reply)
}

/// The tags of the body.
async fn sent(call: &mut Call<'_>) -> Result<Tags, Refusal> {
    let bytes_max = call.gateway.config.limits.document_bytes_max.min(DOCUMENT_BYTES_MAX);
    let document = call.document(bytes_max, true).await?;
    if !document.digested {
        return Err(WireFault::MissingDigest.into());
    }
    read(&document.parse(&[ROOT])?)
}

/// Reads a document: one set of tags, each with one key and one value.
fn read(root: &Element) -> Result<Tags, Refusal> {
    let [set] = root.children() else { return Err(WireFault::MalformedXml.into()) };
    if set.name() != "TagSet" {
        return Err(WireFault::MalformedXml.into());
    }
    let mut tags = Tags::new();
    for tag in set.children() {
        if tag.name() != "Tag" {
            return Err(WireFault::MalformedXml.into());
        }
        let text = |name| Ok::<_, Refusal>(tag.one(name)?.ok_or(WireFault::MalformedXml)?.text().to_owned());
        push(&mut tags, text("Key")?, text("Value")?)?;
    }
    Ok(tags)
}

/// One more than there may be is told apart from many by nobody; so no more are held.
fn push(tags: &mut Tags, key: String, value: String) -> Result<(), Refusal> {
    if tags.len() == OBJECT_TAGS_MAX {
        return Err(Fail::InvalidTag("Object tags cannot be greater than 10".to_owned()).into());
    }
    tags.push((key, value));
    Ok(())
}

/// The tags of a write's header; none when there is none.
pub(super) fn of_headers(view: &HeaderView<'_>) -> Result<Tags, Refusal> {
    let name = view.names().tagging;
    let Some(text) = view.one(name)? else { return Ok(Tags::new()) };
    let bad = || {
        WireFault::argument(name, "Tags are written as URL-encoded UTF-8, key=value, separated by &, each key once.")
    };
    let decode = |text: &str| {
        let bytes = percent_decode(text, true).map_err(|_| bad())?.into_owned();
        String::from_utf8(bytes).map_err(|_| bad())
    };
    let mut tags = Tags::new();
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        if tags.iter().any(|(known, _)| *known == key) {
            return Err(bad().into());
        }
        push(&mut tags, key, value)?;
    }
    Ok(tags)
}

/// The tags of a copy. OBS takes tags without a directive as said of the copy; in S3 they would be dropped, since there
/// the source's are copied, and so they are refused.
pub(super) fn of_copy(view: &HeaderView<'_>, obs: bool) -> Result<CopyTags, Refusal> {
    let names = view.names();
    let sent = view.has(names.tagging);
    match view.one(names.tagging_directive)? {
        Some("REPLACE") => Ok(CopyTags::Replace(of_headers(view)?)),
        None if sent && obs => Ok(CopyTags::Replace(of_headers(view)?)),
        None | Some("COPY") if sent => {
            Err(WireFault::InvalidRequest("Tags of a copy need the directive REPLACE.").into())
        }
        None => Ok(CopyTags::Default),
        Some("COPY") => Ok(CopyTags::Copy),
        Some(_) => Err(WireFault::argument(names.tagging_directive, "Unknown tagging directive.").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::query::Query;
    use crate::xml::XmlLimits;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn with<T>(lines: &[(&'static str, &str)], f: impl Fn(&HeaderView<'_>) -> T) -> T {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        f(&HeaderView::new(Dialect::S3, &map, &Query::default(), false).unwrap())
    }

    fn header(text: &str) -> Result<Tags, Refusal> {
        with(&[("x-amz-tagging", text)], of_headers)
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tags_of_a_header() {
        assert_eq!(header("A=1&B=2").unwrap(), tags(&[("A", "1"), ("B", "2")]));
        assert_eq!(header("a%20b=c+d%26&e").unwrap(), tags(&[("a b", "c d&"), ("e", "")]));
        assert_eq!(header("k=a=b").unwrap(), tags(&[("k", "a=b")]));
        assert_eq!(header("").unwrap(), tags(&[]));
        for bad in ["a=%", "a=%ff", "a=1&a=2"] {
            assert!(matches!(header(bad), Err(Refusal::Wire(WireFault::InvalidArgument { .. }))), "{bad}");
        }
        let eleven: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        assert!(matches!(header(&eleven.join("&")), Err(Refusal::Fail(Fail::InvalidTag(_)))));
    }

    #[test]
    fn tags_of_a_copy() {
        let (tagging, directive) = ("x-amz-tagging", "x-amz-tagging-directive");
        let of = |lines: &[(&'static str, &str)], obs| with(lines, |view| of_copy(view, obs));
        assert_eq!(of(&[], false).unwrap(), CopyTags::Default);
        assert_eq!(of(&[(directive, "COPY")], false).unwrap(), CopyTags::Copy);
        assert_eq!(of(&[(directive, "REPLACE")], false).unwrap(), CopyTags::Replace(tags(&[])));
        let replace = of(&[(directive, "REPLACE"), (tagging, "a=b")], false).unwrap();
        assert_eq!(replace, CopyTags::Replace(tags(&[("a", "b")])));
        assert_eq!(of(&[(tagging, "a=b")], true).unwrap(), replace);
        assert!(of(&[(tagging, "a=b")], false).is_err());
        assert!(of(&[(tagging, "a=b"), (directive, "COPY")], true).is_err());
        assert!(of(&[(directive, "copy")], false).is_err());
    }

    #[test]
    fn tags_of_a_document() {
        let parse = |text: &str| read(&Element::parse(text.as_bytes(), &XmlLimits::default()).unwrap());
        let one = "<Tag><Key>a</Key><Value> b </Value></Tag>";
        assert_eq!(parse(&format!("<Tagging><TagSet>{one}</TagSet></Tagging>")).unwrap(), tags(&[("a", " b ")]));
        assert_eq!(parse("<Tagging><TagSet/></Tagging>").unwrap(), tags(&[]));
        for bad in [
            "<Tagging/>",
            "<Tagging><TagSet/><TagSet/></Tagging>",
            "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
            "<Tagging><TagSet><Key>a</Key></TagSet></Tagging>",
        ] {
            assert!(matches!(parse(bad), Err(Refusal::Wire(WireFault::MalformedXml))), "{bad}");
        }
        let many = format!("<Tagging><TagSet>{}</TagSet></Tagging>", one.repeat(11));
        assert!(matches!(parse(&many), Err(Refusal::Fail(Fail::InvalidTag(_)))));
    }
}
