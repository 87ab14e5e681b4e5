//! The key that signs checkpoints of the audit log: Ed25519 (RFC 8032). Its public half is meant to be kept elsewhere, so
//! that a log can be checked by somebody who trusts neither the server nor its disk.

use crate::primitive::must;
use crate::roles::{AuditKey, Wrappable};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Length of a public key in bytes.
pub const ED25519_PUBLIC_BYTES: usize = 32;
/// Length of a signature in bytes.
pub const ED25519_SIGNATURE_BYTES: usize = 64;

impl AuditKey {
    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; ED25519_SIGNATURE_BYTES] {
        let mut out = [0; ED25519_SIGNATURE_BYTES];
        out.copy_from_slice(self.pair().sign(message).as_ref());
        out
    }

    /// The public key that verifies what this key signs.
    pub fn public_key(&self) -> [u8; ED25519_PUBLIC_BYTES] {
        let mut out = [0; ED25519_PUBLIC_BYTES];
        out.copy_from_slice(self.pair().public_key().as_ref());
        out
    }

    /// The seed is expanded for each use: checkpoints are rare, and the library wipes what it expanded.
    fn pair(&self) -> Ed25519KeyPair {
        must(
            Ed25519KeyPair::from_seed_unchecked(self.as_secret().expose()).map_err(|_| Unspecified),
            "Ed25519 key set-up",
        )
    }
}

/// Whether a signature is this public key's for this message.
pub fn verify_ed25519(public: &[u8; ED25519_PUBLIC_BYTES], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}
