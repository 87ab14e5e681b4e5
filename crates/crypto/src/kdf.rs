//! The one key derivation: NIST SP 800-108r1 section 4.1, KDF in counter mode, PRF = HMAC-SHA256 (below SM4 CMKs
//! and for objects whose data cipher is SM4: HMAC-SM3).
//!
//! `K(i) = HMAC-SHA256(key, [i]_32 || label || 0x00 || context || [L]_32)`, `i` from 1, `L` in bits, integers
//! big-endian; the output is the first `L` bits of `K(1) || K(2) || ...`. Every key of this crate is uniform, so no
//! extraction step is needed.
//!
//! INVARIANT: labels contain no zero byte, so the separator ends the label and two different (label, context) pairs
//! never meet in one fixed input.

use crate::SecretBytes;
use crate::primitive::must;
use crate::roles::KEY_BYTES;
use crate::sm::counter_mode_sm3;
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithm, KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};

/// Derives `N` bytes. `label` and `context` are given in pieces and concatenated as they stand; a context of more
/// than one variable-length field must be length-prefixed by the caller.
pub(crate) fn derive<const N: usize>(
    key: &SecretBytes<KEY_BYTES>,
    label: &[&str],
    context: &[&[u8]],
) -> SecretBytes<N> {
    let fixed = fixed_input::<N>(label, context);
    SecretBytes::fill_with(|out| counter_mode(key.expose(), &fixed, out))
}

/// As `derive` with PRF = HMAC-SM3. The key is SM4 material of 16 bytes or a key of this crate of 32.
pub(crate) fn derive_sm3<const K: usize, const N: usize>(
    key: &SecretBytes<K>,
    label: &[&str],
    context: &[&[u8]],
) -> SecretBytes<N> {
    let fixed = fixed_input::<N>(label, context);
    SecretBytes::fill_with(|out| counter_mode_sm3(key.expose(), &fixed, out))
}

/// What follows the counter.
fn fixed_input<const N: usize>(label: &[&str], context: &[&[u8]]) -> Vec<u8> {
    const { assert!(N > 0 && N <= u32::MAX as usize / 8, "[L]_32 counts bits in 32 bits") };
    debug_assert!(label.iter().all(|piece| !piece.as_bytes().contains(&0)), "a label contains no zero byte");
    let mut fixed = Vec::with_capacity(256);
    label.iter().for_each(|piece| fixed.extend_from_slice(piece.as_bytes()));
    fixed.push(0);
    context.iter().for_each(|piece| fixed.extend_from_slice(piece));
    fixed.extend_from_slice(&((N * 8) as u32).to_be_bytes());
    fixed
}

/// The bare function, as the published vectors give it: fixed input in, key stream out.
pub(crate) fn counter_mode(key: &[u8], fixed: &[u8], out: &mut [u8]) {
    must(kbkdf_ctr_hmac(hmac_sha256(), key, fixed, out), "KBKDF");
}

fn hmac_sha256() -> &'static KbkdfCtrHmacAlgorithm {
    must(get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256).ok_or(aws_lc_rs::error::Unspecified), "KBKDF")
}
