//! The codec: one file per family of operations. Each lowers a request to neutral values, calls the objects room, and
//! raises the outcome in the dialect's words.

mod acl;
mod arguments;
mod attributes;
mod bodies;
mod bucket_policy;
mod buckets;
mod checksums;
mod complete;
mod conditions;
mod copy;
mod delete;
mod encryption;
mod encryption_config;
mod explained;
mod get;
mod grants;
mod list;
mod multipart;
mod object_headers;
mod ownership;
mod policy_facts;
pub(crate) mod post_form;
mod public_access;
mod put;
mod tagging;
mod update_encryption;
mod uploads;
mod versions;

pub(crate) use buckets::api_version;
pub(crate) use explained::{conditions_said, encryption_said};

use crate::Compat;
use crate::data::Intake;
use crate::data::identity::Identity;
use crate::dialect::{Dialect, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::proxies::Client;
use crate::query::Query;
use crate::reply::Reply;
use crate::route::{Operation, Place};
use model::{BucketName, ObjectName};
use objects::api::{DialectRules, RequestContext};
use sse::Transport;
use std::sync::Arc;

/// A request whose signature is verified, on its way into an operation.
pub(crate) struct Call<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) dialect: &'static Dialect,
    pub(crate) cx: RequestContext,
    pub(crate) view: HeaderView<'a>,
    pub(crate) query: Query,
    pub(crate) place: Place,
    pub(crate) identity: Identity,
    pub(crate) intake: &'a Intake,
    pub(crate) host: Option<&'a str>,
    pub(crate) client: &'a Client,
    /// The file, where the request is a browser's form.
    pub(crate) posted: Option<post_form::Posted>,
}

impl Call<'_> {
    /// The bucket. The routing table leads no operation on buckets or objects here without one.
    fn bucket(&self) -> Result<&BucketName, WireFault> {
        self.place.bucket().ok_or(WireFault::MethodNotAllowed)
    }

    /// The bucket and the object.
    fn object(&self) -> Result<(&BucketName, &ObjectName), WireFault> {
        match &self.place {
            Place::Object(bucket, object) => Ok((bucket, object)),
            _ => Err(WireFault::MethodNotAllowed),
        }
    }

    /// A refusal of the codec about a request on a bucket. Existence and rights are told before it: whoever may not
    /// look at the bucket learns nothing about what is wrong with the request (s3-sse-behaviour §2).
    async fn refuse(&self, refusal: impl Into<Refusal>) -> Refusal {
        if let Some(bucket) = self.place.bucket()
            && let Err(fail) = self.gateway.objects.head_bucket(&self.cx, bucket).await
        {
            return fail.into();
        }
        refusal.into()
    }
}

/// What every operation is told about the request.
pub(crate) fn context(
    gateway: &Gateway,
    dialect: &'static Dialect,
    identity: &Identity,
    client: &Client,
    ids: &RequestIds,
    view: &HeaderView<'_>,
) -> RequestContext {
    RequestContext {
        request_id: ids.request_id.clone(),
        principal: identity.principal.clone(),
        access_key: identity.access_key.clone(),
        conditions: Arc::new(policy_facts::gather(gateway.clock.now(), identity, client, view)),
        via: if dialect.is_obs() { "obs" } else { "s3" },
        transport: if client.secure { Transport::Tls } else { Transport::Plain },
        rules: rules(gateway.config.compat, dialect),
    }
}

/// What the dialect decides, and where the suite of Ceph has it otherwise (s3-sse-behaviour §17.4).
fn rules(compat: Compat, dialect: &'static Dialect) -> DialectRules {
    let ceph = compat == Compat::Ceph && !dialect.is_obs();
    DialectRules { completion_needs_customer_key: ceph, ..dialect.rules }
}

/// Leads a request to its operation.
pub(crate) async fn dispatch(operation: Operation, call: Call<'_>) -> Result<Reply, Refusal> {
    arguments::check_expected_owner(&call, operation).await?;
    match operation {
        Operation::ListBuckets => buckets::list(call).await,
        Operation::ApiVersion => api_version(call.gateway, &call.place).await,
        Operation::CreateBucket => buckets::create(call).await,
        Operation::HeadBucket => buckets::head(call).await,
        Operation::DeleteBucket => buckets::delete(call).await,
        Operation::GetBucketLocation => buckets::location(call).await,
        Operation::GetBucketVersioning => buckets::versioning(call).await,
        Operation::GetBucketEncryption => encryption_config::get(call).await,
        Operation::PutBucketEncryption => encryption_config::put(call).await,
        Operation::DeleteBucketEncryption => encryption_config::delete(call).await,
        Operation::GetBucketAcl => acl::get_bucket(call).await,
        Operation::PutBucketAcl => acl::put_bucket(call).await,
        Operation::GetBucketPolicy => bucket_policy::get(call).await,
        Operation::PutBucketPolicy => bucket_policy::put(call).await,
        Operation::DeleteBucketPolicy => bucket_policy::delete(call).await,
        Operation::GetBucketPolicyStatus => bucket_policy::status(call).await,
        Operation::GetBucketPublicStatus => bucket_policy::public_status(call).await,
        Operation::GetPublicAccessBlock => public_access::get(call).await,
        Operation::PutPublicAccessBlock => public_access::put(call).await,
        Operation::DeletePublicAccessBlock => public_access::delete(call).await,
        Operation::GetBucketOwnershipControls => ownership::get(call).await,
        Operation::PutBucketOwnershipControls => ownership::put(call).await,
        Operation::DeleteBucketOwnershipControls => ownership::delete(call).await,
        Operation::ListObjects => list::objects(call).await,
        Operation::ListObjectVersions => versions::list(call).await,
        Operation::ListMultipartUploads => uploads::list(call).await,
        Operation::DeleteObjects => delete::many(call).await,
        Operation::PutObject => put::object(call).await,
        Operation::PostObject => post_form::object(call).await,
        Operation::CopyObject => copy::object(call).await,
        Operation::GetObject => get::object(call).await,
        Operation::HeadObject => get::head(call).await,
        Operation::GetObjectAttributes => attributes::object(call).await,
        Operation::DeleteObject => delete::one(call).await,
        Operation::GetObjectAcl => acl::get_object(call).await,
        Operation::PutObjectAcl => acl::put_object(call).await,
        Operation::GetObjectTagging => tagging::get(call).await,
        Operation::PutObjectTagging => tagging::put(call).await,
        Operation::DeleteObjectTagging => tagging::delete(call).await,
        Operation::UpdateObjectEncryption => update_encryption::object(call).await,
        Operation::CreateMultipartUpload => multipart::create(call).await,
        Operation::UploadPart => multipart::part(call).await,
        Operation::UploadPartCopy => copy::part(call).await,
        Operation::ListParts => uploads::parts(call).await,
        Operation::CompleteMultipartUpload => complete::upload(call).await,
        Operation::AbortMultipartUpload => multipart::abort(call).await,
    }
}
