//! Which policies count for a group or an agency. This API assigns them within the account, within a project, or within
//! the account and handed down to all projects; here all three count the same, because no resource of this server
//! belongs to a project. What is assigned in one scope is therefore seen, and taken away, in the others.

use super::call::{Call, show};
use super::fault::Fault;
use super::roles;
use super::shapes::links;
use crate::reply::Reply;
use http::StatusCode;
use iam::Entity;
use serde_json::{Value, json};

/// In which scope a path assigns. The scope's id is the first parameter of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The account.
    Domain,
    /// A project of it.
    Project,
}

/// To whom. The id is the second parameter of the path; the role's is the third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// A group.
    Group,
    /// An agency.
    Agency,
}

/// The account must be the caller's and the project one of its.
async fn subject(call: &Call<'_>, scope: Scope, subject: Subject) -> Result<Entity, Fault> {
    match scope {
        Scope::Domain => call.own_account(Some(call.parameter(0)))?,
        Scope::Project => {
            let project = call.project(0)?;
            let projects = call.directory().list_projects(call.requester).await?;
            if !projects.iter().any(|known| known.uid == project) {
                return Err(Fault::NotFound("project", call.parameter(0).to_owned()));
            }
        }
    }
    Ok(match subject {
        Subject::Group => Entity::Group(call.group(1)?),
        Subject::Agency => Entity::Role(call.agency(1)?),
    })
}

pub(super) async fn assign(call: &Call<'_>, scope: Scope, to: Subject) -> Result<Reply, Fault> {
    let entity = subject(call, scope, to).await?;
    call.directory().attach_policy(call.requester, entity, call.policy(2)?).await?;
    Ok(Reply::no_content())
}

pub(super) async fn revoke(call: &Call<'_>, scope: Scope, from: Subject) -> Result<Reply, Fault> {
    let entity = subject(call, scope, from).await?;
    call.directory().detach_policy(call.requester, entity, call.policy(2)?).await?;
    Ok(Reply::no_content())
}

/// 204 if the role is assigned, 404 if not.
pub(super) async fn check(call: &Call<'_>, scope: Scope, of: Subject) -> Result<Reply, Fault> {
    let entity = subject(call, scope, of).await?;
    let policy = call.policy(2)?;
    let attached = call.directory().attached_policies(call.requester, entity).await?;
    if attached.iter().any(|known| known.reference == policy) {
        Ok(Reply::no_content())
    } else {
        Err(Fault::NotFound("role", call.parameter(2).to_owned()))
    }
}

pub(super) async fn list(call: &Call<'_>, scope: Scope, of: Subject) -> Result<Reply, Fault> {
    let entity = subject(call, scope, of).await?;
    let attached = call.directory().attached_policies(call.requester, entity).await?;
    let shown: Vec<Value> = attached.iter().map(|policy| roles::shape(call, policy)).collect();
    let path = call.request.head.uri.path();
    Ok(show(StatusCode::OK, &json!({ "roles": shown, "links": links(call, path), "total_number": shown.len() })))
}
