//! The ciphers of the Chinese national standards: SM3 (GB/T 32905-2016), HMAC-SM3, and SM4 (GB/T 32907-2016) in GCM as
//! RFC 8998 has it. They serve CMKs of the kind `SM4` alone; everything else of the product is AES and SHA-2.
//!
//! Not constant-time: SM4's substitution is a look-up in a table, so whoever shares the processor's caches may learn of a
//! key that is in use. SM3 and GHASH have no such table. docs/keys.md says when to use which.

use crate::SecretBytes;
use crate::aead::{Forged, NONCE_BYTES, TAG_BYTES};
use crate::primitive::must;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AeadInPlace, AesGcm, KeyInit};
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

/// An expanded SM4 key, wiped when dropped.
pub(crate) struct Sm4Cipher(AesGcm<sm4::Sm4, U12>);

impl Sm4Cipher {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(must(AesGcm::new_from_slice(key).map_err(|_| Unspecified), "SM4-GCM key set-up"))
    }

    /// Writes `ciphertext || auth tag` to `out`.
    ///
    /// INVARIANT: `out` is [`TAG_BYTES`] longer than `plain`; the caller constructs it so.
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], plain: &[u8], out: &mut [u8]) {
        let (text, tag) = out.split_at_mut(plain.len());
        text.copy_from_slice(plain);
        let sealed = self.0.encrypt_in_place_detached(&nonce.into(), aad, text).map_err(|_| Unspecified);
        tag.copy_from_slice(&must(sealed, "SM4-GCM seal"));
    }

    /// Checks the tag and writes the plaintext to `out`; on failure `out` is wiped.
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
        out.copy_from_slice(text);
        self.0.decrypt_in_place_detached(&nonce.into(), aad, out, tag.into()).map_err(|_| {
            out.zeroize();
            Forged
        })
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
    use sm4::cipher::BlockEncrypt;

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

    /// GB/T 32907-2016, appendix A: one block, and the same block enciphered a million times.
    #[test]
    fn sm4_of_the_standard() {
        let key = HEXLOWER.decode(b"0123456789abcdeffedcba9876543210").unwrap();
        let cipher = sm4::Sm4::new_from_slice(&key).unwrap();
        let mut block = *sm4::cipher::Block::<sm4::Sm4>::from_slice(&key);
        cipher.encrypt_block(&mut block);
        assert_eq!(HEXLOWER.encode(&block), "681edf34d206965e86b3e94f536e4246");
        (1..1_000_000).for_each(|_| cipher.encrypt_block(&mut block));
        assert_eq!(HEXLOWER.encode(&block), "595298c7c6fd271f0402f804c33d3f66");
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
