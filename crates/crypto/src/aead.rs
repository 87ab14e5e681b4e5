//! AES-256-GCM (NIST SP 800-38D) with an explicit nonce, out of place: from one buffer straight into another.
//!
//! The caller answers for nonces. This crate has three callers (wraps, notes, segments), and each derives a key of
//! its own, so that a nonce needs to be unique only within one wrap, note or stream.

use crate::primitive::must;
use crate::roles::KEY_BYTES;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroize;

/// Length of the auth tag in bytes.
pub(crate) const TAG_BYTES: usize = 16;
/// Length of the nonce in bytes.
pub(crate) const NONCE_BYTES: usize = 12;

/// An expanded key. The library wipes it when it is freed.
pub(crate) struct Cipher(LessSafeKey);

/// The auth tag does not fit.
pub(crate) struct Forged;

impl Cipher {
    /// Expands a key of [`KEY_BYTES`].
    pub(crate) fn new(key: &[u8]) -> Self {
        debug_assert_eq!(key.len(), KEY_BYTES);
        Self(LessSafeKey::new(must(UnboundKey::new(&AES_256_GCM, key), "AES-256-GCM key set-up")))
    }

    /// Writes `ciphertext || auth tag` to `out`.
    ///
    /// INVARIANT: `out` is [`TAG_BYTES`] longer than `plain`; the callers check or construct it so.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8], out: &mut [u8]) {
        let (text, tag) = out.split_at_mut(plain.len());
        let nonce = Nonce::assume_unique_for_key(nonce);
        must(self.0.seal_out_of_place_scatter(nonce, Aad::from(aad), plain, text, &[], tag), "AES-256-GCM seal");
    }

    /// Checks the tag and writes the plaintext to `out`; on failure `out` is wiped, as the library may have written
    /// unauthenticated plaintext there.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Forged> {
        let Some((text, tag)) = sealed.split_at_checked(out.len()).filter(|(_, tag)| tag.len() == TAG_BYTES) else {
            out.zeroize();
            return Err(Forged);
        };
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_separate_gather(nonce, Aad::from(aad), text, tag, out).map_err(|_| {
            out.zeroize();
            Forged
        })
    }
}
