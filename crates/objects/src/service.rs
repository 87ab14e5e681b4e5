//! The service: what the operations share. Each operation is a file of its own under `ops`.

use crate::Fail;
use crate::api::{AccessConfig, AccountNames, RequestContext};
use crate::bodies::{BodyStore, Housekeeper, ReadEpochs, recover};
use crate::dependents;
use crate::metering::{RequestMeter, StorageMeter};
use crate::ops::refuse_blocked;
use crate::registry::{Bucket, Registry};
use model::{BucketName, Clock, Entropy, ObjectName, VersionUid};
use policy::Authorizer;
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
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) access: AccessConfig,
    pub(crate) accounts: Arc<dyn AccountNames>,
    pub(crate) requests: RequestMeter,
    pub(crate) storage: StorageMeter,
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
        recover(&meta, &blobs).await?;
        if let Err(error) = dependents::build(&meta).await {
            tracing::error!(%error, "the index of what needs which CMK is not complete: no CMK is deleted until it is");
        }
        let registry = Arc::new(Registry::load(Arc::clone(&meta), access).await?);
        let epochs = Arc::new(ReadEpochs::new());
        let housekeeper = Housekeeper::start(Arc::clone(&meta), Arc::clone(&blobs), Arc::clone(&epochs));
        let requests = RequestMeter::new(Arc::clone(&meta));
        Ok(Arc::new(Self {
            meta,
            blobs,
            sse,
            clock,
            entropy,
            registry,
            housekeeper,
            epochs,
            authorizer,
            access,
            accounts,
            requests,
            storage: StorageMeter::default(),
        }))
    }

    /// The bucket, or 404: existence of a bucket is told before rights are looked at, as S3 and OBS do.
    pub(crate) fn bucket(&self, name: &BucketName) -> Result<Arc<Bucket>, Fail> {
        self.registry.get(name).ok_or(Fail::NoSuchBucket)
    }

    /// The effective encryption of a write into the bucket. To be asked after the right to write.
    pub(crate) fn plan(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        request: &EncryptionHeaders,
    ) -> Result<EncryptionPlan, Fail> {
        refuse_blocked(bucket, !request.customer.is_empty())?;
        let config = self.sse.config();
        Ok(sse::plan(&PlanInput {
            request,
            bucket: bucket.record.encryption.as_ref(),
            server_default: config.server_default,
            transport: cx.transport,
            require_https: config.require_https,
            sm4: config.sm4,
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
        access_key: cx.access_key.clone(),
        via: cx.via,
        request_id: cx.request_id.clone(),
        conditions: Arc::clone(&cx.conditions),
    }
}

/// What an object version is, for the bindings of its keys.
pub(crate) fn target<'a>(bucket: &'a Bucket, object: &'a ObjectName, version: VersionUid) -> Target<'a> {
    Target { bucket_uid: bucket.uid(), bucket: &bucket.name, object, version }
}
