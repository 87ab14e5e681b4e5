//! Huawei DEW as a provider, or another Strongroom, which speaks the same API: each CMK version is a symmetric key of the
//! service, made for it or taken up by its id. Wrapping is `encrypt-datakey`, unwrapping `decrypt-datakey`, both with the
//! digest of what the wrap belongs to as additional authenticated data: 64 of the 128 characters allowed.

use crate::backend::{Backend, Bound, FRESH_KEY_BYTES};
use crate::client::{Answer, Ask, Client, not_of_the_protocol, parse};
use crate::reference::Reference;
use crate::secret::Secret;
use crate::sign::{Unsigned, basic_date, sdk_hmac_sha256};
use async_trait::async_trait;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use kms::{KeySpec, NewVersion, ProviderFault, VersionRef};
use model::{Clock, Entropy};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Days between the request to delete a key and its end: the service's shortest.
const DELETION_DAYS: u32 = 7;
const CONTENT: &str = "application/json;charset=utf-8";
const STATE_ENABLED: &str = "2";

/// See the module's text.
pub struct HuaweiDew {
    client: Client,
    project: String,
    access_key: String,
    secret: Secret,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

#[derive(Deserialize)]
struct KeyReply {
    key_info: KeyInfo,
}

#[derive(Deserialize)]
struct KeyInfo {
    key_id: String,
    #[serde(default)]
    key_spec: Option<String>,
    #[serde(default)]
    key_state: Option<String>,
}

#[derive(Deserialize)]
struct EncryptReply {
    key_id: String,
    cipher_text: String,
}

#[derive(Deserialize)]
struct DecryptReply<'a> {
    /// Borrowed, so that the only copy of the key stands in the answer, which is wiped.
    data_key: &'a str,
    datakey_dgst: &'a str,
}

impl HuaweiDew {
    /// A backend for one project, signing with an access key.
    pub(crate) fn new(
        client: Client,
        project: String,
        access_key: String,
        secret: Secret,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { client, project, access_key, secret, clock, entropy }
    }

    async fn ask(&self, operation: &str, body: &serde_json::Value) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let body = Zeroizing::new(body.to_string().into_bytes());
        let mut reply = self.exchange(operation, body.clone()).await?;
        if matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && self.secret.reload() {
            reply = self.exchange(operation, body).await?;
        }
        if reply.status.is_success() { Ok(reply.body) } else { Err(fault_of(operation, &reply)) }
    }

    async fn exchange(&self, operation: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, ProviderFault> {
        let date = basic_date(self.clock.now());
        let path = format!("{}/v1.0/{}/kms/{operation}", self.client.prefix(), self.project);
        let headers = [
            ("content-type", CONTENT),
            ("host", self.client.host()),
            ("x-project-id", self.project.as_str()),
            ("x-sdk-date", date.as_str()),
        ];
        let request = Unsigned { method: "POST", path: &path, query: "", headers: &headers, body: &body };
        let authorization = sdk_hmac_sha256(&self.access_key, &self.secret.get(), &date, &request);
        let names =
            [CONTENT_TYPE, HOST, HeaderName::from_static("x-project-id"), HeaderName::from_static("x-sdk-date")];
        let unsendable = |_| ProviderFault::Unsupported("such a header");
        let mut wire = Vec::with_capacity(names.len() + 1);
        for (name, (_, value)) in names.into_iter().zip(headers) {
            wire.push((name, HeaderValue::from_str(value).map_err(unsendable)?));
        }
        let mut authorization = HeaderValue::from_str(&authorization).map_err(unsendable)?;
        authorization.set_sensitive(true);
        wire.push((AUTHORIZATION, authorization));
        let once = operation == "create-key";
        self.client.exchange(Ask { method: Method::POST, target: path, headers: wire, body, once }).await
    }

    async fn make(&self, new: NewVersion<'_>) -> Result<String, ProviderFault> {
        // Aliases are unique at the service: where an answer was lost, the next try must not meet the first's alias.
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        let body = json!({
            "key_alias": format!("strongroom-{}-{}-{}", new.uid.to_uuid(), new.version, HEXLOWER.encode(&random)),
            "key_description": "CMK of a Strongroom key service",
            "key_spec": spec_name(new.spec),
        });
        Ok(parse::<KeyReply>("create-key", &self.ask("create-key", &body).await?)?.key_info.key_id)
    }

    async fn take_up(&self, existing: &str, spec: KeySpec) -> Result<String, ProviderFault> {
        let reply = self.ask("describe-key", &json!({ "key_id": existing })).await?;
        let key = parse::<KeyReply>("describe-key", &reply)?.key_info;
        if key.key_spec.as_deref().is_some_and(|known| known != spec_name(spec)) {
            return Err(ProviderFault::Refused("the key has another spec".to_owned()));
        }
        if key.key_state.as_deref().is_some_and(|state| state != STATE_ENABLED) {
            return Err(ProviderFault::Refused("the key is not enabled".to_owned()));
        }
        Ok(key.key_id)
    }
}

const fn spec_name(spec: KeySpec) -> &'static str {
    match spec {
        KeySpec::Aes256 => "AES_256",
        KeySpec::Sm4 => "SM4",
    }
}

/// The digest that goes with a data key: SHA-256 under an AES key, SM3 under an SM4 key (kms-iam-api §1.5).
fn digest(spec: KeySpec, key: &[u8]) -> [u8; 32] {
    match spec {
        KeySpec::Aes256 => crypto::sha256(key),
        KeySpec::Sm4 => crypto::sm3(key),
    }
}

