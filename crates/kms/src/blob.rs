//! Bytes wrapped by a CMK, self-describing: they name the CMK and the version that open them
//! (docs/formats/kms-records.md).
//!
//! ```text
//! offset  0        2     3     4            20            24
//!         "SK"     fmt   alg   CMK uid      version       wrapped
//!         2 bytes  1     1     16           u32 BE        alg 1, 2: salt 32 || ct n + tag 16 || commitment 32
//!                                                         alg 3: whatever the key provider returned
//!                                                         alg 4: length m (u16 BE) || m bytes of the provider: a one-time
//!                                                                key, wrapped || salt 32 || ct n + tag 16 || commitment 32
//! ```

use crate::{EncryptionContext, KeySpec, KmsError};
use crypto::Binding;
use model::CmkUid;
use std::fmt;
use std::marker::PhantomData;

/// Longest ciphertext in bytes (AWS KMS: 6144).
pub const CIPHERTEXT_BYTES_MAX: usize = 6144;

/// Length of a 32-byte key wrapped by the embedded provider, with its header.
pub const CMK_WRAPPED_BYTES: usize = HEADER_BYTES + crypto::WRAPPED_BYTES;

const MAGIC: &[u8; 2] = b"SK";
const FORMAT: u8 = 1;

const FORMAT_AT: usize = 2;
const ALG_AT: usize = 3;
const UID_AT: usize = 4;
const VERSION_AT: usize = 20;
pub(crate) const HEADER_BYTES: usize = 24;
const _: () = assert!(CMK_WRAPPED_BYTES == 136, "the length is part of the format");

/// How the bytes behind the header came about. Part of the header, hence authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum WrapAlgorithm {
    /// CMK material held here, wrap of docs/keys.md: KDF with HMAC-SHA256, AES-256-GCM, commitment.
    Aes256V1 = 1,
    /// The same with HMAC-SM3 and SM4-GCM.
    Sm4V1 = 2,
    /// A key provider outside.
    Provider = 3,
    /// More bytes than the provider takes at once: it wraps a one-time key, that key the bytes (wrap of docs/keys.md).
    OneTimeKey = 4,
}

impl WrapAlgorithm {
    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Aes256V1),
            2 => Some(Self::Sm4V1),
            3 => Some(Self::Provider),
            4 => Some(Self::OneTimeKey),
            _ => None,
        }
    }

    /// What the embedded provider uses for a spec, or that another provider did it.
    pub(crate) const fn of(spec: KeySpec, embedded: bool) -> Self {
        match (embedded, spec) {
            (true, KeySpec::Aes256) => Self::Aes256V1,
            (true, KeySpec::Sm4) => Self::Sm4V1,
            (false, _) => Self::Provider,
        }
    }
}

/// Bytes of any length under a CMK. They may be stored, copied and shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext(Box<[u8]>);

impl Ciphertext {
    /// Reads bytes. Whether they are what they claim shows when they are unwrapped.
    ///
    /// # Errors
    /// [`KmsError::InvalidCiphertext`] when length, magic, format or algorithm is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KmsError> {
        let known = bytes.len() > HEADER_BYTES
            && bytes.len() <= CIPHERTEXT_BYTES_MAX
            && bytes.starts_with(MAGIC)
            && bytes[FORMAT_AT] == FORMAT
            && WrapAlgorithm::from_code(bytes[ALG_AT]).is_some();
        if known { Ok(Self(bytes.into())) } else { Err(KmsError::InvalidCiphertext) }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The CMK that opens it.
    pub fn cmk_uid(&self) -> CmkUid {
        let mut uid = [0; 16];
        uid.copy_from_slice(&self.0[UID_AT..VERSION_AT]);
        CmkUid::from_bytes(uid)
    }

    /// The CMK's version that opens it.
    pub fn version(&self) -> u32 {
        let mut version = [0; 4];
        version.copy_from_slice(&self.0[VERSION_AT..HEADER_BYTES]);
        u32::from_be_bytes(version)
    }

    pub(crate) fn new(header: &Header, wrapped: &[u8]) -> Self {
        Self([&header.0, wrapped].concat().into())
    }

    pub(crate) fn header(&self) -> Header {
        let mut bytes = [0; HEADER_BYTES];
        bytes.copy_from_slice(&self.0[..HEADER_BYTES]);
        Header(bytes)
    }

    /// What the provider returned.
    pub(crate) fn wrapped(&self) -> &[u8] {
        &self.0[HEADER_BYTES..]
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({} version {})", self.cmk_uid().to_uuid(), self.version())
    }
}

/// A key of role `K` under a CMK. Ciphertext: it may be stored, copied and shown.
pub struct CmkWrapped<K> {
    inner: Ciphertext,
    role: PhantomData<fn() -> K>,
}

