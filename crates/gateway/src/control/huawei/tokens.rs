//! Identity tokens: `/v3/auth/tokens`. A token is asked for with a password, with another token (or a signature), or
//! for an agency; it is scoped to a project if one is named, otherwise to the account (kms-iam-api §1.10).

use super::authenticate::single;
use super::call::{Call, name, show};
use super::fault::Fault;
use super::json::Object;
use super::places::services;
use super::shapes::{domain, identity, micros};
use crate::reply::Reply;
use http::StatusCode;
use iam::{AssumeRole, CredentialError, IdentityToken, Named, PasswordLogin, Requester};
use model::ProjectUid;
use policy::{Identity, Principal};
use serde_json::{Value, json};

/// How somebody identifies themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Password,
    Token,
    AssumeRole,
}

impl Method {
    /// The one method of `auth.identity`. Several at once would leave open which of them counts.
    pub(super) fn of(identity: Object<'_>) -> Result<Self, Fault> {
        match identity.texts("methods")?.as_slice() {
            ["password"] => Ok(Self::Password),
            ["token"] => Ok(Self::Token),
            ["assume_role"] => Ok(Self::AssumeRole),
            [] => Err(Fault::Missing("methods")),
            _ => Err(Fault::parameter("methods", "it must be one of password, token and assume_role")),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token => "token",
            Self::AssumeRole => "assume_role",
        }
    }
}

/// Issues a token. The handler is open: a password needs no other credential, the other methods find theirs themselves.
pub(super) async fn create(call: &Call<'_>) -> Result<Reply, Fault> {
    let auth = call.body().object("auth")?;
    let identity = auth.object("identity")?;
    let method = Method::of(identity)?;
    let issued = match method {
        Method::Password => by_password(call, identity.object("password")?.object("user")?).await?,
        Method::Token => {
            let (principal, _) = bearer(call, identity)?;
            let requester = Requester { principal: &principal, conditions: call.requester.conditions };
            call.directory().exchange_token(requester, None, method.word()).await?
        }
        Method::AssumeRole => {
            let request = assume_role(call, identity.object("assume_role")?, None)?;
            call.directory().role_token(call.requester, request, None).await?
        }
    };
    let (text, token) = scoped(call, auth.maybe_object("scope")?, method, issued).await?;
    let mut shown = shape(call, &token)?;
    if method == Method::AssumeRole
        && let Some(assumer) = call.requester.principal.caller()
    {
        shown["assumed_by"] = json!({ "user": user(assumer) });
    }
    Ok(show(StatusCode::CREATED, &json!({ "token": shown })).with("x-subject-token", &text))
}

async fn by_password(call: &Call<'_>, user: Object<'_>) -> Result<(String, IdentityToken), Fault> {
    let account = match user.maybe_object("domain")? {
        None => None,
        Some(domain) => match domain.maybe_text("id")? {
            Some(id) => Some(id),
            None => Some(domain.text("name")?),
        },
    };
    let named = match user.maybe_text("id")? {
        Some(id) => id,
        None => user.text("name")?,
    };
    let login = PasswordLogin { account, user: named, password: user.text("password")? };
    Ok(call.directory().password_token(login, None).await?)
}

/// Whose token the body shows; the caller's own identity if it shows none. And whether it is a token that shows it.
pub(super) fn bearer(call: &Call<'_>, identity: Object<'_>) -> Result<(Principal, bool), Fault> {
    let shown = identity.maybe_object("token")?.map(|token| token.maybe_text("id")).transpose()?.flatten();
    match shown {
        Some(text) => Ok((accepted(call, text)?.principal, true)),
        None if call.requester.principal.is_anonymous() => Err(Fault::Unauthenticated),
        None => Ok((call.requester.principal.clone(), call.by_token)),
    }
}

fn accepted(call: &Call<'_>, text: &str) -> Result<IdentityToken, Fault> {
    let now = call.gateway().clock.now();
    call.directory().identity_token(text, now).map_err(|error| match error {
        CredentialError::TokenExpired => Fault::Expired,
        _ => Fault::Unauthenticated,
    })
}

/// The agency that a body names by its account and its name.
pub(super) fn assume_role(call: &Call<'_>, asked: Object<'_>, seconds: Option<u32>) -> Result<AssumeRole, Fault> {
    let caller = call.caller()?;
    let session = asked.maybe_object("session_user")?.map(|user| user.maybe_text("name")).transpose()?.flatten();
    let session_name = match (session, &caller.identity) {
        (Some(name), _) => name.to_owned(),
        (None, Identity::User { name, .. }) => name.as_str().replace(' ', "_"),
        (None, _) => "session".to_owned(),
    };
    Ok(AssumeRole {
        account: call.assumed_account(asked.maybe_text("domain_id")?, asked.maybe_text("domain_name")?)?,
        role: name("agency_name", asked.text("agency_name")?)?,
        session_name,
        seconds,
        policy: None,
        managed: Vec::new(),
        external_id: None,
    })
}

