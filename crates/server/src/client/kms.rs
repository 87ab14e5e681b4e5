//! The AWS KMS JSON API, as a client.

use super::{Connection, Credentials, Endpoint};
use crate::clock::SystemClock;
use crate::failure::Failure;
use bytes::Bytes;
use gateway::auth::signer::{SignedPayload, SignerV4, SigningCredential};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use model::{Clock, RegionName};
use serde_json::Value;

/// Answers are small documents; more is not one of them.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A connection to a server's KMS.
pub(crate) struct KmsClient {
    connection: Connection,
    authority: String,
    credentials: Credentials,
    region: RegionName,
}

impl KmsClient {
    /// Connects.
    pub(crate) async fn connect(
        endpoint: &Endpoint,
        credentials: Credentials,
        region: RegionName,
    ) -> Result<Self, Failure> {
        let connection = Connection::open(endpoint).await?;
        Ok(Self { connection, authority: endpoint.authority(), credentials, region })
    }

    /// Calls an operation; an operation without output gives an empty object.
    ///
    /// # Errors
    /// The service's own error as `code: message`, or why there was no answer.
    pub(crate) async fn call(&mut self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let body = Bytes::from(input.to_string());
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| Failure::new("a value cannot be sent in a header".to_owned()))
        };
        headers.insert(HOST, value(&self.authority)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        headers.insert("x-amz-target", value(&format!("TrentService.{operation}"))?);
        let credential = SigningCredential {
            access_key_id: &self.credentials.access_key,
            secret: self.credentials.secret_key.as_bytes(),
            session_token: None,
        };
        let signer = SignerV4 { credential, region: self.region.as_str(), service: "kms" };
        let payload = SignedPayload::Sha256(crypto::sha256(&body));
        signer
            .sign("POST", "/", &mut headers, payload, SystemClock.now())
            .map_err(|error| Failure::new(error.to_string()))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;

        let answer = self.connection.send(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| Failure::new(format!("the answer broke off: {error}")))?
            .to_bytes();
        let parsed: Option<Value> =
            if body.is_empty() { Some(Value::Object(Default::default())) } else { serde_json::from_slice(&body).ok() };
        match parsed {
            Some(value) if status.is_success() => Ok(value),
            Some(error) => Err(Failure::new(service_error(operation, status, &error))),
            None => Err(Failure::new(format!("{operation}: status {status} and an answer that is not JSON"))),
        }
    }
}

fn service_error(operation: &str, status: http::StatusCode, error: &Value) -> String {
    let text = |names: &[&str]| names.iter().find_map(|name| error.get(name)?.as_str()).map(str::to_owned);
    let code = text(&["__type", "code"]).unwrap_or_else(|| status.to_string());
    let code = code.rsplit('#').next().unwrap_or_default();
    match text(&["message", "Message"]) {
        Some(message) => format!("{operation}: {code}: {message}"),
        None => format!("{operation}: {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_line_whatever_form_they_have() {
        let status = http::StatusCode::BAD_REQUEST;
        for (error, line) in [
            (r#"{"__type":"NotFoundException","message":"no such key"}"#, "Op: NotFoundException: no such key"),
            (r#"{"__type":"com.amazonaws.kms#DisabledException","Message":"off"}"#, "Op: DisabledException: off"),
            (r#"{"code":"X"}"#, "Op: X"),
            (r#"{}"#, "Op: 400 Bad Request"),
            (r#"[1]"#, "Op: 400 Bad Request"),
        ] {
            assert_eq!(service_error("Op", status, &serde_json::from_str(error).unwrap()), line);
        }
    }
}
