//! DeleteObject. Needs no key: deleting an object sealed under a customer key takes none (S3 behaviour §1).

use crate::Fail;
use crate::api::{DeleteOutcome, RequestContext, WriteExpectation};
use crate::authorize::Facts;
use crate::bodies::Upkeep;
use crate::grants::is_owners_alone;
use crate::registry::Bucket;
use crate::service::ObjectService;
use model::{BucketName, ObjectName, VersionId};
use policy::{Action, ConditionKey};

impl ObjectService {
    /// DeleteObject: succeeds also when there is no such object.
    pub async fn delete_object(
        &self,
        cx: &RequestContext,
        bucket: &BucketName,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<DeleteOutcome, Fail> {
        let bucket = self.bucket(bucket)?;
        self.authorize_delete(cx, &bucket, name, version).await?;
        // Only null versions exist while versioning cannot be enabled; any other is absent already.
        if !matches!(version, None | Some(VersionId::Null)) {
            return Ok(DeleteOutcome { version, delete_marker: false });
        }
        self.replace_current(&bucket, name, &WriteExpectation::default(), None, |_| Upkeep::default()).await?;
        Ok(DeleteOutcome { version, delete_marker: false })
    }

    /// Deleting is a right to the bucket, whoever owns the object (obs-api §8.7). Policies see the object's tags; the record
    /// is read for them only where there are policies that could ask.
    async fn authorize_delete(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        version: Option<VersionId>,
    ) -> Result<(), Fail> {
        let action = if version.is_some() { Action::DeleteObjectVersion } else { Action::DeleteObject };
        let version_text = version.map(|v| v.to_string());
        let mut facts: Facts<'_> = version_text.as_deref().map(|v| (ConditionKey::VersionId, v)).into_iter().collect();
        let attached = cx.principal.caller().map(|caller| &caller.permissions);
        let has_policies =
            attached.is_some_and(|p| !p.identity.is_empty() || p.boundary.is_some() || p.session.is_some());
        let tagged;
        if (has_policies || bucket.rules.policy.is_some()) && matches!(version, None | Some(VersionId::Null)) {
            match self.find(bucket, name, false).await {
                Ok(found) => {
                    tagged = found.object.tags;
                    for (key, value) in &tagged {
                        facts.push((ConditionKey::ExistingObjectTag(key.as_str().into()), value));
                    }
                }
                Err(Fail::NoSuchKey { .. }) => {}
                // Its tags cannot be told, so neither what policies say of it.
                Err(fail) => {
                    let _proof = self.authorize_name(cx, action, bucket, name, &facts)?;
                    return Err(fail);
                }
            }
        }
        self.authorize_name(cx, action, bucket, name, &facts).map(drop)
    }

    /// Whether the principal may delete anything in the bucket, as far as that can be told before the document of
    /// DeleteObjects is read: strangers to a bucket that gives nothing to strangers may not. Each object's own right is
    /// asked when it is deleted.
    pub async fn authorize_delete_objects(&self, cx: &RequestContext, bucket: &BucketName) -> Result<(), Fail> {
        let bucket = self.bucket(bucket)?;
        let rules = &bucket.rules;
        let stranger = cx.principal.account() != Some(&rules.owner);
        if stranger && rules.policy.is_none() && is_owners_alone(&rules.acl, &rules.owner) {
            return Err(Fail::AccessDenied);
        }
        Ok(())
    }
}
