//! AWS Signature Version 4, in the header and in the query.
//!
//! Rules of S3: the path is not encoded twice, `x-amz-content-sha256` is compulsory in the header form, and every
//! `x-amz-…` header of the request must be signed; here every `x-obs-…` one as well.

mod canonical;
mod parse;
mod scope;
mod verify;

pub(super) use canonical::{CanonicalParts, string_to_sign};
pub(super) use parse::{V4Fields, split_credential};
pub(super) use scope::{Scope, SigningKey};
pub(super) use verify::{signature_hex, verify};
