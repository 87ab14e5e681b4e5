//! PutObject, and what every write of a whole object shares.

use crate::Fail;
use crate::api::{
    ObjectHeaders, PutObject, RequestBody, RequestContext, StoredChecksum, WriteExpectation, WriteOutcome,
};
use crate::bodies::NewStream;
use crate::current::hold;
use crate::grants::NewObject;
use crate::ops::refuse_blocked;
use crate::records::{Content, ObjectVersion, StoredEtag, Version};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user, target};
use model::{ETag, ObjectName, VersionId, VersionUid};
use policy::Acl;
use sse::{
    AppliedEncryption, BodyKeys, ChecksumAlgorithm, Digests, EncryptionPlan, EtagRule, EtagSource, KeptChecksum,
    etag_source,
};

/// User metadata, names and values together, in bytes: OBS allows 8 KiB, S3 2 KiB.
pub(crate) const USER_METADATA_BYTES_MAX: usize = 8 * 1024;

/// Where and as what a body is written.
pub(crate) struct Write<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) name: &'a ObjectName,
    pub(crate) headers: ObjectHeaders,
    pub(crate) plan: EncryptionPlan,
    pub(crate) new: NewObject,
    /// The checksum to keep when the body brings none.
    pub(crate) checksum: ChecksumAlgorithm,
    pub(crate) expectation: &'a WriteExpectation,
}

impl ObjectService {
    /// PutObject. Order: bucket, rights (of an expected ETag as well), encryption headers, KMS, expectation, body.
    pub async fn put_object(
        &self,
        cx: &RequestContext,
        mut request: PutObject,
        body: RequestBody,
    ) -> Result<WriteOutcome, Fail> {
        let bucket = self.bucket(&request.bucket)?;
        let named = self.naming_cmk(cx, &bucket, &request.name, &mut request.encryption);
        let new = self.admit_write(&named, &bucket, &request.name, request.acl.as_ref(), request.tags)?;
        self.admit_expectation(cx, &bucket, &request.name, &request.expectation).await?;
        let plan = self.plan(cx, &bucket, &request.encryption)?;
        let write = Write {
            bucket: &bucket,
            name: &request.name,
            headers: request.headers,
            plan,
            new,
            checksum: ChecksumAlgorithm::Crc64Nvme,
            expectation: &request.expectation,
        };
        self.write_object(cx, write, body).await
    }

    /// Seals a body under a fresh DEK and makes it the object's current version.
    pub(crate) async fn write_object(
        &self,
        cx: &RequestContext,
        write: Write<'_>,
        body: RequestBody,
    ) -> Result<WriteOutcome, Fail> {
        let Write { bucket, name, headers, plan, new: object, checksum, expectation } = write;
        check_metadata(&headers)?;
        let uid = VersionUid::random(&*self.entropy);
        let (keys, applied) = self.sse.begin_write(plan, target(bucket, name, uid), &key_user(cx)).await?;
        self.precheck(bucket, name, expectation).await?;
        let rule = cx.rules.encryption.etag_rule;
        let new = self.body_store().store(&keys, rule, body, Some(checksum)).await?;
        let sealed_by_customer = keys.envelope().is_customer();
        let admitted = self.admit_commit(cx, bucket, name, object.acl.as_ref(), sealed_by_customer, expectation).await;
        let outcome = match admitted {
            Ok(()) => {
                self.commit_stream(bucket, name, uid, headers, object, &keys, rule, &new, applied, expectation).await
            }
            Err(fail) => Err(fail),
        };
        // After a fault of the store the outcome is unknown: what the commit did, the next start sees.
        if !new.stored.inline && outcome.as_ref().is_err_and(|fail| !matches!(fail, Fail::Store(_))) {
            self.housekeeper.discard(new.stored.blob);
        }
        outcome
    }

    /// What may have changed while the body came, whose sender decides how long that takes: the blocks on public ACLs and
    /// on customer keys, and whose object the expectation is about.
    pub(crate) async fn admit_commit(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        acl: Option<&Acl>,
        sealed_by_customer: bool,
        expectation: &WriteExpectation,
    ) -> Result<(), Fail> {
        let now = self.bucket(&bucket.name)?;
        if now.uid() != bucket.uid() {
            return Err(Fail::NoSuchBucket);
        }
        refuse_blocked(&now, sealed_by_customer)?;
        if now.rules.block.block_public_acls && acl.is_some_and(Acl::is_public) {
            return Err(Fail::AccessDenied);
        }
        self.admit_expectation(cx, &now, name, expectation).await
    }

    #[expect(clippy::too_many_arguments, reason = "the one caller above names each; a struct would only move them")]
    async fn commit_stream(
        &self,
        bucket: &Bucket,
        name: &ObjectName,
        uid: VersionUid,
        headers: ObjectHeaders,
        NewObject { owner, acl, tags }: NewObject,
        keys: &BodyKeys,
        rule: EtagRule,
        new: &NewStream,
        applied: AppliedEncryption,
        expectation: &WriteExpectation,
    ) -> Result<WriteOutcome, Fail> {
        let checksum = new.checksum.clone().map(|value| KeptChecksum { value, composite_parts: None });
        let public = etag_is_public(keys, rule);
        let digests = Digests { etag_md5: (!public).then_some(new.etag_md5), checksum: checksum.clone() };
        let created = self.clock.now();
        let mut object = Box::new(ObjectVersion {
            version: VersionId::Null,
            uid,
            created,
            owner,
            size: new.stored.plain_bytes,
            etag: StoredEtag { public_md5: public.then_some(new.etag_md5), parts: None },
            headers,
            envelope: keys.envelope().clone(),
            content: Content::Single(new.stored),
            checksum: checksum.as_ref().map(|kept| (kept.value.algorithm(), false)),
            digests: Some(keys.seal_digests(uid.as_bytes(), &digests)),
            code: None,
            acl,
            tags,
        });
        object.code = keys.record_auth().map(|auth| auth.code(&object.authenticated_bytes(bucket.uid(), name, None)));
        let version = Version::Object(object);
        self.replace_current(bucket, name, expectation, Some(&version), |tx| hold(tx, &new.stored, new.inline.clone()))
            .await?;
        Ok(WriteOutcome {
            etag: ETag::single(new.etag_md5),
            last_modified: created,
            version: None,
            encryption: applied,
            checksum: checksum.map(StoredChecksum::from),
            size: new.stored.plain_bytes,
        })
    }
}

/// Whether the ETag may stand in clear: unless it is an MD5 of the plaintext of an object that is sealed.
pub(crate) fn etag_is_public(keys: &BodyKeys, rule: EtagRule) -> bool {
    keys.envelope().is_plain() || etag_source(keys.envelope(), rule) == EtagSource::Sealed
}

/// Refuses user metadata that is too large.
pub(crate) fn check_metadata(headers: &ObjectHeaders) -> Result<(), Fail> {
    let bytes: usize = headers.user_metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > USER_METADATA_BYTES_MAX { Err(Fail::MetadataTooLarge) } else { Ok(()) }
}

impl From<KeptChecksum> for StoredChecksum {
    fn from(kept: KeptChecksum) -> Self {
        Self { value: kept.value, composite_parts: kept.composite_parts }
    }
}
