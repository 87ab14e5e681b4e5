//! What may be done to what, by whom. Pure: no I/O, no async, no clock.
//!
//! A decision yields a proof, [`Authorized`], which only this room can make. Whatever relies on the check asks for the
//! proof.

mod access;
mod acl;
mod action;
mod condition;
mod document;
mod principal;

pub use access::{AccessRequest, Authorized, Authorizer, BucketRules, Denied, Evaluator, Resource, decide};
pub use acl::{Acl, CannedAcl, GRANTS_MAX, Grant, Grantee, Ownership, Permission, PublicAccessBlock};
pub use action::Action;
pub use condition::{ConditionKey, Conditions};
pub use document::{Grammar, Policy, PolicyError};
pub use principal::{Attached, Caller, Identity, Permissions, Principal, Session};
