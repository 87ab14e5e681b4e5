//! The ciphers of the Chinese national standards: SM3 (GB/T 32905-2016), HMAC-SM3, and SM4 (GB/T 32907-2016) in GCM as
//! RFC 8998 has it. They serve CMKs of the kind `SM4` and objects whose data cipher is SM4.
//!
//! Constant-time: SM4 by the kernels of `sm4/`, SM3 since it has neither table nor branch. docs/keys.md says when to use
//! which cipher.

use crate::SecretBytes;
use crate::aead::{Forged, NONCE_BYTES, TAG_BYTES};
use crate::primitive::must;
use crate::sm4::{Engine as Sm4Engine, Sm4Gcm};
use aws_lc_rs::error::Unspecified;
use hmac::{Hmac, Mac};
use sm3::{Digest, Sm3};
use zeroize::Zeroize;

/// Length of an SM4 key in bytes.
pub const SM4_KEY_BYTES: usize = 16;

/// SM3 of bytes at hand.
pub fn sm3(data: &[u8]) -> [u8; 32] {
    Sm3::digest(data).into()
}

/// HMAC-SM3 over the concatenation of `pieces`.
pub(crate) fn hmac_sm3(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    let mut mac = must(<Hmac<Sm3> as Mac>::new_from_slice(key).map_err(|_| Unspecified), "HMAC-SM3 key set-up");
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().into()
}

/// The KDF of `kdf.rs` with PRF = HMAC-SM3: `K(i) = HMAC-SM3(key, [i]_32 || fixed)`.
pub(crate) fn counter_mode_sm3(key: &[u8], fixed: &[u8], out: &mut [u8]) {
    for (i, chunk) in (1u32..).zip(out.chunks_mut(32)) {
        let mut block = hmac_sm3(key, &[&i.to_be_bytes(), fixed]);
        chunk.copy_from_slice(&block[..chunk.len()]);
        block.zeroize();
    }
}

/// SM4-GCM under one key, by the fastest kernels this processor has (`sm4/`). Wiped when dropped.
pub(crate) struct Sm4Cipher(Sm4Gcm);

impl Sm4Cipher {
    /// Expands a key of [`SM4_KEY_BYTES`].
    pub(crate) fn new(key: &[u8]) -> Self {
        let key = must(key.try_into().map_err(|_| Unspecified), "SM4-GCM key set-up");
        Self(Sm4Gcm::new(Sm4Engine::chosen(), key))
    }

    /// Writes `ciphertext || auth tag` to `out`.
    ///
    /// INVARIANT: `out` is [`TAG_BYTES`] longer than `plain`; the caller constructs it so.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8], out: &mut [u8]) {
        debug_assert_eq!(out.len(), plain.len() + TAG_BYTES);
        self.0.seal(&nonce, aad, plain, out);
    }

    /// Checks the tag and writes the plaintext to `out`; on failure `out` is wiped.
    pub(crate) fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Forged> {
        self.0.open(&nonce, aad, sealed, out)
    }
}

/// The secret of one version of an SM4 CMK in the embedded KMS.
pub struct Sm4Material(SecretBytes<SM4_KEY_BYTES>);

impl Sm4Material {
    /// Gives 16 secret bytes this role.
    pub fn from_secret(secret: SecretBytes<SM4_KEY_BYTES>) -> Self {
        Self(secret.into_locked())
    }

    /// The key's bytes, still boxed: to be wrapped under the root key as [`crate::KeyRole::Sm4Material`].
    pub fn as_secret(&self) -> &SecretBytes<SM4_KEY_BYTES> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    /// GB/T 32905-2016, appendix A, and the digest of nothing.
    #[test]
    fn sm3_of_the_standard() {
        let abcd = b"abcd".repeat(16);
        let cases: [(&[u8], &str); 3] = [
            (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            (&abcd, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
            (b"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
        ];
        for (data, digest) in cases {
            assert_eq!(HEXLOWER.encode(&sm3(data)), digest);
        }
    }

    /// The KDF of more than one block, written out.
    #[test]
    fn the_counter_begins_at_one_and_the_last_block_is_cut() {
        let mut out = [0; 48];
        counter_mode_sm3(b"key", b"fixed", &mut out);
        assert_eq!(out[..32], hmac_sm3(b"key", &[&[0, 0, 0, 1], b"fixed"]));
        assert_eq!(out[32..], hmac_sm3(b"key", &[b"\x00\x00\x00\x02fixed"])[..16]);
    }
}
