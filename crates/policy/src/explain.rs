//! Why a decision is what it is: the same evaluation, written down statement by statement.

use crate::acl_table::AclOf;
use crate::document::{Effect, Mismatch, Statement};
use crate::evaluate::{Cause, Layer, Listener, Place, Verdict, judge, judge_assume};
use crate::facts::Context;
use crate::principals::Hold;
use crate::{AccessRequest, KeyGrant, Policy};

/// A decision with everything that was weighed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the action is allowed.
    pub allowed: bool,
    /// What decided.
    pub reason: Reason,
    /// Every statement of every policy that was read, in order of evaluation.
    pub statements: Vec<StatementTrace>,
    /// The grants of ACLs and of the CMK that hold, whether they decided or not.
    pub grants: Vec<GrantTrace>,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A statement; for an Allow between accounts the one on the resource's side.
    Statement {
        /// Where its policy stands.
        layer: Layer,
        /// The policy's name.
        source: String,
        /// The statement's place in the policy, from 0.
        index: usize,
        /// The statement's `Sid`.
        sid: Option<String>,
    },
    /// A policy that cannot be read denies.
    Unreadable {
        /// Where it stands.
        layer: Layer,
        /// Its name.
        source: String,
    },
    /// A grant, of an ACL or on the CMK.
    Grant(GrantTrace),
    /// The owner's root identity may do everything to what its account owns.
    Root,
    /// Everyone who has signed may do this.
    NeedsNoPermission,
    /// A narrowed session makes and changes no identities, credentials or policies of identities.
    NarrowedSession,
    /// The boundary or the session policies do not allow it.
    NotAllowedBy(Layer),
    /// The resource's side allows it, the caller's own policies do not.
    NoIdentityAllow,
    /// The caller's own policies allow it, the resource's side does not; or nobody signed.
    NoResourceAllow,
    /// No policy allows it.
    NothingAllows,
    /// The resource is another account's, and is not shared.
    OtherAccount,
}

/// What became of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementTrace {
    /// Where its policy stands.
    pub layer: Layer,
    /// The policy's name.
    pub source: String,
    /// The statement's place in the policy, from 0.
    pub index: usize,
    /// The statement's `Sid`.
    pub sid: Option<String>,
    /// What it does; `None` for a policy that cannot be read, which has no statements and denies.
    pub effect: Option<Effect>,
    /// Whether it is about the request.
    pub outcome: Outcome,
}

/// Whether a statement is about the request; if not, the first thing that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Matched,
    /// It is; it names the principal by its account, whose own policies must allow as well.
    MatchedByAccount,
    /// It is about other actions.
    Action,
    /// It is about other principals.
    Principal,
    /// It is about other resources.
    Resource,
    /// A condition does not hold.
    Condition {
        /// The operator, as the policy has it.
        operator: String,
        /// The key, as the policy has it.
        key: String,
        /// The values the policy compares with.
        wanted: Vec<String>,
        /// The values the request has; `None`: none.
        seen: Option<Vec<String>>,
    },
    /// The policy cannot be read.
    Unreadable,
}

/// A grant that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantTrace {
    /// Whose ACL, or the grants on the CMK.
    pub layer: Layer,
    /// Whether it is a bucket's grant that is delivered to its objects.
    pub delivered: bool,
    /// The grant's place in the ACL or among the grants, from 0.
    pub index: usize,
    /// Of a grant on a CMK its id.
    pub id: Option<String>,
}

/// Explains [`decide`](crate::decide): the same evaluation, so the same decision.
pub fn explain(request: &AccessRequest<'_>) -> Explanation {
    let cx = Context::new(request, None);
    let mut notes = Notes::default();
    let verdict = judge(&cx, &mut notes);
    notes.finish(verdict)
}

pub(crate) fn explain_assume(cx: &Context<'_>, trust: &Policy) -> Explanation {
    let mut notes = Notes::default();
    let verdict = judge_assume(cx, trust, &mut notes);
    notes.finish(verdict)
}

#[derive(Default)]
struct Notes {
    statements: Vec<StatementTrace>,
    grants: Vec<GrantTrace>,
}

impl Notes {
    fn finish(self, verdict: Verdict<'_>) -> Explanation {
        let reason = match verdict.cause {
            Cause::Statement(place, index, statement) => Reason::Statement {
                layer: place.layer,
                source: place.source.to_owned(),
                index,
                sid: statement.sid.as_deref().map(str::to_owned),
            },
            Cause::Unreadable(place) => Reason::Unreadable { layer: place.layer, source: place.source.to_owned() },
            Cause::Grant(of, index) => Reason::Grant(GrantTrace::new(of, index)),
            Cause::KeyGrant(index, grant) => Reason::Grant(GrantTrace::of_key(index, grant)),
            Cause::Root => Reason::Root,
            Cause::NeedsNoPermission => Reason::NeedsNoPermission,
            Cause::NarrowedSession => Reason::NarrowedSession,
            Cause::NotAllowedBy(layer) => Reason::NotAllowedBy(layer),
            Cause::NoIdentityAllow => Reason::NoIdentityAllow,
            Cause::NoResourceAllow => Reason::NoResourceAllow,
            Cause::NothingAllows => Reason::NothingAllows,
            Cause::OtherAccount => Reason::OtherAccount,
        };
        Explanation { allowed: verdict.allowed, reason, statements: self.statements, grants: self.grants }
    }
}

impl Listener for Notes {
    const THOROUGH: bool = true;

    fn statement(
        &mut self,
        cx: &Context<'_>,
        place: Place<'_>,
        index: usize,
        statement: &Statement,
        outcome: Result<Hold, Mismatch<'_>>,
    ) {
        let outcome = match outcome {
            Ok(Hold::Direct) => Outcome::Matched,
            Ok(Hold::Account) if statement.effect == Effect::Deny => Outcome::Matched,
            Ok(Hold::Account) => Outcome::MatchedByAccount,
            Err(Mismatch::Action) => Outcome::Action,
            Err(Mismatch::Principal) => Outcome::Principal,
            Err(Mismatch::Resource) => Outcome::Resource,
            Err(Mismatch::Condition(clause)) => Outcome::Condition {
                operator: clause.operator_name.to_string(),
                key: clause.key_name.to_string(),
                wanted: clause.texts.iter().map(|text| text.to_string()).collect(),
                seen: clause.seen(cx),
            },
        };
        self.statements.push(StatementTrace {
            layer: place.layer,
            source: place.source.to_owned(),
            index,
            sid: statement.sid.as_deref().map(str::to_owned),
            effect: Some(statement.effect),
            outcome,
        });
    }

    fn unreadable(&mut self, place: Place<'_>) {
        self.statements.push(StatementTrace {
            layer: place.layer,
            source: place.source.to_owned(),
            index: 0,
            sid: None,
            effect: None,
            outcome: Outcome::Unreadable,
        });
    }

    fn grant(&mut self, of: AclOf, index: usize) {
        self.grants.push(GrantTrace::new(of, index));
    }

    fn key_grant(&mut self, index: usize, grant: &KeyGrant) {
        self.grants.push(GrantTrace::of_key(index, grant));
    }
}

impl GrantTrace {
    fn new(of: AclOf, index: usize) -> Self {
        let layer = if of == AclOf::Object { Layer::ObjectAcl } else { Layer::BucketAcl };
        Self { layer, delivered: of == AclOf::Delivered, index, id: None }
    }

    fn of_key(index: usize, grant: &KeyGrant) -> Self {
        Self { layer: Layer::Grant, delivered: false, index, id: Some(grant.id().to_owned()) }
    }
}
