//! A form's fields: read up to the file, found by name without regard to case, and lowered to the headers they stand for
//! (s3-sse-behaviour §14, obs-api §6.2).

use super::framing::{Broken, Framing, Next};
use super::part::PartHead;
use crate::body::ByteSource;
use crate::dialect::{Dialect, Family};
use crate::errors::{FormFault, Refusal, WireFault};
use crate::query::url_encode;
use crate::xml::{Element, XmlLimits};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Bytes before the file: the fields with their heads. AWS says 20 KB; session tokens, which stand in the form once and
/// in its policy again, need more.
pub(super) const FIELD_BYTES_MAX: usize = 64 * 1024;
/// Most fields.
const FIELDS_MAX: usize = 256;

/// Fields that stand for the header of the same name, beside the dialects' own.
const HEADERS: [&str; 7] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-md5",
    "expires",
];

/// Headers of the request itself that conditions of policies see. No field can set them.
const OF_REQUEST: [&str; 4] = ["host", "user-agent", "referer", "origin"];

/// The fields before the file, each name once, in the order sent.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads up to the content of the file. Returns the fields and what the file is called.
    pub(super) async fn read<S: ByteSource>(form: &mut Framing<S>) -> Result<(Self, Option<String>), Refusal> {
        let mut fields = Self::default();
        form.skip().await.map_err(before_the_file)?;
        loop {
            if form.next().await.map_err(before_the_file)? == Next::End {
                return Err(FormFault::FileCount.into());
            }
            let lines = form.head().await.map_err(before_the_file)?;
            let head = PartHead::parse(&lines).ok_or(FormFault::Malformed("a part has no name that can be read"))?;
            if head.is_file() {
                return Ok((fields, head.file_name));
            }
            let mut value = Vec::new();
            while let Some(piece) = form.counted().await.map_err(before_the_file)? {
                value.extend_from_slice(&piece);
            }
            fields.add(head.name, value)?;
        }
    }

    fn add(&mut self, name: String, value: Vec<u8>) -> Result<(), FormFault> {
        // Not even looked at: who sends them means them to be ignored.
        if is_ignored(&name) {
            return Ok(());
        }
        if self.0.len() == FIELDS_MAX {
            return Err(FormFault::FieldsTooLarge);
        }
        if self.get(&name).is_some() {
            return Err(FormFault::Repeated(name));
        }
        match String::from_utf8(value) {
            Ok(value) => self.0.push((name, value)),
            Err(_) => return Err(FormFault::Field(name)),
        }
        Ok(())
    }

    /// Names and values, in the order sent.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The dialect the form is written in: by its credential, then by the prefix of its fields, then as any request
    /// without a credential (obs-api §1.3).
    pub(super) fn dialect(&self, request: &HeaderMap) -> &'static Dialect {
        let has = |names: &[&str]| names.iter().any(|name| self.get(name).is_some());
        let prefixed = |prefix: &str| self.0.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with(prefix));
        if has(&["token", "AccessKeyId"]) {
            Dialect::of_family(Family::Obs, request)
        } else if has(&["AWSAccessKeyId"]) || prefixed("x-amz-") {
            Dialect::of_family(Family::S3, request)
        } else if prefixed("x-obs-") {
            Dialect::of_family(Family::Obs, request)
        } else {
            Dialect::of_unsigned(request)
        }
    }

    /// The headers the fields stand for, with those of the request that describe its sender.
    ///
    /// # Errors
    /// A field that no header can carry, two fields that mean one header, tags that cannot be read, a copy.
    pub(super) fn headers(&self, dialect: &'static Dialect, request: &HeaderMap) -> Result<HeaderMap, Refusal> {
        let mut headers = HeaderMap::new();
        for name in OF_REQUEST {
            for value in request.get_all(name) {
                headers.append(HeaderName::from_static(name), value.clone());
            }
        }
        for (field, value) in &self.0 {
            let lower = field.to_ascii_lowercase();
            if is_of_credential(&lower) {
                continue;
            }
            let tags;
            let (name, value) = match lower.as_str() {
                "acl" => (dialect.names.acl, value.as_str()),
                "tagging" => {
                    tags = tags_of_document(value)?;
                    (dialect.names.tagging, tags.as_str())
                }
                name if name.ends_with("-copy-source") => {
                    return Err(WireFault::argument(field, "A form cannot copy an object.").into());
                }
                name if HEADERS.contains(&name) || has_prefix(name) => (name, value.as_str()),
                _ => continue,
            };
            let unreadable = || FormFault::Field(field.clone());
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unreadable())?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unreadable())?;
            if headers.insert(name, value).is_some() {
                return Err(FormFault::Repeated(field.clone()).into());
            }
        }
        Ok(headers)
    }
}

/// Whether a name (lower case) is of a dialect's own.
fn has_prefix(name: &str) -> bool {
    name.starts_with("x-amz-") || name.starts_with("x-obs-")
}

/// Fields that nobody looks at.
fn is_ignored(name: &str) -> bool {
    name.get(.."x-ignore-".len()).is_some_and(|start| start.eq_ignore_ascii_case("x-ignore-"))
}

/// Fields (lower case) of the credential: no headers of the write.
fn is_of_credential(name: &str) -> bool {
    matches!(
        name,
        "x-amz-algorithm"
            | "x-amz-credential"
            | "x-amz-date"
            | "x-amz-signature"
            | "x-amz-security-token"
            | "x-obs-security-token"
            | "x-obs-date"
    )
}

