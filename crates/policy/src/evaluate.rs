//! The decision. One core for deciding and for explaining: what differs is only who listens.
//!
//! 1. An explicit Deny wins, wherever it stands; a policy that cannot be read denies.
//! 2. What a boundary or a session policy does not allow is denied.
//! 3. In one account: its root identity may, else an identity policy or the resource's side must allow.
//! 4. Between accounts both sides must allow. The anonymous have the resource's side only.
//!
//! What differs for a CMK, whose policy may withhold it from its own account, stands in `cmk.rs`.

use crate::acl_table::{self, AclOf};
use crate::document::{Effect, Mismatch, Statement};
use crate::facts::Context;
use crate::principals::Hold;
use crate::{
    AccessRequest, Action, Attached, Authorized, BucketRules, Denied, KeyGrant, Ownership, Policy, Resource, cmk,
};
use model::AccountId;

/// Where a statement or a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A policy of the identity, of its groups, or of the role.
    Identity,
    /// The permission boundary.
    Boundary,
    /// A session policy.
    Session,
    /// The bucket's policy.
    BucketPolicy,
    /// The role's trust policy.
    Trust,
    /// The bucket's ACL.
    BucketAcl,
    /// The object's ACL.
    ObjectAcl,
    /// The CMK's key policy.
    KeyPolicy,
    /// The grants on the CMK.
    Grant,
}

/// A policy in its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) layer: Layer,
    pub(crate) source: &'a str,
}

/// Why the decision is what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause<'a> {
    Statement(Place<'a>, usize, &'a Statement),
    Unreadable(Place<'a>),
    Grant(AclOf, usize),
    KeyGrant(usize, &'a KeyGrant),
    Root,
    NeedsNoPermission,
    NarrowedSession,
    NotAllowedBy(Layer),
    NoIdentityAllow,
    NoResourceAllow,
    NothingAllows,
    OtherAccount,
}

/// The decision and its cause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict<'a> {
    pub(crate) allowed: bool,
    pub(crate) cause: Cause<'a>,
}

/// Who listens while a decision is made.
pub(crate) trait Listener {
    /// Whether to go through what can no longer change the decision.
    const THOROUGH: bool;

    fn statement(&mut self, _: &Context<'_>, _: Place<'_>, _: usize, _: &Statement, _: Result<Hold, Mismatch<'_>>) {}

    fn unreadable(&mut self, _: Place<'_>) {}

    fn grant(&mut self, _: AclOf, _: usize) {}

    fn key_grant(&mut self, _: usize, _: &KeyGrant) {}
}

/// Nobody listens.
pub(crate) struct Silence;

impl Listener for Silence {
    const THOROUGH: bool = false;
}

/// Decides whether the principal may do the action. Pure; the proof is the only way to one.
///
/// # Errors
/// [`Denied`] when it may not.
pub fn decide(request: &AccessRequest<'_>) -> Result<Authorized, Denied> {
    let cx = Context::new(request, None);
    if judge(&cx, &mut Silence).allowed { Ok(Authorized::new(&cx.request)) } else { Err(Denied) }
}

/// What the statements of one policy come to.
#[derive(Default)]
pub(crate) struct Found<'a> {
    pub(crate) deny: Option<Cause<'a>>,
    pub(crate) allow: Granted<'a>,
}

impl<'a> Found<'a> {
    fn add_allow(&mut self, hold: Hold, cause: Cause<'a>) {
        if self.allow.is_none_or(|(best, _)| best == Hold::Account && hold == Hold::Direct) {
            self.allow = Some((hold, cause));
        }
    }
}

pub(crate) fn scan<'a, L: Listener>(
    cx: &Context<'_>,
    policy: &'a Policy,
    place: Place<'a>,
    listener: &mut L,
) -> Found<'a> {
    let mut found = Found::default();
    let Some(statements) = policy.statements() else {
        listener.unreadable(place);
        found.deny = Some(Cause::Unreadable(place));
        return found;
    };
    for (i, statement) in statements.iter().enumerate() {
        let settled = matches!(found.allow, Some((Hold::Direct, _))) && statement.effect == Effect::Allow;
        if !L::THOROUGH && settled {
            continue;
        }
        let outcome = statement.hold(cx);
        listener.statement(cx, place, i, statement, outcome);
        let Ok(hold) = outcome else { continue };
        let cause = Cause::Statement(place, i, statement);
        match statement.effect {
            Effect::Allow => found.add_allow(hold, cause),
            Effect::Deny => {
                found.deny = found.deny.or(Some(cause));
                if !L::THOROUGH {
                    break;
                }
            }
        }
    }
    found
}

