//! What the families have in common when they show entities: times, links and pages.

use super::call::Call;
use super::fault::Fault;
use crate::dates::xml_date;
use http::header::HOST;
use model::{AccountId, EntityPath, Timestamp};
use policy::{Caller, Identity};
use serde_json::{Value, json};

/// Most entries of a page of the older API.
const PER_PAGE_MAX: usize = 300;
/// Entries of a page of the newer API, unless it is asked for fewer or more.
const LIMIT_DEFAULT: usize = 100;
/// Most entries of a page of the newer API.
const LIMIT_MAX: usize = 200;

/// `2017-04-17T07:55:18.575000Z`: clients parse six digits.
pub(super) fn micros(at: Timestamp) -> String {
    let text = xml_date(at);
    format!("{}000Z", text.trim_end_matches('Z'))
}

/// As [`micros`], without the `Z`, which agencies and users lack.
pub(super) fn bare_micros(at: Timestamp) -> String {
    micros(at).trim_end_matches('Z').to_owned()
}

/// Links of an entity or of a list, which is always whole or paged by number.
pub(super) fn links(call: &Call<'_>, path: &str) -> Value {
    json!({ "self": link(call, path), "previous": null, "next": null })
}

/// An address on this server, as the client wrote it.
pub(super) fn link(call: &Call<'_>, path: &str) -> String {
    let host = call.request.head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let scheme = if call.request.peer.secure { "https" } else { "http" };
    format!("{scheme}://{host}{path}")
}

/// The page that `page` and `per_page` ask for; all entries if they ask for none.
pub(super) fn numbered_page<T>(call: &Call<'_>, items: Vec<T>) -> Result<Vec<T>, Fault> {
    let number = |name: &'static str, max: usize| match call.asked(name) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .ok()
            .filter(|number| (1..=max).contains(number))
            .map(Some)
            .ok_or(Fault::Parameter(name, format!("it must be between 1 and {max}"))),
    };
    let per_page = number("per_page", PER_PAGE_MAX)?;
    let page = number("page", usize::MAX)?.unwrap_or(1);
    let Some(per_page) = per_page else { return Ok(items) };
    Ok(items.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect())
}

/// The page that `limit` and `marker` ask for, and `page_info`. Items come with the id that stands for them in markers.
pub(super) fn marked_page(call: &Call<'_>, items: Vec<(String, Value)>) -> Result<(Vec<Value>, Value), Fault> {
    let limit = match call.asked("limit") {
        None => LIMIT_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit))
            .ok_or(Fault::Parameter("limit", format!("it must be between 1 and {LIMIT_MAX}")))?,
    };
    let start = match call.asked("marker") {
        None => 0,
        Some(marker) => items
            .iter()
            .position(|(id, _)| id == marker)
            .map(|at| at + 1)
            .ok_or(Fault::parameter("marker", "there is no such place in the list"))?,
    };
    let rest = items.len().saturating_sub(start);
    let page: Vec<(String, Value)> = items.into_iter().skip(start).take(limit).collect();
    let next = page.last().filter(|_| rest > limit).map(|(id, _)| id.clone());
    let count = page.len();
    let shown = page.into_iter().map(|(_, value)| value).collect();
    Ok((shown, json!({ "next_marker": next, "current_count": count })))
}

/// A path as the newer API writes it: without the slash it begins with.
pub(super) fn shown_path(path: &EntityPath) -> &str {
    path.as_str().trim_start_matches('/')
}

/// A path of the newer API.
pub(super) fn path(text: Option<&str>) -> Result<EntityPath, Fault> {
    match text {
        None | Some("") => Ok(EntityPath::default()),
        Some(text) => EntityPath::parse(&format!("/{}", text.trim_start_matches('/')))
            .ok_or(Fault::parameter("path", "it must end with a slash and have no empty part")),
    }
}

/// `iam::ACCOUNT:KIND:PATH/NAME`.
pub(super) fn urn(account: Option<&AccountId>, kind: &str, path: &EntityPath, name: &str) -> String {
    format!("iam::{}:{kind}:{}{name}", account.map_or("system", AccountId::as_str), shown_path(path))
}

/// The id and the name of a caller. The account's root identity goes by those of the account.
pub(super) fn identity(caller: &Caller) -> (String, String) {
    match &caller.identity {
        Identity::Root => (caller.account.to_string(), caller.account_name.clone()),
        Identity::User { uid, name, .. } => (uid.to_hex(), name.to_string()),
        Identity::Role { uid, name, session_name, .. } => (uid.to_hex(), format!("{name}/{session_name}")),
    }
}

/// `{"id","name"}` of a caller's account.
pub(super) fn domain(caller: &Caller) -> Value {
    json!({ "id": caller.account.as_str(), "name": caller.account_name })
}
