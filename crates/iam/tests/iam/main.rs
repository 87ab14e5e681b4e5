//! The directory as its callers see it, over a store in memory.

#![expect(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests report by panicking")]

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
