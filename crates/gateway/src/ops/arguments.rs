//! Small arguments that several operations take.

use super::{Call, copy};
use crate::dialect::Dialect;
use crate::errors::{Refusal, WireFault};
use crate::query::{BadTarget, Query, url_encode};
use crate::route::Operation;
use crate::xml::XmlWriter;
use data_encoding::BASE64URL_NOPAD;
use iam::Directory;
use model::{AccountId, PartNumber, UploadId, VersionId};
use objects::Fail;
use std::borrow::Cow;

/// Most entries of a page, whatever is asked (obs-api §5.5).
pub(super) const PAGE_MAX: usize = 1000;

/// `max-keys` and its kin: absent is the most there is, more is cut to it.
pub(super) fn page_size(query: &Query, name: &'static str) -> Result<usize, Refusal> {
    match query.get_filled(name)? {
        None => Ok(PAGE_MAX),
        Some(text) => match text.parse::<u64>() {
            Ok(n) => Ok(usize::try_from(n).unwrap_or(PAGE_MAX).min(PAGE_MAX)),
            Err(_) => Err(WireFault::argument(name, "The value must be an integer between 0 and 2147483647.").into()),
        },
    }
}

/// How names are written in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameEncoding {
    /// As they are.
    Plain,
    /// `encoding-type=url`.
    Url,
}

impl NameEncoding {
    /// From the query.
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        Self::named(query.get_filled("encoding-type")?)
    }

    /// From the text of `encoding-type` or `EncodingType`.
    pub(super) fn named(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            None => Ok(Self::Plain),
            Some(text) if text.eq_ignore_ascii_case("url") => Ok(Self::Url),
            Some(_) => Err(WireFault::argument("encoding-type", "Invalid Encoding Method specified in Request").into()),
        }
    }

    /// Writes a name.
    pub(super) fn write(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => Cow::Borrowed(name),
            Self::Url => Cow::Owned(url_encode(name)),
        }
    }

    /// What a listing says about it.
    pub(super) fn word(self) -> Option<&'static str> {
        (self == Self::Url).then_some("url")
    }
}

/// A continuation token: the name where the next page begins, made opaque.
pub(super) fn write_token(name: &str) -> String {
    BASE64URL_NOPAD.encode(name.as_bytes())
}

/// Reads a continuation token.
pub(super) fn read_token(token: &str) -> Result<String, WireFault> {
    BASE64URL_NOPAD
        .decode(token.as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| WireFault::argument("continuation-token", "The continuation token provided is incorrect"))
}

/// `versionId`. An id that no version can have names none.
pub(super) fn version(query: &Query) -> Result<Option<VersionId>, Refusal> {
    match query.get("versionId")? {
        None => Ok(None),
        Some(text) => version_named(text).map(Some),
    }
}

/// A version id as text.
pub(super) fn version_named(text: &str) -> Result<VersionId, Refusal> {
    if text.is_empty() {
        return Err(WireFault::argument("versionId", "Version id cannot be the empty string").into());
    }
    VersionId::parse(text).ok_or(Refusal::Fail(Fail::NoSuchVersion))
}

/// `uploadId`. An id that no upload can have names none.
pub(super) fn upload(query: &Query) -> Result<UploadId, Refusal> {
    let text = query.get("uploadId")?.unwrap_or_default();
    UploadId::parse_hex(text).ok_or(Refusal::Fail(Fail::NoSuchUpload))
}

/// `partNumber`.
pub(super) fn part_number(query: &Query) -> Result<Option<PartNumber>, Refusal> {
    let Some(text) = query.get("partNumber")? else { return Ok(None) };
    let number = text.parse().ok().and_then(PartNumber::new);
    let message = "Part number must be an integer between 1 and 10000, inclusive";
    number.map(Some).ok_or_else(|| WireFault::argument("partNumber", message).into())
}

/// An optional text of the query, empty counting as absent.
pub(super) fn text(query: &Query, name: &'static str) -> Result<Option<String>, BadTarget> {
    Ok(query.get_filled(name)?.map(str::to_owned))
}

