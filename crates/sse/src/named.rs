//! The CMK that a request names, before it is used: for policies that speak of CMKs by their own names, whatever form the
//! request has used (s3-sse-behaviour §14).

use crate::context::Asked;
use crate::plan::parse_context;
use crate::{EncryptionHeaders, SseService};
use kms::{CmkId, KeyUser};
use model::{BucketName, ObjectName};
use policy::Action;

impl SseService {
    /// The CMK that the key id of a write's headers names, if the user may use it for this object: directly or through a
    /// bucket key, which of the two is planned later. `None` without a key id, and for who may not: they are told nothing of
    /// what it names, and the KMS refuses them.
    pub fn named_cmk(
        &self,
        headers: &EncryptionHeaders,
        bucket: &BucketName,
        object: &ObjectName,
        user: &KeyUser,
    ) -> Option<CmkId> {
        let key_ref = headers.key_id.as_deref()?;
        let context = parse_context(headers.context.as_deref()).ok()?;
        let asked = [Asked::of_object(&context, bucket, object), Asked::of_bucket_key(&context, bucket)];
        let contexts: Vec<_> = asked.into_iter().filter_map(|asked| Some(asked.ok()?.decided)).collect();
        self.kms.named_to(user, key_ref, Action::KmsGenerateDataKey, &contexts)
    }
}
