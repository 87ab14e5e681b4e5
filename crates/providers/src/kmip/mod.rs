//! KMIP 1.4 over mutual TLS: CMKs at a key manager, which encrypts and decrypts. Keys are never fetched.
//!
//! ```text
//! reference  origin, then the key's Unique Identifier (reference.rs)
//! wrapped    fmt 1 | iv 12 | tag 16 | AES-256-GCM(key at the server, iv, one-time key 32, AAD = what the wrap belongs to 32)
//! ```
//!
//! The IV is random and drawn here: not every server draws one of 12 bytes. The bound of random IVs, 2^32 wraps for a
//! version (SP 800-38D, section 8.3), is kept by the KMS.

mod connection;
mod message;
#[cfg(test)]
mod tests;
mod tls;
mod ttlv;

use crate::backend::{Backend, Bound, FRESH_KEY_BYTES};
use crate::reference::Reference;
use async_trait::async_trait;
use connection::Connections;
use kms::{KeySpec, NewVersion, ProviderFault, VersionRef};
use message::{Failed, Operation, tag};
use model::Entropy;
use rustls::ClientConfig;
use std::sync::Arc;
pub(crate) use tls::client_config;
use ttlv::Item;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = 1 + IV_BYTES + TAG_BYTES + FRESH_KEY_BYTES;

/// A KMIP server.
pub struct Kmip {
    server: Connections,
    entropy: Arc<dyn Entropy>,
}

impl Kmip {
    /// A server by host name and port. `tls` brings the client's certificate, which is how the server knows us, and the
    /// certificates that the server's must be signed by. Connects at first use.
    ///
    /// # Errors
    /// What to tell the operator about a host name that is none.
    pub fn new(host: &str, port: u16, tls: Arc<ClientConfig>, entropy: Arc<dyn Entropy>) -> Result<Self, String> {
        Ok(Self { server: Connections::new(host, port, tls)?, entropy })
    }

    /// Makes an exchange and reads its payload. Creating is not repeated: a second key would be left over.
    async fn ask<T>(
        &self,
        operation: Operation,
        request: &[u8],
        read: impl FnOnce(&Item<'_>) -> Option<T>,
    ) -> Result<T, Failed> {
        let answer = self.server.exchange(request, operation != Operation::Create).await?;
        let garbage =
            || Failed::from(ProviderFault::Garbage(format!("KMIP: an answer to {operation:?} that lacks its content")));
        let item = Item::read(&answer).ok_or_else(garbage)?;
        read(message::payload(&item, operation)?).ok_or_else(garbage)
    }

    async fn on_key(&self, operation: Operation, request: &[u8], id: &str) -> Result<(), ProviderFault> {
        let same = |payload: &Item<'_>| (payload.text(tag::UNIQUE_IDENTIFIER) == Some(id)).then_some(());
        Ok(self.ask(operation, request, same).await?)
    }
}

#[async_trait]
impl Backend for Kmip {
    fn specs(&self) -> &'static [KeySpec] {
        &[KeySpec::Aes256]
    }

    async fn create(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        if let Some(id) = new.existing {
            // Whether the key is there and may be used shows by using it.
            let reference = Reference { made: false, name: id }.encode()?;
            let version = VersionRef { uid: new.uid, version: new.version, spec: new.spec, reference: &reference };
            let bound = Bound::new(&version, crypto::KeyRole::Data, &crypto::Binding::new("kmip-take-up"));
            self.wrap(version, &[0; FRESH_KEY_BYTES], &bound).await?;
            return Ok(reference);
        }
        let name = format!("strongroom {} version {}", new.uid.to_uuid(), new.version);
        let id = self
            .ask(Operation::Create, &message::create(&name), |payload| {
                payload.text(tag::UNIQUE_IDENTIFIER).map(str::to_owned)
            })
            .await?;
        self.on_key(Operation::Activate, &message::of_key(Operation::Activate, &id), &id).await?;
        Reference { made: true, name: &id }.encode()
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault> {
        let id = Reference::decode(version.reference)?.name;
        let mut iv = [0; IV_BYTES];
        self.entropy.fill(&mut iv);
        let request = Zeroizing::new(message::cipher(id, key, &iv, bound.as_bytes(), None));
        let wrapped = self.ask(Operation::Encrypt, &request, |payload| {
            let sealed = payload.bytes(tag::DATA).filter(|sealed| sealed.len() == FRESH_KEY_BYTES)?;
            let authentication = payload.bytes(tag::AUTHENTICATION_TAG).filter(|tag| tag.len() == TAG_BYTES)?;
            (payload.text(tag::UNIQUE_IDENTIFIER) == Some(id))
                .then(|| [&[FORMAT][..], &iv, authentication, sealed].concat())
        });
        Ok(wrapped.await?)
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let id = Reference::decode(version.reference)?.name;
        let [FORMAT, rest @ ..] = wrapped else { return Err(ProviderFault::InvalidCiphertext) };
        if wrapped.len() != WRAPPED_BYTES {
            return Err(ProviderFault::InvalidCiphertext);
        }
        let (iv, rest) = rest.split_at(IV_BYTES);
        let (authentication, sealed) = rest.split_at(TAG_BYTES);
        let request = message::cipher(id, sealed, iv, bound.as_bytes(), Some(authentication));
        let answer = self.ask(Operation::Decrypt, &request, |payload| {
            let plain = payload.bytes(tag::DATA).filter(|plain| plain.len() == FRESH_KEY_BYTES)?;
            (payload.text(tag::UNIQUE_IDENTIFIER) == Some(id)).then(|| Zeroizing::new(plain.to_vec()))
        });
        match answer.await {
            // If the key still works, it was the tag.
            Err(Failed::General(_)) if self.wrap(version, &[0; FRESH_KEY_BYTES], bound).await.is_ok() => {
                Err(ProviderFault::InvalidCiphertext)
            }
            other => Ok(other?),
        }
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        let reference = Reference::decode(version.reference)?;
        if !reference.made {
            return Ok(());
        }
        let id = reference.name;
        for (operation, request) in
            [(Operation::Revoke, message::revoke(id)), (Operation::Destroy, message::of_key(Operation::Destroy, id))]
        {
            match self.on_key(operation, &request, id).await {
                // Gone already, or revoked by an earlier try.
                Ok(()) | Err(ProviderFault::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }
}
