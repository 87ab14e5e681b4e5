//! Asking the one authoriser: with the bucket's rules, the object's owner, ACL and tags, and what the operation adds.
//!
//! INVARIANT: whether an object exists shows only to who may list its bucket; whoever may not do what it asks is answered
//! alike for objects that exist and objects that do not. So an object is looked up first, then the right to it is asked,
//! and preconditions, ranges and versions are looked at after that.

use crate::Fail;
use crate::api::{RequestContext, Tags, WriteExpectation};
use crate::current::Found;
use crate::records::{ObjectVersion, Said, is_said};
use crate::registry::Bucket;
use crate::service::{ObjectService, key_user};
use model::{AccountId, BucketName, ObjectName, VersionId};
use policy::{AccessRequest, Acl, Action, Authorized, CmkNames, ConditionKey, Conditions, Ownership, Resource};
use sse::{CmkId, EncryptionHeaders, Envelope, KeyUser};
use std::sync::Arc;

/// What an operation adds to what the request said.
pub(crate) type Facts<'a> = Vec<(ConditionKey, &'a str)>;

/// An action on the current version of an object and the one on a named version.
pub(crate) type Actions = (Action, Action);

pub(crate) const READ: Actions = (Action::GetObject, Action::GetObjectVersion);
pub(crate) const READ_ATTRIBUTES: Actions = (Action::GetObjectAttributes, Action::GetObjectVersionAttributes);
pub(crate) const READ_ACL: Actions = (Action::GetObjectAcl, Action::GetObjectVersionAcl);
pub(crate) const WRITE_ACL: Actions = (Action::PutObjectAcl, Action::PutObjectVersionAcl);
pub(crate) const READ_TAGS: Actions = (Action::GetObjectTagging, Action::GetObjectVersionTagging);
pub(crate) const WRITE_TAGS: Actions = (Action::PutObjectTagging, Action::PutObjectVersionTagging);
pub(crate) const REMOVE_TAGS: Actions = (Action::DeleteObjectTagging, Action::DeleteObjectVersionTagging);

/// The action for the version that is named or not.
pub(crate) fn action_for(actions: Actions, version: Option<VersionId>) -> Action {
    if version.is_some() { actions.1 } else { actions.0 }
}

/// The tags of a request as facts.
pub(crate) fn request_tags(tags: &Tags) -> Facts<'_> {
    let mut facts = Facts::new();
    for (key, value) in tags {
        facts.push((ConditionKey::RequestObjectTag(key.as_str().into()), value));
        facts.push((ConditionKey::RequestObjectTagKeys, key));
    }
    facts
}

/// Who owns an object: its record's owner, but where ACLs are switched off everything belongs to the bucket's owner.
pub(crate) fn object_owner<'a>(bucket: &'a Bucket, owner: &'a AccountId) -> &'a AccountId {
    if bucket.rules.ownership == Ownership::BucketOwnerEnforced { &bucket.rules.owner } else { owner }
}

impl ObjectService {
    /// Asks about a bucket.
    pub(crate) fn authorize_bucket(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
    ) -> Result<Authorized, Fail> {
        self.ask(&AccessRequest {
            bucket: Some(&bucket.rules),
            ..about(cx, action, Resource::Bucket(&bucket.name), Some(&bucket.rules.owner))
        })
    }

    /// Asks for the right to list the names of a bucket that begin so.
    pub(crate) fn authorize_listing(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        prefix: &str,
    ) -> Result<Authorized, Fail> {
        let said = [(ConditionKey::Prefix, prefix)];
        self.ask(&AccessRequest {
            bucket: Some(&bucket.rules),
            facts: if prefix.is_empty() { &[] } else { &said },
            ..about(cx, Action::ListBucket, Resource::Bucket(&bucket.name), Some(&bucket.rules.owner))
        })
    }

    /// Asks about an object that does not exist yet, or whose record does not matter.
    pub(crate) fn authorize_name(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
        name: &ObjectName,
        facts: &[(ConditionKey, &str)],
    ) -> Result<Authorized, Fail> {
        self.authorize_owned(cx, action, bucket, name, &bucket.rules.owner, None, facts)
    }

    /// Asks about an object of this owner and with this ACL.
    #[expect(clippy::too_many_arguments, reason = "what a request for access is made of")]
    pub(crate) fn authorize_owned(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
        name: &ObjectName,
        owner: &AccountId,
        acl: Option<&Acl>,
        facts: &[(ConditionKey, &str)],
    ) -> Result<Authorized, Fail> {
        self.ask(&AccessRequest {
            bucket: Some(&bucket.rules),
            object_acl: acl,
            cmk: None,
            facts,
            ..about(cx, action, Resource::Object(&bucket.name, name), Some(owner))
        })
    }

    /// Asks about an object that was found.
    #[expect(clippy::too_many_arguments, reason = "what a request for access is made of")]
    pub(crate) fn authorize_found(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
        name: &ObjectName,
        version: Option<VersionId>,
        object: &ObjectVersion,
        facts: Facts<'_>,
    ) -> Result<Authorized, Fail> {
        let version = version.map(|v| v.to_string());
        let mut facts: Facts<'_> = facts;
        facts.extend(version.as_deref().map(|v| (ConditionKey::VersionId, v)));
        for (key, value) in &object.tags {
            facts.push((ConditionKey::ExistingObjectTag(key.as_str().into()), value));
        }
        let owner = object_owner(bucket, &object.owner);
        self.authorize_owned(cx, action, bucket, name, owner, object.acl.as_ref(), &facts)
    }

