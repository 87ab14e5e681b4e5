//! Buckets, objects, versions, parts, copies and listings. Knows neither ciphers nor the KMS: a body is an opaque
//! plaintext stream on one side and a sealed stream of `sse` on the other. Every operation asks the one authoriser
//! before it reads a body or tells whether an object exists.

pub mod api;
pub mod fail;

pub use fail::{BodyError, Fail};
