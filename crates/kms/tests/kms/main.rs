//! The key service from outside, over a store in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

mod aliases;
mod at_rest;
mod authority;
mod backup;
mod create;
mod damage;
mod data;
mod default_key;
mod deletion;
mod faults;
mod golden;
mod grants;
mod hang_up;
mod import;
mod intent;
mod internal_keys;
mod key_policy;
mod lifecycle;
mod log;
mod model_check;
mod provider;
mod record_trail;
mod root_change;
mod root_key;
mod rotation;
mod setup;
mod steps;
mod tags;
mod token_keys;
mod traffic;
mod trail;
mod usage;
