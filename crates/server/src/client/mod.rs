//! The command line as a client of a running server: one connection, requests signed as any client signs them.

mod admin;
mod connection;
mod endpoint;
mod kms;
mod options;
mod query;
mod signed;
mod unlock;

pub(crate) use connection::Connection;
pub(crate) use endpoint::Endpoint;
pub(crate) use options::{ClientOptions, Credentials};
pub(crate) use signed::ControlClient;
pub(crate) use unlock::unlock;
