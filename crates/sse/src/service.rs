//! The door of this room: from a plan to the keys of a new object version, and from an envelope back to its keys.

use crate::bucket_keys::{BucketKeyLimits, BucketKeys, Sought};
use crate::context::Asked;
use crate::customer::CustomerKeySent;
use crate::digests::Digests;
use crate::envelope::{Envelope, Through};
use crate::fingerprint::RequesterFingerprint;
use crate::keys::{BodyKeys, RecordAuth, open_etag_keyless, record_auth_from_escrow};
use crate::plan::{EncryptionPlan, RequireHttps, Sm4Offer, require_tls_for_customer_key};
use crate::projects::Projects;
use crate::{AppliedEncryption, BucketEncryption, CustomerHeaders, DefaultMethod, SseError, Transport};
use crypto::{Binding, DataCipher, Dek, Kek, MetadataKey, Wrapped};
use kms::{CmkId, EncryptionContext, KeyService, KeyUse, KeyUser, KmsError};
use model::{AccountId, BucketName, BucketUid, Clock, Entropy, ObjectName, VersionUid};
use policy::Action;
use policy::Principal;
use std::sync::{Arc, OnceLock};
use store::MetaStore;

/// Settings of this room.
#[derive(Clone, Copy, Debug)]
pub struct SseConfig {
    /// What needs TLS (`sse.require_https`).
    pub require_https: RequireHttps,
    /// Encryption of objects in buckets without a default (`default_encryption`).
    pub server_default: Option<DefaultMethod>,
    /// For which methods SM4 is offered (`sse.sm4`).
    pub sm4: Sm4Offer,
    /// How long a bucket key serves new objects and a cached unwrap is used, in milliseconds.
    pub bucket_key_ttl_millis: u64,
    /// Most objects that are sealed through one bucket key (`sse.bucket_key_objects_max`).
    pub bucket_key_objects_max: u64,
}

/// What an object version is, for the bindings of its keys.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The bucket's uid.
    pub bucket_uid: BucketUid,
    /// The bucket's name.
    pub bucket: &'a BucketName,
    /// The object's name.
    pub object: &'a ObjectName,
    /// The version's uid.
    pub version: VersionUid,
}

/// How a reader came.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Raw SSE-C headers.
    pub customer: &'a CustomerHeaders,
    /// TLS or plain.
    pub transport: Transport,
    /// Whether only metadata is read (HEAD): SSE-KMS then needs neither TLS nor the KMS.
    pub metadata_only: bool,
}

/// Encryption of objects.
pub struct SseService {
    pub(crate) kms: Arc<KeyService>,
    pub(crate) projects: OnceLock<Arc<dyn Projects>>,
    pub(crate) bucket_keys: BucketKeys,
    metadata: Arc<MetadataKey>,
    entropy: Arc<dyn Entropy>,
    config: SseConfig,
}

impl SseService {
    /// Opens the room: takes the metadata key from the KMS.
    pub async fn open(
        kms: Arc<KeyService>,
        store: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        config: SseConfig,
    ) -> Result<Self, SseError> {
        let metadata = kms.metadata_key().await?;
        let limits =
            BucketKeyLimits { ttl_millis: config.bucket_key_ttl_millis, objects_max: config.bucket_key_objects_max };
        let bucket_keys = BucketKeys::new(Arc::clone(&kms), store, clock, Arc::clone(&entropy), limits);
        Ok(Self { kms, projects: OnceLock::new(), bucket_keys, metadata, entropy, config })
    }

    /// The settings.
    pub fn config(&self) -> SseConfig {
        self.config
    }

