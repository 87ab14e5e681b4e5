//! AWS KMS as a provider: each CMK version is a symmetric key of the service, made for it or taken up by ARN or alias.
//! Wrapping is `Encrypt`, unwrapping `Decrypt` with the key named, both with an encryption context that the service
//! authenticates and writes to its own log: the CMK, and the digest of what the wrap belongs to.

use crate::backend::{Backend, Bound, FRESH_KEY_BYTES};
use crate::client::{Answer, Ask, Client, not_of_the_protocol, parse};
use crate::reference::Reference;
use crate::secret::Secret;
use crate::sign::{AwsV4, Unsigned, basic_date};
use async_trait::async_trait;
use data_encoding::BASE64;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use kms::{KeySpec, NewVersion, ProviderFault, VersionRef};
use model::{Clock, CmkUid};
use serde::Deserialize;
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Days between the request to delete a key and its end: the service's shortest.
const DELETION_DAYS: u32 = 7;
const CONTENT: &str = "application/x-amz-json-1.1";

/// See the module's text.
pub struct AwsKms {
    client: Client,
    region: String,
    access_key: String,
    secret: Secret,
    session_token: Option<Secret>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyReply {
    key_metadata: KeyMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyMetadata {
    arn: String,
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    key_spec: Option<String>,
    #[serde(default)]
    key_usage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptReply {
    key_id: String,
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DecryptReply<'a> {
    #[serde(borrow)]
    key_id: Cow<'a, str>,
    /// Borrowed, so that the only copy of the key stands in the answer, which is wiped.
    #[serde(borrow)]
    plaintext: &'a str,
}

#[derive(Deserialize)]
struct ErrorReply {
    #[serde(rename = "__type", default)]
    kind: String,
}

impl AwsKms {
    /// A backend for one region, signing with an access key.
    pub(crate) fn new(
        client: Client,
        region: String,
        access_key: String,
        secret: Secret,
        session_token: Option<Secret>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, region, access_key, secret, session_token, clock }
    }

    /// One operation; once more where the credentials were refused and have been replaced since they were read.
    async fn ask(&self, operation: &str, body: &serde_json::Value) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let body = Zeroizing::new(body.to_string().into_bytes());
        let mut reply = self.exchange(operation, body.clone()).await?;
        if kind_of(&reply).is_some_and(|kind| is_about_credentials(&kind)) {
            let secret = self.secret.reload();
            let token = self.session_token.as_ref().is_some_and(Secret::reload);
            if secret || token {
                reply = self.exchange(operation, body).await?;
            }
        }
        if reply.status == StatusCode::OK { Ok(reply.body) } else { Err(fault_of(operation, &reply)) }
    }

    async fn exchange(&self, operation: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, ProviderFault> {
        let date = basic_date(self.clock.now());
        let target = format!("TrentService.{operation}");
        let path = if self.client.prefix().is_empty() { "/" } else { self.client.prefix() };
        let token = self.session_token.as_ref().map(Secret::get);
        let mut headers = vec![
            ("content-type", CONTENT),
            ("host", self.client.host()),
            ("x-amz-date", &date),
            ("x-amz-target", &target),
        ];
        if let Some(token) = &token {
            headers.push(("x-amz-security-token", token.as_str()));
        }
        let secret = self.secret.get();
        let signer =
            AwsV4 { access_key: &self.access_key, secret: &secret, region: &self.region, service: "kms", date: &date };
        let authorization =
            signer.authorization(&Unsigned { method: "POST", path, query: "", headers: &headers, body: &body });
        let unsendable = |_| ProviderFault::Unsupported("such a header");
        let mut wire = Vec::with_capacity(headers.len() + 1);
        for (name, value) in headers {
            let mut value = HeaderValue::from_str(value).map_err(unsendable)?;
            value.set_sensitive(name == "x-amz-security-token");
            let name = match name {
                "content-type" => CONTENT_TYPE,
                "host" => HOST,
                "x-amz-date" => HeaderName::from_static("x-amz-date"),
                "x-amz-target" => HeaderName::from_static("x-amz-target"),
                _ => HeaderName::from_static("x-amz-security-token"),
            };
            wire.push((name, value));
        }
        let mut authorization = HeaderValue::from_str(&authorization).map_err(unsendable)?;
        authorization.set_sensitive(true);
        wire.push((AUTHORIZATION, authorization));
        let once = operation == "CreateKey";
        self.client.exchange(Ask { method: Method::POST, target: path.to_owned(), headers: wire, body, once }).await
    }

    async fn make(&self, uid: CmkUid, version: u32) -> Result<String, ProviderFault> {
        let body = json!({
            "Description": "CMK of a Strongroom key service",
            "Tags": [
                { "TagKey": "strongroom:cmk", "TagValue": uid.to_uuid() },
                { "TagKey": "strongroom:version", "TagValue": version.to_string() },
            ],
        });
        Ok(parse::<KeyReply>("CreateKey", &self.ask("CreateKey", &body).await?)?.key_metadata.arn)
    }

    async fn take_up(&self, existing: &str) -> Result<String, ProviderFault> {
        let reply = self.ask("DescribeKey", &json!({ "KeyId": existing })).await?;
        let key = parse::<KeyReply>("DescribeKey", &reply)?.key_metadata;
        let symmetric = key.key_spec.as_deref().is_none_or(|spec| spec == "SYMMETRIC_DEFAULT")
            && key.key_usage.as_deref().is_none_or(|usage| usage == "ENCRYPT_DECRYPT");
        if !symmetric {
            return Err(ProviderFault::Refused("the key is not a symmetric one for encryption".to_owned()));
        }
        if !key.enabled {
            return Err(ProviderFault::Refused("the key is not enabled".to_owned()));
        }
        Ok(key.arn)
    }
}

fn context(version: &VersionRef<'_>, bound: &Bound) -> serde_json::Value {
    json!({ "strongroom:cmk": version.uid.to_uuid(), "strongroom:binding": bound.to_hex() })
}

#[async_trait]
impl Backend for AwsKms {
    fn specs(&self) -> &'static [KeySpec] {
        &[KeySpec::Aes256]
    }

    async fn create(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        let (made, arn) = match new.existing {
            Some(existing) => (false, self.take_up(existing).await?),
            None => (true, self.make(new.uid, new.version).await?),
        };
        Reference { made, name: &arn }.encode()
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault> {
        let arn = Reference::decode(version.reference)?.name;
        let body = json!({
            "KeyId": arn,
            "Plaintext": BASE64.encode(key),
            "EncryptionContext": context(&version, bound),
        });
        let reply = self.ask("Encrypt", &body).await?;
        let reply: EncryptReply = parse("Encrypt", &reply)?;
        answered_by("Encrypt", &reply.key_id, arn)?;
        BASE64.decode(reply.ciphertext_blob.as_bytes()).map_err(|_| not_of_the_protocol("Encrypt"))
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let arn = Reference::decode(version.reference)?.name;
        let body = json!({
            "KeyId": arn,
            "CiphertextBlob": BASE64.encode(wrapped),
            "EncryptionContext": context(&version, bound),
        });
        let reply = self.ask("Decrypt", &body).await?;
        let reply: DecryptReply<'_> = parse("Decrypt", &reply)?;
        answered_by("Decrypt", &reply.key_id, arn)?;
        BASE64.decode(reply.plaintext.as_bytes()).map(Zeroizing::new).map_err(|_| not_of_the_protocol("Decrypt"))
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        let reference = Reference::decode(version.reference)?;
        if !reference.made {
            return Ok(());
        }
        let body = json!({ "KeyId": reference.name, "PendingWindowInDays": DELETION_DAYS });
        match self.ask("ScheduleKeyDeletion", &body).await {
            // Gone, or on its way.
            Err(ProviderFault::Refused(why)) if why.contains("NotFound") || why.contains("KMSInvalidState") => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The key that answered is the one that was asked. Both are full ARNs.
fn answered_by(operation: &str, answered: &str, asked: &str) -> Result<(), ProviderFault> {
    if answered == asked { Ok(()) } else { Err(ProviderFault::Garbage(format!("{operation}: another key answered"))) }
}

/// The error's name without its namespace, if the reply is one. Names are letters; anything else is not shown.
fn kind_of(reply: &Answer) -> Option<String> {
    if reply.status == StatusCode::OK {
        return None;
    }
    let error: ErrorReply = serde_json::from_slice(&reply.body).ok()?;
    let kind = error.kind.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let known = (1..=64).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    known.then(|| kind.to_owned())
}

fn is_about_credentials(kind: &str) -> bool {
    matches!(
        kind,
        "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "IncompleteSignatureException"
            | "MissingAuthenticationTokenException"
    )
}

fn fault_of(operation: &str, reply: &Answer) -> ProviderFault {
    let kind = kind_of(reply);
    match kind.as_deref() {
        Some("ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "TooManyRequestsException") => {
            ProviderFault::Throttled
        }
        Some("InvalidCiphertextException" | "IncorrectKeyException") => ProviderFault::InvalidCiphertext,
        Some("KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException") => {
            ProviderFault::Unavailable(format!("{operation}: {}", kind.as_deref().unwrap_or_default()))
        }
        named => reply.fault(operation, named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), body: Zeroizing::new(body.as_bytes().to_vec()) }
    }

    fn fault(status: u16, kind: &str) -> ProviderFault {
        fault_of("Decrypt", &reply(status, &format!("{{\"__type\":\"{kind}\",\"message\":\"not shown\"}}")))
    }

    #[test]
    fn errors_are_sorted_by_what_they_ask_for() {
        assert_eq!(fault(400, "ThrottlingException"), ProviderFault::Throttled);
        assert_eq!(fault(429, ""), ProviderFault::Throttled);
        for kind in ["InvalidCiphertextException", "com.amazonaws.kms#IncorrectKeyException"] {
            assert_eq!(fault(400, kind), ProviderFault::InvalidCiphertext);
        }
        for kind in ["KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException"] {
            assert!(matches!(fault(500, kind), ProviderFault::Unavailable(_)), "{kind}");
        }
        assert!(matches!(fault(503, "Anything"), ProviderFault::Unavailable(_)));
        for kind in [
            "DisabledException",
            "KMSInvalidStateException",
            "NotFoundException",
            "AccessDeniedException",
            "UnrecognizedClientException",
        ] {
            assert_eq!(fault(400, kind), ProviderFault::Refused(format!("Decrypt: {kind}")));
        }
    }

    #[test]
    fn an_answer_of_something_else_is_garbage_and_is_not_shown() {
        assert!(matches!(fault_of("Decrypt", &reply(302, "<html>")), ProviderFault::Garbage(_)));
        let shown = fault_of("Decrypt", &reply(400, "{\"__type\":\"secret stuff\"}")).to_string();
        assert!(!shown.contains("stuff"), "{shown}");
        assert!(parse::<EncryptReply>("Encrypt", b"{\"CiphertextBlob\":\"AA==\"}").is_err());
        assert!(matches!(answered_by("Decrypt", "arn:other", "arn:asked"), Err(ProviderFault::Garbage(_))));
    }
}
