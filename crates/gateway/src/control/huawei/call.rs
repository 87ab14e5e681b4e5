//! What a handler is given: who asks, and the parts of the request.

use super::super::plane::ControlRequest;
use super::fault::Fault;
use super::json::Object;
use crate::auth::target::Target;
use crate::gateway::Gateway;
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use iam::{Directory, Named, PolicyRef, Requester};
use model::{AccountId, EntityName, GroupUid, PolicyUid, ProjectUid, RoleUid, UserUid};
use policy::Caller;
use serde_json::Value;
use std::sync::Arc;

/// The id of no account: ids are drawn at random.
const NOBODYS: &str = "00000000000000000000000000000000";

/// A request that has found its handler.
pub(super) struct Call<'a> {
    pub(super) request: &'a ControlRequest<'a>,
    pub(super) requester: Requester<'a>,
    /// Whether the requester showed an identity token, and not a signature.
    pub(super) by_token: bool,
    /// What stands for the `{}`s of the route.
    pub(super) parameters: Vec<String>,
    /// Each name once.
    pub(super) query: Vec<(String, String)>,
    /// `Null` if there was none.
    pub(super) body: Value,
}

/// The query, decoded; a repeated name is refused, since one of its values would be ignored.
pub(in super::super) fn query(head: &Parts) -> Result<Vec<(String, String)>, Fault> {
    let target = Target::parse(head.uri.path_and_query().map_or("/", |target| target.as_str()));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Fault::parameter("query", "it is no text"));
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in &target.query {
        let name = text(&pair.name)?;
        if pairs.iter().any(|(before, _)| *before == name) {
            return Err(Fault::parameter("query", "a parameter is repeated"));
        }
        pairs.push((name, text(pair.value_bytes())?));
    }
    Ok(pairs)
}

impl Call<'_> {
    pub(super) fn gateway(&self) -> &Gateway {
        self.request.gateway
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.request.gateway.directory
    }

    pub(super) fn body(&self) -> Object<'_> {
        Object::whole(&self.body)
    }

    /// Who asks.
    pub(super) fn caller(&self) -> Result<&Arc<Caller>, Fault> {
        self.requester.principal.caller().ok_or(Fault::Unauthenticated)
    }

    /// The account of whoever asks.
    pub(super) fn account(&self) -> Result<&AccountId, Fault> {
        Ok(&self.caller()?.account)
    }

    /// The parameter of the query, if it is not empty.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The parameter of the query, if it is there, as a yes or no.
    pub(super) fn asked_bool(&self, name: &'static str) -> Result<Option<bool>, Fault> {
        match self.asked(name) {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(_) => Err(Fault::parameter(name, "it must be true or false")),
        }
    }

    /// A part of the path by its place among the `{}`s.
    pub(super) fn parameter(&self, at: usize) -> &str {
        self.parameters.get(at).map_or("", String::as_str)
    }

    pub(super) fn user(&self, at: usize) -> Result<Named<UserUid>, Fault> {
        user(self.parameter(at))
    }

    pub(super) fn group(&self, at: usize) -> Result<Named<GroupUid>, Fault> {
        group(self.parameter(at))
    }

    pub(super) fn agency(&self, at: usize) -> Result<Named<RoleUid>, Fault> {
        agency(self.parameter(at))
    }

    pub(super) fn project(&self, at: usize) -> Result<ProjectUid, Fault> {
        let text = self.parameter(at);
        ProjectUid::parse_hex(text).ok_or_else(|| Fault::NotFound("project", text.to_owned()))
    }

    pub(super) fn policy(&self, at: usize) -> Result<PolicyRef, Fault> {
        self.policy_called(self.parameter(at))
    }

    /// A policy by its id. One that does not exist is the directory's to refuse, after it has asked for the right.
    pub(super) fn policy_called(&self, text: &str) -> Result<PolicyRef, Fault> {
        let uid = PolicyUid::parse_hex(text).ok_or_else(|| Fault::NotFound("policy", text.to_owned()))?;
        let known = self.directory().policy_named(self.account()?, &uid.to_hex());
        Ok(known.unwrap_or(PolicyRef::Managed(uid)))
    }

    /// An account named in path, query or body must be the caller's.
    pub(super) fn own_account(&self, named: Option<&str>) -> Result<(), Fault> {
        match named {
            Some(named) if named != self.account()?.as_str() => Err(Fault::ForeignScope),
            _ => Ok(()),
        }
    }

    /// Like [`Call::account_called`], for assuming an agency: a name that no account has stands for an id that none has, so
    /// that it is refused as an agency is that does not trust the caller. Which accounts there are is not told.
    pub(super) fn assumed_account(&self, id: Option<&str>, name: Option<&str>) -> Result<AccountId, Fault> {
        match self.account_called(id, name) {
            Err(Fault::NotFound(..)) => AccountId::parse(NOBODYS).ok_or(Fault::ForeignScope),
            other => other,
        }
    }

    /// The account of this id or name, for whoever must name another one: trust and assumption of agencies.
    pub(super) fn account_called(&self, id: Option<&str>, name: Option<&str>) -> Result<AccountId, Fault> {
        let caller = self.caller()?;
        match (id, name) {
            (Some(id), _) => AccountId::parse(id).ok_or_else(|| Fault::NotFound("domain", id.to_owned())),
            (None, Some(name)) if name == caller.account_name => Ok(caller.account.clone()),
            (None, Some(name)) => self
                .directory()
                .account_by_name(name)
                .map(|account| account.id.clone())
                .ok_or_else(|| Fault::NotFound("domain", name.to_owned())),
            (None, None) => Err(Fault::Missing("domain_id")),
        }
    }
}

pub(super) fn user(text: &str) -> Result<Named<UserUid>, Fault> {
    UserUid::parse_hex(text).map(Named::Uid).ok_or_else(|| Fault::NotFound("user", text.to_owned()))
}

pub(super) fn group(text: &str) -> Result<Named<GroupUid>, Fault> {
    GroupUid::parse_hex(text).map(Named::Uid).ok_or_else(|| Fault::NotFound("group", text.to_owned()))
}

pub(super) fn agency(text: &str) -> Result<Named<RoleUid>, Fault> {
    RoleUid::parse_hex(text).map(Named::Uid).ok_or_else(|| Fault::NotFound("agency", text.to_owned()))
}

/// A name of an entity.
pub(super) fn name(parameter: &'static str, text: &str) -> Result<EntityName, Fault> {
    EntityName::parse(text).ok_or(Fault::parameter(
        parameter,
        "it must be 1 to 128 letters, digits, blanks or characters of +=,.@_- in ASCII",
    ))
}

/// A document.
pub(in super::super) fn show(status: StatusCode, document: &Value) -> Reply {
    let mut reply = Reply::new(status).with("content-type", "application/json;charset=utf-8");
    reply.body = ReplyBody::Full(Bytes::from(document.to_string()));
    reply
}
