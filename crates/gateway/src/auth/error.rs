//! Why a request's credential was refused, in words that belong to no dialect. The dialects map each variant to their
//! own wire code in one exhaustive table; the status and code named here are what AWS and OBS answer.

use model::Timestamp;
use std::fmt;

/// A refusal. No variant holds key material: values of customer keys and session tokens are replaced before they could
/// reach [`AuthError::SignatureMismatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// More than one credential: two `Authorization` headers, a header and a query, or two kinds of query
    /// (400 `InvalidArgument`).
    MultipleCredentials,
    /// The `Authorization` header names a scheme that is not offered (400 `InvalidArgument`). Clients of OBS fall back
    /// to AWS V2 on exactly this message, so it must reach them unchanged.
    UnsupportedAuthorizationType,
    /// A known family of signatures with an algorithm that is not offered, such as the ECDSA ones (501
    /// `NotImplemented`).
    UnsupportedAlgorithm,
    /// The `Authorization` header is present and empty (403 `AccessDenied`).
    EmptyAuthorization,
    /// A V4 `Authorization` header that cannot be read; says what is wrong (400 `AuthorizationHeaderMalformed`).
    MalformedHeader(&'static str),
    /// An OBS or V2 `Authorization` header that cannot be read (400 `InvalidArgument`).
    MalformedLegacyHeader(&'static str),
    /// Credential parameters of the query that cannot be read (400 `AuthorizationQueryParametersError` for V4, 403
    /// `AccessDenied` for the older forms).
    MalformedQuery(&'static str),
    /// Credential fields of a form that cannot be read (400 `InvalidArgument`).
    MalformedForm(&'static str),
    /// `X-Amz-Expires` is not between 1 and 604800 (400 `AuthorizationQueryParametersError`; Ceph's suite wants 403).
    ExpiresOutOfRange,
    /// A header that must occur once occurs more often (400 `InvalidArgument`).
    RepeatedHeader(&'static str),
    /// An access key id that no access key can have (403 `InvalidAccessKeyId`).
    UnknownAccessKey,
    /// A V4 header signature without `x-amz-content-sha256` (400 `InvalidRequest`).
    MissingPayloadHash,
    /// `x-amz-content-sha256` (or `x-obs-content-sha256`) has a value that is no hash and no known word, or one that
    /// this kind of signature cannot carry (400 `InvalidArgument`).
    InvalidPayloadHash,
    /// The hash that the signature covers is not that of the body at hand (400 `XAmzContentSHA256Mismatch`).
    PayloadHashMismatch,
    /// No usable date (403 `AccessDenied`).
    MissingDate,
    /// The request's date is more than 15 minutes off (403 `RequestTimeTooSkewed`).
    TimeSkewed {
        /// The date the request carries.
        requested: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// A presigned request that begins to be valid later (403 `AccessDenied`).
    NotYetValid,
    /// A presigned request whose time is over (403 `AccessDenied`).
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// The credential scope names another region (400 `AuthorizationHeaderMalformed`, with the right region).
    WrongRegion {
        /// The region of this server.
        expected: String,
    },
    /// The credential scope names another service (400 `AuthorizationHeaderMalformed`).
    WrongService {
        /// The service asked.
        expected: String,
    },
    /// The credential scope names another day than the request's date (400 `AuthorizationHeaderMalformed`).
    WrongScopeDate,
    /// A header that changes what the request means is not covered by the signature (403 `AccessDenied`).
    UnsignedHeader(String),
    /// A header said to be signed is not in the request (403 `AccessDenied`).
    SignedHeaderMissing(String),
    /// A header or query parameter of another dialect, which the signature cannot cover (400 `InvalidArgument`).
    ForeignHeader(String),
    /// The signature is not the one this secret makes (403 `SignatureDoesNotMatch`).
    SignatureMismatch {
        /// What the server signed, values of keys and tokens left out. For the client's debugging.
        string_to_sign: String,
        /// V4's canonical request, values of keys and tokens left out.
        canonical_request: Option<String>,
    },
}

/// The text for the client.
impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MultipleCredentials => f.write_str("Only one auth mechanism allowed"),
            Self::UnsupportedAuthorizationType => f.write_str("Unsupported Authorization Type"),
            Self::UnsupportedAlgorithm => f.write_str("The signature algorithm is not supported"),
            Self::EmptyAuthorization => f.write_str("Access Denied"),
            Self::MalformedHeader(what) => write!(f, "The authorization header is malformed; {what}"),
            Self::MalformedLegacyHeader(what) => write!(f, "The authorization header is invalid; {what}"),
            Self::MalformedQuery(what) => write!(f, "The authorization query parameters are invalid; {what}"),
            Self::MalformedForm(what) => write!(f, "The form's authorization fields are invalid; {what}"),
            Self::ExpiresOutOfRange => f.write_str("X-Amz-Expires must be between 1 and 604800 seconds"),
            Self::RepeatedHeader(name) => write!(f, "The header {name} must not be repeated"),
            Self::UnknownAccessKey => f.write_str("The access key id you provided does not exist in our records."),
            Self::MissingPayloadHash => f.write_str("Missing required header for this request: x-amz-content-sha256"),
            Self::InvalidPayloadHash => f.write_str(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING value that this signature allows, or a \
                 valid sha256 value",
            ),
            Self::PayloadHashMismatch => {
                f.write_str("The provided x-amz-content-sha256 header does not match what was computed")
            }
            Self::MissingDate => f.write_str("A valid Date or x-amz-date header is required for a signed request"),
            Self::TimeSkewed { .. } => {
                f.write_str("The difference between the request time and the server's time is too large.")
            }
            Self::NotYetValid => f.write_str("Request is not valid yet"),
            Self::Expired { .. } => f.write_str("Request has expired"),
            Self::WrongRegion { expected } => {
                write!(f, "The authorization header is malformed; the region is wrong; expecting '{expected}'")
            }
            Self::WrongService { expected } => {
                write!(f, "The authorization header is malformed; the service is wrong; expecting '{expected}'")
            }
            Self::WrongScopeDate => f.write_str(
                "The authorization header is malformed; the date of the credential differs from that of the request",
            ),
            Self::UnsignedHeader(name) => {
                write!(f, "There were headers present in the request which were not signed: {name}")
            }
            Self::SignedHeaderMissing(name) => write!(f, "A signed header is not present in the request: {name}"),
            Self::ForeignHeader(name) => {
                write!(f, "The header or parameter {name} cannot be used with this kind of signature")
            }
            Self::SignatureMismatch { .. } => f.write_str(
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method.",
            ),
        }
    }
}

impl std::error::Error for AuthError {}
