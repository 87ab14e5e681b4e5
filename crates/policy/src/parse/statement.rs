//! One statement.

use super::json::Json;
use super::{Members, Rules, check_names, condition, fault, join, member, principal, resource, texts};
use crate::action_set::{self, ActionSet, Scope};
use crate::document::{Effect, Grammar, PolicyError, Statement};
use crate::resources::Resources;

const NAMES: &[&str] =
    &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

pub(super) fn read(members: &Members, path: &str, rules: &Rules<'_>) -> Result<Statement, PolicyError> {
    check_names(members, path, NAMES)?;
    let sid = match member(members, "Sid") {
        None => None,
        Some(Json::Text(sid)) => Some(sid.as_str().into()),
        Some(_) => return fault(&join(path, "Sid"), "not a text"),
    };
    let effect = match member(members, "Effect") {
        Some(Json::Text(effect)) if effect.trim() == "Allow" => Effect::Allow,
        Some(Json::Text(effect)) if effect.trim() == "Deny" => Effect::Deny,
        Some(_) => return fault(&join(path, "Effect"), "neither `Allow` nor `Deny`"),
        None => return fault(path, "Effect is missing"),
    };
    let principals = match either(members, path, "Principal", "NotPrincipal")? {
        Some((json, negated, at)) if rules.is_on_resource() || rules.is_trust() => {
            Some(principal::read(json, negated, &at)?)
        }
        Some((_, _, at)) => return fault(&at, "the policy of an identity names no principal"),
        None if rules.is_on_resource() || rules.is_trust() => return fault(path, "Principal is missing"),
        None => None,
    };
    let Some((json, negated, at)) = either(members, path, "Action", "NotAction")? else {
        return fault(path, "Action is missing");
    };
    let actions = actions(json, negated, &at, rules)?;
    let resources = match either(members, path, "Resource", "NotResource")? {
        Some((_, _, at)) if rules.is_trust() => return fault(&at, "a trust policy names no resource"),
        Some((json, negated, at)) => resource::read(json, negated, &at, rules)?,
        None if rules.is_trust() || rules.is_huawei => Resources::all(),
        None => return fault(path, "Resource is missing"),
    };
    let clauses = match member(members, "Condition") {
        Some(json) => condition::read(json, &join(path, "Condition"), rules)?,
        None => Vec::new(),
    };
    Ok(Statement { sid, effect, principals, actions, resources, clauses })
}

/// One of an element and its opposite, or neither; never both.
fn either<'a>(
    members: &'a Members,
    path: &str,
    name: &str,
    opposite: &str,
) -> Result<Option<(&'a Json, bool, String)>, PolicyError> {
    match (member(members, name), member(members, opposite)) {
        (Some(_), Some(_)) => fault(path, format!("both {name} and {opposite}")),
        (Some(json), None) => Ok(Some((json, false, join(path, name)))),
        (None, Some(json)) => Ok(Some((json, true, join(path, opposite)))),
        (None, None) => Ok(None),
    }
}

fn actions(json: &Json, negated: bool, path: &str, rules: &Rules<'_>) -> Result<ActionSet, PolicyError> {
    let scope = match rules.grammar {
        Grammar::Bucket(_) => Scope::Store,
        Grammar::Key { .. } => Scope::Keys,
        Grammar::Identity | Grammar::Trust => Scope::All,
    };
    let mut set = ActionSet::default();
    for (text, at) in texts(json, path)? {
        let text = text.trim();
        if scope != Scope::Store && text != "*" && !text.contains(':') {
            let example = if scope == Scope::Keys { "kms:Decrypt" } else { "s3:GetObject" };
            return fault(&at, format!("an action begins with its service, as in `{example}`"));
        }
        let named = match action_set::named(text, scope) {
            Ok(named) => named,
            Err(message) => return fault(&at, message),
        };
        if scope != Scope::All && !named.known {
            return fault(&at, "unknown action");
        }
        set.join(named.actions);
    }
    Ok(if negated { set.complement() } else { set })
}
