//! The records of this room: buckets, object versions, part layouts, uploads and parts. docs/formats/record.md draws
//! them byte by byte; golden files in vectors/records hold them.

mod access;
mod bucket;
#[cfg(test)]
mod golden;
mod headers;
pub(crate) mod keys;
mod layout;
mod stream;
mod upload;
mod version;

pub(crate) use access::{Said, is_said};
pub(crate) use bucket::BucketRecord;
pub(crate) use layout::{Layout, LayoutPart};
pub(crate) use stream::StoredStream;
pub(crate) use upload::{PartRecord, UploadRecord};
pub(crate) use version::{Content, ObjectVersion, StoredEtag, Version};
