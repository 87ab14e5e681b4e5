//! The one request without a signature: a passphrase for a locked server, which cannot check signatures.

use super::{Connection, Endpoint};
use crate::failure::Failure;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;

const ANSWER_BYTES_MAX: usize = 64 * 1024;
const PATH: &str = "/admin/v1/kms/root/unlock";

/// Brings the passphrase.
///
/// # Errors
/// What the server says against it; or that it is not locked, and knows no such request.
pub(crate) async fn unlock(endpoint: &Endpoint, input: &Value) -> Result<(), Failure> {
    let mut connection = Connection::open(endpoint).await?;
    let mut request = Request::new(Full::new(Bytes::from(input.to_string())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(PATH);
    let host = HeaderValue::from_str(&endpoint.authority())
        .map_err(|_| Failure::new("the server's name cannot be sent in a header"))?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let answer = connection.send(request).await?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| Failure::new(format!("the answer broke off: {error}")))?
        .to_bytes();
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (told["code"].as_str(), told["message"].as_str()) {
        // An open server wants this request signed as any other.
        (Some("MissingAuthenticationToken" | "UnknownOperation"), _) => Err(Failure::new("the server is not locked")),
        (Some(code), message) => Err(Failure::service("unlock", code, message)),
        (None, _) => Err(Failure::new(format!("unlock: status {status} and an answer that was not understood"))),
    }
}
