//! What a key service outside must be able to do: keep a key, and wrap and unwrap 32 bytes with it. The rest of
//! [`kms::KeyProvider`] is the guard's.

use async_trait::async_trait;
use crypto::{KEY_BYTES, KeyRole};
use data_encoding::HEXLOWER;
use kms::{KeySpec, NewVersion, ProviderFault, VersionRef};
use model::CmkUid;
use zeroize::Zeroizing;

/// Length of what a backend wraps, in bytes: a one-time key, drawn for each wrap.
pub const FRESH_KEY_BYTES: usize = KEY_BYTES;

/// What a wrap belongs to, as one digest over CMK, version, role and binding. A backend hands it to the service as
/// additional authenticated data in whatever form it takes, so that the service itself refuses another binding; and it
/// tells the service nothing about buckets or objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound([u8; 32]);

impl Bound {
    /// The digest of what a wrap belongs to.
    pub(crate) fn new(version: &VersionRef<'_>, role: KeyRole, binding: &crypto::Binding) -> Self {
        let spec: u8 = match version.spec {
            KeySpec::Aes256 => 1,
            KeySpec::Sm4 => 2,
        };
        let canonical = crypto::Binding::new("provider-bound")
            .field(version.uid.as_bytes())
            .field(&version.version.to_be_bytes())
            .field(&[spec])
            .field(role.label().as_bytes())
            .field(binding.as_bytes());
        Self(crypto::sha256(canonical.as_bytes()))
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

/// A key service outside this process.
///
/// A backend makes one exchange per call and leaves retrying to its caller. It answers [`ProviderFault::Garbage`] where
/// the service's answer is not one to this question, and never hands on bytes it has not recognised.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The ciphers of the keys it keeps.
    fn specs(&self) -> &'static [KeySpec];

    /// Makes a key, or takes up the one named, and returns the reference to be stored. Where a key was made, the
    /// reference says so: only such a key is ever destroyed.
    async fn create(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault>;

    /// Wraps a one-time key.
    async fn wrap(
        &self,
        version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault>;

    /// Unwraps a one-time key.
    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault>;

    /// Destroys a key that [`Backend::create`] made; leaves alone one that was taken up. A key that is gone already is no
    /// fault.
    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault>;

    /// Drops what is cached of a CMK.
    fn forget(&self, uid: CmkUid) {
        let _ = uid;
    }
}
