//! The codec: one file per family of operations. Each lowers a request to neutral values, calls the objects room, and
//! raises the outcome in the dialect's words.

mod arguments;
mod bodies;
mod buckets;
mod checksums;
mod complete;
mod conditions;
mod copy;
mod delete;
mod encryption;
mod encryption_config;
mod get;
mod list;
mod multipart;
mod object_headers;
mod put;
mod uploads;

pub(crate) use buckets::api_version;

use crate::data::Intake;
use crate::data::identity::Identity;
use crate::dialect::{Dialect, HeaderView};
use crate::errors::{Refusal, WireFault};
use crate::gateway::Gateway;
use crate::ids::RequestIds;
use crate::listener::Peer;
use crate::query::Query;
use crate::reply::Reply;
use crate::route::{Operation, Place};
use model::{BucketName, ObjectName};
use objects::api::RequestContext;
use policy::Conditions;
use sse::Transport;

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
    pub(crate) peer: &'a Peer,
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
    dialect: &'static Dialect,
    identity: &Identity,
    peer: &Peer,
    ids: &RequestIds,
    view: &HeaderView<'_>,
) -> RequestContext {
    RequestContext {
        request_id: ids.request_id.clone(),
        principal: identity.principal.clone(),
        conditions: conditions(identity, peer, view),
        via: if dialect.is_obs() { "obs" } else { "s3" },
        transport: if peer.secure { Transport::Tls } else { Transport::Plain },
        rules: dialect.rules,
    }
}

/// What policies see: the headers as sent, under the names of S3's condition keys whatever the dialect
/// (s3-sse-behaviour §14, obs-api §8.4).
fn conditions(identity: &Identity, peer: &Peer, view: &HeaderView<'_>) -> Conditions {
    let names = view.names();
    let sent = [
        ("s3:x-amz-server-side-encryption", names.sse),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", names.sse_key_id),
        ("s3:x-amz-server-side-encryption-customer-algorithm", names.customer_algorithm),
        ("s3:x-amz-server-side-encryption-bucket-key-enabled", names.sse_bucket_key),
        ("s3:x-amz-copy-source", names.copy_source),
        ("s3:x-amz-metadata-directive", names.metadata_directive),
        ("s3:x-amz-acl", names.acl),
    ];
    let mut values: Vec<(String, String)> = sent
        .into_iter()
        .filter_map(|(key, name)| Some((key.to_owned(), view.one(name).ok().flatten()?.to_owned())))
        .collect();
    if let Some(scheme) = identity.scheme {
        let auth_type = if scheme.is_presigned() { "REST-QUERY-STRING" } else { "REST-HEADER" };
        values.push(("s3:authtype".to_owned(), auth_type.to_owned()));
        let version = if scheme.version() == 4 { "AWS4-HMAC-SHA256" } else { "AWS" };
        values.push(("s3:signatureversion".to_owned(), version.to_owned()));
    }
    values.push(("aws:sourceip".to_owned(), peer.address.ip().to_string()));
    Conditions { secure_transport: peer.secure, values }
}

/// Leads a request to its operation.
pub(crate) async fn dispatch(operation: Operation, call: Call<'_>) -> Result<Reply, Refusal> {
    arguments::check_expected_owner(&call)?;
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
        Operation::ListObjects => list::objects(call).await,
        Operation::ListMultipartUploads => uploads::list(call).await,
        Operation::DeleteObjects => delete::many(call).await,
        Operation::PutObject => put::object(call).await,
        Operation::CopyObject => copy::object(call).await,
        Operation::GetObject => get::object(call).await,
        Operation::HeadObject => get::head(call).await,
        Operation::DeleteObject => delete::one(call).await,
        Operation::CreateMultipartUpload => multipart::create(call).await,
        Operation::UploadPart => multipart::part(call).await,
        Operation::UploadPartCopy => copy::part(call).await,
        Operation::ListParts => uploads::parts(call).await,
        Operation::CompleteMultipartUpload => complete::upload(call).await,
        Operation::AbortMultipartUpload => multipart::abort(call).await,
    }
}
