//! From a credential to a principal.

use crate::auth::{
    AcceptedRegions, AuthError, Credential, FormCredential, Payload, Scheme, SignedRequest, VerifyConfig,
    unsigned_request_payload,
};
use crate::dialect::Dialect;
use crate::errors::{Refusal, WireFault};
use crate::gateway::Gateway;
use iam::{CredentialError, SigningCredential};
use model::{AccessKeyId, Timestamp};
use policy::Principal;

use std::sync::Arc;

/// Who asks, and what the signature declares about the body.
pub(crate) struct Identity {
    /// Who asks.
    pub(crate) principal: Principal,
    /// The access key that signed.
    pub(crate) access_key: Option<Arc<str>>,
    /// How the request is signed; `None` if it is not.
    pub(crate) scheme: Option<Scheme>,
    /// What is declared about the body, until the body is opened.
    pub(crate) payload: Option<Payload>,
    /// When the URL was signed, if it is a presigned one that says so.
    pub(crate) url_signed_at: Option<Timestamp>,
}

impl Identity {
    fn anonymous(payload: Option<Payload>) -> Self {
        Self { principal: Principal::Anonymous, access_key: None, scheme: None, payload, url_signed_at: None }
    }

    pub(crate) fn is_presigned(&self) -> bool {
        self.scheme.is_some_and(Scheme::is_presigned)
    }

    /// Whether the request is signed with AWS V2, which AWS refuses for SSE-KMS. OBS's own signature is not meant.
    pub(crate) fn is_aws_v2(&self) -> bool {
        matches!(self.scheme, Some(Scheme::V2Header | Scheme::V2Query | Scheme::V2Form))
    }
}

/// Verifies the signature, if there is one.
pub(crate) fn establish(
    gateway: &Gateway,
    dialect: &'static Dialect,
    credential: Option<Credential>,
    request: &SignedRequest<'_>,
) -> Result<Identity, Refusal> {
    let Some(credential) = credential else {
        let payload = unsigned_request_payload(request.headers)?;
        return Ok(Identity::anonymous(Some(payload)));
    };
    let now = gateway.clock.now();
    let signing = signing(gateway, credential.access_key(), credential.session_token(), now)?;
    let config = verify_config(gateway, dialect);
    let verified = credential.verify(request, signing.secret.expose().as_bytes(), now, &config)?;
    gateway.directory.note_use(credential.access_key(), if dialect.is_obs() { "obs" } else { "s3" }, now);
    Ok(Identity {
        principal: signing.principal,
        access_key: Some(credential.access_key().as_str().into()),
        scheme: Some(verified.scheme()),
        url_signed_at: verified.url_signed_at(),
        payload: Some(verified.into_payload()),
    })
}

/// Verifies the signature in the fields of a browser's form, if there is one. What it allows stands in its policy.
pub(crate) fn of_form(
    gateway: &Gateway,
    dialect: &'static Dialect,
    credential: Option<&FormCredential>,
) -> Result<Identity, Refusal> {
    let Some(credential) = credential else {
        return Ok(Identity::anonymous(None));
    };
    let now = gateway.clock.now();
    let signing = signing(gateway, credential.access_key(), credential.session_token(), now)?;
    let verified = credential.verify(signing.secret.expose().as_bytes(), &verify_config(gateway, dialect))?;
    gateway.directory.note_use(credential.access_key(), if dialect.is_obs() { "obs" } else { "s3" }, now);
    Ok(Identity {
        principal: signing.principal,
        access_key: Some(credential.access_key().as_str().into()),
        scheme: Some(verified.scheme()),
        payload: None,
        url_signed_at: None,
    })
}

fn signing(
    gateway: &Gateway,
    access_key: &AccessKeyId,
    session_token: Option<&str>,
    now: Timestamp,
) -> Result<SigningCredential, Refusal> {
    gateway.directory.credential(access_key, session_token, now).map_err(refused)
}

/// A credential that is not accepted (obs-api §2.7). A temporary key without its token is a key that nobody has.
fn refused(error: CredentialError) -> Refusal {
    match error {
        CredentialError::Unknown | CredentialError::TokenMissing => AuthError::UnknownAccessKey.into(),
        CredentialError::TokenInvalid => WireFault::UnknownSessionToken.into(),
        CredentialError::TokenExpired => WireFault::ExpiredSessionToken.into(),
    }
}

fn verify_config<'a>(gateway: &'a Gateway, dialect: &'static Dialect) -> VerifyConfig<'a> {
    let region = gateway.config.region.as_str();
    // OBS's clients in V4 mode name a region of their user's choice.
    let any_region = gateway.config.any_v4_region || dialect.speaks_to_obs_clients();
    VerifyConfig {
        regions: if any_region { AcceptedRegions::Any } else { AcceptedRegions::Configured(region) },
        service: "s3",
        obs_unsigned_subresources: gateway.config.obs_unsigned_subresources,
        body_sha256: None,
    }
}
