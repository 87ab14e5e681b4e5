//! The AWS query APIs: IAM (2010-05-08) and STS (2011-06-15). A form in, XML out; what they do is the directory's
//! (`iam::Directory`), which also asks for the rights. What is offered stands in docs/iam-api.md.

mod access_keys;
mod account;
mod attached;
mod boundaries;
mod call;
mod entity;
mod fault;
mod form;
mod groups;
mod inline;
mod login_profiles;
mod page;
mod policies;
mod roles;
mod show;
mod sts;
mod table;
#[cfg(test)]
mod tests;
mod users;

use super::plane::ControlRequest;
use super::signed::{Refused, authenticate};
use crate::gateway::Gateway;
use crate::reply::{Reply, ReplyBody};
use call::Call;
use fault::{Code, Fault};
use form::Form;
pub(crate) use form::announced as is_form;
use http::StatusCode;
use http::request::Parts;
use policy::Conditions;
use table::Operation;

/// The content type of replies.
const XML: &str = "text/xml";

/// The two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    /// Users, groups, roles, policies.
    Iam,
    /// Temporary credentials.
    Sts,
}

impl Api {
    fn of_version(version: &str) -> Option<Self> {
        [Self::Iam, Self::Sts].into_iter().find(|api| api.version() == version)
    }

    const fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }

    /// The service that signatures are made for, and the prefix of actions.
    const fn service(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    const fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }
}

/// A request of either API, read whole.
pub(crate) struct QueryRequest<'a> {
    /// Who signs is looked up here, and everything else done.
    pub(crate) gateway: &'a Gateway,
    /// Head.
    pub(crate) head: &'a Parts,
    /// Body.
    pub(crate) body: &'a [u8],
    /// What the conditions of policies see.
    pub(crate) conditions: &'a Conditions,
    /// The request's id.
    pub(crate) request_id: &'a str,
}

/// Serves one request of either API.
pub(super) async fn serve(request: ControlRequest<'_>) -> Reply {
    let conditions = request.conditions();
    let ControlRequest { gateway, head, body, request_id, .. } = &request;
    answer(QueryRequest { gateway, head, body, conditions: &conditions, request_id }, None).await
}

/// Serves one request of STS, which clients also send to the address of buckets and objects.
pub(crate) async fn serve_sts(request: QueryRequest<'_>) -> Reply {
    answer(request, Some(Api::Sts)).await
}

/// A refusal from before the operation is known.
pub(super) fn refuse(why: &Refused, request_id: &str) -> Reply {
    Fault::from(why).reply(Api::Iam, request_id)
}

/// A refusal of STS from before the operation is known.
pub(crate) fn refuse_sts(why: &Refused, request_id: &str) -> Reply {
    Fault::from(why).reply(Api::Sts, request_id)
}

async fn answer(request: QueryRequest<'_>, only: Option<Api>) -> Reply {
    let QueryRequest { gateway, head, body, conditions, request_id } = request;
    let form = match Form::of(head, body) {
        Ok(form) => form,
        Err(fault) => return fault.reply(only.unwrap_or(Api::Iam), request_id),
    };
    let (name, version) = (form.get("Action").unwrap_or_default(), form.get("Version").unwrap_or_default());
    let api = match Api::of_version(version).filter(|api| only.is_none_or(|only| only == *api)) {
        Some(api) => api,
        None => return unknown(name, version).reply(only.unwrap_or(Api::Iam), request_id),
    };
    // The signature comes first: whoever cannot sign learns nothing of what is offered.
    let principal = match authenticate(gateway, head, body, api.service()) {
        Ok(signer) => signer.principal,
        Err(refused) => {
            tracing::debug!(request_id, ?refused, "request of the query API refused");
            return Fault::from(&refused).reply(api, request_id);
        }
    };
    let call = Call::new(&gateway.directory, &form, &principal, conditions);
    let result = match Operation::find(api, name) {
        Some(operation) => operation.serve(&call, request_id).await,
        None => Err(unknown(name, version)),
    };
    match result {
        Ok(document) => {
            tracing::debug!(request_id, api = api.service(), action = name, "query API");
            let mut reply = Reply::new(StatusCode::OK).with("content-type", XML);
            reply.body = ReplyBody::Full(document);
            reply
        }
        Err(fault) => {
            tracing::debug!(request_id, api = api.service(), code = fault.code().name(api), "query API refuses");
            fault.reply(api, request_id)
        }
    }
}

/// No operation of this name. Names that AWS has and this server has not are told apart by the page only.
fn unknown(name: &str, version: &str) -> Fault {
    if name.is_empty() {
        return Fault::new(Code::MissingAction, "The request must contain the parameter Action.");
    }
    let (name, version) = (form::shown(name), version.get(..10).map_or("", form::shown));
    Fault::new(Code::InvalidAction, format!("Could not find operation {name} for version {version}"))
}