/// Whether the field (lower case) means something to this server: then a policy must speak of it.
pub(super) fn has_meaning(name: &str) -> bool {
    let answers = ["success_action_redirect", "redirect", "success_action_status"];
    matches!(name, "key" | "bucket" | "acl" | "tagging")
        || answers.contains(&name)
        || HEADERS.contains(&name)
        || has_prefix(name)
}

/// S3's `tagging` field holds a document where the header holds a list.
fn tags_of_document(text: &str) -> Result<String, Refusal> {
    let root = Element::parse(text.as_bytes(), &XmlLimits::default())?;
    let set = root.one("TagSet")?.filter(|_| root.name() == "Tagging").ok_or(WireFault::MalformedXml)?;
    let mut list = Vec::new();
    for tag in set.children() {
        let (Some(key), Some(value), "Tag") = (tag.one("Key")?, tag.one("Value")?, tag.name()) else {
            return Err(WireFault::MalformedXml.into());
        };
        list.push(format!("{}={}", url_encode(key.text()), url_encode(value.text())));
    }
    Ok(list.join("&"))
}

fn before_the_file(broken: Broken) -> Refusal {
    match broken {
        Broken::Body(error) => Refusal::Fail(objects::Fail::Body(error)),
        Broken::Malformed(why) => FormFault::Malformed(why).into(),
        Broken::TooMuch => FormFault::FieldsTooLarge.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.add((*name).to_owned(), value.as_bytes().to_vec()).unwrap();
        }
        fields
    }

    #[test]
    fn fields_stand_for_headers_and_nothing_stands_for_the_senders() {
        let mut request = HeaderMap::new();
        request.insert("user-agent", HeaderValue::from_static("browser"));
        request.insert("content-type", HeaderValue::from_static("multipart/form-data; boundary=b"));
        request.insert("content-md5", HeaderValue::from_static("of the form"));
        let form = fields(&[
            ("User-Agent", "forged"),
            ("Referer", "forged"),
            ("Host", "forged"),
            ("Content-Type", "text/plain"),
            ("X-OBS-Meta-Colour", "red"),
            ("acl", "private"),
            ("x-amz-date", "20261120T202254Z"),
            ("x-obs-security-token", "secret"),
            ("submit", "Upload"),
        ]);
        let headers = form.headers(Dialect::OBS, &request).unwrap();
        let mut seen: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("content-type", "text/plain"),
                ("user-agent", "browser"),
                ("x-obs-acl", "private"),
                ("x-obs-meta-colour", "red")
            ]
        );
    }

    #[test]
    fn what_cannot_be_a_header_is_refused() {
        for bad in [
            ("x-amz-meta-a", "b\r\nset-cookie: x"),
            ("x-amz-meta-ü", "b"),
            ("x-amz-meta-a b", "c"),
            ("x-amz-copy-source", "/b/k"),
            ("X-Obs-Copy-Source", "/b/k"),
            ("tagging", "<Tagging>"),
            ("tagging", "<!DOCTYPE a><Tagging><TagSet/></Tagging>"),
            ("tagging", "<Other><TagSet/></Other>"),
        ] {
            assert!(fields(&[bad]).headers(Dialect::S3, &HeaderMap::new()).is_err(), "{bad:?}");
        }
        for twice in [[("acl", "private"), ("x-amz-acl", "public-read")], [("tagging", TAGS), ("x-amz-tagging", "a=b")]]
        {
            let refused = fields(&twice).headers(Dialect::S3, &HeaderMap::new());
            assert!(matches!(refused, Err(Refusal::Wire(WireFault::Form(FormFault::Repeated(_))))), "{twice:?}");
        }
    }

    const TAGS: &str = "<Tagging><TagSet><Tag><Key>a b</Key><Value>&lt;&amp;</Value></Tag></TagSet></Tagging>";

    #[test]
    fn a_document_of_tags_becomes_the_header() {
        let headers = fields(&[("tagging", TAGS)]).headers(Dialect::S3, &HeaderMap::new()).unwrap();
        assert_eq!(headers["x-amz-tagging"], "a+b=%3C%26");
    }

    #[test]
    fn the_dialect_is_that_of_the_credential_then_of_the_fields() {
        let browser = HeaderMap::new();
        let name = |pairs: &[(&str, &str)]| fields(pairs).dialect(&browser).name;
        assert_eq!(name(&[("key", "k")]), "obs");
        assert_eq!(name(&[("accesskeyid", "k"), ("x-amz-acl", "private")]), "obs");
        assert_eq!(name(&[("Token", "k")]), "obs");
        assert_eq!(name(&[("AwsAccessKeyId", "k"), ("x-obs-acl", "private")]), "s3");
        assert_eq!(name(&[("X-Amz-Algorithm", "k")]), "s3");
        assert_eq!(name(&[("x-amz-meta-a", "k")]), "s3");
        assert_eq!(name(&[("x-obs-meta-a", "k")]), "obs");
    }

    #[test]
    fn a_name_is_given_once_and_ignored_ones_are_ignored() {
        let mut form = fields(&[("Key", "a"), ("x-ignore-a", "1"), ("X-Ignore-A", "2")]);
        assert_eq!(form.pairs().len(), 1);
        assert_eq!(form.add("key".to_owned(), b"b".to_vec()), Err(FormFault::Repeated("key".to_owned())));
        assert_eq!(form.add("other".to_owned(), vec![0xff]), Err(FormFault::Field("other".to_owned())));
        assert_eq!(form.get("KEY"), Some("a"));
    }
}
