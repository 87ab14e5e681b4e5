//! The seam to whatever keeps CMK material: the embedded provider here, an HSM or another KMS elsewhere. The service
//! decides who may use which CMK and in which state; a provider only does cryptography.

use async_trait::async_trait;
use crypto::{Binding, KeyRole};
use model::CmkUid;
use std::fmt;
use zeroize::Zeroizing;

/// The name of a provider in settings and stored records: 1 to 64 lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName(Box<str>);

impl ProviderName {
    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        ((1..=64).contains(&name.len()) && name.bytes().all(ok)).then(|| Self(name.into()))
    }

    /// The provider of this process, under the root key.
    pub fn embedded() -> Self {
        Self("embedded".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cipher of a CMK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySpec {
    /// AES with 256 bits (AWS: `SYMMETRIC_DEFAULT`, Huawei: `AES_256`).
    Aes256,
    /// SM4 with 128 bits (Huawei: `SM4`).
    Sm4,
}

impl KeySpec {
    /// Length of the material in bytes, as import wants it.
    pub const fn material_bytes(self) -> usize {
        match self {
            Self::Aes256 => 32,
            Self::Sm4 => 16,
        }
    }
}

/// A CMK version as its provider knows it.
#[derive(Clone, Copy, Debug)]
pub struct VersionRef<'a> {
    /// The CMK.
    pub uid: CmkUid,
    /// The version, from 1.
    pub version: u32,
    /// Its cipher.
    pub spec: KeySpec,
    /// What [`KeyProvider::create_version`] returned: how the provider finds the material.
    pub reference: &'a [u8],
}

/// What a new version is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// The CMK.
    pub uid: CmkUid,
    /// The version, from 1.
    pub version: u32,
    /// Its cipher.
    pub spec: KeySpec,
    /// A key that exists at the provider and is to be used, in the provider's own words; `None` to make one.
    pub existing: Option<&'a str>,
}

/// What a provider can do.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// The ciphers of CMKs it keeps.
    pub specs: &'static [KeySpec],
    /// Most bytes one wrap takes.
    pub plain_bytes_max: usize,
    /// Whether it takes material from outside ([`KeyProvider::import_version`]).
    pub import: bool,
    /// Whether it is asked over a wire: its answers may be late, wrong or missing.
    pub remote: bool,
}

/// Why a provider did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    /// The wrapped bytes do not fit the CMK version, the role or the binding. One answer for all causes.
    InvalidCiphertext,
    /// The reference itself is damaged or is not under the provider's own root.
    InvalidReference,
    /// The provider knows the key and will not use it (disabled, deleted, not ours): says why, for the log.
    Refused(String),
    /// What was asked is beyond this provider.
    Unsupported(&'static str),
    /// The provider asks for fewer requests. Worth trying again later.
    Throttled,
    /// The answer is not one to this question: another key's data, or no answer of the protocol.
    Garbage(String),
    /// No answer; worth trying again.
    Unavailable(String),
}

impl fmt::Display for ProviderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidCiphertext => f.write_str("the wrapped key does not fit"),
            Self::InvalidReference => f.write_str("the reference to the key material is damaged"),
            Self::Refused(why) => write!(f, "the key provider refused: {why}"),
            Self::Unsupported(what) => write!(f, "the key provider does not offer {what}"),
            Self::Throttled => f.write_str("the key provider asks for fewer requests"),
            Self::Garbage(what) => write!(f, "the key provider answered with something else: {what}"),
            Self::Unavailable(why) => write!(f, "the key provider is not available: {why}"),
        }
    }
}

impl std::error::Error for ProviderFault {}

/// Keeps the material of CMK versions and wraps keys under it.
///
/// Guarantees, held by the conformance suite for every implementation:
/// - [`unwrap`](KeyProvider::unwrap) gives back exactly what [`wrap`](KeyProvider::wrap) was given, and only for the
///   same CMK version, role and binding; anything else is [`ProviderFault::InvalidCiphertext`];
/// - two wraps of the same key differ;
/// - the material is in no return value, no error and no log line; the reference holds it sealed or not at all;
/// - a reference stays valid across restarts until [`destroy`](KeyProvider::destroy) follows the removal of its record;
/// - [`ProviderFault::Unavailable`] is returned only where a later try may succeed, and promises nothing about whether
///   the provider did the work.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// The name that qualifies this provider's references in stored records.
    fn name(&self) -> &ProviderName;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Makes material for a new CMK version, or takes up a key that exists, and returns the reference to be stored.
    /// Nothing is durable before the caller has stored it.
    async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault>;

    /// As [`KeyProvider::create_version`] with material from outside, [`KeySpec::material_bytes`] long.
    async fn import_version(&self, new: NewVersion<'_>, material: &[u8]) -> Result<Vec<u8>, ProviderFault> {
        let _ = (new, material);
        Err(ProviderFault::Unsupported("imported key material"))
    }

    /// Wraps up to [`Capabilities::plain_bytes_max`] bytes under a CMK version.
    async fn wrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        plain: &[u8],
        binding: &Binding,
    ) -> Result<Vec<u8>, ProviderFault>;

    /// Unwraps what [`KeyProvider::wrap`] returned.
    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        role: KeyRole,
        wrapped: &[u8],
        binding: &Binding,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault>;

    /// The version's record was removed: destroys its material where the provider keeps that. A key that was only taken
    /// up is left alone.
    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault>;

    /// The part of a reference that tells which key it is, whether it was made or taken up: no two CMKs share one.
    fn key_named<'a>(&self, reference: &'a [u8]) -> &'a [u8] {
        reference
    }

    /// Drops what is cached of a CMK.
    fn forget(&self, uid: CmkUid);
}
