//! Temporary access keys: `POST /v3.0/OS-CREDENTIAL/securitytokens`, for oneself or for an agency. A policy in the
//! request narrows what they may do, never widens it (kms-iam-api §1.10).

use super::agencies::SESSION_SECONDS_MAX;
use super::call::{Call, show};
use super::fault::Fault;
use super::json::Object;
use super::shapes::micros;
use super::tokens::{Method, assume_role, bearer};
use crate::reply::Reply;
use http::StatusCode;
use iam::{Requester, SessionRequest};
use serde_json::json;

/// Shortest life of temporary credentials in seconds, and the one nobody asked for.
const SECONDS_MIN: u32 = 900;
/// Longest life in seconds: a day.
const SECONDS_MAX: u32 = 86_400;

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let identity = call.body().object("auth")?.object("identity")?;
    let policy = identity.maybe_document("policy")?;
    let issued = match Method::of(identity)? {
        Method::Password => return Err(Fault::parameter("methods", "it must be token or assume_role")),
        Method::Token => {
            let seconds = duration(identity.maybe_object("token")?)?;
            let (principal, by_token) = bearer(call, identity)?;
            let requester = Requester { principal: &principal, conditions: call.requester.conditions };
            let request = SessionRequest { seconds: Some(seconds), policy, by_token };
            call.directory().session_token(requester, request).await?
        }
        Method::AssumeRole => {
            let asked = identity.object("assume_role")?;
            // An agency's sessions end sooner than others; whoever asks for more is told when.
            let seconds = duration(Some(asked))?.min(SESSION_SECONDS_MAX);
            let mut request = assume_role(call, asked, Some(seconds))?;
            request.policy = policy;
            call.directory().assume_role(call.requester, request).await?
        }
    };
    let credential = json!({
        "access": issued.access_key.as_str(),
        "secret": issued.secret.expose(),
        "securitytoken": issued.token,
        "expires_at": micros(issued.expires),
    });
    Ok(show(StatusCode::CREATED, &json!({ "credential": credential })))
}

fn duration(asked: Option<Object<'_>>) -> Result<u32, Fault> {
    let seconds = asked.map(|asked| asked.maybe_number("duration_seconds")).transpose()?.flatten();
    let seconds = seconds.unwrap_or(SECONDS_MIN);
    if (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(Fault::parameter("duration_seconds", "it must be between 900 and 86400"))
    }
}
