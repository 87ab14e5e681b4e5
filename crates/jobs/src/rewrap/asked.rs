//! What is asked for becomes a scope, once whoever asks may have such a job.

use super::RewrapError;
use super::scope::{RewrapFrom, Scope};
use super::service::{RewrapWish, Rooms};
use kms::{CmkId, KeyUser};
use objects::api::RequestContext;
use policy::Action;

impl Rooms {
    /// What a wish is about, once the user may have such a job.
    ///
    /// # Errors
    /// [`RewrapError::Invalid`]; [`RewrapError::NoSuchBucket`]; what the KMS refuses.
    pub(super) async fn scope(
        &self,
        cx: &RequestContext,
        user: &KeyUser,
        wish: &RewrapWish,
    ) -> Result<Scope, RewrapError> {
        let from = match &wish.key {
            Some(key) => RewrapFrom::Cmk(self.resolve(user, key, Action::KmsDecrypt).await?, wish.version),
            None if wish.to.is_none() => return Err(RewrapError::Invalid("say which key, or which key to come under")),
            None if wish.bucket.is_none() => {
                return Err(RewrapError::Invalid("what is not under a key is rewrapped bucket by bucket: say which"));
            }
            None if wish.version.is_some() || wish.copies => {
                return Err(RewrapError::Invalid("a version and copies of bucket keys are a key's: say which key"));
            }
            None => RewrapFrom::Managed,
        };
        if wish.bucket_key && from != RewrapFrom::Managed {
            return Err(RewrapError::Invalid("what is under a key keeps its way: with a bucket key, or without"));
        }
        let to = match &wish.to {
            Some(key) => Some(self.resolve(user, key, Action::KmsEncrypt).await?),
            None => None,
        };
        let bucket = match &wish.bucket {
            Some(name) => {
                let (uid, _) = self.objects.bucket_identity(name).ok_or(RewrapError::NoSuchBucket)?;
                Some((uid, name.clone()))
            }
            // Whether names begin so is for who may list them.
            None if !wish.prefix.is_empty() => {
                return Err(RewrapError::Invalid("names begin so in a bucket: say which"));
            }
            None => None,
        };
        let prefix = wish.prefix.clone();
        let scope = Scope { from, to, bucket, prefix, copies: wish.copies, bucket_key: wish.bucket_key };
        // How much of a bucket is sealed in which way is not for everybody who has a key.
        if !self.may_count_bucket(cx, &scope) {
            return Err(RewrapError::NoSuchBucket);
        }
        if scope.copies && !scope.is_same_cmk() {
            return Err(RewrapError::Invalid("under another key there is no older copy to refresh"));
        }
        self.permit(user, &scope).await?;
        for cmk in scope.cmks() {
            let Some(newest) = self.keys.current_version(cmk) else {
                let why = "a key cannot be used now: it is disabled, pending deletion, or waits for its material";
                return Err(RewrapError::Invalid(why));
            };
            if scope.source() == Some(cmk) && wish.version.is_some_and(|version| version == 0 || version > newest) {
                return Err(RewrapError::Invalid("the key has no such version"));
            }
        }
        Ok(scope)
    }

    async fn resolve(&self, user: &KeyUser, key: &str, action: Action) -> Result<CmkId, RewrapError> {
        match self.keys.resolve(user, key, action) {
            Ok(cmk) => Ok(cmk),
            Err(error) => Err(self.keys.refused(user, action, key, error).await.into()),
        }
    }

    /// Asks for the rights that a job of this scope takes of its CMKs. A refusal is on record before it is answered.
    ///
    /// # Errors
    /// [`KmsError::Denied`](kms::KmsError::Denied).
    pub(super) async fn permit(&self, user: &KeyUser, scope: &Scope) -> Result<(), RewrapError> {
        let Err((action, error)) = self.may_start(user, scope) else { return Ok(()) };
        let key = scope.main_cmk().map(CmkId::to_arn).unwrap_or_default();
        Err(self.keys.refused(user, action, &key, error).await.into())
    }
}

/// What is on record of a scope beside its CMK.
pub(super) fn details(scope: &Scope) -> Vec<(&'static str, String)> {
    let to = scope.to.as_ref().map(|to| ("to", to.to_arn()));
    let bucket = scope.bucket.as_ref().map(|(_, name)| ("bucket", name.to_string()));
    let prefix = Some(("prefix", scope.prefix.clone())).filter(|(_, prefix)| !prefix.is_empty());
    [to, bucket, prefix].into_iter().flatten().collect()
}
