//! Who may do what: the operations ask the one evaluator with everything it needs to know, for two accounts, their users
//! and the anonymous.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod acl;
mod acls;
mod during;
mod ownership;
mod policies;
mod secrecy;
#[path = "../support/mod.rs"]
mod support;
mod tags;
mod uploads;
mod writes;
