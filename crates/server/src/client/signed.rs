//! Requests of the control plane, signed with V4 over one connection. The APIs behind it are in the files beside this
//! one.

use super::{Connection, Credentials, Endpoint};
use crate::clock::SystemClock;
use crate::failure::Failure;
use bytes::Bytes;
use gateway::auth::signer::{SignedPayload, SignerV4, SigningCredential};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use model::{Clock, RegionName};

/// Answers are small documents and pages of lists; the largest is a backup of the key store.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A connection to a server's control address.
pub(crate) struct ControlClient {
    connection: Connection,
    authority: String,
    credentials: Credentials,
    region: RegionName,
}

/// What is to be sent.
pub(super) struct Ask<'a> {
    /// Service of the signature's scope.
    pub(super) service: &'static str,
    pub(super) method: Method,
    /// The path, percent-encoded.
    pub(super) path: &'a str,
    pub(super) content_type: &'static str,
    /// A header of the API's own.
    pub(super) header: Option<(&'static str, &'a str)>,
    pub(super) body: Bytes,
}

impl ControlClient {
    /// Connects.
    pub(crate) async fn connect(
        endpoint: &Endpoint,
        credentials: Credentials,
        region: RegionName,
    ) -> Result<Self, Failure> {
        let connection = Connection::open(endpoint).await?;
        Ok(Self { connection, authority: endpoint.authority(), credentials, region })
    }

    /// Sends a request and reads the answer whole.
    pub(super) async fn send(&mut self, ask: Ask<'_>) -> Result<(StatusCode, Bytes), Failure> {
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_| Failure::new("a value cannot be sent in a header".to_owned()))
        };
        headers.insert(HOST, value(&self.authority)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(ask.content_type));
        if let Some((name, text)) = ask.header {
            headers.insert(HeaderName::from_static(name), value(text)?);
        }
        let credential = SigningCredential {
            access_key_id: &self.credentials.access_key,
            secret: self.credentials.secret_key.as_bytes(),
            session_token: self.credentials.session_token.as_deref().map(String::as_str),
        };
        let signer = SignerV4 { credential, region: self.region.as_str(), service: ask.service };
        let payload = SignedPayload::Sha256(crypto::sha256(&ask.body));
        signer
            .sign(ask.method.as_str(), ask.path, &mut headers, payload, SystemClock.now())
            .map_err(|error| Failure::new(error.to_string()))?;
        let mut request = Request::new(Full::new(ask.body));
        *request.method_mut() = ask.method;
        *request.uri_mut() =
            Uri::try_from(ask.path).map_err(|_| Failure::new("a name cannot be sent in a path".to_owned()))?;
        *request.headers_mut() = headers;

        let answer = self.connection.send(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| Failure::new(format!("the answer broke off: {error}")))?
            .to_bytes();
        Ok((status, body))
    }
}