/// The account a bucket is expected to belong to, where the client says so: by id or number. A bucket that is not there
/// belongs to nobody; one that is being created, to the requester.
pub(super) async fn check_expected_owner(call: &Call<'_>, operation: Operation) -> Result<(), Refusal> {
    let names = call.view.names();
    if let Some(expected) = call.view.one(names.expected_bucket_owner)?
        && let Some(bucket) = call.place.bucket()
    {
        match call.gateway.objects.access_inputs(bucket, None).await {
            Ok(inputs) => expect_owner(call, expected, &inputs.rules.owner)?,
            Err(Fail::NoSuchBucket) if operation == Operation::CreateBucket => {
                expect_owner(call, expected, call.cx.principal.account().ok_or(Fail::AccessDenied)?)?;
            }
            Err(fail) => return Err(fail.into()),
        }
    }
    if let Some(expected) = call.view.one(names.source_expected_bucket_owner)?
        && let Some(bucket) = copy::source_bucket(&call.view)
    {
        let inputs = call.gateway.objects.access_inputs(&bucket, None).await?;
        expect_owner(call, expected, &inputs.rules.owner)?;
    }
    Ok(())
}

fn expect_owner(call: &Call<'_>, expected: &str, owner: &AccountId) -> Result<(), Fail> {
    let by_number = || match call.cx.principal.caller().filter(|caller| caller.account == *owner) {
        Some(caller) => expected == caller.number.as_str(),
        None => call.gateway.directory.account(owner).is_some_and(|account| expected == account.number.as_str()),
    };
    if expected == owner.as_str() || by_number() { Ok(()) } else { Err(Fail::AccessDenied) }
}

/// Writes owners in documents: their id and, where the dialect has it, the name of their account.
pub(super) struct Owners<'a> {
    pub(super) dialect: &'static Dialect,
    directory: Option<&'a Directory>,
}

impl<'a> Owners<'a> {
    pub(super) fn of(call: &Call<'a>) -> Self {
        Self { dialect: call.dialect, directory: Some(&call.gateway.directory) }
    }

    #[cfg(test)]
    pub(super) fn nameless(dialect: &'static Dialect) -> Self {
        Self { dialect, directory: None }
    }

    pub(super) fn write(&self, out: &mut XmlWriter, element: &'static str, owner: &AccountId) {
        out.open(element);
        out.leaf("ID", owner.as_str());
        if self.dialect.owner_display_name {
            let account = self.directory.and_then(|directory| directory.account(owner));
            out.leaf("DisplayName", account.as_ref().map_or(owner.as_str(), |account| account.name.as_str()));
        }
        out.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes() {
        let size = |query: &str| page_size(&Query::parse(query).unwrap(), "max-keys");
        assert_eq!(size("").unwrap(), 1000);
        assert_eq!(size("max-keys=").unwrap(), 1000);
        assert_eq!(size("max-keys=0").unwrap(), 0);
        assert_eq!(size("max-keys=7").unwrap(), 7);
        assert_eq!(size("max-keys=18446744073709551615").unwrap(), 1000);
        for bad in ["max-keys=-1", "max-keys=x", "max-keys=1.5"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_are_opaque_and_come_back() {
        for name in ["a", "päth/to ☃", "\u{1}"] {
            let token = write_token(name);
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
            assert_eq!(read_token(&token).unwrap(), name);
        }
        for bad in ["", "=", "a b", "_w"] {
            assert!(read_token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_that_cannot_be_name_nothing() {
        let upload_of = |query: &str| upload(&Query::parse(query).unwrap());
        assert!(matches!(upload_of("uploadId=../../x"), Err(Refusal::Fail(Fail::NoSuchUpload))));
        assert!(upload_of(&format!("uploadId={}", "a".repeat(32))).is_ok());
        assert!(matches!(version_named("x"), Err(Refusal::Fail(Fail::NoSuchVersion))));
        assert!(matches!(version_named(""), Err(Refusal::Wire(_))));
        assert_eq!(version_named("null").unwrap(), VersionId::Null);
    }

    #[test]
    fn part_numbers() {
        let number = |query: &str| part_number(&Query::parse(query).unwrap());
        assert_eq!(number("partNumber=10000").unwrap().unwrap().get(), 10_000);
        for bad in ["partNumber=0", "partNumber=10001", "partNumber=", "partNumber=-1", "partNumber=1a"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }
}
