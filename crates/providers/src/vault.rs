//! Vault or OpenBao transit as a provider: each CMK version is a key of the transit engine, made for it or taken up by its
//! name. Wrapping is `encrypt`, unwrapping `decrypt`, both with the digest of what the wrap belongs to as
//! `associated_data` (kms-iam-api §5.1).
//!
//! `encrypt` makes a key that is missing when the token may create: the token's policy should give `update` there and
//! nothing more (docs/providers.md).

use crate::backend::{Backend, Bound, FRESH_KEY_BYTES};
use crate::client::{Answer, Ask, Client, not_of_the_protocol, parse};
use crate::reference::Reference;
use crate::secret::Secret;
use async_trait::async_trait;
use data_encoding::BASE64;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use kms::{KeySpec, NewVersion, ProviderFault, VersionRef};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

const KEY_TYPE: &str = "aes256-gcm96";
/// What a ciphertext of the engine begins with; the key's version and the bytes follow.
const CIPHERTEXT_PREFIX: &str = "vault:v";

/// See the module's text.
pub struct VaultTransit {
    client: Client,
    mount: String,
    namespace: Option<String>,
    token: Secret,
}

#[derive(Deserialize)]
struct Reply<T> {
    data: T,
}

#[derive(Deserialize)]
struct KeyReply {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct EncryptReply {
    ciphertext: String,
}

#[derive(Deserialize)]
struct DecryptReply<'a> {
    /// Borrowed, so that the only copy of the key stands in the answer, which is wiped.
    #[serde(borrow)]
    plaintext: &'a str,
}

#[derive(Deserialize, Default)]
struct ErrorReply {
    #[serde(default)]
    errors: Vec<String>,
}

impl VaultTransit {
    /// A backend for one mount of the transit engine.
    pub(crate) fn new(client: Client, mount: String, namespace: Option<String>, token: Secret) -> Self {
        Self { client, mount, namespace, token }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let body = Zeroizing::new(if body.is_null() { Vec::new() } else { body.to_string().into_bytes() });
        let mut reply = self.exchange(&method, path, body.clone()).await?;
        if reply.status == StatusCode::FORBIDDEN && self.token.reload() {
            reply = self.exchange(&method, path, body).await?;
        }
        if reply.status.is_success() { Ok(reply.body) } else { Err(fault_of(path, &reply)) }
    }

    async fn exchange(&self, method: &Method, path: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, ProviderFault> {
        let unsendable = |_| ProviderFault::Unsupported("such a header");
        let mut token = HeaderValue::from_str(&self.token.get()).map_err(unsendable)?;
        token.set_sensitive(true);
        let mut headers = vec![
            (HOST, HeaderValue::from_str(self.client.host()).map_err(unsendable)?),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true")),
            (HeaderName::from_static("x-vault-token"), token),
        ];
        if let Some(namespace) = &self.namespace {
            let value = HeaderValue::from_str(namespace).map_err(unsendable)?;
            headers.push((HeaderName::from_static("x-vault-namespace"), value));
        }
        let target = format!("{}/v1/{}/{path}", self.client.prefix(), self.mount);
        self.client.exchange(Ask { method: method.clone(), target, headers, body, once: false }).await
    }

    async fn take_up(&self, existing: &str) -> Result<String, ProviderFault> {
        if !is_name(existing) {
            return Err(ProviderFault::Refused("that is not a name of a transit key".to_owned()));
        }
        let reply = self.ask(Method::GET, &format!("keys/{existing}"), &serde_json::Value::Null).await?;
        let key: Reply<KeyReply> = parse("keys", &reply)?;
        if key.data.name != existing {
            return Err(ProviderFault::Garbage("keys: another key answered".to_owned()));
        }
        if key.data.kind != KEY_TYPE {
            return Err(ProviderFault::Refused(format!("the key is not of type {KEY_TYPE}")));
        }
        Ok(existing.to_owned())
    }
}

/// Names that stand in a path as they are. The engine takes a few more.
fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !name.starts_with('.')
}

#[async_trait]
impl Backend for VaultTransit {
    fn specs(&self) -> &'static [KeySpec] {
        &[KeySpec::Aes256]
    }

    async fn create(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        if let Some(existing) = new.existing {
            return Reference { made: false, name: &self.take_up(existing).await? }.encode();
        }
        // Asked for twice, the engine leaves the first key as it is.
        let name = format!("strongroom-{}-{}", new.uid.to_uuid(), new.version);
        let body = json!({ "type": KEY_TYPE, "exportable": false, "allow_plaintext_backup": false });
        self.ask(Method::POST, &format!("keys/{name}"), &body).await?;
        Reference { made: true, name: &name }.encode()
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault> {
        let name = Reference::decode(version.reference)?.name;
        let body = json!({
            "plaintext": BASE64.encode(key),
            "associated_data": BASE64.encode(bound.as_bytes()),
        });
        let reply = self.ask(Method::POST, &format!("encrypt/{name}"), &body).await?;
        let reply: Reply<EncryptReply> = parse("encrypt", &reply)?;
        if !reply.data.ciphertext.starts_with(CIPHERTEXT_PREFIX) {
            return Err(not_of_the_protocol("encrypt"));
        }
        Ok(reply.data.ciphertext.into_bytes())
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let name = Reference::decode(version.reference)?.name;
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| ProviderFault::InvalidCiphertext)?;
        let body = json!({ "ciphertext": ciphertext, "associated_data": BASE64.encode(bound.as_bytes()) });
        let reply = self.ask(Method::POST, &format!("decrypt/{name}"), &body).await?;
        let reply: Reply<DecryptReply<'_>> = parse("decrypt", &reply)?;
        BASE64.decode(reply.data.plaintext.as_bytes()).map(Zeroizing::new).map_err(|_| not_of_the_protocol("decrypt"))
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        let reference = Reference::decode(version.reference)?;
        if !reference.made {
            return Ok(());
        }
        let key = format!("keys/{}", reference.name);
        let allowed = self.ask(Method::POST, &format!("{key}/config"), &json!({ "deletion_allowed": true })).await;
        match allowed {
            Err(ProviderFault::Refused(why)) if why.ends_with(GONE) => return Ok(()),
            other => other.map(drop)?,
        }
        self.ask(Method::DELETE, &key, &serde_json::Value::Null).await.map(drop)
    }
}

const GONE: &str = "there is no such key";

/// The engine answers 400 to many things and says which in English; only what is recognised is told apart, and nothing
/// of its text is shown.
fn fault_of(path: &str, reply: &Answer) -> ProviderFault {
    let operation = path.split('/').next().unwrap_or_default();
    let status = reply.status.as_u16();
    let errors = serde_json::from_slice::<ErrorReply>(&reply.body).unwrap_or_default().errors;
    let says = |part: &str| errors.iter().any(|error| error.contains(part));
    match status {
        400 | 404 if says("key not found") || says("no existing key named") => {
            ProviderFault::Refused(format!("{operation}: {GONE}"))
        }
        400 if operation == "decrypt" && !says("unsupported path") => ProviderFault::InvalidCiphertext,
        // A standby of another cluster, or sealed: somebody may unseal it.
        472 | 473 => ProviderFault::Unavailable(format!("{operation}: status {status}")),
        _ => reply.fault(operation, None),
    }
}
