//! Key material from outside: its owner wraps it under an RSA public key made for this one import, by RSA-OAEP
//! (RFC 8017) alone or with an AES key in between (AES-KWP: RFC 5649, NIST SP 800-38F).
//!
//! ```text
//! OAEP      encrypted = RSA-OAEP(public key, material)
//! OAEP+KWP  encrypted = RSA-OAEP(public key, AES-256 key) || AES-KWP(AES-256 key, material)
//! ```
//!
//! MGF1 uses the hash of OAEP, the label is empty. All failures look alike, and nothing is told of the plaintext before
//! both layers have opened.

use crate::mac::hmac_sha256;
use crate::primitive::must;
use crate::roles::SecretsKey;
use crate::tree::import_digest_key;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Length in bytes of the AES key between RSA and the material.
const INNER_KEY_BYTES: usize = 32;
/// A KWP ciphertext is at least two blocks of 8 bytes.
const KWP_BYTES_MIN: usize = 16;
/// Most bytes of a KWP ciphertext: far more than any key, little enough to be copied without thought.
const KWP_BYTES_MAX: usize = 8192;

/// The hash of RSA-OAEP, and of its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OaepHash {
    /// SHA-1. Not a weakness in OAEP, but of no use to whoever can do better.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// Imported bytes could not be opened: wrong key, wrong wrapping or changed bytes. One error for all causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportError;

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the wrapped key material does not open under this key")
    }
}

impl std::error::Error for ImportError {}

/// The RSA key pair of one import. The library wipes the private key when it is freed.
pub struct ImportKeyPair(PrivateDecryptingKey);

impl ImportKeyPair {
    /// Makes a pair of 2048, 3072 or 4096 bits; `None` for other lengths. Blocks for up to seconds.
    pub fn generate(bits: u32) -> Option<Self> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return None,
        };
        Some(Self(must(PrivateDecryptingKey::generate(size), "RSA key generation")))
    }

    /// From the bytes of [`ImportKeyPair::to_pkcs8`].
    ///
    /// # Errors
    /// [`ImportError`] when they are no private RSA key of 2048 to 4096 bits.
    pub fn from_pkcs8(private: &[u8]) -> Result<Self, ImportError> {
        let key = PrivateDecryptingKey::from_pkcs8(private).map_err(|_| ImportError)?;
        if matches!(key.key_size_bits(), 2048 | 3072 | 4096) { Ok(Self(key)) } else { Err(ImportError) }
    }

    /// The private key in clear (PKCS#8 version 1, DER), to be wrapped at once; wiped when dropped.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let der: Pkcs8V1Der<'static> = must(self.0.as_der(), "encoding of a private key");
        Zeroizing::new(der.as_ref().to_vec())
    }

    /// The public key (SubjectPublicKeyInfo, DER).
    pub fn public_spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'static> = must(self.0.public_key().as_der(), "encoding of a public key");
        der.as_ref().to_vec()
    }

    /// Opens what was encrypted with RSA-OAEP under the public key. The plaintext is wiped when dropped.
    ///
    /// # Errors
    /// [`ImportError`] for every cause.
    pub fn decrypt_oaep(&self, hash: OaepHash, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let algorithm = match hash {
            OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
            OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        };
        if ciphertext.len() != self.0.key_size_bytes() {
            return Err(ImportError);
        }
        // The library clones a reference to the key, not its bytes.
        let key = OaepPrivateDecryptingKey::new(self.0.clone()).map_err(|_| ImportError)?;
        let mut plain = Zeroizing::new(vec![0; key.min_output_size()]);
        let plain_bytes = key.decrypt(algorithm, ciphertext, &mut plain, None).map_err(|_| ImportError)?.len();
        Ok(shortened(plain, plain_bytes))
    }

    /// Opens an AES-256 key under RSA-OAEP followed by what AES-KWP made of the material under that key
    /// (`RSA_AES_KEY_WRAP`). The plaintext is wiped when dropped.
    ///
    /// # Errors
    /// [`ImportError`] for every cause.
    pub fn decrypt_oaep_kwp(&self, hash: OaepHash, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let (inner, wrapped) = encrypted.split_at_checked(self.0.key_size_bytes()).ok_or(ImportError)?;
        let inner = self.decrypt_oaep(hash, inner)?;
        if inner.len() != INNER_KEY_BYTES {
            return Err(ImportError);
        }
        unwrap_kwp(&inner, wrapped)
    }
}

impl SecretsKey {
    /// A digest by which the imported material of a CMK is known again. Keyed, as what people bring may be guessable.
    pub fn import_digest(&self, cmk: &[u8; 16], material: &[u8]) -> [u8; 32] {
        hmac_sha256(import_digest_key(self, cmk).expose(), &[material])
    }
}

/// AES key wrap with padding, the way back (RFC 5649), under a key of 16 or 32 bytes. The plaintext is wiped when
/// dropped.
///
/// # Errors
/// [`ImportError`] for every cause.
pub fn unwrap_kwp(kek: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let cipher = match kek.len() {
        16 => &AES_128,
        32 => &AES_256,
        _ => return Err(ImportError),
    };
    if !(KWP_BYTES_MIN..=KWP_BYTES_MAX).contains(&wrapped.len()) || !wrapped.len().is_multiple_of(8) {
        return Err(ImportError);
    }
    let key = AesKek::new(cipher, kek).map_err(|_| ImportError)?;
    let mut plain = Zeroizing::new(vec![0; wrapped.len()]);
    let plain_bytes = key.unwrap_with_padding(wrapped, &mut plain).map_err(|_| ImportError)?.len();
    Ok(shortened(plain, plain_bytes))
}

