//! The seam to whatever keeps CMK material: the embedded provider here, an HSM or another KMS elsewhere. The service
//! decides who may use which CMK and in which state; a provider only does cryptography.

use crate::ProviderTag;
use async_trait::async_trait;
use crypto::{Binding, KEY_BYTES, KeyRole, SecretBytes, WRAPPED_BYTES};
use model::CmkUid;
use std::fmt;

/// A CMK version as its provider knows it.
#[derive(Clone, Copy, Debug)]
pub struct VersionRef<'a> {
    /// The CMK.
    pub uid: CmkUid,
    /// The version, from 1.
    pub version: u32,
    /// What [`KeyProvider::create_version`] returned: how the provider finds the material.
    pub reference: &'a [u8],
}

/// Why a provider did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    /// The wrapped bytes do not fit the CMK version, the role or the binding. One answer for all causes.
    InvalidCiphertext,
    /// The reference itself is damaged or is not under the provider's own root.
    InvalidReference,
    /// No answer; worth trying again.
    Unavailable(String),
}

impl fmt::Display for ProviderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidCiphertext => f.write_str("the wrapped key does not fit"),
            Self::InvalidReference => f.write_str("the reference to the key material is damaged"),
            Self::Unavailable(why) => write!(f, "the key provider is not available: {why}"),
        }
    }
}

impl std::error::Error for ProviderFault {}

/// Keeps the material of CMK versions and wraps 32-byte keys under it.
///
/// Guarantees, held by `tests/provider.rs` for every implementation that runs here:
/// - [`unwrap`](KeyProvider::unwrap) gives back exactly what [`wrap`](KeyProvider::wrap) was given, and only for the
///   same CMK version, role and binding; anything else is [`ProviderFault::InvalidCiphertext`];
/// - two wraps of the same key differ;
/// - the material is in no return value, no error and no log line; the reference holds it sealed or not at all;
/// - a reference stays valid across restarts until [`forget`](KeyProvider::forget) follows the removal of its record;
/// - [`ProviderFault::Unavailable`] is returned only where a later try may succeed, and promises nothing about whether
///   the provider did the work.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// The tag that qualifies this provider's references in stored records.
    fn tag(&self) -> ProviderTag;

    /// Makes material for a new CMK version and returns the reference to be stored. Nothing is durable before the
    /// caller has stored it.
    async fn create_version(&self, uid: CmkUid, version: u32) -> Result<Vec<u8>, ProviderFault>;

    /// Wraps a key under a CMK version.
    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        secret: &SecretBytes<KEY_BYTES>,
        binding: &Binding,
    ) -> Result<[u8; WRAPPED_BYTES], ProviderFault>;

    /// Unwraps a key.
    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8; WRAPPED_BYTES],
        binding: &Binding,
    ) -> Result<SecretBytes<KEY_BYTES>, ProviderFault>;

    /// The CMK was deleted: drops what is cached of it, and destroys its material where the provider keeps that.
    fn forget(&self, uid: CmkUid);
}
