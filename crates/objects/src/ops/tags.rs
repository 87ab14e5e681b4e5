//! Object tags. They stand in the object's record in clear, beside what the DEK authenticates: no key is needed.

use crate::Fail;
use crate::api::{RequestContext, Tags, TagsOutcome};
use crate::authorize::{Facts, READ_TAGS, REMOVE_TAGS, WRITE_TAGS, request_tags};
use crate::grants::check_tags;
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
        let bucket = self.bucket(bucket)?;
        let found = self.find_for(cx, READ_TAGS, &bucket, name, version, false).await?;
        Ok(TagsOutcome { tags: found.object.tags, version: None })
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
        let bucket = self.bucket(bucket)?;
        let facts = request_tags(&tags);
        self.change_object(cx, WRITE_TAGS, &bucket, name, version, &facts, |object| {
            check_tags(&tags)?;
            object.tags.clone_from(&tags);
            Ok(())
        })
        .await?;
        Ok(None)
    }

    /// DeleteObjectTagging. Answers the version.
    pub async fn delete_object_tags(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<Option<VersionId>, Fail> {
        let bucket = self.bucket(bucket)?;
        self.change_object(cx, REMOVE_TAGS, &bucket, name, version, &Facts::new(), |object| {
            object.tags.clear();
            Ok(())
        })
        .await?;
        Ok(None)
    }
}
