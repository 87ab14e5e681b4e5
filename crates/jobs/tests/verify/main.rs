//! What lies on disk is verified: a sound directory has no findings, and every kind of damage is found and named.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

mod checksums;
mod damage;
mod random;
mod setup;
mod sound;
