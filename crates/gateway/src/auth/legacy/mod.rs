//! OBS signatures and AWS Signature Version 2: one construction (HMAC-SHA1 over a short text) with two vocabularies.
//!
//! Official SDKs disagree in details of that text, so a verification tries a short list of candidates, at most eight,
//! each of which names the same operation on the same resource.

mod fields;
mod subresources;
mod text;
mod verify;

pub(super) use fields::LegacyFields;
pub use subresources::is_signed_subresource;
pub(super) use text::{Placement, ResourceForm, canonical_resource, resource_paths, string_head};
pub(super) use verify::{signature, verify};
