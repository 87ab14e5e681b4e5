//! The audit trail: who used which key, when, from where and with what outcome.
//!
//! Start with `event.rs`. What is absent, and what others lean on: an event has no field that could hold a key, a
//! plaintext, a token or a signature.

mod event;
mod trail;

pub use event::{Event, EventKind, KeyNamed, ObjectNamed, Outcome, Who};
pub use trail::{AuditFault, AuditTrail, NoTrail};
