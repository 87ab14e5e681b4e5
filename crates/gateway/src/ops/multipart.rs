//! Multipart uploads: begin, write parts, abort (obs-api §7, s3-sse-behaviour §9). Complete and the listings stand in files
//! of their own.

use super::arguments::{self, NameEncoding};
use super::encryption::{customer_headers, show, write_headers};
use super::put::show_write;
use super::{Call, checksums, grants, object_headers, tagging};
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use objects::api::{CreateUpload, UploadPart};

pub(super) async fn create(call: Call<'_>) -> Result<Reply, Refusal> {
    let request = match lower_create(&call) {
        Ok(request) => request,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.check_kms_write(&request.bucket, &request.encryption).await?;
    let (bucket, name) = call.object()?;
    let encoding = NameEncoding::of(&call.query)?;
    let outcome = call.gateway.objects.create_upload(&call.cx, request).await?;
    let mut out = XmlWriter::new("InitiateMultipartUploadResult", Some(call.dialect.namespace));
    out.leaf("Bucket", bucket.as_str());
    out.leaf("Key", &encoding.write(name.as_str()));
    out.leaf("UploadId", &outcome.upload.to_hex());
    out.optional("EncodingType", encoding.word());
    let mut reply = Reply::xml(StatusCode::OK, out.finish());
    if let Some((algorithm, composite)) = outcome.checksum
        && !call.dialect.is_obs()
    {
        reply.set(call.dialect.names.checksum_algorithm, checksums::algorithm_word(algorithm));
        reply.set(call.dialect.names.checksum_type, checksums::type_word(composite));
    }
    show(&mut reply, call.dialect, &outcome.encryption, call.beside_new(&outcome.encryption)?);
    Ok(reply)
}

fn lower_create(call: &Call<'_>) -> Result<CreateUpload, Refusal> {
    let view = &call.view;
    object_headers::refuse_what_is_not_offered(view)?;
    let (bucket, name) = call.object()?;
    Ok(CreateUpload {
        bucket: bucket.clone(),
        name: name.clone(),
        headers: object_headers::read(view)?,
        encryption: write_headers(view)?,
        checksum: checksums::of_upload(view)?,
        acl: grants::of_headers(view, grants::On::Object)?,
        tags: tagging::of_headers(view)?,
    })
}

pub(super) async fn part(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let lowered = match lower_part(&call) {
        Ok(request) => call.stream().map(|body| (request, body)),
        Err(refusal) => Err(refusal),
    };
    let (request, body) = match lowered {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let outcome = call.gateway.objects.upload_part(&call.cx, request, body).await?;
    let mut reply = Reply::ok();
    show_write(&mut reply, call.dialect, &outcome);
    // The type belongs to the object, not to a part of it.
    reply.headers.remove(call.dialect.names.checksum_type);
    show(&mut reply, call.dialect, &outcome.encryption, call.beside_part(&outcome.encryption));
    Ok(reply)
}

/// Encryption headers other than the customer key are those of the upload: S3 ignores them here (s3-sse-behaviour §9), OBS
/// refuses what contradicts it (obs-api §4.4).
pub(super) fn lower_part(call: &Call<'_>) -> Result<UploadPart, Refusal> {
    let (bucket, name) = call.object()?;
    let read = call.dialect.is_obs();
    let encryption = if read { write_headers(&call.view)? } else { customer_headers(&call.view)?.into() };
    let part = arguments::part_number(&call.query)?;
    Ok(UploadPart {
        bucket: bucket.clone(),
        name: name.clone(),
        upload: arguments::upload(&call.query)?,
        part: part.ok_or_else(|| WireFault::argument("partNumber", "A part needs a number."))?,
        encryption,
    })
}

pub(super) async fn abort(call: Call<'_>) -> Result<Reply, Refusal> {
    let (bucket, name) = call.object()?;
    let upload = match arguments::upload(&call.query) {
        Ok(upload) => upload,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.gateway.objects.abort_upload(&call.cx, bucket, name, upload).await?;
    Ok(Reply::no_content())
}
