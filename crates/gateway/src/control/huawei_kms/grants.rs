//! Grants: one user or account may do some operations with one key. Operations go by this API's names here and by AWS's
//! in the catalogue.

use super::call::Call;
use super::code::Code;
use super::fault::Fault;
use super::page::{self, Page};
use super::shapes::{self, millis};
use crate::reply::Reply;
use kms::{GrantDescription, GrantRef, NewGrant};
use model::AccountId;
use policy::Action;
use serde_json::{Value, json};

/// The operations a grant can name, and what they allow. Data and data keys are wrapped by the same action.
const OPERATIONS: [(&str, Action); 9] = [
    ("create-datakey", Action::KmsGenerateDataKey),
    ("create-datakey-without-plaintext", Action::KmsGenerateDataKeyWithoutPlaintext),
    ("encrypt-datakey", Action::KmsEncrypt),
    ("decrypt-datakey", Action::KmsDecrypt),
    ("encrypt-data", Action::KmsEncrypt),
    ("decrypt-data", Action::KmsDecrypt),
    ("describe-key", Action::KmsDescribeKey),
    ("create-grant", Action::KmsCreateGrant),
    ("retire-grant", Action::KmsRetireGrant),
];

/// How an account is named in grants, so that it is never taken for a user.
const DOMAIN: &str = "domain/";

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let operations = actions(&call.body().texts("operations")?)?;
    let id = call.text("grantee_principal")?;
    let grantee = match call.maybe_text("grantee_principal_type")? {
        None | Some("user") => user(call, id)?,
        Some("domain") => domain(id)?,
        Some(_) => return Err(Fault::parameter("grantee_principal_type", "it is user or domain")),
    };
    let retiring = call.maybe_text("retiring_principal")?.map(|id| user(call, id)).transpose()?;
    let name = call.maybe_text("name")?.unwrap_or_default().to_owned();
    let cmk = call.managed(Action::KmsCreateGrant).await?;
    let grant = NewGrant { grantee, retiring, operations, constraint: None, name };
    let made = call.keys().create_grant(call.user(), &cmk, grant).await?;
    Ok(shapes::show(&json!({ "grant_id": made.id })))
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Fault> {
    let page = Page::of_body(call)?;
    let cmk = call.managed(Action::KmsListGrants).await?;
    let grants = call.keys().grants(call.user(), &cmk).await?;
    Ok(listed(page, grants))
}

pub(super) async fn list_retirable(call: &Call<'_>) -> Result<Reply, Fault> {
    let page = Page::of_body(call)?;
    let mut grants = call.keys().retirable_grants(call.user(), None).await?;
    grants.retain(|grant| call.sees(&grant.cmk));
    Ok(listed(page, grants))
}

pub(super) async fn retire(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = call.text("grant_id")?;
    let cmk = call.managed(Action::KmsRetireGrant).await?;
    call.keys().retire_grant(call.user(), GrantRef::Id(cmk, id.to_owned())).await?;
    Ok(shapes::nothing())
}

pub(super) async fn revoke(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = call.text("grant_id")?;
    let cmk = call.managed(Action::KmsRevokeGrant).await?;
    call.keys().revoke_grant(call.user(), &cmk, id).await?;
    Ok(shapes::nothing())
}

fn listed(page: Page, grants: Vec<GrantDescription>) -> Reply {
    let total = grants.len();
    let (grants, next) = page.cut(grants);
    let mut shown = json!({ "grants": grants.iter().map(shape).collect::<Vec<_>>() });
    page::add_to(&mut shown, next, total);
    shapes::show(&shown)
}

fn shape(grant: &GrantDescription) -> Value {
    let (grantee, kind) = principal(&grant.grant.grantee);
    json!({
        "key_id": shapes::key_id(&grant.cmk),
        "grant_id": grant.id,
        "grantee_principal": grantee,
        "grantee_principal_type": kind,
        "operations": names(&grant.grant.operations),
        "issuing_principal": grant.issuer,
        "creation_date": millis(grant.created),
        "name": grant.grant.name,
        "retiring_principal": grant.grant.retiring.as_deref().map(|retiring| principal(retiring).0).unwrap_or_default(),
    })
}

/// What the names of operations allow, each once.
pub(super) fn actions(given: &[&str]) -> Result<Vec<Action>, Fault> {
    let mut actions = Vec::new();
    for name in given {
        let (_, action) = OPERATIONS
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| Fault::parameter("operations", "one of them is none that a grant can allow"))?;
        if !actions.contains(action) {
            actions.push(*action);
        }
    }
    match actions[..] {
        [] => Err(Fault::said(Code::Missing, "operations")),
        [Action::KmsCreateGrant] => Err(Code::OnlyCreateGrant.into()),
        _ => Ok(actions),
    }
}

/// The names of what a grant allows; AWS's where this API has none.
pub(super) fn names(actions: &[Action]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for action in actions {
        let known: Vec<&str> = OPERATIONS.iter().filter(|(_, a)| a == action).map(|(name, _)| *name).collect();
        if known.is_empty() {
            names.push(action.name());
        }
        names.extend(known);
    }
    names
}

/// A user or an agency by its id. An account has ids of the same form, and is not meant.
fn user(call: &Call<'_>, id: &str) -> Result<String, Fault> {
    let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let is_account = AccountId::parse(id).is_some_and(|id| call.gateway.directory.account(&id).is_some());
    if is_id && !is_account {
        Ok(id.to_owned())
    } else {
        Err(Fault::said(Code::GrantPrincipal, "it is the id of a user or an agency"))
    }
}

/// An account by its id.
fn domain(id: &str) -> Result<String, Fault> {
    match AccountId::parse(id).filter(|_| id.len() == 32) {
        Some(id) => Ok(format!("{DOMAIN}{id}")),
        None => Err(Fault::said(Code::GrantPrincipal, "it is the id of an account")),
    }
}

/// A principal of a grant as this API shows it, and its type. What the other API wrote is shown as it stands.
pub(super) fn principal(text: &str) -> (&str, &'static str) {
    match text.strip_prefix(DOMAIN).filter(|rest| !rest.contains(':')) {
        Some(id) => (id, "domain"),
        None if text.ends_with(":root") || text.len() == 12 => (text, "domain"),
        None => (text, "user"),
    }
}