    /// Finds an object for who may do this to it.
    pub(crate) async fn find_for(
        &self,
        cx: &RequestContext,
        actions: Actions,
        bucket: &Bucket,
        name: &ObjectName,
        version: Option<VersionId>,
        with_body: bool,
    ) -> Result<Found, Fail> {
        let action = action_for(actions, version);
        let found = match version {
            None | Some(VersionId::Null) => self.find(bucket, name, with_body).await,
            // Only null versions exist while versioning cannot be enabled.
            Some(_) => Err(Fail::NoSuchVersion),
        };
        match found {
            Ok(found) => {
                let _proof = self.authorize_found(cx, action, bucket, name, version, &found.object, Facts::new())?;
                Ok(found)
            }
            Err(fail) => Err(self.not_found(cx, action, bucket, name, fail)),
        }
    }

    /// Asks for the right to read what a write expects to be there: the answer to an expected ETag tells it. What else
    /// is to be said about the expectation is said when its turn comes.
    pub(crate) async fn admit_expectation(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        expectation: &WriteExpectation,
    ) -> Result<(), Fail> {
        if expectation.etag.is_none() {
            return Ok(());
        }
        match self.find_for(cx, READ, bucket, name, None, false).await {
            Ok(_) | Err(Fail::NoSuchKey { .. }) => Ok(()),
            Err(fail) => Err(fail),
        }
    }

    /// The answer about an object that was not found: that it is missing is told to who may list the bucket; that its
    /// record cannot be read, to who could do this to an object of the bucket's owner.
    pub(crate) fn not_found(
        &self,
        cx: &RequestContext,
        action: Action,
        bucket: &Bucket,
        name: &ObjectName,
        fail: Fail,
    ) -> Fail {
        let may_know = match &fail {
            Fail::NoSuchKey { .. } | Fail::NoSuchVersion => self.authorize_bucket(cx, Action::ListBucket, bucket),
            _ => self.authorize_name(cx, action, bucket, name, &[]),
        };
        may_know.err().unwrap_or(fail)
    }

    /// The names of the CMK that the headers of a write name, for who may use it: what the conditions of policies see of it.
    pub fn cmk_named(
        &self,
        user: &KeyUser,
        bucket: &BucketName,
        name: &ObjectName,
        headers: &EncryptionHeaders,
    ) -> Option<CmkNames> {
        self.sse.named_cmk(headers, bucket, name, user).as_ref().map(names_of)
    }

    /// The request as policies see it, with the CMK that its key id names. From then on the request names that one, also
    /// where it named an alias and somebody moves it: what was decided about is what is used.
    pub(crate) fn naming_cmk(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        headers: &mut EncryptionHeaders,
    ) -> RequestContext {
        let mut cx = cx.clone();
        if let Some(names) = self.cmk_named(&key_user(&cx), &bucket.name, name, headers) {
            headers.key_id = Some(names.arn.clone());
            Arc::make_mut(&mut cx.conditions).named_cmk = Some(names);
        }
        cx
    }

    /// Asks about writing on with an upload, whose beginning said this about the object: that is what policies see, and
    /// not what the part says, for it decides nothing (obs-api §8.4). A CMK it named is the one of its envelope.
    pub(crate) fn authorize_upload_write(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        (said, tags): (&Said, &Tags),
        envelope: Option<&Envelope>,
    ) -> Result<Authorized, Fail> {
        let mut facts = request_tags(tags);
        facts.extend(said.iter().map(|(key, value)| (key.clone(), value.as_str())));
        let owner = &bucket.rules.owner;
        let mut request = AccessRequest {
            bucket: Some(&bucket.rules),
            facts: &facts,
            ..about(cx, Action::PutObject, Resource::Object(&bucket.name, name), Some(owner))
        };
        let values = cx.conditions.values.iter().filter(|(key, _)| !is_said(key)).cloned().collect();
        let named_cmk = match envelope {
            Some(Envelope::Kms { cmk, .. }) => Some(names_of(cmk)),
            _ => None,
        };
        let of_upload = Conditions { values, named_cmk, ..*cx.conditions };
        request.conditions = &of_upload;
        self.ask(&request)
    }

    /// Asks about the service as a whole, or about what does not exist yet.
    pub(crate) fn authorize(
        &self,
        cx: &RequestContext,
        action: Action,
        resource: Resource<'_>,
        owner: Option<&AccountId>,
    ) -> Result<Authorized, Fail> {
        self.ask(&about(cx, action, resource, owner))
    }

    fn ask(&self, request: &AccessRequest<'_>) -> Result<Authorized, Fail> {
        Ok(self.authorizer.authorize(request)?)
    }
}

/// A CMK as policies name it.
fn names_of(cmk: &CmkId) -> CmkNames {
    CmkNames { arn: cmk.to_arn(), obs: cmk.to_obs(), uuid: cmk.uid.to_uuid() }
}

fn about<'a>(
    cx: &'a RequestContext,
    action: Action,
    resource: Resource<'a>,
    owner: Option<&'a AccountId>,
) -> AccessRequest<'a> {
    AccessRequest {
        principal: &cx.principal,
        action,
        resource,
        owner,
        bucket: None,
        object_acl: None,
        cmk: None,
        conditions: &cx.conditions,
        facts: &[],
    }
}
