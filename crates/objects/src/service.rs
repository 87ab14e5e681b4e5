//! The service: what the operations share. Each operation is a file of its own under `ops`.

use crate::Fail;
use crate::api::{AccessConfig, AccountNames, RequestContext};
use crate::bodies::{BodyStore, Housekeeper, ReadEpochs, recover};
use crate::registry::{Bucket, Registry};
use model::{AccountId, BucketName, Clock, Entropy, ObjectName, VersionUid};
use policy::{AccessRequest, Action, Authorized, Authorizer, Resource};
use sse::{EncryptionHeaders, EncryptionPlan, KeyUser, PlanInput, SseService, Target};
use std::sync::Arc;
use store::{BlobStore, MetaStore, StoreFault};

/// Buckets and objects.
pub struct ObjectService {
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) sse: Arc<SseService>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) housekeeper: Housekeeper,
    pub(crate) epochs: Arc<ReadEpochs>,
    authorizer: Arc<dyn Authorizer>,
}

/// What the service is made of.
pub struct Parts {
    /// Records.
    pub meta: Arc<dyn MetaStore>,
    /// Sealed bytes.
    pub blobs: Arc<dyn BlobStore>,
    /// Encryption.
    pub sse: Arc<SseService>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The one authoriser.
    pub authorizer: Arc<dyn Authorizer>,
    /// What holds for all buckets.
    pub access: AccessConfig,
    /// Names of accounts.
    pub accounts: Arc<dyn AccountNames>,
}

impl ObjectService {
    /// Opens the service: puts right what a crash left, then loads the buckets. Needs a tokio runtime.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, StoreFault> {
        let Parts { meta, blobs, sse, clock, entropy, authorizer, access, accounts } = parts;
        let _ = (access, accounts);
        recover(&meta, &blobs).await?;
        let registry = Arc::new(Registry::load(Arc::clone(&meta)).await?);
        let epochs = Arc::new(ReadEpochs::new());
        let housekeeper = Housekeeper::start(Arc::clone(&meta), Arc::clone(&blobs), Arc::clone(&epochs));
        Ok(Arc::new(Self { meta, blobs, sse, clock, entropy, registry, housekeeper, epochs, authorizer }))
    }

    /// The bucket, or 404: existence of a bucket is told before rights are looked at, as S3 and OBS do.
    pub(crate) fn bucket(&self, name: &BucketName) -> Result<Arc<Bucket>, Fail> {
        self.registry.get(name).ok_or(Fail::NoSuchBucket)
    }

    /// Asks the one authoriser about a bucket.
    pub(crate) fn authorize_bucket(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
    ) -> Result<Authorized, Fail> {
        self.authorize(cx, action, Resource::Bucket(&bucket.name), Some(&bucket.record.owner))
    }

    /// Asks the one authoriser about an object.
    pub(crate) fn authorize_object(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
        name: &ObjectName,
    ) -> Result<Authorized, Fail> {
        self.authorize(cx, action, Resource::Object(&bucket.name, name), Some(&bucket.record.owner))
    }

    /// Asks the one authoriser.
    pub(crate) fn authorize(
        &self,
        cx: &RequestContext,
        action: Action,
        resource: Resource<'_>,
        owner: Option<&AccountId>,
    ) -> Result<Authorized, Fail> {
        let request = AccessRequest {
            principal: &cx.principal,
            action,
            resource,
            owner,
            bucket: None,
            object_acl: None,
            conditions: &cx.conditions,
            facts: &[],
        };
        Ok(self.authorizer.authorize(&request)?)
    }

    /// The effective encryption of a write into the bucket.
    pub(crate) fn plan(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        request: &EncryptionHeaders,
    ) -> Result<EncryptionPlan, Fail> {
        let config = self.sse.config();
        Ok(sse::plan(&PlanInput {
            request,
            bucket: bucket.record.encryption.as_ref(),
            server_default: config.server_default,
            transport: cx.transport,
            require_https: config.require_https,
            anonymous: cx.principal.is_anonymous(),
            rules: cx.rules.encryption,
        })?)
    }

    pub(crate) fn body_store(&self) -> BodyStore {
        BodyStore { blobs: Arc::clone(&self.blobs), entropy: Arc::clone(&self.entropy) }
    }
}

/// Who uses a key, for the KMS.
pub(crate) fn key_user(cx: &RequestContext) -> KeyUser {
    KeyUser {
        principal: cx.principal.clone(),
        via: cx.via,
        request_id: cx.request_id.clone(),
        conditions: Arc::clone(&cx.conditions),
    }
}

/// What an object version is, for the bindings of its keys.
pub(crate) fn target<'a>(bucket: &'a Bucket, object: &'a ObjectName, version: VersionUid) -> Target<'a> {
    Target { bucket_uid: bucket.uid(), bucket: &bucket.name, object, version }
}

/// The owner that a new object gets.
pub(crate) fn owner(proof: &Authorized, bucket: &Bucket) -> AccountId {
    proof.principal().account().unwrap_or(&bucket.record.owner).clone()
}
