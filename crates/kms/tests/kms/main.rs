//! The key service from outside, over a store in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

mod at_rest;
mod authority;
mod backup;
mod damage;
mod default_key;
mod faults;
mod golden;
mod internal_keys;
mod lifecycle;
mod provider;
mod root_change;
mod root_key;
mod setup;
mod token_keys;
mod usage;
