//! What may be done to what, by whom. Pure: no I/O, no async, no clock.
//!
//! A decision yields a proof, [`Authorized`], which only this room can make. Whatever relies on the check asks for the
//! proof. The language is described for users in docs/policies.md.

mod access;
mod acl;
mod acl_table;
mod action;
mod action_kinds;
mod action_names;
mod action_set;
mod address;
mod clause;
mod cmk;
mod cmk_rules;
mod condition;
mod date;
mod document;
mod evaluate;
mod explain;
mod explain_text;
mod facts;
mod glob;
mod keys;
mod operator;
mod parse;
mod principal;
mod principals;
mod public;
mod resources;
mod trust;

pub use access::{AccessRequest, Authorized, Authorizer, BucketRules, Denied, Evaluator, Resource};
pub use acl::{Acl, CannedAcl, GRANTS_MAX, Grant, Grantee, Ownership, Permission, PublicAccessBlock};
pub use action::Action;
pub use action_set::ActionSet;
pub use cmk::may_still_put_key_policy;
pub use cmk_rules::{CmkRules, ContextConstraint, GrantError, GrantPrincipal, KeyGrant};
pub use condition::{CmkNames, ConditionKey, Conditions};
pub use document::{Effect, Grammar, KEY_POLICY_BYTES_MAX, POLICY_BYTES_MAX, Policy, PolicyError};
pub use evaluate::{Layer, decide};
pub use explain::{Explanation, GrantTrace, Outcome, Reason, StatementTrace, explain};
pub use principal::{Assumer, Attached, Caller, Identity, Lineage, Permissions, Principal, Session};
pub use trust::{AssumeRequest, may_assume};
