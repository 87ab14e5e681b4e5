//! Refusals of the codec itself: the request could not be read, or asks for what is not offered.

use super::Wording;
use super::form::{FormFault, form};
use crate::dialect::{Dialect, HeaderFault};
use http::StatusCode;

/// The request could not be read as one of our operations. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireFault {
    /// The path or the query cannot be read.
    BadTarget,
    /// The host header is missing its sense: given twice, or not text.
    BadHost,
    /// Known to the protocols and not offered; says what.
    NotOffered(String),
    /// The method means nothing at this place.
    MethodNotAllowed,
    /// A header cannot be taken as it is.
    Header(HeaderFault),
    /// The header block is larger than allowed.
    HeadersTooLarge,
    /// The document is not well-formed or not of the expected form.
    MalformedXml,
    /// The operation needs a body and none was sent.
    MissingBody,
    /// The document is larger than allowed.
    BodyTooLarge,
    /// The length of a body is not known and is needed.
    MissingContentLength,
    /// `Content-MD5` is not base64 of 16 bytes.
    InvalidDigest,
    /// A checksum header is malformed, or there are several; says what.
    InvalidChecksum(String),
    /// The location constraint is not this server's region.
    InvalidLocation,
    /// Objects have one storage class here.
    InvalidStorageClass,
    /// The website redirect is neither a path nor a URL, or too long.
    InvalidRedirect,
    /// An argument has a value that is not allowed.
    InvalidArgument {
        /// The argument as the client knows it.
        name: String,
        /// What is wrong with it.
        message: &'static str,
    },
    /// The request contradicts itself; says how.
    InvalidRequest(&'static str),
    /// A session token that this server did not issue.
    UnknownSessionToken,
    /// A session token whose time is over.
    ExpiredSessionToken,
    /// Neither an ACL in the headers nor one in the body.
    MissingAcl,
    /// The operation asks for a digest of its body and none was sent.
    MissingDigest,
    /// SSE-KMS through a signature of AWS's version 2, where that is not accepted.
    KmsNeedsV4,
    /// The trailer of the body is not announced.
    UnannouncedTrailer,
    /// A cross-origin request that no rule allows.
    CrossOriginDenied,
    /// A preflight request without origin or method.
    BadPreflight,
    /// A browser's form that is refused.
    Form(FormFault),
}

impl WireFault {
    /// An argument with a value that is not allowed.
    pub fn argument(name: impl Into<String>, message: &'static str) -> Self {
        Self::InvalidArgument { name: name.into(), message }
    }
}

/// The words. Both dialects share them but for the code of what is not offered.
pub(super) fn wire(dialect: &'static Dialect, fault: &WireFault) -> Wording {
    let bad = |code, message: &'static str| Wording::new(StatusCode::BAD_REQUEST, code, message);
    match fault {
        WireFault::BadTarget => bad("InvalidURI", "Couldn't parse the specified URI."),
        WireFault::BadHost => bad("InvalidRequest", "The Host header is missing or repeated."),
        WireFault::NotOffered(what) => Wording::new(
            StatusCode::NOT_IMPLEMENTED,
            not_implemented(dialect),
            format!("This server does not implement {what}."),
        ),
        WireFault::MethodNotAllowed => Wording::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ),
        WireFault::Header(fault) => header(fault),
        WireFault::HeadersTooLarge => {
            bad("RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.")
        }
        WireFault::MalformedXml => bad(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema.",
        ),
        WireFault::MissingBody => bad("MissingRequestBodyError", "Request body is empty."),
        WireFault::BodyTooLarge => bad("MaxMessageLengthExceeded", "Your request was too big."),
        WireFault::MissingContentLength => Wording::new(
            StatusCode::LENGTH_REQUIRED,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        ),
        WireFault::InvalidDigest => bad("InvalidDigest", "The Content-MD5 you specified was invalid."),
        WireFault::InvalidChecksum(what) => Wording::new(StatusCode::BAD_REQUEST, "InvalidRequest", what.clone()),
        WireFault::InvalidLocation => {
            bad("InvalidLocationConstraint", "The specified location-constraint is not valid.")
        }
        WireFault::InvalidStorageClass => bad("InvalidStorageClass", "The storage class you specified is not valid."),
        WireFault::InvalidRedirect => bad(
            "InvalidRedirectLocation",
            "The website redirect location must have a prefix of 'http://', 'https://' or '/'.",
        ),
        WireFault::InvalidArgument { name, message } => {
            bad("InvalidArgument", message).detail("ArgumentName", name.clone())
        }
        WireFault::InvalidRequest(message) => bad("InvalidRequest", message),
        WireFault::UnknownSessionToken if dialect.is_obs() => {
            Wording::new(StatusCode::FORBIDDEN, "InvalidSecurity", "The provided security credentials are not valid.")
        }
        WireFault::UnknownSessionToken => bad("InvalidToken", "The provided token is malformed or otherwise invalid."),
        WireFault::ExpiredSessionToken if dialect.is_obs() => {
            Wording::new(StatusCode::FORBIDDEN, "InvalidSecurity", "The provided security credentials have expired.")
        }
        WireFault::ExpiredSessionToken => bad("ExpiredToken", "The provided token has expired."),
        WireFault::MissingAcl => bad("MissingSecurityHeader", "Your request was missing a required header: an ACL."),
        WireFault::MissingDigest => {
            bad("InvalidRequest", "Missing required header for this request: Content-MD5 or a checksum.")
        }
        WireFault::KmsNeedsV4 => bad(
            "InvalidArgument",
            "Requests specifying server side encryption with KMS managed keys require AWS Signature Version 4.",
        )
        .detail("ArgumentName", "Authorization"),
        WireFault::UnannouncedTrailer => {
            bad("MalformedTrailerError", "The request contained trailing data that was not announced.")
        }
        WireFault::CrossOriginDenied => {
            Wording::new(StatusCode::FORBIDDEN, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
        }
        WireFault::Form(fault) => form(dialect, fault),
        WireFault::BadPreflight => bad(
            "BadRequest",
            "Insufficient information. Origin and Access-Control-Request-Method request headers are needed.",
        ),
    }
}

/// The code of what is not offered (obs-api §11.2).
pub(super) fn not_implemented(dialect: &'static Dialect) -> &'static str {
    if dialect.is_obs() { "ServiceNotImplemented" } else { "NotImplemented" }
}

fn header(fault: &HeaderFault) -> Wording {
    let (name, message) = match fault {
        HeaderFault::Repeated(name) => (name.as_str(), "The header must not be repeated."),
        HeaderFault::NotText(name) => (name.as_str(), "The header's value is not valid text."),
        HeaderFault::KeyInQuery => ("customer-key", "A customer key must be sent as a header, never in the query."),
        HeaderFault::ParameterWithoutEffect(name) => {
            (name.as_str(), "The parameter must be sent as a header unless the URL is presigned with it.")
        }
    };
    Wording::new(StatusCode::BAD_REQUEST, "InvalidArgument", message).detail("ArgumentName", name)
}