/// What is attached to the caller.
#[derive(Default)]
pub(crate) struct OwnSide<'a> {
    deny: Option<Cause<'a>>,
    pub(crate) allow: Option<Cause<'a>>,
    /// The layer that should have allowed and did not.
    lacks: Option<Layer>,
    lacks_session: bool,
}

fn own_side<'a, L: Listener>(cx: &Context<'a>, listener: &mut L) -> OwnSide<'a> {
    let mut own = OwnSide::default();
    let Some(caller) = cx.caller else { return own };
    let permissions = &caller.permissions;
    let mut layer = |own: &mut OwnSide<'a>, layer, policies: &mut dyn Iterator<Item = &'a Attached>| {
        let mut allow = None;
        for attached in policies {
            let place = Place { layer, source: &attached.source };
            let found = scan(cx, &attached.policy, place, listener);
            own.deny = own.deny.or(found.deny);
            allow = allow.or(found.allow.map(|(_, cause)| cause));
        }
        allow
    };
    own.allow = layer(&mut own, Layer::Identity, &mut permissions.identity.iter());
    if caller.is_root() {
        own.allow = Some(Cause::Root);
    }
    if let Some(boundary) = &permissions.boundary
        && layer(&mut own, Layer::Boundary, &mut std::iter::once(boundary)).is_none()
    {
        own.lacks = Some(Layer::Boundary);
    }
    if let Some(session) = &permissions.session
        && layer(&mut own, Layer::Session, &mut session.iter()).is_none()
    {
        own.lacks = own.lacks.or(Some(Layer::Session));
        own.lacks_session = true;
    }
    own
}

/// Decides.
pub(crate) fn judge<'a, L: Listener>(cx: &Context<'a>, listener: &mut L) -> Verdict<'a> {
    let (request, action) = (&cx.request, cx.request.action);
    if action == Action::StsGetCallerIdentity && cx.caller.is_some() {
        return allow(Cause::NeedsNoPermission);
    }
    let own = own_side(cx, listener);
    let policy = match (request.bucket, request.resource) {
        (Some(rules), Resource::Bucket(_) | Resource::Object(..)) => bucket_policy(cx, rules, listener),
        (None, Resource::Cmk { .. }) => cmk::key_policy(cx, listener),
        _ => Found::default(),
    };
    // Above every allowance: what such a session would make could do more than the session may.
    if action.is_mutating_identity() && cx.caller.is_some_and(|caller| caller.is_narrowed()) {
        return deny(Cause::NarrowedSession);
    }
    if let Some(cause) = own.deny.or(policy.deny) {
        return deny(cause);
    }
    if action == Action::StsGetSessionToken && cx.caller.is_some() && !own.lacks_session {
        return allow(Cause::NeedsNoPermission);
    }
    if let Some(layer) = own.lacks {
        return deny(Cause::NotAllowedBy(layer));
    }
    let Some(rules) = request.bucket else {
        return match (request.resource, request.cmk) {
            (Resource::Cmk { .. }, Some(rules)) => cmk::judge(cx, rules, &own, policy.allow, listener),
            _ => own_only(cx, &own, request.owner),
        };
    };
    match request.resource {
        Resource::Service | Resource::Cmk { .. } | Resource::KeyAlias { .. } | Resource::Iam { .. } => {
            own_only(cx, &own, request.owner)
        }
        Resource::Bucket(_) => {
            let acl = acl(cx, rules, &rules.acl, AclOf::Bucket, listener);
            both_sides(cx, &own, &rules.owner, best(policy.allow, acl))
        }
        Resource::Object(..) => {
            let owner = object_owner(cx, rules);
            let mut grants = acl(cx, rules, &rules.acl, AclOf::Bucket, listener);
            if let Some(object_acl) = request.object_acl {
                grants = best(grants, acl(cx, rules, object_acl, AclOf::Object, listener));
            }
            // What the bucket's owner gives away in policy and ACL is his own.
            if *owner != rules.owner {
                return both_sides(cx, &own, owner, grants);
            }
            let delivered = acl(cx, rules, &rules.acl, AclOf::Delivered, listener);
            both_sides(cx, &own, owner, best(policy.allow, best(grants, delivered)))
        }
    }
}

/// The bucket's policy, with S3's way out for the owner's root identity, and the block on public policies.
fn bucket_policy<'a, L: Listener>(cx: &Context<'a>, rules: &'a BucketRules, listener: &mut L) -> Found<'a> {
    let Some(policy) = &rules.policy else { return Found::default() };
    let mut found = scan(cx, policy, Place { layer: Layer::BucketPolicy, source: "bucket policy" }, listener);
    let is_of_owner = cx.caller.is_some_and(|caller| caller.account == rules.owner);
    let is_on_policy =
        matches!(cx.request.action, Action::GetBucketPolicy | Action::PutBucketPolicy | Action::DeleteBucketPolicy);
    if is_of_owner && is_on_policy && !rules.policy_binds_root && cx.caller.is_some_and(|caller| caller.is_root()) {
        found.deny = None;
    }
    if rules.block.restrict_public_buckets && policy.is_public() && !is_of_owner {
        found.allow = None;
    }
    found
}

