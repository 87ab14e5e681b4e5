//! Checksums of objects and parts in requests and replies (s3-sse-behaviour §13, obs-api §3.5). Those of request bodies
//! are [`crate::body::integrity`]'s.

use crate::body::integrity;
use crate::dialect::{Dialect, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use objects::api::StoredChecksum;
use sse::{ChecksumAlgorithm, ChecksumValue};

/// The algorithm's name in documents and in `x-amz-checksum-algorithm`.
pub(super) const fn algorithm_word(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc32 => "CRC32",
        ChecksumAlgorithm::Crc32c => "CRC32C",
        ChecksumAlgorithm::Crc64Nvme => "CRC64NVME",
        ChecksumAlgorithm::Crc64Xz => "CRC64ECMA",
        ChecksumAlgorithm::Sha1 => "SHA1",
        ChecksumAlgorithm::Sha256 => "SHA256",
    }
}

/// The type of a checksum.
pub(super) const fn type_word(composite: bool) -> &'static str {
    if composite { "COMPOSITE" } else { "FULL_OBJECT" }
}

/// The checksum an upload names: its algorithm, and whether of the whole object or of its parts.
pub(super) fn of_upload(view: &HeaderView<'_>) -> Result<Option<(ChecksumAlgorithm, Option<bool>)>, Refusal> {
    let names = view.names();
    let invalid = |what: &str| Refusal::Wire(WireFault::InvalidChecksum(what.to_owned()));
    let full_object = composite(view)?.map(|composite| !composite);
    match view.one(names.checksum_algorithm)? {
        Some(word) => match integrity::algorithm_named(word) {
            Some(algorithm) => Ok(Some((algorithm, full_object))),
            None => Err(invalid("Checksum algorithm provided is unsupported.")),
        },
        None if full_object.is_some() => Err(invalid("The checksum type can only be used with a checksum algorithm.")),
        None => Ok(None),
    }
}

/// The type of a checksum as sent: COMPOSITE (`true`) or FULL_OBJECT (`false`).
pub(super) fn composite(view: &HeaderView<'_>) -> Result<Option<bool>, Refusal> {
    match view.one(view.names().checksum_type)? {
        None => Ok(None),
        Some(word) if word.eq_ignore_ascii_case("COMPOSITE") => Ok(Some(true)),
        Some(word) if word.eq_ignore_ascii_case("FULL_OBJECT") => Ok(Some(false)),
        Some(_) => Err(WireFault::InvalidChecksum("Value for the checksum type header is invalid.".to_owned()).into()),
    }
}

/// A part's checksum, if the client repeats it. Of several the first of this order is taken: they were held against the
/// part when it was written.
pub(super) fn of_part(element: &Element) -> Result<Option<ChecksumValue>, Refusal> {
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

/// The whole object's checksum as a header. A composite one ends in `-parts`: the second value.
pub(super) fn of_object(view: &HeaderView<'_>) -> Result<Option<(ChecksumValue, Option<u32>)>, Refusal> {
    let mut found = None;
    for (name, value) in view.with_prefix(view.names().checksum_prefix) {
        let Some(algorithm) = integrity::algorithm_named(name) else { continue };
        let text = value.to_str().unwrap_or_default().trim();
        let value = match text.rsplit_once('-') {
            None => integrity::parse_value(algorithm, text).map(|value| (value, None)),
            Some((text, parts)) if parts.bytes().all(|b| b.is_ascii_digit()) => {
                integrity::parse_value(algorithm, text).zip(parts.parse().ok().map(Some))
            }
            Some(_) => None,
        };
        let value = value.ok_or_else(|| {
            WireFault::InvalidChecksum(format!("Value for the checksum header of {name} is invalid."))
        })?;
        if found.replace(value).is_some() {
            return Err(WireFault::InvalidChecksum("Expecting a single checksum header.".to_owned()).into());
        }
    }
    Ok(found)
}

/// A stored checksum as headers. OBS knows one algorithm, under two names (obs-api §3.5).
pub(super) fn show(reply: &mut Reply, dialect: &'static Dialect, checksum: Option<&StoredChecksum>) {
    let Some(stored) = checksum else { return };
    let suffix = integrity::header_suffix(stored.value.algorithm());
    let mut text = integrity::format_value(&stored.value);
    if dialect.is_obs() {
        if stored.value.algorithm() == ChecksumAlgorithm::Crc64Xz && stored.composite_parts.is_none() {
            reply.append_stored("x-obs-checksum-crc64ecma", text.as_bytes());
            reply.append_stored("x-obs-hash-crc64ecma", text.as_bytes());
        }
        return;
    }
    if let Some(parts) = stored.composite_parts {
        text = format!("{text}-{parts}");
    }
    reply.append_stored(&format!("{}{suffix}", dialect.names.checksum_prefix), text.as_bytes());
    reply.set(dialect.names.checksum_type, type_word(stored.composite_parts.is_some()));
}

/// The checksum of one part of an object whose own is made of such. OBS has none.
pub(super) fn show_of_part(reply: &mut Reply, dialect: &'static Dialect, value: Option<&ChecksumValue>) {
    let Some(value) = value.filter(|_| !dialect.is_obs()) else { return };
    let name = format!("{}{}", dialect.names.checksum_prefix, integrity::header_suffix(value.algorithm()));
    reply.append_stored(&name, integrity::format_value(value).as_bytes());
    reply.set(dialect.names.checksum_type, type_word(true));
}

/// A checksum's element in S3's documents.
const fn element(algorithm: ChecksumAlgorithm) -> &'static str {
    match algorithm {
        ChecksumAlgorithm::Crc64Xz => "CRC64",
        ChecksumAlgorithm::Crc32 => "ChecksumCRC32",
        ChecksumAlgorithm::Crc32c => "ChecksumCRC32C",
        ChecksumAlgorithm::Crc64Nvme => "ChecksumCRC64NVME",
        ChecksumAlgorithm::Sha1 => "ChecksumSHA1",
        ChecksumAlgorithm::Sha256 => "ChecksumSHA256",
    }
}