#[async_trait]
impl Backend for HuaweiDew {
    fn specs(&self) -> &'static [KeySpec] {
        &[KeySpec::Aes256, KeySpec::Sm4]
    }

    async fn create(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        let (made, id) = match new.existing {
            Some(existing) => (false, self.take_up(existing, new.spec).await?),
            None => (true, self.make(new).await?),
        };
        Reference { made, name: &id }.encode()
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault> {
        let id = Reference::decode(version.reference)?.name;
        let mut plain = Zeroizing::new([0; FRESH_KEY_BYTES + 32]);
        plain[..FRESH_KEY_BYTES].copy_from_slice(key);
        plain[FRESH_KEY_BYTES..].copy_from_slice(&digest(version.spec, key));
        let body = json!({
            "key_id": id,
            "plain_text": HEXLOWER.encode(&*plain),
            "datakey_plain_length": FRESH_KEY_BYTES.to_string(),
            "additional_authenticated_data": bound.to_hex(),
        });
        let reply = self.ask("encrypt-datakey", &body).await?;
        let reply: EncryptReply = parse("encrypt-datakey", &reply)?;
        if reply.key_id != id {
            return Err(ProviderFault::Garbage("encrypt-datakey: another key answered".to_owned()));
        }
        HEXLOWER_PERMISSIVE.decode(reply.cipher_text.as_bytes()).map_err(|_| not_of_the_protocol("encrypt-datakey"))
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let id = Reference::decode(version.reference)?.name;
        let body = json!({
            "key_id": id,
            "cipher_text": HEXLOWER.encode(wrapped),
            "datakey_cipher_length": FRESH_KEY_BYTES.to_string(),
            "additional_authenticated_data": bound.to_hex(),
        });
        let reply = self.ask("decrypt-datakey", &body).await?;
        let wrong = |_| not_of_the_protocol("decrypt-datakey");
        let reply: DecryptReply<'_> = parse("decrypt-datakey", &reply)?;
        let key = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(reply.data_key.as_bytes()).map_err(wrong)?);
        let told = HEXLOWER_PERMISSIVE.decode(reply.datakey_dgst.as_bytes()).map_err(wrong)?;
        if !crypto::constant_time_eq(&told, &digest(version.spec, &key)) {
            return Err(ProviderFault::Garbage("decrypt-datakey: key and digest do not fit".to_owned()));
        }
        Ok(key)
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        let reference = Reference::decode(version.reference)?;
        if !reference.made {
            return Ok(());
        }
        let body = json!({ "key_id": reference.name, "pending_days": DELETION_DAYS.to_string() });
        match self.ask("schedule-key-deletion", &body).await {
            // Gone, or on its way.
            Err(ProviderFault::Refused(why)) if why.ends_with("KMS.0207") || why.ends_with("KMS.1402") => Ok(()),
            other => other.map(drop),
        }
    }
}

/// The error's code, at the top or one level down (kms-iam-api §1.7). Codes are letters, digits and a dot; anything else
/// is not shown.
fn code_of(reply: &Answer) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    let code = body.get("error").unwrap_or(&body).get("error_code")?.as_str()?;
    let known = (1..=32).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    known.then(|| code.to_owned())
}

fn fault_of(operation: &str, reply: &Answer) -> ProviderFault {
    let code = code_of(reply);
    match code.as_deref() {
        Some("APIGW.0308") => ProviderFault::Throttled,
        Some("KMS.2201" | "KMS.2202" | "KMS.2203" | "KMS.2204") => ProviderFault::InvalidCiphertext,
        named => reply.fault(operation, named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> ProviderFault {
        let status = StatusCode::from_u16(status).unwrap();
        fault_of("decrypt-datakey", &Answer { status, body: Zeroizing::new(body.as_bytes().to_vec()) })
    }

    #[test]
    fn errors_are_sorted_by_what_they_ask_for() {
        let kms = |status, code: &str| {
            fault(status, &format!("{{\"error\":{{\"error_code\":\"{code}\",\"error_msg\":\"not shown\"}}}}"))
        };
        for code in ["KMS.2201", "KMS.2202", "KMS.2203", "KMS.2204"] {
            assert_eq!(kms(400, code), ProviderFault::InvalidCiphertext);
        }
        for (status, code) in [(404, "KMS.0207"), (400, "KMS.0209"), (400, "KMS.0210"), (403, "KMS.0306")] {
            assert_eq!(kms(status, code), ProviderFault::Refused(format!("decrypt-datakey: {code}")));
        }
        assert!(matches!(kms(503, "KMS.0104"), ProviderFault::Unavailable(_)));
        assert!(matches!(kms(500, "KMS.0101"), ProviderFault::Unavailable(_)));
        let flat = |status, code: &str| fault(status, &format!("{{\"error_code\":\"{code}\",\"request_id\":\"x\"}}"));
        assert_eq!(flat(429, "APIGW.0308"), ProviderFault::Throttled);
        assert_eq!(flat(401, "APIGW.0301"), ProviderFault::Refused("decrypt-datakey: APIGW.0301".to_owned()));
        assert_eq!(fault(403, "<html>"), ProviderFault::Refused("decrypt-datakey: status 403".to_owned()));
        assert!(matches!(fault(302, "<html>"), ProviderFault::Garbage(_)));
    }

    #[test]
    fn the_published_digest_of_a_data_key() {
        assert_eq!(
            HEXLOWER.encode(&digest(KeySpec::Aes256, &[0; 64])),
            "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"
        );
    }
}
