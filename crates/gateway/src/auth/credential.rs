//! A credential as found in a request: who claims to have signed, and how. It becomes a proof by verification.

use super::error::AuthError;
use super::legacy::{self, LegacyFields};
use super::v4::{self, V4Fields};
use super::verified::VerifiedSignature;
use super::{SignedRequest, VerifyConfig};
use model::{AccessKeyId, Timestamp};
use std::fmt;

/// The family of wire words a credential belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `x-obs-…`, `Authorization: OBS`.
    Obs,
    /// `x-amz-…`, `Authorization: AWS` and `AWS4-HMAC-SHA256`.
    S3,
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `Authorization: AWS4-HMAC-SHA256 …`.
    V4Header,
    /// `?X-Amz-Algorithm=…`.
    V4Query,
    /// Form fields `x-amz-algorithm` and so on.
    V4Form,
    /// `Authorization: AWS …`.
    V2Header,
    /// `?AWSAccessKeyId=…`.
    V2Query,
    /// Form fields `AWSAccessKeyId`, `policy`, `signature`.
    V2Form,
    /// `Authorization: OBS …`.
    ObsHeader,
    /// `?AccessKeyId=…`.
    ObsQuery,
    /// Form fields `AccessKeyId`, `policy`, `signature`, or `token`.
    ObsForm,
}

impl Scheme {
    /// The dialect the scheme belongs to.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::ObsHeader | Self::ObsQuery | Self::ObsForm => Dialect::Obs,
            _ => Dialect::S3,
        }
    }

    /// Whether the credential stands in the URL, so that somebody else may use it.
    pub const fn is_presigned(self) -> bool {
        matches!(self, Self::V4Query | Self::V2Query | Self::ObsQuery)
    }

    /// The signature's version: 4, or 2 for V2 and OBS, which is the same construction.
    pub const fn version(self) -> u8 {
        match self {
            Self::V4Header | Self::V4Query | Self::V4Form => 4,
            _ => 2,
        }
    }

    /// A name for logs and for policy conditions on how a request was authenticated.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4Header => "v4-header",
            Self::V4Query => "v4-query",
            Self::V4Form => "v4-form",
            Self::V2Header => "v2-header",
            Self::V2Query => "v2-query",
            Self::V2Form => "v2-form",
            Self::ObsHeader => "obs-header",
            Self::ObsQuery => "obs-query",
            Self::ObsForm => "obs-form",
        }
    }
}

/// A credential found in a request, not verified yet.
pub struct Credential {
    pub(super) fields: Fields,
    pub(super) session_token: Option<String>,
}

pub(super) enum Fields {
    V4(V4Fields),
    Legacy(LegacyFields),
}

impl Credential {
    /// The access key that claims to have signed.
    pub fn access_key(&self) -> &AccessKeyId {
        match &self.fields {
            Fields::V4(fields) => &fields.access_key,
            Fields::Legacy(fields) => &fields.access_key,
        }
    }

    /// How the request is signed.
    pub fn scheme(&self) -> Scheme {
        match &self.fields {
            Fields::V4(fields) if fields.presigned.is_some() => Scheme::V4Query,
            Fields::V4(_) => Scheme::V4Header,
            Fields::Legacy(fields) => fields.scheme(),
        }
    }

    /// The dialect the credential belongs to.
    pub fn dialect(&self) -> Dialect {
        self.scheme().dialect()
    }

    /// Whether the credential stands in the URL.
    pub fn is_presigned(&self) -> bool {
        self.scheme().is_presigned()
    }

    /// The service a V4 scope names, not verified yet: tells an STS call from an S3 one on a shared door.
    pub fn scope_service(&self) -> Option<&str> {
        match &self.fields {
            Fields::V4(fields) => Some(&fields.scope.service),
            Fields::Legacy(_) => None,
        }
    }

    /// The session token sent with a temporary access key, from a place that the signature covers. Whoever issued it
    /// authenticates it.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Verifies the signature over `request`, which must be the one the credential was found in.
    ///
    /// # Errors
    /// Any [`AuthError`] but those of finding the credential. Whether the access key exists and is active is the
    /// caller's to decide.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        secret: &[u8],
        now: Timestamp,
        config: &VerifyConfig<'_>,
    ) -> Result<VerifiedSignature, AuthError> {
        match &self.fields {
            Fields::V4(fields) => v4::verify(fields, request, secret, now, config),
            Fields::Legacy(fields) => legacy::verify(fields, request, secret, now, config),
        }
    }
}

/// Shows neither signature nor token: a presigned signature is a right to use it.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("access_key", self.access_key())
            .field("scheme", &self.scheme())
            .finish_non_exhaustive()
    }
}
