//! Making, describing and listing keys.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::page::{self, Page};
use super::shapes::{self, DEFAULT_KEYSTORE};
use crate::reply::Reply;
use kms::{AliasName, CreateCmk, KeyFilter, KeySpec, Origin, ProviderName};
use policy::Action;
use serde_json::{Value, json};

/// Longest description in characters.
const DESCRIPTION_CHARS_MAX: usize = 255;

/// Every spec of the cloud. Only the first two are kept here, but all may be asked for.
const SPECS: [&str; 14] = [
    "AES_256",
    "SM4",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_P256",
    "EC_P384",
    "SECP256K1",
    "SM2",
    "ED25519",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "HMAC_SM3",
];

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    call.refuse(&["vm_id"])?;
    only(call, "enterprise_project_id", &["0"])?;
    only(call, "key_usage", &["ENCRYPT_DECRYPT"])?;
    let alias = alias(call.text("key_alias")?)?;
    let spec = match call.maybe_text("key_spec")? {
        None | Some("AES_256") => KeySpec::Aes256,
        Some("SM4") => KeySpec::Sm4,
        Some(_) => return Err(Fault::parameter("key_spec", "this server offers AES_256 and SM4")),
    };
    let origin = match call.maybe_text("origin")? {
        None | Some("kms") => Origin::Kms,
        Some("external") => Origin::External,
        Some(_) => return Err(Fault::parameter("origin", "it is kms or external")),
    };
    let provider = match call.maybe_text("keystore_id")? {
        None | Some(DEFAULT_KEYSTORE) => None,
        Some(name) => {
            Some(ProviderName::parse(name).ok_or(Fault::parameter("keystore_id", "there is no such key store"))?)
        }
    };
    let wanted = CreateCmk {
        spec,
        origin,
        description: description(call.maybe_text("key_description")?)?,
        project: call.scope.project,
        provider,
        alias: Some(alias.as_str().to_owned()),
        ..CreateCmk::default()
    };
    let made = call.keys().create(call.user(), wanted).await?;
    let shown = json!({
        "key_id": shapes::key_id(&made.id),
        "domain_id": made.id.account.as_str(),
        "region_id": made.id.region.as_str(),
    });
    Ok(shapes::show(&json!({ "key_info": shown })))
}

pub(super) async fn describe(call: &Call<'_>) -> Result<Reply, Fault> {
    let cmk = call.used("key_id", Action::KmsDescribeKey).await?;
    let found = call.keys().describe(call.user(), &cmk).await?;
    Ok(shapes::show(&json!({ "key_info": shapes::details(call.keys(), &found) })))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, "enterprise_project_id", &["0", "all"])?;
    let page = Page::of_body(call)?;
    let state = call.number("key_state", Code::Parameter)?.map(|state| state.to_string());
    if state.as_deref().is_some_and(|state| !["1", "2", "3", "4", "5", "7"].contains(&state)) {
        return Err(Fault::parameter("key_state", "it is 1, 2, 3, 4, 5 or 7"));
    }
    let spec = call.maybe_text("key_spec")?.unwrap_or(shapes::spec(KeySpec::Aes256));
    if spec != "ALL" && !SPECS.contains(&spec) {
        return Err(Fault::parameter("key_spec", "it is one of the key specs, or ALL"));
    }
    let filter = KeyFilter { project: Some(call.scope.project), ..KeyFilter::default() };
    let mut found = call.keys().list_detailed(call.user(), &filter).await?;
    found.retain(|cmk| {
        state.as_deref().is_none_or(|state| shapes::state(cmk.state) == state)
            && (spec == "ALL" || shapes::spec(cmk.spec) == spec)
    });
    let total = found.len();
    let (found, next) = page.cut(found);
    let mut shown = json!({
        "keys": found.iter().map(|cmk| shapes::key_id(&cmk.id)).collect::<Vec<_>>(),
        "key_details": found.iter().map(|cmk| shapes::details(call.keys(), cmk)).collect::<Vec<Value>>(),
    });
    page::add_to(&mut shown, next, total);
    Ok(shapes::show(&shown))
}

/// A member that must have one of these values if it is there.
pub(super) fn only(call: &Call<'_>, name: &'static str, offered: &[&str]) -> Result<(), Fault> {
    match call.maybe_text(name)? {
        Some(given) if !offered.contains(&given) => {
            Err(Fault::parameter(name, &format!("this server offers {}", offered.join(" and "))))
        }
        _ => Ok(()),
    }
}

/// An alias with or without `alias/`.
pub(super) fn alias(text: &str) -> Result<AliasName, Fault> {
    AliasName::parse(text.strip_prefix("alias/").unwrap_or(text))
        .ok_or_else(|| Fault::said(Code::Alias, "it has 1 to 250 letters, digits and characters of :/_-"))
}

/// A description, absent or short enough.
pub(super) fn description(text: Option<&str>) -> Result<String, Fault> {
    let text = text.unwrap_or_default();
    if text.chars().count() > DESCRIPTION_CHARS_MAX { Err(Code::Description.into()) } else { Ok(text.to_owned()) }
}
