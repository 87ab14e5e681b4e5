//! The policy language and the evaluator from outside.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up has nothing to say")]

mod acls;
mod assume;
mod cmk_model;
mod cmks;
mod conditions;
mod evaluation;
mod grammars;
mod model;
mod named_cmk;
mod page;
mod setup;
mod vectors;
