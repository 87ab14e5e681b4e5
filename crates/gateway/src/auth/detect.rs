//! Finds the one credential of a request. Two of any kind are refused, so that no two readers of a request can come to
//! different opinions about who sent it.

use super::SignedRequest;
use super::credential::{Credential, Dialect, Fields};
use super::error::AuthError;
use super::headers::{AMZ_PREFIX, names_with_prefix};
use super::legacy::LegacyFields;
use super::target::{QueryPair, Target};
use super::v4::V4Fields;
use http::HeaderMap;

/// The credential of `request`; `None` if it carries none and is anonymous.
///
/// # Errors
/// [`AuthError::MultipleCredentials`] for more than one, [`AuthError::UnsupportedAuthorizationType`] for a scheme that
/// is not offered, and the `Malformed…` variants for one that cannot be read. A request that carries part of a
/// credential is refused rather than taken as anonymous.
pub fn detect(request: &SignedRequest<'_>) -> Result<Option<Credential>, AuthError> {
    let target = Target::parse(request.raw_target);
    let mut authorizations = request.headers.get_all("authorization").iter();
    let authorization = authorizations.next();
    if authorizations.next().is_some() {
        return Err(AuthError::MultipleCredentials);
    }

    let v4_query = target
        .query
        .iter()
        .any(|pair| pair.is("X-Amz-Algorithm") || pair.is("X-Amz-Credential") || pair.is("X-Amz-Signature"));
    let v2_query = target.query.iter().any(|pair| exactly(pair, "AWSAccessKeyId"));
    let obs_query = target.query.iter().any(|pair| exactly(pair, "AccessKeyId"));
    let found = [authorization.is_some(), v4_query, v2_query, obs_query].into_iter().filter(|found| *found).count();
    if found > 1 {
        return Err(AuthError::MultipleCredentials);
    }

    let fields = if let Some(value) = authorization {
        parse_authorization(value.to_str().map_err(|_| AuthError::UnsupportedAuthorizationType)?)?
    } else if v4_query {
        Fields::V4(V4Fields::from_query(&target)?)
    } else if v2_query {
        Fields::Legacy(LegacyFields::from_query(&target, Dialect::S3)?)
    } else if obs_query {
        Fields::Legacy(LegacyFields::from_query(&target, Dialect::Obs)?)
    } else if target.query.iter().any(|pair| exactly(pair, "Signature")) {
        return Err(AuthError::MalformedQuery("a signature without an access key id"));
    } else {
        return Ok(None);
    };
    let session_token = session_token(request.headers, &target, &fields)?;
    Ok(Some(Credential { fields, session_token }))
}

/// The dialect in which an anonymous request is answered: S3 if it has any `x-amz-` header, else OBS.
pub fn anonymous_dialect(headers: &HeaderMap) -> Dialect {
    if names_with_prefix(headers, AMZ_PREFIX).next().is_some() { Dialect::S3 } else { Dialect::Obs }
}

/// Names of the older forms are matched exactly: a site's own `?signature=` is no credential.
fn exactly(pair: &QueryPair<'_>, name: &str) -> bool {
    pair.name.as_ref() == name.as_bytes()
}

fn parse_authorization(value: &str) -> Result<Fields, AuthError> {
    let value = value.trim();
    if value.is_empty() {
        return Err(AuthError::EmptyAuthorization);
    }
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    match scheme {
        "AWS4-HMAC-SHA256" => Ok(Fields::V4(V4Fields::from_header(rest)?)),
        "AWS4-ECDSA-P256-SHA256" => Err(AuthError::UnsupportedAlgorithm),
        "AWS" => Ok(Fields::Legacy(LegacyFields::from_header(rest, Dialect::S3)?)),
        "OBS" => Ok(Fields::Legacy(LegacyFields::from_header(rest, Dialect::Obs)?)),
        _ => Err(AuthError::UnsupportedAuthorizationType),
    }
}

/// The session token, from the header or the query of the credential's dialect; both at once only if they agree.
fn session_token(headers: &HeaderMap, target: &Target<'_>, fields: &Fields) -> Result<Option<String>, AuthError> {
    // INVARIANT: every name read here is one that the scheme's signature covers. `security-token`, which one client puts
    // into signed OBS URLs by a slip, is covered by none and not read.
    let name = match fields {
        Fields::Legacy(fields) if fields.dialect == Dialect::Obs => "x-obs-security-token",
        _ => "x-amz-security-token",
    };
    let mut token: Option<String> = None;
    let in_headers = headers.get_all(name).iter().map(|value| value.as_bytes());
    let in_query = target.all(name).map(|pair| pair.value_bytes());
    for value in in_headers.chain(in_query) {
        let value = std::str::from_utf8(value).map_err(|_| AuthError::MalformedQuery("the session token"))?;
        match &token {
            Some(before) if before != value => return Err(AuthError::MultipleCredentials),
            _ => token = Some(value.to_owned()),
        }
    }
    Ok(token)
}
