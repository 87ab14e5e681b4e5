//! Who signs, and how a signature is verified. This crate never sees the signing key.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use std::fmt;

/// Signs checkpoints and heads with Ed25519 (RFC 8032). One key for the life of a log.
pub trait CheckpointSigner: Send + Sync + 'static {
    /// The signature over a message.
    fn sign(&self, message: &[u8]) -> [u8; 64];

    /// The public key that verifies it.
    fn public_key(&self) -> [u8; 32];
}

/// A public key of Ed25519.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// `SubjectPublicKeyInfo` of Ed25519 before the key's bytes (RFC 8410 §4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

impl PublicKey {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// As PEM (RFC 7468), as other tools read it.
    pub fn to_pem(&self) -> String {
        format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", BASE64.encode(&self.spki()))
    }

    /// Reads what [`PublicKey::to_pem`] writes. `None` for anything else.
    pub fn from_pem(text: &str) -> Option<Self> {
        let inner = text.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
        let spki = BASE64.decode(inner.trim().as_bytes()).ok()?;
        Some(Self(spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok()?))
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`, in hexadecimal: short enough to be noted and compared.
    pub fn fingerprint(&self) -> String {
        HEXLOWER.encode(digest(&SHA256, &self.spki()).as_ref())
    }

    /// Whether the signature is this key's over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    fn spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex<const N: usize>(text: &str) -> [u8; N] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    #[test]
    fn rfc_8032_test_2_verifies_and_nothing_else() {
        let key = PublicKey::from_bytes(unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
        let signature: [u8; 64] = unhex(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        assert!(key.verifies(&[0x72], &signature));
        assert!(!key.verifies(&[0x73], &signature));
        let mut other = signature;
        other[0] ^= 1;
        assert!(!key.verifies(&[0x72], &other));
    }

    #[test]
    fn the_example_of_rfc_8410_is_read_and_written() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                   -----END PUBLIC KEY-----\n";
        let key = PublicKey::from_pem(pem).unwrap();
        assert_eq!(key.to_pem(), pem);
        assert!(key.to_string().starts_with("19bf44096984cdfe"));
        assert_eq!(PublicKey::from_pem(&pem.replace("MCow", "MCox")), None);
        assert_eq!(PublicKey::from_pem(""), None);
    }
}
