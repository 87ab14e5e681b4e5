//! Who asks: by a signature of the SDKs or by an identity token, never both (kms-iam-api §1.2).

use super::super::plane::ControlRequest;
use super::fault::Fault;
use crate::auth::{AcceptedRegions, AuthError, SdkCredential, SdkVerifyConfig, SignedRequest};
use http::HeaderMap;
use iam::{CredentialError, IdentityToken, Requester};
use model::ProjectUid;
use policy::{Conditions, Principal};
use std::sync::Arc;

/// Who asks, and in what scope.
#[derive(Debug)]
pub(in super::super) struct Bearer {
    /// Who.
    pub(in super::super) principal: Principal,
    /// Whether an identity token showed it, and not a signature.
    pub(in super::super) by_token: bool,
    /// The access key that signed; none if a token showed who asks.
    pub(in super::super) access_key: Option<Arc<str>>,
    /// The project the request is made in: that of `X-Project-Id`, or the one its token is scoped to.
    pub(in super::super) project: Option<ProjectUid>,
}

/// Verifies the credential of a request over its head and its whole body; `None` if it carries none. `services` are
/// those a derived signature may be made for. What exactly is wrong with a credential is not told.
///
/// # Errors
/// [`Fault::Unauthenticated`] and its kin; [`Fault::ForeignScope`] if the request names an account or a project that is
/// not the caller's.
pub(in super::super) async fn authenticate(
    request: &ControlRequest<'_>,
    services: &'static [&'static str],
    conditions: &Conditions,
) -> Result<Option<Bearer>, Fault> {
    let headers = &request.head.headers;
    let credential = SdkCredential::find(headers).map_err(|error| refused(&error))?;
    let token = single(headers, "x-auth-token")?;
    let mut access_key = None;
    let (principal, token) = match (credential, token) {
        (Some(_), Some(_)) => return Err(refused(&AuthError::MultipleCredentials)),
        (None, None) => return Ok(None),
        (Some(credential), None) => {
            access_key = Some(credential.access_key().as_str().into());
            (signed(request, &credential, services)?, None)
        }
        (None, Some(text)) => {
            let now = request.gateway.clock.now();
            let token = request.gateway.directory.identity_token(text, now).map_err(unaccepted)?;
            (token.principal.clone(), Some(token))
        }
    };
    let by_token = token.is_some();
    let project = scope(request, &principal, token.as_ref(), conditions).await?;
    Ok(Some(Bearer { principal, by_token, access_key, project }))
}

fn signed(
    request: &ControlRequest<'_>,
    credential: &SdkCredential,
    services: &'static [&'static str],
) -> Result<Principal, Fault> {
    let ControlRequest { gateway, head, body, .. } = request;
    let now = gateway.clock.now();
    let found = gateway.directory.credential(credential.access_key(), credential.security_token(), now);
    let signing = found.map_err(unaccepted)?;
    let region = gateway.config.region.as_str();
    let regions = if gateway.config.any_v4_region { AcceptedRegions::Any } else { AcceptedRegions::Configured(region) };
    let signed = SignedRequest {
        method: head.method.as_str(),
        raw_target: head.uri.path_and_query().map_or("/", |target| target.as_str()),
        headers: &head.headers,
        host_bucket: None,
    };
    let config = SdkVerifyConfig { regions, services };
    let secret = signing.secret.expose().as_bytes();
    credential.verify(&signed, body, secret, now, &config).map_err(|error| refused(&error))?;
    gateway.directory.note_use(credential.access_key(), services.first().copied().unwrap_or("iam"), now);
    Ok(signing.principal)
}

/// `X-Domain-Id` must be the caller's account and `X-Project-Id` one of its projects: a request is never carried out in
/// another scope than its sender believes.
async fn scope(
    request: &ControlRequest<'_>,
    principal: &Principal,
    token: Option<&IdentityToken>,
    conditions: &Conditions,
) -> Result<Option<ProjectUid>, Fault> {
    let headers = &request.head.headers;
    if let Some(domain) = single(headers, "x-domain-id")?
        && principal.account().is_none_or(|account| account.as_str() != domain)
    {
        return Err(Fault::ForeignScope);
    }
    let of_token = token.and_then(|token| token.project);
    let Some(said) = single(headers, "x-project-id")? else { return Ok(of_token) };
    let said = ProjectUid::parse_hex(said).ok_or(Fault::ForeignScope)?;
    if of_token.is_some_and(|project| project != said) {
        return Err(Fault::ForeignScope);
    }
    let projects = request.gateway.directory.list_projects(Requester { principal, conditions }).await?;
    if !projects.iter().any(|project| project.uid == said) {
        return Err(Fault::ForeignScope);
    }
    Ok(Some(said))
}

/// The value of a header that must not be repeated.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Fault> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|value| Some(value.trim())).map_err(|_| Fault::Unauthenticated),
        (Some(_), Some(_)) => Err(Fault::Unauthenticated),
    }
}

fn refused(error: &AuthError) -> Fault {
    tracing::debug!(%error, "Huawei signature refused");
    match error {
        AuthError::TimeSkewed { .. } => Fault::Skewed,
        _ => Fault::Unauthenticated,
    }
}

fn unaccepted(error: CredentialError) -> Fault {
    tracing::debug!(?error, "Huawei credential refused");
    match error {
        CredentialError::TokenExpired => Fault::Expired,
        CredentialError::Unknown | CredentialError::TokenMissing | CredentialError::TokenInvalid => {
            Fault::Unauthenticated
        }
    }
}
