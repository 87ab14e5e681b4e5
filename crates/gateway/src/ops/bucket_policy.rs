//! A bucket's policy (obs-api §5.7): the document goes in and comes out to the byte; whether it is public, alone or together
//! with the ACL.

use super::Call;
use crate::errors::{Refusal, WireFault};
use crate::reply::{Reply, ReplyBody};
use crate::xml::XmlWriter;
use bytes::Bytes;
use http::StatusCode;
use objects::Fail;
use objects::api::PutBucketPolicy;
use policy::{Action, PolicyError};

pub(super) async fn get(call: Call<'_>) -> Result<Reply, Refusal> {
    let text = call.gateway.objects.get_bucket_policy(&call.cx, call.bucket()?).await?;
    let mut reply = Reply::ok().with("content-type", "application/json");
    reply.body = ReplyBody::Full(Bytes::from(text));
    Ok(reply)
}

pub(super) async fn put(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    call.gateway.objects.authorize_on_bucket(&call.cx, &bucket, Action::PutBucketPolicy).await?;
    let confirmed = call.view.names().confirm_remove_self;
    let confirm_remove_self = match call.view.one(confirmed)?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(WireFault::argument(confirmed, "The value must be true or false.").into()),
    };
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    let text = text(&document.bytes)?;
    let request = PutBucketPolicy { text, confirm_remove_self };
    call.gateway.objects.put_bucket_policy(&call.cx, &bucket, request).await?;
    Ok(Reply::no_content())
}

/// The document's text. How long it may be and what it means is not judged here.
fn text(bytes: &[u8]) -> Result<String, Refusal> {
    if bytes.is_empty() {
        return Err(WireFault::MissingBody.into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => {
            let message = "the policy is not UTF-8".to_owned();
            Err(Fail::MalformedPolicy(PolicyError { path: String::new(), message }).into())
        }
    }
}

pub(super) async fn delete(call: Call<'_>) -> Result<Reply, Refusal> {
    call.gateway.objects.delete_bucket_policy(&call.cx, call.bucket()?).await?;
    Ok(Reply::no_content())
}

pub(super) async fn status(call: Call<'_>) -> Result<Reply, Refusal> {
    let public = call.gateway.objects.get_bucket_policy_status(&call.cx, call.bucket()?).await?;
    Ok(is_public(&call, "PolicyStatus", public))
}

pub(super) async fn public_status(call: Call<'_>) -> Result<Reply, Refusal> {
    let public = call.gateway.objects.get_bucket_public_status(&call.cx, call.bucket()?).await?;
    Ok(is_public(&call, "BucketStatus", public))
}

fn is_public(call: &Call<'_>, root: &'static str, public: bool) -> Reply {
    let mut out = XmlWriter::new(root, Some(call.dialect.namespace));
    out.value("IsPublic", public);
    Reply::xml(StatusCode::OK, out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_text_and_stays_as_it_is() {
        assert_eq!(text(b" {}\n").unwrap(), " {}\n");
        assert!(matches!(text(&[0xff]), Err(Refusal::Fail(Fail::MalformedPolicy(_)))));
        assert!(matches!(text(b""), Err(Refusal::Wire(WireFault::MissingBody))));
    }
}