/// The first bytes of a buffer; what follows is wiped where it stands.
fn shortened(mut buffer: Zeroizing<Vec<u8>>, bytes: usize) -> Zeroizing<Vec<u8>> {
    buffer[bytes..].zeroize();
    buffer.truncate(bytes);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
    use data_encoding::HEXLOWER;

    fn encrypt(spki: &[u8], hash: OaepHash, plain: &[u8]) -> Vec<u8> {
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(spki).unwrap()).unwrap();
        let mut out = vec![0; key.ciphertext_size()];
        let algorithm = match hash {
            OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
            OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        };
        key.encrypt(algorithm, plain, &mut out, None).unwrap().to_vec()
    }

    fn wrap_kwp(kek: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = vec![0; plain.len() + 16];
        AesKek::new(&AES_256, kek).unwrap().wrap_with_padding(plain, &mut out).unwrap().to_vec()
    }

    #[test]
    fn material_comes_in_under_a_pair_that_was_stored_in_between() {
        let pair = ImportKeyPair::generate(2048).unwrap();
        let spki = pair.public_spki();
        let pair = ImportKeyPair::from_pkcs8(&pair.to_pkcs8()).unwrap();
        assert_eq!(pair.public_spki(), spki);
        let material = [7; 32];
        for hash in [OaepHash::Sha1, OaepHash::Sha256] {
            let other = if hash == OaepHash::Sha1 { OaepHash::Sha256 } else { OaepHash::Sha1 };
            let alone = encrypt(&spki, hash, &material);
            assert_eq!(pair.decrypt_oaep(hash, &alone).unwrap()[..], material);
            assert!(pair.decrypt_oaep(other, &alone).is_err(), "the wrong hash");
            let both = [encrypt(&spki, hash, &[9; 32]), wrap_kwp(&[9; 32], &material)].concat();
            assert_eq!(pair.decrypt_oaep_kwp(hash, &both).unwrap()[..], material);
            assert!(pair.decrypt_oaep_kwp(other, &both).is_err(), "the wrong hash");
            assert!(pair.decrypt_oaep(hash, &both).is_err(), "the wrong wrapping");
            assert!(pair.decrypt_oaep_kwp(hash, &alone).is_err(), "no material");
        }
    }

    #[test]
    fn damaged_material_and_weak_inner_keys_are_refused() {
        let pair = ImportKeyPair::generate(2048).unwrap();
        let spki = pair.public_spki();
        let good = [encrypt(&spki, OaepHash::Sha256, &[9; 32]), wrap_kwp(&[9; 32], &[7; 32])].concat();
        for at in [0, 100, 255, 256, 270, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(pair.decrypt_oaep_kwp(OaepHash::Sha256, &bad).is_err(), "byte {at}");
        }
        for end in [0, 255, 256, 264, good.len() - 8, good.len() - 1] {
            assert!(pair.decrypt_oaep_kwp(OaepHash::Sha256, &good[..end]).is_err(), "cut at {end}");
        }
        let other = ImportKeyPair::generate(2048).unwrap();
        assert!(other.decrypt_oaep_kwp(OaepHash::Sha256, &good).is_err(), "another pair");
        for length in [0, 16, 24, 31, 33] {
            let weak = encrypt(&spki, OaepHash::Sha256, &vec![9; length]);
            assert!(
                pair.decrypt_oaep_kwp(OaepHash::Sha256, &[weak, wrap_kwp(&[9; 32], &[7; 32])].concat()).is_err(),
                "an inner key of {length} bytes"
            );
        }
    }

    #[test]
    fn other_lengths_are_not_made_and_garbage_is_no_key() {
        for bits in [0, 1024, 2047, 8192] {
            assert!(ImportKeyPair::generate(bits).is_none(), "{bits}");
        }
        let pkcs8 = ImportKeyPair::generate(2048).unwrap().to_pkcs8();
        assert!(ImportKeyPair::from_pkcs8(&pkcs8[..pkcs8.len() - 1]).is_err());
        assert!(ImportKeyPair::from_pkcs8(b"").is_err());
    }

    #[test]
    fn the_digest_knows_the_same_material_of_the_same_cmk_under_the_same_key() {
        let key = |byte: u8| SecretsKey::from_secret(crate::SecretBytes::fill_with(|bytes| bytes.fill(byte)));
        let digest = key(1).import_digest(&[2; 16], &[3; 32]);
        assert_eq!(key(1).import_digest(&[2; 16], &[3; 32]), digest);
        for other in [
            key(9).import_digest(&[2; 16], &[3; 32]),
            key(1).import_digest(&[9; 16], &[3; 32]),
            key(1).import_digest(&[2; 16], &[3; 31]),
        ] {
            assert_ne!(other, digest);
        }
    }

    #[test]
    fn kwp_of_no_key_length_or_no_block_is_refused() {
        let good = wrap_kwp(&[1; 32], &[2; 20]);
        assert_eq!(unwrap_kwp(&[1; 32], &good).unwrap()[..], [2; 20]);
        assert!(unwrap_kwp(&[1; 31], &good).is_err());
        assert!(unwrap_kwp(&[], &good).is_err());
        assert!(unwrap_kwp(&[3; 32], &good).is_err());
        assert!(unwrap_kwp(&[1; 32], &good[1..]).is_err());
        assert!(unwrap_kwp(&[1; 32], &[0; KWP_BYTES_MAX + 8]).is_err());
        // The padding's own checks: a length that says more or fewer blocks than there are.
        assert_eq!(HEXLOWER.encode(&unwrap_kwp(&[1; 32], &wrap_kwp(&[1; 32], &[5])).unwrap()), "05");
    }
}