    /// Makes the keys of a new object version: a fresh DEK, wrapped as planned.
    pub async fn begin_write(
        &self,
        plan: EncryptionPlan,
        target: Target<'_>,
        user: &KeyUser,
    ) -> Result<(BodyKeys, AppliedEncryption), SseError> {
        let (dek, envelope, applied) = match plan {
            EncryptionPlan::Plain => (None, Envelope::Plain, AppliedEncryption::None),
            EncryptionPlan::Obs { cipher } => {
                let dek = Dek::generate(&*self.entropy);
                let kek = self.kms.sse_obs_key(target.bucket_uid).await?;
                let wrapped = self.wrap(cipher, &*kek, &dek, METHOD_OBS, target, None, &EncryptionContext::new());
                (Some(dek), Envelope::Obs { cipher, dek: wrapped }, AppliedEncryption::Obs { cipher })
            }
            EncryptionPlan::Customer { cipher, sent } => {
                let dek = Dek::generate(&*self.entropy);
                let wrapped =
                    self.wrap(cipher, &sent.key, &dek, METHOD_CUSTOMER, target, None, &EncryptionContext::new());
                let applied = AppliedEncryption::Customer { cipher, key_md5: sent.key_md5 };
                (Some(dek), Envelope::Customer { cipher, dek: wrapped }, applied)
            }
            EncryptionPlan::Kms { cipher, key_ref, project, bucket_key, context } => {
                let asked = match bucket_key {
                    true => Asked::of_bucket_key(&context, target.bucket)?,
                    false => Asked::of_object(&context, target.bucket, target.object)?,
                };
                let action = Action::KmsGenerateDataKey;
                let cmk = match &key_ref {
                    Some(key_ref) => self.kms.resolve_for_use(user, key_ref, action, &asked.decided).await?,
                    None => self.kms.default_key(user, action).await?,
                };
                let proof = self.authorize(user, &cmk, action, &asked).await?;
                if let Some(project) = &project {
                    self.check_project(&cmk, project)?;
                }
                let (dek, through) =
                    self.kms_dek(cipher, &proof, bucket_key, asked.bound, &context, target, user).await?;
                let bucket_key_id = through.bucket_key_id();
                let applied = AppliedEncryption::Kms { cipher, cmk: cmk.clone(), bucket_key, bucket_key_id };
                (Some(dek), Envelope::Kms { cipher, cmk, context, through }, applied)
            }
        };
        Ok((BodyKeys::new(dek, envelope, Arc::clone(&self.metadata)), applied))
    }

