//! Who signed a request of the AWS APIs. Only V4 over the whole body counts: `UNSIGNED-PAYLOAD` and the older signatures
//! do not cover the body, which is the request.

use super::plane::refused;
use crate::auth::{self, AcceptedRegions, AuthError, SignedRequest, VerifyConfig};
use crate::gateway::Gateway;
use crate::reply::Reply;
use crypto::sha256;
use http::StatusCode;
use http::request::Parts;
use iam::CredentialError;
use policy::Principal;
use std::sync::Arc;

/// Why a request of the control plane did not come to its operation.
#[derive(Clone, Debug)]
pub(crate) enum Refused {
    /// Plain HTTP from another machine.
    NeedsTls,
    /// The body did not come whole.
    Incomplete,
    /// The body is too large.
    TooLarge,
    /// No credential, or one of another kind than V4.
    Unsigned,
    /// No such access key.
    UnknownKey,
    /// The credential cannot be read.
    Malformed,
    /// The session is over.
    Expired,
    /// The signature does not hold.
    Signature,
}

impl Refused {
    /// The reply, in AWS's words. What exactly is wrong with a signature is not told.
    pub(super) fn reply(&self) -> Reply {
        let (status, kind, message) = match self {
            Self::NeedsTls => (
                StatusCode::BAD_REQUEST,
                "AccessDeniedException",
                "Requests of the key management API need TLS unless they come from this machine.",
            ),
            Self::Incomplete => (StatusCode::BAD_REQUEST, "SerializationException", "The request body is incomplete."),
            Self::TooLarge => (StatusCode::BAD_REQUEST, "ValidationException", "The request body is too large."),
            Self::Unsigned => (
                StatusCode::FORBIDDEN,
                "MissingAuthenticationTokenException",
                "The request must be signed with AWS Signature Version 4.",
            ),
            Self::UnknownKey => (
                StatusCode::BAD_REQUEST,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Self::Expired => (
                StatusCode::BAD_REQUEST,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "IncompleteSignatureException",
                "The request signature does not conform to AWS standards.",
            ),
            Self::Signature => (
                StatusCode::FORBIDDEN,
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided.",
            ),
        };
        refused(status, kind, message)
    }
}

/// Whose signature held.
pub(super) struct Signer {
    pub(super) principal: Principal,
    /// The access key that signed, for the audit trail.
    pub(super) access_key: Arc<str>,
}

/// Verifies the V4 signature over the head and the whole body, made for `service` (`kms`, `iam`, `sts`).
pub(super) fn authenticate(
    gateway: &Gateway,
    head: &Parts,
    body: &[u8],
    service: &'static str,
) -> Result<Signer, Refused> {
    let request = SignedRequest {
        method: head.method.as_str(),
        raw_target: head.uri.path_and_query().map_or("/", |target| target.as_str()),
        headers: &head.headers,
        host_bucket: None,
    };
    let credential = match auth::detect(&request) {
        Ok(Some(credential)) if credential.scheme() == auth::Scheme::V4Header => credential,
        Ok(_) => return Err(Refused::Unsigned),
        Err(AuthError::UnknownAccessKey) => return Err(Refused::UnknownKey),
        Err(AuthError::UnsupportedAuthorizationType | AuthError::EmptyAuthorization) => return Err(Refused::Unsigned),
        Err(_) => return Err(Refused::Malformed),
    };
    let now = gateway.clock.now();
    let found = gateway.directory.credential(credential.access_key(), credential.session_token(), now);
    let signing = found.map_err(|error| match error {
        CredentialError::TokenExpired => Refused::Expired,
        _ => Refused::UnknownKey,
    })?;
    let config = VerifyConfig {
        regions: AcceptedRegions::Configured(gateway.config.region.as_str()),
        service,
        obs_unsigned_subresources: false,
        body_sha256: Some(sha256(body)),
    };
    let secret = signing.secret.expose().as_bytes();
    credential.verify(&request, secret, now, &config).map_err(|_| Refused::Signature)?;
    gateway.directory.note_use(credential.access_key(), service, now);
    Ok(Signer { principal: signing.principal, access_key: credential.access_key().as_str().into() })
}
