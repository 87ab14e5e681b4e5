//! Deciding about a CMK (kms-iam-api §2.7). The account's own policies count as far as the key policy lets them: one that
//! does not name the account withholds the CMK from it. A grant allows beside the key policy. Between accounts the
//! caller's side must allow in any case.
//!
//! What goes before, in `evaluate.rs`: an explicit Deny, boundaries, session policies, and what narrowed sessions never
//! may.

use crate::evaluate::{Cause, Found, Granted, Layer, Listener, OwnSide, Place, Verdict, allow, best, deny, scan};
use crate::facts::Context;
use crate::principals::Hold;
use crate::{AccessRequest, Action, CmkRules, ConditionKey, ContextConstraint, KeyGrant, Policy, decide};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether the caller could set the key policy again if `document` were the CMK's: asked before it becomes that, so that
/// nobody locks himself out unawares. The request is the one that asks for `kms:PutKeyPolicy` on the CMK; of a CMK
/// without rules nobody could.
pub fn may_still_put_key_policy(request: &AccessRequest<'_>, document: &Arc<Policy>) -> bool {
    let Some(rules) = request.cmk else { return false };
    let rules = CmkRules { policy: Some(Arc::clone(document)), grants: Vec::new(), ..rules.clone() };
    decide(&AccessRequest { action: Action::KmsPutKeyPolicy, cmk: Some(&rules), ..*request }).is_ok()
}

/// The key policy's statements, with the way out for the owner's root identity: it may read and replace the policy
/// whatever that says.
pub(crate) fn key_policy<'a, L: Listener>(cx: &Context<'a>, listener: &mut L) -> Found<'a> {
    let Some(rules) = cx.request.cmk else { return Found::default() };
    let Some(policy) = &rules.policy else { return Found::default() };
    let mut found = scan(cx, policy, Place { layer: Layer::KeyPolicy, source: "key policy" }, listener);
    if has_way_out(cx, rules) {
        found.deny = None;
    }
    found
}

fn has_way_out(cx: &Context<'_>, rules: &CmkRules) -> bool {
    let is_on_policy = matches!(cx.request.action, Action::KmsGetKeyPolicy | Action::KmsPutKeyPolicy);
    is_on_policy && cx.caller.is_some_and(|caller| caller.is_root() && caller.account == rules.owner)
}

/// Decides, when nothing denies and nothing narrows the caller.
pub(crate) fn judge<'a, L: Listener>(
    cx: &Context<'a>,
    rules: &'a CmkRules,
    own: &OwnSide<'a>,
    by_policy: Granted<'a>,
    listener: &mut L,
) -> Verdict<'a> {
    let Some(caller) = cx.caller else { return deny(Cause::NoResourceAllow) };
    let same_account = caller.account == rules.owner;
    if !same_account && rules.own_account_only {
        return deny(Cause::OtherAccount);
    }
    let by_grant =
        if L::THOROUGH || !matches!(by_policy, Some((Hold::Direct, _))) { granted(cx, rules, listener) } else { None };
    if has_way_out(cx, rules) {
        return allow(Cause::Root);
    }
    let by_resource = best(by_policy, by_grant);
    if !same_account {
        return match (own.allow, by_resource) {
            (Some(_), Some((_, cause))) => allow(cause),
            (None, Some(_)) => deny(Cause::NoIdentityAllow),
            (Some(_), None) => deny(Cause::NoResourceAllow),
            (None, None) => deny(Cause::NothingAllows),
        };
    }
    match (by_resource, own.allow) {
        (Some((Hold::Direct, cause)), _) => allow(cause),
        (Some((Hold::Account, _)), Some(cause)) => allow(cause),
        (Some((Hold::Account, _)), None) => deny(Cause::NoIdentityAllow),
        // The policy every CMK begins with leaves all to the account.
        (None, Some(cause)) if rules.policy.is_none() => allow(cause),
        (None, Some(_)) => deny(Cause::NoResourceAllow),
        (None, None) => deny(Cause::NothingAllows),
    }
}

/// The best of the grants that hold.
fn granted<'a, L: Listener>(cx: &Context<'a>, rules: &'a CmkRules, listener: &mut L) -> Granted<'a> {
    let (action, principal) = (cx.request.action, cx.request.principal);
    let mut granted = None;
    if action == Action::KmsRetireGrant {
        let grant = rules.retires.as_deref()?;
        let hold = grant.retired_by(principal)?;
        let index = rules.grants.iter().position(|other| other.id() == grant.id()).unwrap_or_default();
        listener.key_grant(index, grant);
        return Some((hold, Cause::KeyGrant(index, grant)));
    }
    for (i, grant) in rules.grants.iter().enumerate() {
        if !grant.operations().contains(action) {
            continue;
        }
        let Some(hold) = grant.held_by(principal) else { continue };
        if !grant.constraint().is_none_or(|constraint| constraint.holds(cx)) || !is_within(cx, grant) {
            continue;
        }
        listener.key_grant(i, grant);
        granted = best(granted, Some((hold, Cause::KeyGrant(i, grant))));
        if !L::THOROUGH && hold == Hold::Direct {
            break;
        }
    }
    granted
}

/// A grant that lets make grants lets make none that allow more than itself.
fn is_within(cx: &Context<'_>, grant: &KeyGrant) -> bool {
    if cx.request.action != Action::KmsCreateGrant {
        return true;
    }
    let mut wanted = values(cx, &ConditionKey::GrantOperations).peekable();
    wanted.peek().is_some()
        && wanted.all(|name| grant.operations().iter().any(|a| a.name().strip_prefix("kms:") == Some(name)))
}

fn values<'c>(cx: &'c Context<'_>, key: &'c ConditionKey) -> impl Iterator<Item = &'c str> {
    cx.request.facts.iter().filter(move |(k, _)| k == key).map(|(_, value)| *value)
}

impl ContextConstraint {
    /// Whether the operation's encryption context is as it must be. Operations that have none are not limited; for
    /// `CreateGrant` the context is that of the new grant's own constraint, which must not be looser.
    fn holds(&self, cx: &Context<'_>) -> bool {
        let action = cx.request.action;
        if matches!(action, Action::KmsDescribeKey | Action::KmsRetireGrant) {
            return true;
        }
        let said: BTreeMap<&str, &str> = cx
            .request
            .facts
            .iter()
            .filter_map(|(key, value)| match key {
                ConditionKey::EncryptionContext(word) => Some((&**word, *value)),
                _ => None,
            })
            .collect();
        let has_all =
            |wanted: &BTreeMap<String, String>| wanted.iter().all(|(k, v)| said.get(k.as_str()) == Some(&v.as_str()));
        match self {
            Self::Subset(wanted) => has_all(wanted),
            Self::Equals(wanted) => {
                let stays_exact = action != Action::KmsCreateGrant
                    || values(cx, &ConditionKey::GrantConstraintType).eq([ConstraintType::EQUALS]);
                wanted.len() == said.len() && has_all(wanted) && stays_exact
            }
        }
    }

    /// The value of `kms:GrantConstraintType` for a grant with this constraint.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Equals(_) => ConstraintType::EQUALS,
            Self::Subset(_) => ConstraintType::SUBSET,
        }
    }
}

struct ConstraintType;

impl ConstraintType {
    const EQUALS: &'static str = "EncryptionContextEquals";
    const SUBSET: &'static str = "EncryptionContextSubset";
}
