//! The error document, and the headers that stand for it where no body may.

use super::{Compat, Refusal};
use crate::auth::AuthError;
use crate::auth::date::format_rfc1123;
use crate::dialect::Dialect;
use crate::reply::Reply;
use crate::xml::XmlWriter;
use http::StatusCode;
use objects::Fail;

/// What an error document repeats of the request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whether the request was HEAD: its reply has no body.
    pub head: bool,
    /// The path as sent, decoded for people.
    pub resource: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The second id.
    pub id_2: &'a str,
    /// The access key named by the request.
    pub access_key: Option<&'a str>,
}

/// Words a refusal as a reply (obs-api §11.1).
pub fn error_reply(dialect: &'static Dialect, compat: Compat, refusal: &Refusal, asked: &Asked<'_>) -> Reply {
    let wording = refusal.wording(dialect, compat);
    let mut reply = if wording.status == StatusCode::NOT_MODIFIED {
        Reply::new(wording.status)
    } else if asked.head {
        Reply::new(wording.status).with("content-type", "application/xml")
    } else {
        let mut out = XmlWriter::new("Error", None);
        out.leaf("Code", wording.code);
        out.leaf("Message", &wording.message);
        for (element, text) in &wording.details {
            out.leaf(element, text);
        }
        if matches!(refusal, Refusal::Auth(AuthError::SignatureMismatch { .. } | AuthError::UnknownAccessKey)) {
            let element = if dialect.is_obs() { "AccessKeyId" } else { "AWSAccessKeyId" };
            out.optional(element, asked.access_key);
        }
        out.leaf("Resource", asked.resource);
        out.leaf("RequestId", asked.request_id);
        out.leaf("HostId", asked.id_2);
        Reply::xml(wording.status, out.finish())
    };
    for (name, value) in &wording.headers {
        reply.set(name, value);
    }
    match refusal {
        Refusal::Fail(Fail::NotModified { etag, last_modified }) => {
            reply.set("etag", &etag.quoted());
            reply.set("last-modified", &format_rfc1123(*last_modified));
        }
        _ if asked.head => {
            reply.set(dialect.names.error_code, wording.code);
            reply.set(dialect.names.error_message, &wording.message);
        }
        _ => {}
    }
    reply
}
