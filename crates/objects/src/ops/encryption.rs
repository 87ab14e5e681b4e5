//! The bucket's default encryption. A change touches objects written later only.

use crate::Fail;
use crate::api::RequestContext;
use crate::service::ObjectService;
use model::BucketName;
use policy::Action;
use sse::{BucketEncryption, DefaultMethod, check_bucket_encryption};

impl ObjectService {
    /// GetBucketEncryption: the configuration as it was set.
    pub async fn get_bucket_encryption(
        &self,
        cx: &RequestContext,
        name: &BucketName,
    ) -> Result<Option<BucketEncryption>, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::GetEncryptionConfiguration, &bucket)?;
        Ok(bucket.record.encryption.clone())
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

    /// PutBucketEncryption.
    pub async fn put_bucket_encryption(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        encryption: BucketEncryption,
    ) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutEncryptionConfiguration, &bucket)?;
        let config = self.sse.config();
        check_bucket_encryption(&encryption, cx.transport, config.require_https, cx.rules.encryption)?;
        self.registry
            .update(&bucket, move |record| {
                record.encryption = Some(encryption.clone());
                Ok(())
            })
            .await
    }

    /// DeleteBucketEncryption: succeeds also when nothing is set.
    pub async fn delete_bucket_encryption(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::PutEncryptionConfiguration, &bucket)?;
        self.registry
            .update(&bucket, move |record| {
                record.encryption = None;
                Ok(())
            })
            .await
    }
}
