#![expect(unused_variables, reason = "bodies follow")]
//! Object tags.

use crate::Fail;
use crate::api::{RequestContext, Tags, TagsOutcome};
use crate::service::ObjectService;
use model::{BucketName, ObjectName, VersionId};

impl ObjectService {
    /// GetObjectTagging.
    pub async fn get_object_tags(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<TagsOutcome, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// PutObjectTagging: all tags are replaced. Answers the version.
    pub async fn put_object_tags(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
        tags: Tags,
    ) -> Result<Option<VersionId>, Fail> {
        Err(Fail::NotImplemented("access"))
    }

    /// DeleteObjectTagging. Answers the version.
    pub async fn delete_object_tags(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<Option<VersionId>, Fail> {
        Err(Fail::NotImplemented("access"))
    }
}
