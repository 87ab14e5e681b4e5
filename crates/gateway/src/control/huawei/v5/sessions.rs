//! Who one is, and sessions of agencies: the STS part of the newer API.

use super::super::call::{Call, name, show};
use super::super::fault::Fault;
use super::super::shapes::{identity, urn};
use crate::dates::xml_date;
use crate::reply::Reply;
use http::StatusCode;
use iam::AssumeRole;
use model::{AccountId, EntityName};
use policy::{Caller, Identity};
use serde_json::json;

/// Seconds of a session nobody asked otherwise for.
const SECONDS_DEFAULT: u32 = 3600;
/// Bounds of the API in seconds; the agency's own maximum may be lower.
const SECONDS: std::ops::RangeInclusive<u32> = 900..=43_200;

/// `iam::ACCOUNT:user:NAME`; sessions of agencies are STS's.
fn principal_urn(caller: &Caller) -> String {
    match &caller.identity {
        Identity::Root => format!("iam::{}:root", caller.account),
        Identity::User { name, path, .. } => urn(Some(&caller.account), "user", path, name.as_str()),
        Identity::Role { name, session_name, .. } => assumed_urn(&caller.account, name.as_str(), session_name),
    }
}

fn assumed_urn(account: &AccountId, agency: &str, session_name: &str) -> String {
    format!("sts::{account}:assumed-agency:{agency}/{session_name}")
}

fn principal_id(caller: &Caller) -> String {
    match &caller.identity {
        Identity::Role { uid, session_name, .. } => format!("{uid}:{session_name}"),
        _ => identity(caller).0,
    }
}

pub(in super::super) async fn caller_identity(call: &Call<'_>) -> Result<Reply, Fault> {
    let caller = call.caller()?;
    let shown = json!({
        "account_id": caller.account.as_str(),
        "principal_urn": principal_urn(caller),
        "principal_id": principal_id(caller),
    });
    Ok(show(StatusCode::OK, &shown))
}

/// `iam::ACCOUNT:agency:PATH/NAME`.
fn agency_urn(text: &str) -> Result<(AccountId, EntityName), Fault> {
    let malformed = || Fault::parameter("agency_urn", "it must be of the form iam::ACCOUNT:agency:NAME");
    let rest = text.strip_prefix("iam::").ok_or_else(malformed)?;
    let (account, rest) = rest.split_once(":agency:").ok_or_else(malformed)?;
    let account = AccountId::parse(account).ok_or_else(malformed)?;
    let last = rest.rsplit('/').next().unwrap_or(rest);
    Ok((account, name("agency_urn", last)?))
}

pub(in super::super) async fn assume_agency(call: &Call<'_>) -> Result<Reply, Fault> {
    let asked = call.body();
    // What would change who the session is, or what it needs, is refused rather than ignored.
    for unknown in ["serial_number", "token_code", "source_identity"] {
        if asked.maybe_text(unknown)?.is_some_and(|text| !text.is_empty()) {
            return Err(Fault::parameter(unknown, "it is not offered"));
        }
    }
    for unknown in ["tags", "transitive_tag_keys", "provided_contexts"] {
        if call.body.get(unknown).and_then(|list| list.as_array()).is_some_and(|list| !list.is_empty()) {
            return Err(Fault::parameter(unknown, "it is not offered"));
        }
    }
    let (account, role) = agency_urn(asked.text("agency_urn")?)?;
    let session_name = asked.text("agency_session_name")?.to_owned();
    let seconds = asked.maybe_number("duration_seconds")?.unwrap_or(SECONDS_DEFAULT);
    if !SECONDS.contains(&seconds) {
        return Err(Fault::parameter("duration_seconds", "it must be between 900 and 43200"));
    }
    let managed = asked.texts("policy_ids")?;
    let request = AssumeRole {
        account,
        role,
        session_name,
        seconds: Some(seconds),
        policy: asked.maybe_text("policy")?.map(str::to_owned),
        managed: managed.into_iter().map(|id| call.policy_called(id)).collect::<Result<_, _>>()?,
        external_id: asked.maybe_text("external_id")?.map(str::to_owned),
    };
    let issued = call.directory().assume_role(call.requester, request).await?;
    let shown = json!({
        "assumed_agency": { "urn": principal_urn(&issued.caller), "id": principal_id(&issued.caller) },
        "credentials": {
            "access_key_id": issued.access_key.as_str(),
            "secret_access_key": issued.secret.expose(),
            "security_token": issued.token,
            "expiration": xml_date(issued.expires),
        },
    });
    Ok(show(StatusCode::CREATED, &shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::EntityPath;

    #[test]
    fn agencies_are_named_by_urns() {
        let account = "0123456789abcdef0123456789abcdef";
        let named = |text: &str| agency_urn(text).map(|(account, name)| (account.to_string(), name.to_string())).ok();
        let expected = Some((account.to_owned(), "helper".to_owned()));
        assert_eq!(named(&format!("iam::{account}:agency:helper")), expected);
        assert_eq!(named(&format!("iam::{account}:agency:path/of/helper")), expected);
        for wrong in
            ["", "iam::x:agency:helper", "arn:aws:iam::1:role/helper", "iam::0123:user:helper", "iam::0123:agency:"]
        {
            assert_eq!(named(wrong), None, "{wrong}");
        }
        let path = EntityPath::parse("/a/").unwrap();
        assert_eq!(urn(None, "policy", &path, "p"), "iam::system:policy:a/p");
    }
}