    /// Asks the KMS whether the user may use the CMK for this object, on every request. A refusal is on record.
    pub(crate) async fn authorize(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        action: Action,
        asked: &Asked,
    ) -> Result<KeyUse, SseError> {
        Ok(self.kms.authorize_use_within(user, cmk, action, &asked.decided, &asked.bound).await?)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different part of what the DEK is bound to")]
    async fn kms_dek(
        &self,
        cipher: DataCipher,
        proof: &KeyUse,
        bucket_key: bool,
        bound: EncryptionContext,
        context: &EncryptionContext,
        target: Target<'_>,
        user: &KeyUser,
    ) -> Result<(Dek, Through), SseError> {
        if !bucket_key {
            let (dek, wrapped) = self.kms.generate::<Dek>(proof, &bound).await?;
            return Ok((dek, Through::Cmk(wrapped)));
        }
        let requester = RequesterFingerprint::of(&user.principal);
        let live = self.bucket_keys.for_sealing(proof, target.bucket_uid, target.bucket, requester).await?;
        let dek = Dek::generate(&*self.entropy);
        let wrapped = self.wrap(cipher, &*live.key, &dek, METHOD_KMS, target, Some(live.id.as_bytes()), context);
        Ok((dek, Through::BucketKey { id: live.id, bucket_key: live.wrapped, dek: wrapped }))
    }

    #[expect(clippy::too_many_arguments, reason = "each is a different part of what the DEK is bound to")]
    pub(crate) fn wrap(
        &self,
        cipher: DataCipher,
        kek: &impl Kek,
        dek: &Dek,
        method: u8,
        target: Target<'_>,
        bucket_key: Option<&[u8; 16]>,
        context: &EncryptionContext,
    ) -> Wrapped<Dek> {
        crypto::wrap_dek(cipher, kek, dek, &dek_binding(method, cipher, target, bucket_key, context), &*self.entropy)
    }

    /// What a reader must satisfy before preconditions are looked at: transport, and for SSE-C the presence and form of
    /// the headers. Asks no KMS. Returns the customer key, if the object needs one.
    pub fn check_reader(
        &self,
        envelope: &Envelope,
        reader: Reader<'_>,
        principal: &Principal,
    ) -> Result<Option<CustomerKeySent>, SseError> {
        if !reader.customer.is_empty() {
            require_tls_for_customer_key(reader.transport, self.config.require_https)?;
        }
        match envelope {
            Envelope::Customer { .. } => {
                if reader.customer.is_empty() {
                    return Err(SseError::CustomerKeyMissing);
                }
                CustomerKeySent::parse(reader.customer).map(Some)
            }
            _ if !reader.customer.is_empty() => Err(SseError::CustomerKeyUnexpected),
            Envelope::Kms { .. } => {
                if principal.is_anonymous() {
                    return Err(SseError::NeedsSignature);
                }
                if !reader.metadata_only
                    && reader.transport == Transport::Plain
                    && self.config.require_https == RequireHttps::Strict
                {
                    return Err(SseError::NeedsTls);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Unwraps the keys of an object version.
    pub async fn begin_read(
        &self,
        envelope: &Envelope,
        target: Target<'_>,
        customer: Option<CustomerKeySent>,
        user: &KeyUser,
    ) -> Result<BodyKeys, SseError> {
        let dek = match envelope {
            Envelope::Plain => None,
            Envelope::Obs { cipher, dek } => {
                let kek = self.kms.sse_obs_key(target.bucket_uid).await?;
                let binding = dek_binding(METHOD_OBS, *cipher, target, None, &EncryptionContext::new());
                Some(crypto::unwrap_dek(*cipher, &*kek, dek, &binding).map_err(|_| SseError::Damaged)?)
            }
            Envelope::Customer { cipher, dek } => {
                let sent = customer.ok_or(SseError::CustomerKeyMissing)?;
                let binding = dek_binding(METHOD_CUSTOMER, *cipher, target, None, &EncryptionContext::new());
                let opened = crypto::unwrap_dek(*cipher, &sent.key, dek, &binding);
                Some(opened.map_err(|_| SseError::CustomerKeyWrong)?)
            }
            Envelope::Kms { cipher, cmk, context, through } => {
                let asked = match through {
                    Through::Cmk(_) => Asked::of_object(context, target.bucket, target.object)?,
                    Through::BucketKey { .. } => Asked::of_bucket_key(context, target.bucket)?,
                };
                let proof = self.authorize(user, cmk, Action::KmsDecrypt, &asked).await?;
                Some(match through {
                    Through::Cmk(wrapped) => self.kms.unwrap::<Dek>(&proof, wrapped, &asked.bound).await?,
                    Through::BucketKey { id, bucket_key, dek } => {
                        let requester = RequesterFingerprint::of(&user.principal);
                        let (bucket_uid, bucket) = (target.bucket_uid, target.bucket);
                        let sought = Sought { id: *id, copy: bucket_key, bucket_uid, bucket };
                        let binding = dek_binding(METHOD_KMS, *cipher, target, Some(id.as_bytes()), context);
                        let opens = |key: &_| crypto::unwrap_dek(*cipher, key, dek, &binding).ok();
                        self.bucket_keys.open(&proof, sought, requester, opens).await?
                    }
                })
            }
        };
        Ok(BodyKeys::new(dek, envelope.clone(), Arc::clone(&self.metadata)))
    }

    /// The encryption in force, as replies show it. `customer_key_md5`: of the key that the request carried.
    pub fn applied(envelope: &Envelope, customer_key_md5: Option<&str>) -> AppliedEncryption {
        match envelope {
            Envelope::Plain => AppliedEncryption::None,
            Envelope::Obs { cipher, .. } => AppliedEncryption::Obs { cipher: *cipher },
            Envelope::Kms { cipher, cmk, through, .. } => {
                let bucket_key_id = through.bucket_key_id();
                AppliedEncryption::Kms {
                    cipher: *cipher,
                    cmk: cmk.clone(),
                    bucket_key: bucket_key_id.is_some(),
                    bucket_key_id,
                }
            }
            Envelope::Customer { cipher, .. } => {
                let key_md5 = customer_key_md5.unwrap_or_default().to_owned();
                AppliedEncryption::Customer { cipher: *cipher, key_md5 }
            }
        }
    }

    /// Digests that can be had without the object's own keys: those of plain and SSE-OBS objects, and of an SSE-KMS object
    /// that was SSE-OBS once the ETag (`etag_inside`, as in [`BodyKeys::open_digests`]).
    pub fn open_digests_keyless(
        &self,
        envelope: &Envelope,
        id: &[u8; 16],
        note: &[u8],
        etag_inside: bool,
    ) -> Result<Option<Digests>, SseError> {
        match envelope {
            Envelope::Kms { .. } if etag_inside => open_etag_keyless(&self.metadata, id, note).map(Some),
            Envelope::Plain | Envelope::Obs { .. } => {
                let keys = BodyKeys::new(None, envelope.clone(), Arc::clone(&self.metadata));
                keys.open_digests(id, note, etag_inside).map(Some)
            }
            Envelope::Kms { .. } | Envelope::Customer { .. } => Ok(None),
        }
    }

    /// Takes back a record key that an upload left for its completion.
    pub fn record_auth_from_escrow(
        &self,
        envelope: &Envelope,
        id: &[u8; 16],
        note: &[u8],
    ) -> Result<RecordAuth, SseError> {
        let cipher = envelope.cipher().ok_or(SseError::Damaged)?;
        record_auth_from_escrow(&self.metadata, cipher, id, note)
    }

    /// Whether a bucket's default names this CMK for what the bucket owner's account writes.
    pub fn default_leads_to(&self, default: &BucketEncryption, owner: &AccountId, cmk: &CmkId) -> bool {
        let key_ref = default.key_ref.as_deref().filter(|_| default.method == DefaultMethod::Kms);
        key_ref.is_some_and(|key_ref| self.kms.leads_to(key_ref, owner, cmk))
    }

    /// Forgets a bucket's SSE-OBS key: the changes that remove it, to be committed with the bucket's own removal.
    pub fn forget_bucket(&self, bucket: BucketUid) -> Vec<store::Change> {
        vec![self.kms.forget_bucket(bucket)]
    }
}

pub(crate) const METHOD_OBS: u8 = 1;
pub(crate) const METHOD_KMS: u8 = 2;
const METHOD_CUSTOMER: u8 = 3;

/// What a wrapped DEK belongs to (docs/formats/envelope.md).
pub(crate) fn dek_binding(
    method: u8,
    cipher: DataCipher,
    target: Target<'_>,
    bucket_key: Option<&[u8; 16]>,
    context: &EncryptionContext,
) -> Binding {
    Binding::new("dek")
        .field(&[method])
        .field(&[cipher.suite().as_u8()])
        .field(target.bucket_uid.as_bytes())
        .field(target.version.as_bytes())
        .field(bucket_key.map_or(&[][..], |id| &id[..]))
        .field(&context.canonical())
}

impl From<KmsError> for SseError {
    fn from(error: KmsError) -> Self {
        match error {
            KmsError::NotFound | KmsError::InvalidArn | KmsError::InvalidAlias(_) | KmsError::Validation(_) => {
                Self::KeyNotFound
            }
            KmsError::Denied => Self::KeyDenied,
            KmsError::Disabled => Self::KeyDisabled,
            KmsError::PendingDeletion => Self::KeyPendingDeletion,
            KmsError::PendingImport => Self::KeyPendingImport,
            KmsError::Throttled => Self::KmsThrottled,
            KmsError::InvalidCiphertext | KmsError::IncorrectKey => Self::Damaged,
            KmsError::Damaged(what) => {
                tracing::error!(what, "a record of the KMS is damaged");
                Self::Damaged
            }
            other => {
                tracing::error!(error = %other, "the KMS did not serve a key");
                Self::KmsUnavailable
            }
        }
    }
}