/// The token in the scope that is asked for: a project by id or name, or the account. Both given: the project.
async fn scoped(
    call: &Call<'_>,
    scope: Option<Object<'_>>,
    method: Method,
    issued: (String, IdentityToken),
) -> Result<(String, IdentityToken), Fault> {
    let Some(scope) = scope else { return Ok(issued) };
    let caller = issued.1.principal.caller().ok_or(Fault::Unauthenticated)?;
    if let Some(domain) = scope.maybe_object("domain")? {
        let own = domain.maybe_text("id")?.is_none_or(|id| id == caller.account.as_str())
            && domain.maybe_text("name")?.is_none_or(|name| name == caller.account_name);
        if !own {
            return Err(Fault::ForeignScope);
        }
    }
    let Some(project) = scope.maybe_object("project")? else { return Ok(issued) };
    let requester = Requester { principal: &issued.1.principal, conditions: call.requester.conditions };
    let uid = find_project(call, requester, project).await?;
    Ok(call.directory().exchange_token(requester, Some(uid), method.word()).await?)
}

async fn find_project(call: &Call<'_>, requester: Requester<'_>, asked: Object<'_>) -> Result<ProjectUid, Fault> {
    let (id, name) = (asked.maybe_text("id")?, asked.maybe_text("name")?);
    if id.is_none() && name.is_none() {
        return Err(Fault::Missing("id"));
    }
    let projects = call.directory().list_projects(requester).await?;
    projects
        .iter()
        .filter(|project| project.enabled)
        .find(|project| id.is_none_or(|id| project.uid.to_hex() == id) && name.is_none_or(|name| project.name == name))
        .map(|project| project.uid)
        .ok_or_else(|| Fault::NotFound("project", id.or(name).unwrap_or_default().to_owned()))
}

/// The token's claims. Which policies count is not told: that takes the right to read them.
fn shape(call: &Call<'_>, token: &IdentityToken) -> Result<Value, Fault> {
    let caller = token.principal.caller().ok_or(Fault::Unauthenticated)?;
    let mut shown = json!({
        "methods": token.methods,
        "issued_at": micros(token.issued),
        "expires_at": micros(token.expires),
        "user": user(caller),
        "roles": [],
    });
    match token.project {
        None => shown["domain"] = domain(caller),
        Some(uid) => shown["project"] = json!({ "id": uid.to_hex(), "name": "", "domain": domain(caller) }),
    }
    if call.asked_bool("nocatalog")? != Some(true) {
        shown["catalog"] = services(call);
    }
    Ok(shown)
}

fn user(caller: &policy::Caller) -> Value {
    let (id, name) = identity(caller);
    json!({ "id": id, "name": name, "domain": domain(caller), "password_expires_at": "" })
}

/// Tells whose a token is: one's own, or with the right to read its user or agency another's of the account.
pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let text = subject_token(call)?;
    let caller = call.caller()?;
    let unknown = || Fault::NotFound("token", String::new());
    let token = accepted(call, text).map_err(|_| unknown())?;
    let subject = token.principal.caller().ok_or_else(unknown)?;
    if subject.account != caller.account {
        return Err(unknown());
    }
    if subject.urn() != caller.urn() {
        match &subject.identity {
            Identity::Root => return Err(Fault::ForeignScope),
            Identity::User { uid, .. } => {
                call.directory().get_user(call.requester, Some(Named::Uid(*uid))).await?;
            }
            Identity::Role { uid, .. } => {
                call.directory().get_role(call.requester, Named::Uid(*uid)).await?;
            }
        }
    }
    Ok(show(StatusCode::OK, &json!({ "token": shape(call, &token)? })).with("x-subject-token", text))
}

pub(super) async fn revoke(call: &Call<'_>) -> Result<Reply, Fault> {
    call.caller()?;
    call.directory().revoke_identity_token(call.requester, subject_token(call)?).await?;
    Ok(Reply::no_content())
}

fn subject_token<'c>(call: &'c Call<'_>) -> Result<&'c str, Fault> {
    single(&call.request.head.headers, "x-subject-token")?.ok_or(Fault::Missing("X-Subject-Token"))
}
