//! The vocabulary every room shares: names, ids, ranges, time and randomness as seams, and the codec of stored
//! records. Nothing here performs I/O, and nothing here is asynchronous.
//!
//! Values are parsed once, at the edge, into types that cannot hold a wrong value; inside, nobody validates again.

mod account;
pub mod codec;
mod entropy;
mod etag;
mod ids;
mod names;
mod range;
mod time;
mod version;

pub use account::{AccessKeyId, AccountId, AccountNumber, EntityName, EntityPath, RegionName};
pub use entropy::Entropy;
pub use etag::ETag;
pub use ids::{
    BlobId, BucketKeyId, BucketUid, CmkUid, GroupUid, JobId, PolicyUid, ProjectUid, RoleUid, StreamUid, UploadId,
    UserUid, VersionUid,
};
pub use names::{BucketName, NameError, OBJECT_NAME_BYTES_MAX, ObjectName};
pub use range::{RangeSpec, ResolvedRange, UnsatisfiableRange};
pub use time::{Clock, Timestamp};
pub use version::{PART_NUMBER_MAX, PartNumber, VersionId};