/// Whose word counts: the object's owner's about the object, the bucket owner's about what makes and removes it.
fn object_owner<'a>(cx: &Context<'a>, rules: &'a BucketRules) -> &'a AccountId {
    if cx.request.action.is_of_bucket_owner() || rules.ownership == Ownership::BucketOwnerEnforced {
        return &rules.owner;
    }
    cx.request.owner.unwrap_or(&rules.owner)
}

/// What the resource's side allows, and how it names the principal.
pub(crate) type Granted<'a> = Option<(Hold, Cause<'a>)>;

fn acl<'a, L: Listener>(
    cx: &Context<'a>,
    rules: &BucketRules,
    acl: &crate::Acl,
    of: AclOf,
    listener: &mut L,
) -> Granted<'a> {
    if rules.ownership == Ownership::BucketOwnerEnforced {
        return None;
    }
    let groups_count = !rules.block.ignore_public_acls;
    let (i, hold) = acl_table::granted(acl, of, cx.request.action, cx.request.principal, groups_count)?;
    listener.grant(of, i);
    Some((hold, Cause::Grant(of, i)))
}

/// Of two allowances the one that needs no other.
pub(crate) fn best<'a>(one: Granted<'a>, other: Granted<'a>) -> Granted<'a> {
    match (one, other) {
        (Some((Hold::Account, _)), Some((Hold::Direct, _))) | (None, _) => other,
        _ => one,
    }
}

/// CMKs, identities, the service as a whole, and buckets that do not exist yet: the account's own word only.
fn own_only<'a>(cx: &Context<'a>, own: &OwnSide<'a>, owner: Option<&AccountId>) -> Verdict<'a> {
    match (cx.caller, owner) {
        (Some(caller), Some(owner)) if caller.account == *owner => match own.allow {
            Some(cause) => allow(cause),
            None => deny(Cause::NothingAllows),
        },
        _ => deny(Cause::OtherAccount),
    }
}

/// The rules 3 and 4.
fn both_sides<'a>(cx: &Context<'a>, own: &OwnSide<'a>, owner: &AccountId, resource: Granted<'a>) -> Verdict<'a> {
    let same_account = cx.caller.is_some_and(|caller| caller.account == *owner);
    match (cx.caller, own.allow, resource) {
        (Some(_), Some(cause), _) if same_account => allow(cause),
        (_, _, Some((Hold::Direct, cause))) if same_account || cx.caller.is_none() => allow(cause),
        (None, ..) => deny(Cause::NoResourceAllow),
        (Some(_), ..) if same_account => deny(Cause::NothingAllows),
        (Some(_), Some(_), Some((_, cause))) => allow(cause),
        (Some(_), None, Some(_)) => deny(Cause::NoIdentityAllow),
        (Some(_), Some(_), None) => deny(Cause::NoResourceAllow),
        (Some(_), None, None) => deny(Cause::NothingAllows),
    }
}

/// Decides about assuming a role: the role's trust policy is the resource's side.
pub(crate) fn judge_assume<'a, L: Listener>(cx: &Context<'a>, trust: &'a Policy, listener: &mut L) -> Verdict<'a> {
    let own = own_side(cx, listener);
    let found = scan(cx, trust, Place { layer: Layer::Trust, source: "trust policy" }, listener);
    let (Some(_), Some(owner)) = (cx.caller, cx.request.owner) else { return deny(Cause::NoResourceAllow) };
    if let Some(cause) = own.deny.or(found.deny) {
        return deny(cause);
    }
    if let Some(layer) = own.lacks {
        return deny(Cause::NotAllowedBy(layer));
    }
    // Unlike with a bucket, the account's own policies are not enough: nobody assumes a role that does not trust him.
    if found.allow.is_none() {
        return deny(Cause::NoResourceAllow);
    }
    let verdict = both_sides(cx, &own, owner, found.allow);
    match (verdict.cause, found.allow) {
        (Cause::Root, Some((_, cause))) => Verdict { cause, ..verdict },
        (Cause::NothingAllows, _) => deny(Cause::NoIdentityAllow),
        _ => verdict,
    }
}

pub(crate) fn allow(cause: Cause<'_>) -> Verdict<'_> {
    Verdict { allowed: true, cause }
}

pub(crate) fn deny(cause: Cause<'_>) -> Verdict<'_> {
    Verdict { allowed: false, cause }
}
