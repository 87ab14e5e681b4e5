//! The fields of an OBS or V2 credential, from the `Authorization` header or from the query.

use super::super::credential::{Dialect, Scheme};
use super::super::error::AuthError;
use super::super::target::Target;
use model::AccessKeyId;

/// An OBS or V2 credential.
pub(in super::super) struct LegacyFields {
    pub(in super::super) dialect: Dialect,
    pub(in super::super) access_key: AccessKeyId,
    /// Base64 as given; compared as text.
    pub(in super::super) signature: String,
    /// `Expires` of a signed URL, as given.
    pub(in super::super) expires: Option<String>,
}

impl LegacyFields {
    /// From what follows the scheme: `access-key-id:signature`.
    pub(in super::super) fn from_header(rest: &str, dialect: Dialect) -> Result<Self, AuthError> {
        let (id, signature) = rest
            .trim()
            .split_once(':')
            .filter(|(id, signature)| !id.is_empty() && !signature.is_empty())
            .ok_or(AuthError::MalformedLegacyHeader("expected access key id, a colon and the signature"))?;
        let access_key = AccessKeyId::parse(id).ok_or(AuthError::UnknownAccessKey)?;
        Ok(Self { dialect, access_key, signature: signature.to_owned(), expires: None })
    }

    /// From the parameters `AccessKeyId` or `AWSAccessKeyId`, `Expires` and `Signature`.
    pub(in super::super) fn from_query(target: &Target<'_>, dialect: Dialect) -> Result<Self, AuthError> {
        let id = required(target, if dialect == Dialect::Obs { "AccessKeyId" } else { "AWSAccessKeyId" })?;
        let expires = required(target, "Expires")?.to_owned();
        // A `+` that a careless sender left bare arrives as a blank; base64 has no blanks.
        let signature = required(target, "Signature")?.replace(' ', "+");
        let access_key = AccessKeyId::parse(id).ok_or(AuthError::UnknownAccessKey)?;
        Ok(Self { dialect, access_key, signature, expires: Some(expires) })
    }

    pub(in super::super) fn scheme(&self) -> Scheme {
        match (self.dialect, &self.expires) {
            (Dialect::Obs, None) => Scheme::ObsHeader,
            (Dialect::Obs, Some(_)) => Scheme::ObsQuery,
            (Dialect::S3, None) => Scheme::V2Header,
            (Dialect::S3, Some(_)) => Scheme::V2Query,
        }
    }
}

fn required<'t>(target: &'t Target<'_>, name: &'static str) -> Result<&'t str, AuthError> {
    let mut pairs = target.query.iter().filter(|pair| pair.name.as_ref() == name.as_bytes());
    let value = pairs.next().map(|pair| pair.value_bytes()).unwrap_or_default();
    if pairs.next().is_some() {
        return Err(AuthError::MalformedQuery("a parameter is repeated"));
    }
    std::str::from_utf8(value)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or(AuthError::MalformedQuery("the access key id, Expires and Signature are required"))
}
