//! XML in and out, bounded.
//!
//! Requests are read into a small tree ([`Element`]) under limits that hold before any memory is spent; replies are
//! written by a writer that escapes everything it is given. Both vocabularies of a document (OBS and S3) are read
//! whatever the dialect, so the tree ignores namespaces and the order of elements.

mod read;
mod write;

pub use read::{Element, XmlError, XmlLimits};
pub use write::XmlWriter;