impl<K> CmkWrapped<K> {
    /// Reads stored bytes. Whether they are what they claim shows when they are unwrapped.
    ///
    /// # Errors
    /// [`KmsError::InvalidCiphertext`] when length, magic, format or algorithm is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KmsError> {
        let inner = Ciphertext::from_bytes(bytes)?;
        match inner.header().algorithm() {
            Some(WrapAlgorithm::Provider) => Ok(Self::of(inner)),
            Some(WrapAlgorithm::Aes256V1 | WrapAlgorithm::Sm4V1) if bytes.len() == CMK_WRAPPED_BYTES => {
                Ok(Self::of(inner))
            }
            _ => Err(KmsError::InvalidCiphertext),
        }
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.inner.as_bytes()
    }

    /// The CMK that opens it.
    pub fn cmk_uid(&self) -> CmkUid {
        self.inner.cmk_uid()
    }

    /// The CMK's version that opens it.
    pub fn version(&self) -> u32 {
        self.inner.version()
    }

    pub(crate) fn of(inner: Ciphertext) -> Self {
        Self { inner, role: PhantomData }
    }

    pub(crate) fn inner(&self) -> &Ciphertext {
        &self.inner
    }
}

impl<K> Clone for CmkWrapped<K> {
    fn clone(&self) -> Self {
        Self::of(self.inner.clone())
    }
}

impl<K> PartialEq for CmkWrapped<K> {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl<K> Eq for CmkWrapped<K> {}

impl<K> fmt::Debug for CmkWrapped<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CmkWrapped({} version {})", self.cmk_uid().to_uuid(), self.version())
    }
}

/// What stands before the wrapped bytes, in clear and authenticated.
pub(crate) struct Header([u8; HEADER_BYTES]);

impl Header {
    pub(crate) fn new(algorithm: WrapAlgorithm, uid: CmkUid, version: u32) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..FORMAT_AT].copy_from_slice(MAGIC);
        bytes[FORMAT_AT] = FORMAT;
        bytes[ALG_AT] = algorithm as u8;
        bytes[UID_AT..VERSION_AT].copy_from_slice(uid.as_bytes());
        bytes[VERSION_AT..].copy_from_slice(&version.to_be_bytes());
        Self(bytes)
    }

    pub(crate) fn algorithm(&self) -> Option<WrapAlgorithm> {
        WrapAlgorithm::from_code(self.0[ALG_AT])
    }

    /// What the wrap is bound to: every byte of the header (CMK uid and version among them) and the context.
    pub(crate) fn binding(&self, context: &EncryptionContext) -> Binding {
        Binding::new("cmk-use").field(&self.0).field(&context.canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::WRAPPED_BYTES;

    fn blob(algorithm: WrapAlgorithm, wrapped: &[u8]) -> Vec<u8> {
        let header = Header::new(algorithm, CmkUid::from_bytes([7; 16]), 0x0102_0304);
        Ciphertext::new(&header, wrapped).as_bytes().to_vec()
    }

    #[test]
    fn fields_stand_where_the_format_says() {
        let mut want = b"SK\x01\x01".to_vec();
        want.extend([7; 16]);
        want.extend([1, 2, 3, 4]);
        want.extend([9; 112]);
        assert_eq!(blob(WrapAlgorithm::Aes256V1, &[9; WRAPPED_BYTES]), want);
        let back = CmkWrapped::<crypto::Dek>::from_bytes(&want).unwrap();
        assert_eq!((back.cmk_uid(), back.version()), (CmkUid::from_bytes([7; 16]), 0x0102_0304));
        assert_eq!(back.inner().wrapped(), [9; 112]);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let good = blob(WrapAlgorithm::Aes256V1, &[9; WRAPPED_BYTES]);
        for (at, value) in [(0, b'T'), (1, b'L'), (2, 2), (3, 0), (3, 5)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert_eq!(Ciphertext::from_bytes(&bytes), Err(KmsError::InvalidCiphertext), "byte {at}");
            assert_eq!(CmkWrapped::<crypto::Dek>::from_bytes(&bytes), Err(KmsError::InvalidCiphertext), "byte {at}");
        }
        for bytes in [&good[..135], &[good.as_slice(), &[0]].concat(), &[]] {
            assert_eq!(CmkWrapped::<crypto::Dek>::from_bytes(bytes), Err(KmsError::InvalidCiphertext));
        }
        let one_time = blob(WrapAlgorithm::OneTimeKey, &[9; WRAPPED_BYTES]);
        assert!(Ciphertext::from_bytes(&one_time).is_ok());
        assert!(CmkWrapped::<crypto::Dek>::from_bytes(&one_time).is_err(), "a key fits any provider");
        assert!(Ciphertext::from_bytes(&good[..24]).is_err(), "nothing behind the header");
        assert!(Ciphertext::from_bytes(&blob(WrapAlgorithm::Provider, &[1; CIPHERTEXT_BYTES_MAX])).is_err());
    }

    #[test]
    fn what_a_provider_returned_has_any_length() {
        for wrapped in [&[1u8; 1][..], &[2; 500]] {
            let bytes = blob(WrapAlgorithm::Provider, wrapped);
            assert_eq!(CmkWrapped::<crypto::Dek>::from_bytes(&bytes).unwrap().inner().wrapped(), wrapped);
        }
    }
}
