//! CopyObject and UploadPartCopy (obs-api §3.3 and §6.3, s3-sse-behaviour §11).

use super::encryption::{Beside, show, source_customer_headers, write_headers};
use super::put::show_version;
use super::{Call, arguments, checksums, conditions, grants, object_headers, tagging};
use crate::body::integrity;
use crate::dates::xml_date;
use crate::dialect::HeaderView;
use crate::errors::{Refusal, WireFault};
use crate::query::percent_decode;
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use model::{BucketName, ObjectName, VersionId};
use objects::Fail;
use objects::api::{CopyObject, CopyOutcome, CopySource, UploadPart};
use policy::ConditionKey;
use std::sync::Arc;

pub(super) async fn object(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let source = match named_source(&call) {
        Ok(source) => source,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let lowered = match lower_copy(&call, &source.place) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.check_kms_write(&lowered.bucket, &lowered.encryption).await?;
    call.check_kms_source(&lowered.source).await?;
    let objects = &call.gateway.objects;
    let outcome = match (objects.copy_object(&call.cx, lowered).await, &source.with_blanks) {
        // One client writes blanks as `+`: the literal name goes first, the other reading only where it names nothing.
        (Err(Fail::NoSuchKey { .. }), Some(other)) => {
            call.copies_from(other);
            let lowered = lower_copy(&call, other)?;
            call.check_kms_source(&lowered.source).await?;
            call.gateway.objects.copy_object(&call.cx, lowered).await?
        }
        (outcome, _) => outcome?,
    };
    raise(&call, "CopyObjectResult", &outcome, call.beside_new(&outcome.write.encryption)?)
}

pub(super) async fn part(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let lowered = named_source(&call).and_then(|source| Ok((lower_part(&call, &source.place)?, source)));
    let ((part, from), source) = match lowered {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.check_kms_source(&from).await?;
    let objects = &call.gateway.objects;
    let outcome = match (objects.upload_part_copy(&call.cx, part, from).await, &source.with_blanks) {
        (Err(Fail::NoSuchKey { .. }), Some(other)) => {
            call.copies_from(other);
            let (part, from) = lower_part(&call, other)?;
            call.check_kms_source(&from).await?;
            call.gateway.objects.upload_part_copy(&call.cx, part, from).await?
        }
        (outcome, _) => outcome?,
    };
    raise(&call, "CopyPartResult", &outcome, call.beside_part(&outcome.write.encryption))
}

fn raise(call: &Call<'_>, root: &'static str, outcome: &CopyOutcome, beside: Beside<'_>) -> Result<Reply, Refusal> {
    let write = &outcome.write;
    let mut out = XmlWriter::new(root, Some(call.dialect.namespace));
    out.leaf("LastModified", &xml_date(write.last_modified));
    out.leaf("ETag", &write.etag.quoted());
    checksums::write(&mut out, call.dialect, write.checksum.as_ref());
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    show_version(&mut reply, call.dialect.names.version_id, write.version);
    show_version(&mut reply, call.dialect.names.copy_source_version_id, outcome.source_version);
    show(&mut reply, call.dialect, &write.encryption, beside);
    Ok(reply)
}

fn lower_copy(call: &Call<'_>, place: &SourcePlace) -> Result<CopyObject, Refusal> {
    let view = &call.view;
    let names = view.names();
    object_headers::refuse_what_is_not_offered(view)?;
    let (bucket, name) = call.object()?;
    let replace = match view.one(names.metadata_directive)? {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(_) => return Err(WireFault::argument(names.metadata_directive, "Unknown metadata directive.").into()),
    };
    let checksum_algorithm = match view.one(names.checksum_algorithm)? {
        None => None,
        Some(word) => Some(
            integrity::algorithm_named(word)
                .ok_or_else(|| WireFault::InvalidChecksum("Checksum algorithm provided is unsupported.".to_owned()))?,
        ),
    };
    Ok(CopyObject {
        source: source(call, place, None)?,
        bucket: bucket.clone(),
        name: name.clone(),
        replace_headers: replace.then(|| object_headers::read(view)).transpose()?,
        website_redirect: object_headers::website_redirect(view)?,
        encryption: write_headers(view)?,
        checksum_algorithm,
        expectation: conditions::of_write(view, call.gateway.config.compat)?,
        acl: grants::of_headers(view, grants::On::Object)?,
        tags: tagging::of_copy(view, call.dialect.is_obs())?,
    })
}

fn lower_part(call: &Call<'_>, place: &SourcePlace) -> Result<(UploadPart, CopySource), Refusal> {
    let range = match call.view.one(call.view.names().copy_source_range)? {
        None => None,
        Some(text) => Some(source_range(text).ok_or_else(|| {
            let message = "The range must be of the form bytes=first-last, both offsets in the source.";
            WireFault::argument(call.view.names().copy_source_range, message)
        })?),
    };
    Ok((super::multipart::lower_part(call)?, source(call, place, range)?))
}

fn source(call: &Call<'_>, place: &SourcePlace, range: Option<(u64, u64)>) -> Result<CopySource, Refusal> {
    Ok(CopySource {
        bucket: place.bucket.clone(),
        name: place.name.clone(),
        version: place.version,
        preconditions: conditions::of_copy_source(&call.view)?,
        customer: source_customer_headers(&call.view)?,
        range,
    })
}

impl Call<'_> {
    /// Policies are to see the source that is read, not another reading of it.
    fn copies_from(&mut self, place: &SourcePlace) {
        let facts = Arc::make_mut(&mut self.cx.conditions);
        facts.values.retain(|(key, _)| *key != ConditionKey::CopySource);
        facts.add(ConditionKey::CopySource, place.shown());
    }
}

/// The source as policies see it, `bucket/name`, whatever its spelling; one that names nothing stays as it is.
pub(super) fn source_named(raw: &str) -> String {
    parse_source(raw, false).map_or_else(|_| raw.to_owned(), |place| place.shown())
}

/// The bucket of a copy's source, if the request names one.
pub(super) fn source_bucket(view: &HeaderView<'_>) -> Option<BucketName> {
    let raw = view.one(view.names().copy_source).ok().flatten()?;
    parse_source(raw, false).ok().map(|place| place.bucket)
}

/// A copy's source as its header names it.
#[derive(Debug, PartialEq, Eq)]
struct SourcePlace {
    bucket: BucketName,
    name: ObjectName,
    version: Option<VersionId>,
}

impl SourcePlace {
    fn shown(&self) -> String {
        format!("{}/{}", self.bucket, self.name)
    }
}

/// The source read literally, and read with `+` as a blank where that may be meant.
#[derive(Debug)]
struct NamedSource {
    place: SourcePlace,
    with_blanks: Option<SourcePlace>,
}

fn named_source(call: &Call<'_>) -> Result<NamedSource, Refusal> {
    let name = call.view.names().copy_source;
    let raw = call.view.one(name)?.ok_or_else(|| WireFault::argument(name, "A copy needs a source."))?;
    let place = parse_source(raw, false).map_err(|error| error.refusal(name))?;
    let blanks_possible = call.dialect.speaks_to_obs_clients() && raw.contains('+') && !raw.contains("%20");
    let with_blanks = if blanks_possible { parse_source(raw, true).ok() } else { None };
    Ok(NamedSource { place, with_blanks })
}

#[derive(Debug, PartialEq, Eq)]
enum SourceError {
    Form,
    Version,
    Name(model::NameError),
}

impl SourceError {
    fn refusal(self, header: &'static str) -> Refusal {
        match self {
            Self::Form => WireFault::argument(
                header,
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            )
            .into(),
            Self::Version => Fail::NoSuchVersion.into(),
            Self::Name(error) => Fail::Name(error).into(),
        }
    }
}

/// Reads `[/]bucket/object[?versionId=id]`: the version is split off before anything is decoded, then all is decoded
/// once, then the bucket is split off (obs-api §3.3).
fn parse_source(raw: &str, plus_is_blank: bool) -> Result<SourcePlace, SourceError> {
    let raw = raw.strip_prefix('/').unwrap_or(raw);
    let (path, version) = match raw.split_once("?versionId=") {
        Some((path, version)) => (path, Some(arguments::version_named(version).map_err(|_| SourceError::Version)?)),
        None => (raw, None),
    };
    let decoded = percent_decode(path, plus_is_blank).map_err(|_| SourceError::Form)?;
    // A leading slash may itself be escaped.
    let decoded = decoded.strip_prefix(b"/").unwrap_or(&decoded);
    let slash = decoded.iter().position(|&b| b == b'/').ok_or(SourceError::Form)?;
    let bucket = std::str::from_utf8(&decoded[..slash]).map_err(|_| SourceError::Form)?;
    if slash + 1 == decoded.len() || bucket.is_empty() {
        return Err(SourceError::Form);
    }
    Ok(SourcePlace {
        bucket: BucketName::parse(bucket).map_err(SourceError::Name)?,
        name: ObjectName::parse(&decoded[slash + 1..]).map_err(SourceError::Name)?,
        version,
    })
}

/// `bytes=first-last`, and nothing else.
fn source_range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
    let (first, last): (u64, u64) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(raw: &str) -> Result<(String, String, Option<VersionId>), SourceError> {
        let place = parse_source(raw, false)?;
        Ok((place.bucket.to_string(), place.name.to_string(), place.version))
    }

    #[test]
    fn sources_as_clients_write_them() {
        let named = |bucket: &str, name: &str| Ok((bucket.to_owned(), name.to_owned(), None));
        assert_eq!(parsed("/bkt/s%20r/c"), named("bkt", "s r/c"));
        assert_eq!(parsed("bkt%2Fs%20r%2Fc"), named("bkt", "s r/c"));
        assert_eq!(parsed("%2Fbkt%2Fk"), named("bkt", "k"));
        assert_eq!(parsed("bkt/a+b"), named("bkt", "a+b"));
        assert_eq!(parsed("bkt//a"), named("bkt", "/a"));
        assert_eq!(parsed("bkt/%253F"), named("bkt", "%3F"));
        assert_eq!(parsed("bkt/k?versionId=null").unwrap().2, Some(VersionId::Null));
        assert_eq!(parsed("bkt/k%3FversionId=null").unwrap().1, "k?versionId=null", "escaped it is of the name");
        assert_eq!(parse_source("bkt/a+b", true).unwrap().name.as_str(), "a b");
    }

    #[test]
    fn sources_that_name_nothing() {
        for bad in ["", "/", "bkt", "bkt/", "/bkt/", "//k", "bkt/%zz", "%ff/k"] {
            assert_eq!(parsed(bad), Err(SourceError::Form), "{bad}");
        }
        assert_eq!(parsed("bkt/k?versionId=zz"), Err(SourceError::Version));
        assert!(matches!(parsed("../etc/passwd"), Err(SourceError::Name(_))));
        assert!(matches!(parsed("arn:aws:s3:r:1:accesspoint/x/object/k"), Err(SourceError::Name(_))));
    }

    #[test]
    fn ranges_of_a_source() {
        assert_eq!(source_range("bytes=0-9"), Some((0, 9)));
        for bad in ["bytes=9-0", "bytes=0-", "bytes=-9", "0-9", "bytes=0-9,11-12", "bytes=+0-9", "bytes=-"] {
            assert_eq!(source_range(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_source_is_read_or_refused(raw in "[ -~]{0,60}", plus in proptest::bool::ANY) {
            let _ = parse_source(&raw, plus);
        }
    }
}
