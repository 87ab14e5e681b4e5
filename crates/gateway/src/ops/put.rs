//! PutObject.

use super::encryption::{show, write_headers};
use super::{Call, checksums, conditions, grants, object_headers, tagging};
use crate::dialect::Dialect;
use crate::errors::Refusal;
use crate::reply::Reply;
use model::VersionId;
use objects::api::{PutObject, WriteOutcome};

pub(super) async fn object(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let (request, body) = match lower(&call).and_then(|request| Ok((request, call.stream()?))) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.check_kms_write(&request.bucket, &request.encryption).await?;
    let outcome = call.gateway.objects.put_object(&call.cx, request, body).await?;
    let mut reply = Reply::ok();
    show_write(&mut reply, call.dialect, &outcome);
    show(&mut reply, call.dialect, &outcome.encryption, call.beside_new(&outcome.encryption)?);
    Ok(reply)
}

/// The request without its body: also that of a form, whose fields stand for headers.
pub(super) fn lower(call: &Call<'_>) -> Result<PutObject, Refusal> {
    object_headers::refuse_what_is_not_offered(&call.view)?;
    let (bucket, name) = call.object()?;
    Ok(PutObject {
        bucket: bucket.clone(),
        name: name.clone(),
        headers: object_headers::read(&call.view)?,
        encryption: write_headers(&call.view)?,
        expectation: conditions::of_write(&call.view, call.gateway.config.compat)?,
        acl: grants::of_headers(&call.view, grants::On::Object)?,
        tags: tagging::of_headers(&call.view)?,
    })
}

/// What every write answers: ETag, version, checksum.
pub(super) fn show_write(reply: &mut Reply, dialect: &'static Dialect, outcome: &WriteOutcome) {
    reply.set("etag", &outcome.etag.quoted());
    show_version(reply, dialect.names.version_id, outcome.version);
    checksums::show(reply, dialect, outcome.checksum.as_ref());
}

/// A version, where the bucket has versions.
pub(super) fn show_version(reply: &mut Reply, name: &'static str, version: Option<VersionId>) {
    if let Some(version) = version {
        reply.set(name, &version.to_string());
    }
}
