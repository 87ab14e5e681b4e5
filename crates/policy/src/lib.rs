//! What may be done to what, by whom. Pure: no I/O, no async.
//!
//! A decision yields a proof, [`Authorized`], which only this room can make. Whatever relies on the check asks for the
//! proof.

mod access;
mod action;

pub use access::{AccessRequest, Authorized, Authorizer, Conditions, Denied, Resource, decide};
pub use action::Action;
