//! Wrapping an object's DEK anew: under the current version of its CMK, under another CMK, with or without a bucket key, or
//! for an SSE-OBS (SSE-S3) object under a CMK for the first time. The DEK and with it every byte of the body stay.

use crate::context::Asked;
use crate::envelope::{Envelope, Through};
use crate::fingerprint::RequesterFingerprint;
use crate::keys::BodyKeys;
use crate::service::{METHOD_KMS, SseService, Target};
use crate::{AppliedEncryption, SseError};
use kms::{CmkId, EncryptionContext, KeyUser};
use model::AccountId;
use policy::Action;

/// What an object's DEK shall be wrapped by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RewrapTo {
    /// The CMK, as it was given; `None` keeps the object's own.
    pub key_ref: Option<String>,
    /// Whether through a bucket key; `None` keeps what the object has.
    pub bucket_key: Option<bool>,
}

/// What came of it.
#[expect(clippy::large_enum_variant, reason = "made once for each rewrap and taken apart at once")]
pub enum Rewrap {
    /// The object is wrapped so already, under the CMK's current version.
    Unchanged(AppliedEncryption),
    /// The DEK in its old envelope and in its new one.
    Done {
        /// Opens what the record has sealed under the old envelope.
        old: BodyKeys,
        /// With the new envelope, for the record to be.
        new: BodyKeys,
        /// The encryption then in force.
        applied: AppliedEncryption,
    },
}

impl SseService {
    /// Wraps the DEK of an object version anew, as the user: they need `kms:Decrypt` for the CMK it is under, and for the
    /// one it comes under `kms:Encrypt`, or `kms:GenerateDataKey` with a bucket key. No body is read. `owner`: of the bucket;
    /// a CMK of another account is refused, unless the object is under it already.
    ///
    /// # Errors
    /// [`SseError::KeyDenied`] also of a foreign account's CMK. [`SseError::NotRewrappable`] of plain and SSE-C objects, and of an SSE-OBS object without a CMK named; what the KMS
    /// refuses otherwise.
    pub async fn rewrap(
        &self,
        envelope: &Envelope,
        target: Target<'_>,
        to: &RewrapTo,
        user: &KeyUser,
        owner: &AccountId,
    ) -> Result<Rewrap, SseError> {
        self.rewrap_where(envelope, target, to, user, Some(owner)).await
    }

    /// As [`SseService::rewrap`] onto the same CMK in the same way, also of what goes through a bucket key: under a bucket
    /// key of now. For objects whose bucket key has lost its row, so that nothing but their own copies of it could be
    /// wrapped anew.
    ///
    /// # Errors
    /// As [`SseService::rewrap`].
    pub async fn rewrap_anew(
        &self,
        envelope: &Envelope,
        target: Target<'_>,
        user: &KeyUser,
    ) -> Result<Rewrap, SseError> {
        self.rewrap_where(envelope, target, &RewrapTo::default(), user, None).await
    }

    async fn rewrap_where(
        &self,
        envelope: &Envelope,
        target: Target<'_>,
        to: &RewrapTo,
        user: &KeyUser,
        owner: Option<&AccountId>,
    ) -> Result<Rewrap, SseError> {
        let (cipher, user_context, bucket_key) = match envelope {
            Envelope::Plain | Envelope::Customer { .. } => return Err(SseError::NotRewrappable),
            Envelope::Obs { .. } if to.key_ref.is_none() => return Err(SseError::NotRewrappable),
            Envelope::Obs { cipher, .. } => (*cipher, EncryptionContext::new(), to.bucket_key.unwrap_or(false)),
            Envelope::Kms { cipher, context, through, .. } => {
                (*cipher, context.clone(), to.bucket_key.unwrap_or(through.bucket_key_id().is_some()))
            }
        };
        let (action, asked) = match bucket_key {
            true => (Action::KmsGenerateDataKey, Asked::of_bucket_key(&user_context, target.bucket)?),
            false => (Action::KmsEncrypt, Asked::of_object(&user_context, target.bucket, target.object)?),
        };
        let cmk = match (&to.key_ref, envelope) {
            (Some(key_ref), _) => self.kms.resolve_for_use(user, key_ref, action, &asked.decided).await?,
            (None, Envelope::Kms { cmk, .. }) => cmk.clone(),
            (None, _) => return Err(SseError::NotRewrappable),
        };
        let proof = self.authorize(user, &cmk, action, &asked).await?;
        // Whoever holds the CMK can take the object away without touching it. To bring it under a CMK of another account
        // than the bucket's takes its owner's own write.
        let stays = matches!(envelope, Envelope::Kms { cmk: own, .. } if *own == cmk);
        if owner.is_some_and(|owner| !stays && cmk.account != *owner) {
            return Err(SseError::KeyDenied);
        }
        if owner.is_some() && self.is_wrapped_so(envelope, &cmk, bucket_key) {
            return Ok(Rewrap::Unchanged(Self::applied(envelope, None)));
        }
        let old = self.begin_read(envelope, target, None, user).await?;
        let dek = old.dek().ok_or(SseError::Damaged)?;
        let through = if bucket_key {
            let requester = RequesterFingerprint::of(&user.principal);
            let live = self.bucket_keys.for_sealing(&proof, target.bucket_uid, target.bucket, requester).await?;
            let wrapped =
                self.wrap(cipher, &*live.key, dek, METHOD_KMS, target, Some(live.id.as_bytes()), &user_context);
            Through::BucketKey { id: live.id, bucket_key: live.wrapped, dek: wrapped }
        } else {
            Through::Cmk(self.kms.wrap(&proof, dek, &asked.bound).await?)
        };
        let rewrapped = Envelope::Kms { cipher, cmk, context: user_context, through };
        // A provider outside may answer with anything: what does not open again must not take the place of what does.
        let new = self.begin_read(&rewrapped, target, None, user).await?;
        let same = new.dek().is_some_and(|new| crypto::same_key(new, dek));
        if !same {
            tracing::error!(version = %target.version, "a rewrapped DEK does not open to what was wrapped");
            return Err(SseError::Damaged);
        }
        let applied = Self::applied(&rewrapped, None);
        Ok(Rewrap::Done { old, new, applied })
    }

    /// Whether nothing is to be done: the same CMK and kind of wrap, and its current version. Under a bucket key the version
    /// is the bucket key's own affair.
    fn is_wrapped_so(&self, envelope: &Envelope, cmk: &CmkId, bucket_key: bool) -> bool {
        match envelope {
            Envelope::Kms { cmk: own, through: Through::Cmk(wrapped), .. } => {
                own == cmk && !bucket_key && self.kms.current_version(cmk) == Some(wrapped.version())
            }
            Envelope::Kms { cmk: own, through: Through::BucketKey { .. }, .. } => own == cmk && bucket_key,
            _ => false,
        }
    }
}
