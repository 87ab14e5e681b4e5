//! The directory as its callers see it, over a store in memory.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

mod accounts;
mod crashes;
mod credentials;
mod entities;
mod golden;
mod keys;
mod logins;
mod opening;
mod policies;
mod rights;
mod secrets;
mod sessions;
mod setup;
