//! What needs which CMK: the index over object versions and uploads (rows of bucket keys are entered by `sse`), how it is
//! built for data that was written before there was one, and what it is asked.
//!
//! INVARIANT: whatever commits a version or an upload under a CMK enters its row in the same transaction, and whatever
//! removes one removes the row. So the index equals what a scan of all records would find.

mod build;
mod collect;
mod impact;
mod walk;

pub(crate) use build::{ROW as PROGRESS_ROW, build, is_complete, may_say_too_much, rebuild_at_next_start};
pub use walk::Need;

use crate::records::{ObjectVersion, UploadRecord, Version};
use model::{BucketUid, UploadId};
use sse::{Dependent, DependentKind};

/// The row of a version; none of delete markers and of objects that need no CMK.
pub(crate) fn of_version(bucket: BucketUid, name: &str, version: &Version) -> Option<Dependent> {
    let Version::Object(object) = version else { return None };
    of_object(bucket, name, object)
}

/// The row of an object version, if it needs a CMK.
pub(crate) fn of_object(bucket: BucketUid, name: &str, object: &ObjectVersion) -> Option<Dependent> {
    Dependent::of(&object.envelope, bucket, DependentKind::Object, object.uid.as_bytes(), object.size, name)
}

/// The row of an upload in progress, if it needs a CMK.
pub(crate) fn of_upload(bucket: BucketUid, name: &str, id: UploadId, upload: &UploadRecord) -> Option<Dependent> {
    Dependent::of(&upload.envelope, bucket, DependentKind::Upload, id.as_bytes(), 0, name)
}
