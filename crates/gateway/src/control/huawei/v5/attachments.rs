//! Which policies are attached to what: `/v5/policies/{id}/attach-user` and its kin.

use super::super::call::{self, Call, show};
use super::super::fault::Fault;
use super::super::shapes::marked_page;
use super::policies::policy_urn;
use crate::reply::Reply;
use http::StatusCode;
use iam::Entity;
use serde_json::{Value, json};

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum To {
    User,
    Group,
    Agency,
}

impl To {
    fn entity(self, id: &str) -> Result<Entity, Fault> {
        Ok(match self {
            Self::User => Entity::User(call::user(id)?),
            Self::Group => Entity::Group(call::group(id)?),
            Self::Agency => Entity::Role(call::agency(id)?),
        })
    }

    const fn member(self) -> &'static str {
        match self {
            Self::User => "user_id",
            Self::Group => "group_id",
            Self::Agency => "agency_id",
        }
    }
}

pub(in super::super) async fn attach(call: &Call<'_>, to: To) -> Result<Reply, Fault> {
    let entity = to.entity(call.body().text(to.member())?)?;
    call.directory().attach_policy(call.requester, entity, call.policy(0)?).await?;
    Ok(Reply::no_content())
}

pub(in super::super) async fn detach(call: &Call<'_>, from: To) -> Result<Reply, Fault> {
    let entity = from.entity(call.body().text(from.member())?)?;
    call.directory().detach_policy(call.requester, entity, call.policy(0)?).await?;
    Ok(Reply::no_content())
}

/// The policies attached to what the path names.
pub(in super::super) async fn of(call: &Call<'_>, what: To) -> Result<Reply, Fault> {
    let entity = what.entity(call.parameter(0))?;
    let attached = call.directory().attached_policies(call.requester, entity).await?;
    let items = attached
        .iter()
        .map(|policy| {
            let id = policy.uid.to_hex();
            let shown = json!({ "policy_id": id, "policy_name": policy.name.as_str(), "urn": policy_urn(policy) });
            (id, shown)
        })
        .collect();
    let (shown, page_info) = marked_page(call, items)?;
    Ok(show(StatusCode::OK, &json!({ "attached_policies": shown, "page_info": page_info })))
}

/// What the policy in the path is attached to.
pub(in super::super) async fn entities(call: &Call<'_>) -> Result<Reply, Fault> {
    let (users, groups, agencies) = call.directory().entities_for_policy(call.requester, call.policy(0)?).await?;
    let users = users.iter().map(|user| (To::User, user.uid.to_hex()));
    let groups = groups.iter().map(|group| (To::Group, group.uid.to_hex()));
    let agencies = agencies.iter().map(|role| (To::Agency, role.uid.to_hex()));
    let wanted = match call.asked("entity_type") {
        None => None,
        Some("user") => Some(To::User),
        Some("group") => Some(To::Group),
        Some("agency") => Some(To::Agency),
        Some(_) => return Err(Fault::parameter("entity_type", "it must be user, group or agency")),
    };
    let items = users
        .chain(groups)
        .chain(agencies)
        .filter(|(to, _)| wanted.is_none_or(|wanted| *to == wanted))
        .map(|(to, id)| (id.clone(), json!({ to.member(): id })))
        .collect();
    let (shown, page_info) = marked_page(call, items)?;
    let of = |to: To| -> Vec<&Value> { shown.iter().filter(|value| value.get(to.member()).is_some()).collect() };
    let document = json!({
        "policy_users": of(To::User),
        "policy_groups": of(To::Group),
        "policy_agencies": of(To::Agency),
        "page_info": page_info,
    });
    Ok(show(StatusCode::OK, &document))
}