/// A value alone, without the number of parts: GetObjectAttributes has it apart (s3-sse-behaviour §13).
pub(super) fn write_value(out: &mut XmlWriter, value: &ChecksumValue) {
    out.leaf(element(value.algorithm()), &integrity::format_value(value));
}

/// The type of a checksum.
pub(super) fn write_type(out: &mut XmlWriter, composite: bool) {
    out.leaf("ChecksumType", type_word(composite));
}

/// A checksum in a document.
pub(super) fn write(out: &mut XmlWriter, dialect: &'static Dialect, checksum: Option<&StoredChecksum>) {
    let Some(stored) = checksum else { return };
    let mut value = integrity::format_value(&stored.value);
    let algorithm = stored.value.algorithm();
    if dialect.is_obs() && algorithm != ChecksumAlgorithm::Crc64Xz {
        return;
    }
    if let Some(parts) = stored.composite_parts {
        value = format!("{value}-{parts}");
    }
    out.leaf(element(algorithm), &value);
    if !dialect.is_obs() {
        write_type(out, stored.composite_parts.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn with<T>(lines: &[(&'static str, &'static str)], f: impl Fn(&HeaderView<'_>) -> T) -> T {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        f(&HeaderView::new(Dialect::S3, &map, &Query::default(), false).unwrap())
    }

    #[test]
    fn the_whole_objects_checksum() {
        let sent = |text: &'static str| with(&[("x-amz-checksum-crc32", text)], |view| of_object(view).ok().flatten());
        let (value, parts) = sent("AAAAAQ==-3").unwrap();
        assert_eq!((value.bytes(), parts), (&[0, 0, 0, 1][..], Some(3)));
        assert_eq!(sent("AAAAAQ==").unwrap().1, None);
        for bad in ["AAAAAQ==-", "AAAAAQ==-x", "AAAAAQ==--3", "AAAAAQ==-4294967296", "-3"] {
            assert_eq!(sent(bad), None, "{bad}");
        }
        let two = [("x-amz-checksum-crc32", "AAAAAQ=="), ("x-amz-checksum-crc32c", "AAAAAQ==")];
        assert!(with(&two, |view| of_object(view).is_err()));
        assert!(with(&[], |view| of_object(view).unwrap().is_none()));
    }

    #[test]
    fn the_type_of_a_checksum() {
        let sent = |word: &'static str| with(&[("x-amz-checksum-type", word)], |view| composite(view).ok());
        assert_eq!(sent("COMPOSITE"), Some(Some(true)));
        assert_eq!(sent("FULL_OBJECT"), Some(Some(false)));
        assert_eq!(sent("PARTIAL"), None);
        assert_eq!(with(&[], |view| composite(view).ok()), Some(None));
    }

    #[test]
    fn the_checksum_an_upload_names() {
        let named = |lines: &[(&'static str, &'static str)]| with(lines, |view| of_upload(view).ok());
        let algorithm = ("x-amz-checksum-algorithm", "crc32c");
        assert_eq!(named(&[]), Some(None));
        assert_eq!(named(&[algorithm]), Some(Some((ChecksumAlgorithm::Crc32c, None))));
        let full = ("x-amz-checksum-type", "FULL_OBJECT");
        assert_eq!(named(&[algorithm, full]), Some(Some((ChecksumAlgorithm::Crc32c, Some(true)))));
        assert_eq!(named(&[full]), None, "a type without an algorithm");
        assert_eq!(named(&[("x-amz-checksum-algorithm", "SHA512")]), None);
    }

    #[test]
    fn checksums_in_each_dialect() {
        let crc = StoredChecksum {
            value: ChecksumValue::new(ChecksumAlgorithm::Crc64Xz, vec![0, 0, 0, 0, 0, 0, 1, 2]).unwrap(),
            composite_parts: None,
        };
        let mut reply = Reply::ok();
        show(&mut reply, Dialect::OBS, Some(&crc));
        assert_eq!(reply.headers["x-obs-hash-crc64ecma"], "258");
        assert_eq!(reply.headers["x-obs-checksum-crc64ecma"], "258");
        let sha = StoredChecksum {
            value: ChecksumValue::new(ChecksumAlgorithm::Sha1, vec![0; 20]).unwrap(),
            composite_parts: Some(3),
        };
        let mut reply = Reply::ok();
        show(&mut reply, Dialect::S3, Some(&sha));
        assert_eq!(reply.headers["x-amz-checksum-sha1"], "AAAAAAAAAAAAAAAAAAAAAAAAAAA=-3");
        assert_eq!(reply.headers["x-amz-checksum-type"], "COMPOSITE");
        let mut reply = Reply::ok();
        show(&mut reply, Dialect::OBS, Some(&sha));
        assert!(reply.headers.is_empty());
    }
}
