//! Who asks, and in which project: the one of the path, which must be the caller's (kms-iam-api §1.2.3).

use super::super::huawei::authenticate::authenticate;
use super::super::plane::ControlRequest;
use super::code::Code;
use super::fault::Fault;
use iam::Requester;
use kms::KeyUser;
use model::ProjectUid;
use std::sync::Arc;

/// Who asks, in which project.
pub(super) struct Scope {
    /// Who.
    pub(super) user: KeyUser,
    /// The project of the path; `None` for the account's default one, as the catalogue writes it.
    pub(super) project: Option<ProjectUid>,
}

/// Whoever the credential names, and what it says of projects.
pub(super) struct Sender {
    /// Who.
    pub(super) user: KeyUser,
    by_token: bool,
    project: Option<ProjectUid>,
}

/// Verifies the credential.
pub(super) async fn sender(request: &ControlRequest<'_>) -> Result<Sender, Fault> {
    let conditions = request.conditions();
    let bearer = authenticate(request, &["kms"], &conditions).await?.ok_or(Code::Unauthenticated)?;
    let user = KeyUser {
        principal: bearer.principal,
        access_key: bearer.access_key,
        via: "huawei-kms",
        request_id: request.request_id.to_owned(),
        conditions: Arc::new(conditions),
    };
    Ok(Sender { user, by_token: bearer.by_token, project: bearer.project })
}

/// Verifies the project. A token must be scoped to the project of the path; a signature may be made for any enabled one
/// of the caller's account, and for no other than `X-Project-Id` says.
pub(super) async fn find(request: &ControlRequest<'_>, sender: &Sender, path_project: &str) -> Result<Scope, Fault> {
    let Sender { user, by_token, project: said } = sender;
    let project = ProjectUid::parse_hex(path_project).ok_or(Code::WrongProject)?;
    match (*by_token, *said) {
        (true, None) => return Err(Fault::said(Code::WrongProject, "the token is not scoped to a project")),
        (true, Some(of_token)) if of_token != project => return Err(Code::TokenProject.into()),
        (false, Some(said)) if said != project => return Err(Code::WrongProject.into()),
        _ => {}
    }
    let requester = Requester { principal: &user.principal, conditions: &user.conditions };
    let projects = request.gateway.directory.list_projects(requester).await?;
    let found = projects.iter().find(|found| found.uid == project && found.enabled).ok_or(Code::WrongProject)?;
    let is_default = found.name == request.gateway.config.region.as_str();
    Ok(Scope { user: user.clone(), project: (!is_default).then_some(project) })
}
