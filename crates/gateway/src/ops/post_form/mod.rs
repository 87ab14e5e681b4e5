//! PostObject: a browser uploads by a form (obs-api §2.6, §6.2). The form's fields stand for the headers of PutObject and
//! hold the credential; its file is the body and flows through as it comes.
//!
//! The order: fields up to the file (bounded, since nobody is known yet); signature; policy; then whatever PutObject asks,
//! as the signer and at this moment. Nothing is written before the whole form has arrived.

mod fields;
mod file;
mod framing;
mod part;
mod policy;
mod reply;
#[cfg(test)]
mod tests;

use super::{Call, encryption, put};
use crate::Compat;
use crate::auth::{AuthError, FormCredential, Scheme, detect_form};
use crate::body::integrity;
use crate::data::identity::{self, Identity};
use crate::data::{IncomingSource, Intake};
use crate::dialect::Dialect;
use crate::errors::{FormFault, Refusal, WireFault};
use crate::gateway::Gateway;
use crate::reply::Reply;
use fields::{FIELD_BYTES_MAX, Fields};
use file::{FileBody, Verdict};
use framing::{Broken, Framing};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use model::{BucketName, ObjectName};
use objects::api::RequestBody;
use objects::{BodyError, Fail};
use policy::{PostPolicy, Submitted};
use reply::Answer;
use std::ops::RangeInclusive;
use tokio::time::timeout;

/// Stands for the file's name in the object's.
const FILE_NAME: &str = "${filename}";

/// A form read up to its file. Who sent it is not known yet.
pub(crate) struct Opened {
    fields: Fields,
    file_name: Option<String>,
    rest: Framing<IncomingSource>,
    dialect: &'static Dialect,
    credential: Result<Option<FormCredential>, AuthError>,
}

/// A form whose signature and policy have been checked, taken apart into what an operation is made of.
pub(crate) struct Admitted {
    /// Who signed.
    pub(crate) identity: Identity,
    /// The headers that the fields stand for.
    pub(crate) headers: HeaderMap,
    /// Where to.
    pub(crate) name: ObjectName,
    /// The rest.
    pub(crate) posted: Posted,
}

/// What a form brings beside its fields: the file, and how it wants to be answered.
pub(crate) struct Posted {
    file: FileBody<IncomingSource>,
    verdict: Verdict,
    answer: Answer,
}

/// Reads a form up to its file. `signed`: whether a credential stands in the headers or in the query.
///
/// # Errors
/// What is no form, or not in bounds; a form beside another credential or with headers that its policy cannot cover.
pub(crate) async fn open(
    gateway: &Gateway,
    request: &HeaderMap,
    signed: bool,
    intake: &Intake,
) -> Result<Opened, Refusal> {
    let content_type = request.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = match framing::boundary(content_type) {
        Ok(Some(boundary)) => boundary,
        Ok(None) => return Err(FormFault::NotMultipart.into()),
        Err(Broken::Malformed(why)) => return Err(FormFault::Malformed(why).into()),
        Err(_) => return Err(FormFault::Malformed("its type").into()),
    };
    if signed {
        return Err(AuthError::MultipleCredentials.into());
    }
    let own = |name: &&str| [Dialect::S3, Dialect::OBS].iter().any(|dialect| name.starts_with(dialect.names.prefix));
    if let Some(name) = request.keys().map(http::HeaderName::as_str).find(own) {
        return Err(AuthError::UnsignedHeader(name.to_owned()).into());
    }
    let mut rest = Framing::new(intake.source(), &boundary, FIELD_BYTES_MAX);
    let read = timeout(gateway.config.limits.document_timeout, Fields::read(&mut rest));
    let (fields, file_name) = read.await.map_err(|_| Fail::Body(BodyError::TimedOut))??;
    let (dialect, credential) = (fields.dialect(request), detect_form(fields.pairs()));
    Ok(Opened { fields, file_name, rest, dialect, credential })
}

impl Opened {
    /// The dialect to answer in.
    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    /// The access key that claims to have signed.
    pub(crate) fn access_key(&self) -> Option<String> {
        self.credential.as_ref().ok()?.as_ref().map(|credential| credential.access_key().to_string())
    }

    /// Checks signature and policy. `virtual_hosted`: whether the bucket stands in the host's name.
    ///
    /// # Errors
    /// A credential that is refused, a policy that cannot be read or is not met, a field that stands for no header.
    pub(crate) fn admit(
        self,
        gateway: &Gateway,
        request: &HeaderMap,
        bucket: &BucketName,
        virtual_hosted: bool,
    ) -> Result<Admitted, Refusal> {
        let credential = self.credential?;
        let identity = identity::of_form(gateway, self.dialect, credential.as_ref())?;
        let key = self.fields.get("key").ok_or(FormFault::KeyMissing)?;
        let key = key.replace(FILE_NAME, self.file_name.as_deref().unwrap_or_default());
        let mut range: RangeInclusive<u64> = 0..=u64::MAX;
        match &credential {
            Some(credential) => {
                let policy = PostPolicy::parse(credential.policy())?;
                let form = Submitted {
                    bucket: bucket.as_str(),
                    key: &key,
                    fields: &self.fields,
                    meaningless_fields_pass: credential.scheme() != Scheme::V4Form,
                    checksums_pass: gateway.config.compat == Compat::Ceph,
                };
                policy.check(gateway.clock.now(), &form)?;
                range = policy.length();
            }
            // Nothing is signed, and still a form for one bucket is not one for another.
            None if self.fields.get("bucket").is_some_and(|named| named != bucket.as_str()) => {
                return Err(Fail::AccessDenied.into());
            }
            None => {}
        }
        let name = ObjectName::parse(key.as_bytes()).map_err(Fail::Name)?;
        let headers = self.fields.headers(self.dialect, request)?;
        let answer = Answer::of(&self.fields, virtual_hosted);
        let (file, verdict) = FileBody::new(self.rest, range);
        Ok(Admitted { identity, headers, name, posted: Posted { file, verdict, answer } })
    }
}

/// Writes the file.
pub(super) async fn object(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let Some(Posted { file, verdict, answer }) = call.posted.take() else {
        return Err(WireFault::MethodNotAllowed.into());
    };
    let (request, body) = match put::lower(&call).and_then(|request| Ok((request, body(&call, file)?))) {
        Ok(lowered) => lowered,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    call.check_kms_write(&request.bucket, &request.encryption).await?;
    let outcome = call.gateway.objects.put_object(&call.cx, request, body).await;
    let outcome = outcome.map_err(|fail| verdict.explain(fail))?;
    let mut reply = answer.reply(&call, &outcome)?;
    put::show_write(&mut reply, call.dialect, &outcome);
    // A form's answer repeats no encryption context (s3-sse-behaviour §1).
    encryption::show(&mut reply, call.dialect, &outcome.encryption, call.beside_part(&outcome.encryption));
    Ok(reply)
}

/// The file as a body, with the digests that fields promise of it.
fn body(call: &Call<'_>, file: FileBody<IncomingSource>) -> Result<RequestBody, Refusal> {
    let promises = integrity::parse(call.view.headers())?;
    if promises.trailing_algorithm.is_some() {
        return Err(WireFault::InvalidChecksum("A form has no trailer.".to_owned()).into());
    }
    Ok(RequestBody {
        source: Box::new(file),
        length: None,
        content_md5: promises.content_md5,
        content_sha256: None,
        checksum: promises.checksum,
        trailing_algorithm: None,
    })
}
