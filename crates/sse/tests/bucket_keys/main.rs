//! Bucket keys through the real service, over a store in memory and under a clock of the test's: what they cost the KMS,
//! whose authority they are used under, which row or copy opens what. What the KMS was asked is told by its own counters,
//! and by a key provider that counts.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "a test")]

mod audit_log;
mod authority;
mod calls;
mod concurrency;
mod context;
mod imported;
mod life;
mod rewrap;
mod rows;
mod setup;
