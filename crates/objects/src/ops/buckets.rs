//! ListBuckets, CreateBucket, HeadBucket, GetBucketLocation, DeleteBucket.

use crate::Fail;
use crate::api::{BucketInfo, CreateBucket, RequestContext};
use crate::grants::{On, join_block, owners_alone};
use crate::records::BucketRecord;
use crate::registry::Bucket;
use crate::registry::UPLOADS;
use crate::service::ObjectService;
use model::{AccountId, BucketName, BucketUid};
use policy::{Acl, Action, BucketRules, Resource};
use sse::check_bucket_encryption;

/// How often DeleteBucket tries again when uploads have begun meanwhile.
const ABORT_ROUNDS_MAX: usize = 8;

fn info(bucket: &Bucket) -> BucketInfo {
    BucketInfo { name: bucket.name.clone(), created: bucket.record.created, owner: bucket.record.owner.clone() }
}

impl ObjectService {
    /// ListBuckets: those of the principal's account, in byte order of their names.
    pub async fn list_buckets(&self, cx: &RequestContext) -> Result<Vec<BucketInfo>, Fail> {
        let account = cx.principal.account();
        let _proof = self.authorize(cx, Action::ListAllMyBuckets, Resource::Service, account)?;
        let own = self.registry.all().into_iter().filter(|b| Some(&b.record.owner) == account);
        Ok(own.map(|b| info(&b)).collect())
    }

    /// CreateBucket. The location was checked by the dialect.
    pub async fn create_bucket(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        request: CreateBucket,
    ) -> Result<(), Fail> {
        let proof = self.authorize(cx, Action::CreateBucket, Resource::Bucket(name), cx.principal.account())?;
        if let Some(encryption) = &request.encryption {
            let _proof =
                self.authorize(cx, Action::PutEncryptionConfiguration, Resource::Bucket(name), cx.principal.account())?;
            let config = self.sse.config();
            check_bucket_encryption(encryption, cx.transport, config.require_https, cx.rules.encryption)?;
        }
        let owner = proof.principal().account().cloned().ok_or(Fail::AccessDenied)?;
        let acl = self.acl_of_new(cx, name, &owner, &request)?;
        let record = BucketRecord {
            uid: BucketUid::random(&*self.entropy),
            owner: owner.clone(),
            created: self.clock.now(),
            revision: 0,
            encryption: request.encryption,
            policy: None,
            policy_binds_root: false,
            acl,
            block: None,
            ownership: request.ownership,
            blocks_customer_keys: request.blocks_customer_keys.then_some(true),
        };
        match self.registry.create(name, record).await? {
            Ok(()) => Ok(()),
            Err(taken_by) if taken_by != owner => Err(Fail::BucketAlreadyExists),
            Err(_) if cx.rules.recreate_own_bucket => Ok(()),
            Err(_) => Err(Fail::BucketAlreadyOwnedByYou),
        }
    }

    /// The ACL of a new bucket. An ACL and an ownership that the request gives need their own rights.
    fn acl_of_new(
        &self,
        cx: &RequestContext,
        name: &BucketName,
        owner: &AccountId,
        request: &CreateBucket,
    ) -> Result<Option<Acl>, Fail> {
        let resource = Resource::Bucket(name);
        if request.ownership.is_some() {
            let _proof = self.authorize(cx, Action::PutBucketOwnershipControls, resource, Some(owner))?;
        }
        let Some(choice) = &request.acl else { return Ok(None) };
        let _proof = self.authorize(cx, Action::PutBucketAcl, resource, Some(owner))?;
        let rules = BucketRules {
            owner: owner.clone(),
            policy: None,
            policy_binds_root: false,
            acl: owners_alone(owner),
            block: join_block(None, self.access.block_public_access),
            ownership: request.ownership.unwrap_or(self.access.default_ownership),
        };
        match self.resolve(choice, On::Bucket, owner, &rules) {
            Err(Fail::AclNotSupported) => Err(Fail::InvalidBucketAclWithOwnership),
            resolved => resolved,
        }
    }

    /// HeadBucket.
    pub async fn head_bucket(&self, cx: &RequestContext, name: &BucketName) -> Result<BucketInfo, Fail> {
        self.describe(cx, name, Action::HeadBucket)
    }

    /// GetBucketLocation.
    pub async fn bucket_location(&self, cx: &RequestContext, name: &BucketName) -> Result<BucketInfo, Fail> {
        self.describe(cx, name, Action::GetBucketLocation)
    }

    /// GetBucketVersioning. Versioning cannot be enabled yet: whoever may ask learns that it never was.
    pub async fn bucket_versioning(&self, cx: &RequestContext, name: &BucketName) -> Result<BucketInfo, Fail> {
        self.describe(cx, name, Action::GetBucketVersioning)
    }

    fn describe(&self, cx: &RequestContext, name: &BucketName, action: Action) -> Result<BucketInfo, Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, action, &bucket)?;
        Ok(info(&bucket))
    }

    /// Whether a bucket exists: the OBS SDKs' unsigned probe (`HEAD ?apiversion`) asks no more and learns no more.
    pub async fn bucket_exists(&self, name: &BucketName) -> Result<bool, Fail> {
        Ok(self.registry.get(name).is_some())
    }

    /// DeleteBucket: only an empty one. Its SSE-OBS key goes with it. Unfinished uploads keep it in OBS; in S3 they end
    /// with it, once it holds no objects.
    pub async fn delete_bucket(&self, cx: &RequestContext, name: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket(name)?;
        let _proof = self.authorize_bucket(cx, Action::DeleteBucket, &bucket)?;
        for _ in 0..ABORT_ROUNDS_MAX {
            match self.registry.delete(&bucket, self.sse.forget_bucket(bucket.uid())).await {
                Err(Fail::BucketNotEmpty(UPLOADS)) if cx.rules.delete_bucket_aborts_uploads => {
                    self.abort_all_uploads(bucket.uid()).await?;
                }
                done => return done,
            }
        }
        // Somebody begins uploads as fast as they are aborted.
        Err(Fail::BucketNotEmpty(UPLOADS))
    }
}
