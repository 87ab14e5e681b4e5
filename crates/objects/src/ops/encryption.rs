//! The bucket's encryption: its default, and whether it takes writes under customer keys. A change touches what is written
//! later only.

use crate::Fail;
use crate::api::{EncryptionRule, RequestContext};
use crate::records::BucketRecord;
use crate::registry::Bucket;
use crate::service::ObjectService;
use model::{BucketName, ObjectName, ProjectUid, VersionId};
use policy::Action;
use sse::{CmkId, DefaultMethod, check_bucket_encryption};

impl ObjectService {
    /// GetBucketEncryption: the configuration as it was set.
    pub async fn get_bucket_encryption(&self, cx: &RequestContext, name: &BucketName) -> Result<EncryptionRule, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetEncryptionConfiguration, &bucket)?;
        let BucketRecord { encryption, blocks_customer_keys, .. } = &bucket.record;
        Ok(EncryptionRule { default: encryption.clone(), blocks_customer_keys: *blocks_customer_keys })
    }

    /// The method of the bucket's default encryption, for rules of the gateway that stand beside the choice of encryption.
    /// Checks no right and is not for showing.
    pub async fn default_method(&self, name: &BucketName) -> Option<DefaultMethod> {
        self.registry.get(name)?.record.encryption.as_ref().map(|default| default.method)
    }

    /// Whether the principal may set the configuration: asked before the document is parsed, so that a missing bucket
    /// or a missing right answers before a malformed document does.
    pub async fn authorize_put_bucket_encryption(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutEncryptionConfiguration, &bucket)?;
        Ok(())
    }

    /// PutBucketEncryption: what the rule does not speak of stays as it is.
    pub async fn put_bucket_encryption(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        rule: impl Into<EncryptionRule>,
    ) -> Result<(), Fail> {
        let rule: EncryptionRule = rule.into();
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutEncryptionConfiguration, &bucket)?;
        let config = self.sse.config();
        if let Some(default) = &rule.default {
            check_bucket_encryption(default, cx.transport, config.require_https, cx.rules.encryption)?;
        }
        self.registry
            .update(&bucket, move |record| {
                record.encryption = rule.default.clone().or_else(|| record.encryption.take());
                record.blocks_customer_keys = rule.blocks_customer_keys.or(record.blocks_customer_keys);
                Ok(())
            })
            .await
    }

    /// DeleteBucketEncryption: removes the default, and succeeds also when nothing is set. A block on customer keys is no
    /// default and stays: who means to lift it says so.
    pub async fn delete_bucket_encryption(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutEncryptionConfiguration, &bucket)?;
        self.registry
            .update(&bucket, move |record| {
                record.encryption = None;
                record.blocks_customer_keys = record.blocks_customer_keys.filter(|blocked| *blocked);
                Ok(())
            })
            .await
    }

    /// Whether the requester may change how the object's keys are wrapped, and came as such a change must: asked before its
    /// document is read. The rights to the CMKs are asked with the change.
    pub async fn authorize_update_encryption(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<(), Fail> {
        self.authorize_on_object(cx, bucket, name, version, Action::UpdateObjectEncryption).await?;
        Ok(self.sse.check_rewrap(&cx.principal, cx.transport)?)
    }

    /// The project of a CMK, for the reply to who has just used it. `None` of a default key.
    pub fn project_of_key(&self, cmk: &CmkId) -> Option<ProjectUid> {
        self.sse.project_of(cmk)
    }
}

/// Refuses what is written under a customer key where the bucket blocks that (S3 behaviour §7). Reads go on, and so does
/// deleting and aborting, which need no key.
pub(crate) fn refuse_blocked(bucket: &Bucket, under_customer_key: bool) -> Result<(), Fail> {
    if under_customer_key && bucket.record.blocks_customer_keys == Some(true) {
        Err(Fail::AccessDenied)
    } else {
        Ok(())
    }
}
