//! The command line as a client of a running server: one connection, requests signed as any client signs them.

mod connection;
mod endpoint;
mod kms;
mod options;

pub(crate) use connection::Connection;
pub(crate) use endpoint::Endpoint;
pub(crate) use kms::KmsClient;
pub(crate) use options::{ClientOptions, Credentials};
