//! A key wrapped by a CMK, self-describing: the bytes name the CMK and the version that opens them
//! (docs/formats/kms-records.md).
//!
//! ```text
//! offset  0        2     3     4            20            24                                            136
//!         "SK"     fmt   alg   CMK uid      version       wrapped key
//!         2 bytes  1     1     16           u32 BE        112 = salt 32 || ct 32 + tag 16 || commitment 32
//! ```

use crate::{EncryptionContext, KmsError};
use crypto::{Binding, WRAPPED_BYTES};
use model::CmkUid;
use std::fmt;
use std::marker::PhantomData;

/// Length of a wrapped key with its header, in bytes.
pub const CMK_WRAPPED_BYTES: usize = HEADER_BYTES + WRAPPED_BYTES;

const MAGIC: &[u8; 2] = b"SK";
const FORMAT: u8 = 1;
/// CMK material held here, wrap of docs/keys.md: KDF, AES-256-GCM, commitment.
const ALG_WRAP_V1: u8 = 1;

const FORMAT_AT: usize = 2;
const ALG_AT: usize = 3;
const UID_AT: usize = 4;
const VERSION_AT: usize = 20;
const HEADER_BYTES: usize = 24;
const _: () = assert!(CMK_WRAPPED_BYTES == 136, "the length is part of the format");

/// A key of role `K` under a CMK. Ciphertext: it may be stored, copied and shown.
pub struct CmkWrapped<K> {
    bytes: [u8; CMK_WRAPPED_BYTES],
    role: PhantomData<fn() -> K>,
}

impl<K> CmkWrapped<K> {
    /// Reads stored bytes. Whether they are what they claim shows when they are unwrapped.
    ///
    /// # Errors
    /// [`KmsError::InvalidCiphertext`] when length, magic, format or algorithm is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KmsError> {
        let bytes: [u8; CMK_WRAPPED_BYTES] = bytes.try_into().map_err(|_| KmsError::InvalidCiphertext)?;
        let known = bytes.starts_with(MAGIC) && bytes[FORMAT_AT] == FORMAT && bytes[ALG_AT] == ALG_WRAP_V1;
        if known { Ok(Self { bytes, role: PhantomData }) } else { Err(KmsError::InvalidCiphertext) }
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8; CMK_WRAPPED_BYTES] {
        &self.bytes
    }

    /// The CMK that opens it.
    pub fn cmk_uid(&self) -> CmkUid {
        let mut uid = [0; 16];
        uid.copy_from_slice(&self.bytes[UID_AT..VERSION_AT]);
        CmkUid::from_bytes(uid)
    }

    /// The CMK's version that opens it.
    pub fn version(&self) -> u32 {
        let mut version = [0; 4];
        version.copy_from_slice(&self.bytes[VERSION_AT..HEADER_BYTES]);
        u32::from_be_bytes(version)
    }

    pub(crate) fn new(header: &Header, wrapped: &[u8; WRAPPED_BYTES]) -> Self {
        let mut bytes = [0; CMK_WRAPPED_BYTES];
        bytes[..HEADER_BYTES].copy_from_slice(&header.0);
        bytes[HEADER_BYTES..].copy_from_slice(wrapped);
        Self { bytes, role: PhantomData }
    }

    pub(crate) fn header(&self) -> Header {
        Header::new(self.cmk_uid(), self.version())
    }

    pub(crate) fn wrapped(&self) -> [u8; WRAPPED_BYTES] {
        let mut wrapped = [0; WRAPPED_BYTES];
        wrapped.copy_from_slice(&self.bytes[HEADER_BYTES..]);
        wrapped
    }
}

impl<K> Clone for CmkWrapped<K> {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, role: PhantomData }
    }
}

impl<K> PartialEq for CmkWrapped<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<K> Eq for CmkWrapped<K> {}

impl<K> fmt::Debug for CmkWrapped<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CmkWrapped({} version {})", self.cmk_uid().to_uuid(), self.version())
    }
}

/// What stands before the wrapped key, in clear and authenticated.
pub(crate) struct Header([u8; HEADER_BYTES]);

impl Header {
    pub(crate) fn new(uid: CmkUid, version: u32) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..FORMAT_AT].copy_from_slice(MAGIC);
        bytes[FORMAT_AT] = FORMAT;
        bytes[ALG_AT] = ALG_WRAP_V1;
        bytes[UID_AT..VERSION_AT].copy_from_slice(uid.as_bytes());
        bytes[VERSION_AT..].copy_from_slice(&version.to_be_bytes());
        Self(bytes)
    }

    /// What the wrap is bound to: every byte of the header (CMK uid and version among them) and the context.
    pub(crate) fn binding(&self, context: &EncryptionContext) -> Binding {
        Binding::new("cmk-use").field(&self.0).field(&context.canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_the_format_says() {
        let header = Header::new(CmkUid::from_bytes([7; 16]), 0x0102_0304);
        let blob = CmkWrapped::<crypto::Dek>::new(&header, &[9; WRAPPED_BYTES]);
        let mut want = b"SK\x01\x01".to_vec();
        want.extend([7; 16]);
        want.extend([1, 2, 3, 4]);
        want.extend([9; 112]);
        assert_eq!(blob.as_bytes().as_slice(), want);
        let back = CmkWrapped::<crypto::Dek>::from_bytes(&want).unwrap();
        assert_eq!((back.cmk_uid(), back.version()), (CmkUid::from_bytes([7; 16]), 0x0102_0304));
        assert_eq!(back.wrapped(), [9; 112]);
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let good = CmkWrapped::<crypto::Dek>::new(&Header::new(CmkUid::from_bytes([7; 16]), 1), &[9; WRAPPED_BYTES]);
        for at in 0..4 {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert_eq!(CmkWrapped::<crypto::Dek>::from_bytes(&bytes), Err(KmsError::InvalidCiphertext), "byte {at}");
        }
        for bytes in [&good.as_bytes()[..135], &[good.as_bytes().as_slice(), &[0]].concat(), &[]] {
            assert_eq!(CmkWrapped::<crypto::Dek>::from_bytes(bytes), Err(KmsError::InvalidCiphertext));
        }
    }
}
