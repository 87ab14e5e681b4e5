//! A version of a CMK at hand, with its provider: what is asked of providers, and what their faults come to.

use crate::blob::{CIPHERTEXT_BYTES_MAX, Ciphertext, HEADER_BYTES, Header, WrapAlgorithm};
use crate::provider::{KeyProvider, KeySpec, ProviderFault, VersionRef};
use crate::record::CmkVersionRecord;
use crate::{EncryptionContext, KmsError, ProviderName};
use crypto::{Binding, KEY_BYTES, KeyRole, ProviderKey, SecretBytes};
use model::{CmkUid, Entropy};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes of the length before a wrapped one-time key.
const LENGTH_BYTES: usize = 2;

/// A version of a CMK at hand.
pub(crate) struct Version {
    pub(crate) uid: CmkUid,
    pub(crate) number: u32,
    pub(crate) spec: KeySpec,
    pub(crate) record: Arc<CmkVersionRecord>,
    pub(crate) provider: Arc<dyn KeyProvider>,
}

impl Version {
    /// As its provider knows it.
    pub(crate) fn reference(&self) -> VersionRef<'_> {
        VersionRef { uid: self.uid, version: self.number, spec: self.spec, reference: &self.record.reference }
    }

    /// Whether its provider is asked over a wire.
    pub(crate) fn is_remote(&self) -> bool {
        self.provider.capabilities().remote
    }

    /// Names its material: 64 hexadecimal digits.
    pub(crate) fn material_id(&self) -> String {
        self.record.material_id(self.uid, self.number)
    }

    /// Wraps bytes of a role, bound to the context. What is longer than the provider takes goes under a one-time key,
    /// which the provider wraps.
    pub(crate) async fn wrap(
        &self,
        role: KeyRole,
        plain: &[u8],
        context: &EncryptionContext,
        entropy: &dyn Entropy,
    ) -> Result<Ciphertext, KmsError> {
        let whole = plain.len() <= self.provider.capabilities().plain_bytes_max;
        let embedded = *self.provider.name() == ProviderName::embedded();
        let algorithm = if whole { WrapAlgorithm::of(self.spec, embedded) } else { WrapAlgorithm::OneTimeKey };
        let header = Header::new(algorithm, self.uid, self.number);
        let binding = header.binding(context);
        let wrapped = if whole {
            self.ask(self.provider.wrap(self.reference(), role, plain, &binding).await)?
        } else {
            let key = ProviderKey::generate(entropy);
            let outer =
                self.provider.wrap(self.reference(), role, crypto::Kek::kek_secret(&key).expose(), &binding).await;
            let outer = self.ask(outer)?;
            let length = u16::try_from(outer.len()).map_err(|_| self.garbage("a wrap of 64 KiB and more"))?;
            let inner = crypto::wrap_secret(&key, role, plain, &inner_binding(&binding, &outer), entropy);
            [&length.to_be_bytes()[..], &outer, &inner].concat()
        };
        if wrapped.is_empty() || wrapped.len() > CIPHERTEXT_BYTES_MAX - HEADER_BYTES {
            return Err(self.garbage("a wrap of no bytes, or of too many"));
        }
        Ok(Ciphertext::new(&header, &wrapped))
    }

    /// Unwraps what [`Version::wrap`] returned for the same role and context.
    pub(crate) async fn unwrap(
        &self,
        role: KeyRole,
        ciphertext: &Ciphertext,
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let header = ciphertext.header();
        let binding = header.binding(context);
        if header.algorithm() != Some(WrapAlgorithm::OneTimeKey) {
            return self.ask(self.provider.unwrap(self.reference(), role, ciphertext.wrapped(), &binding).await);
        }
        let (outer, inner) = split(ciphertext.wrapped()).ok_or(KmsError::InvalidCiphertext)?;
        let key = self.ask(self.provider.unwrap(self.reference(), role, outer, &binding).await)?;
        let key: &[u8; KEY_BYTES] = key.as_slice().try_into().map_err(|_| KmsError::InvalidCiphertext)?;
        let key = ProviderKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(key)));
        crypto::unwrap_secret(&key, role, inner, &inner_binding(&binding, outer))
            .map_err(|_| KmsError::InvalidCiphertext)
    }

    fn ask<T>(&self, answer: Result<T, ProviderFault>) -> Result<T, KmsError> {
        answer.map_err(|fault| failed(self.provider.name(), self.uid, fault))
    }

    fn garbage(&self, what: &str) -> KmsError {
        failed(self.provider.name(), self.uid, ProviderFault::Garbage(what.to_owned()))
    }
}

/// The one-time key belongs to these bytes and no others, and the bytes to the wrapped form of their key.
fn inner_binding(binding: &Binding, outer: &[u8]) -> Binding {
    Binding::new("cmk-one-time").field(binding.as_bytes()).field(outer)
}

fn split(wrapped: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = wrapped.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// What a provider's fault comes to for the caller. What the provider said is for the operator, in the log.
pub(crate) fn failed(provider: &ProviderName, uid: CmkUid, fault: ProviderFault) -> KmsError {
    let cmk = uid.to_uuid();
    match fault {
        ProviderFault::InvalidCiphertext => KmsError::InvalidCiphertext,
        ProviderFault::InvalidReference => {
            tracing::error!(%provider, cmk, "the key material's reference is damaged or under another root");
            damaged(uid)
        }
        ProviderFault::Throttled => {
            tracing::warn!(%provider, cmk, "the key provider asks for fewer requests");
            KmsError::Throttled
        }
        ProviderFault::Unsupported(what) => KmsError::Unsupported(what),
        ProviderFault::Unavailable(why) => {
            tracing::warn!(%provider, cmk, why, "the key provider did not answer");
            KmsError::Unavailable(format!("the key provider `{provider}` did not answer"))
        }
        ProviderFault::Refused(why) => {
            tracing::error!(%provider, cmk, why, "the key provider refused to use its key");
            KmsError::Unavailable(format!("the key provider `{provider}` refused to use its key"))
        }
        ProviderFault::Garbage(what) => {
            tracing::error!(%provider, cmk, what, "the key provider answered with something else");
            KmsError::Unavailable(format!("the key provider `{provider}` gave an answer that is none"))
        }
    }
}

pub(crate) fn damaged(uid: CmkUid) -> KmsError {
    KmsError::Damaged(format!("the material of CMK {}", uid.to_uuid()))
}

impl CmkVersionRecord {
    /// Names its material in replies: 64 hexadecimal digits. Versions of before have none of their own.
    pub(crate) fn material_id(&self, uid: CmkUid, number: u32) -> String {
        let id = match self.material_id {
            [0, .., 0] if self.material_id == [0; 32] => {
                crypto::sha256(&[b"material", &uid.as_bytes()[..], &number.to_be_bytes()].concat())
            }
            id => id,
        };
        id.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
