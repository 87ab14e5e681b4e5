//! AVX2, with the inversion of the S-box from AES-NI: two affine maps by `pshufb` around `aesenclast`, as `field.rs` has
//! them. `vaes.rs` is the same where the processor does both halves of a vector at once.
//!
//! Constant-time: `pshufb` looks up in a register, not in memory, and AES-NI takes as long for all operands.

use super::schedule::RoundKeys;
use super::{Counter, field, lanes256};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// This processor has AES-NI and AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AesNi(());

impl AesNi {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("aes") && is_x86_feature_detected!("avx2")).then_some(Self(()))
    }

    pub(super) fn expand(self, key: &[u8; 16]) -> RoundKeys {
        // SAFETY: an `AesNi` exists only where the processor has what the function is compiled for.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            expand(key)
        }
    }

    /// Writes `src` XOR key stream to `dst`, which is as long.
    pub(super) fn xor(self, counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            xor_stream(counter, src, dst);
        }
    }
}

lanes256::counter_mode!("aes,avx2", round, 4);

#[inline]
#[target_feature(enable = "aes,avx2")]
fn round(x0: __m256i, t: __m256i) -> __m256i {
    let t = before_sub_bytes(t);
    let zero = _mm_setzero_si128();
    let low = _mm_aesenclast_si128(_mm256_castsi256_si128(t), zero);
    let high = _mm_aesenclast_si128(_mm256_extracti128_si256::<1>(t), zero);
    after_sub_bytes(x0, _mm256_set_m128i(high, low))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn before_sub_bytes(t: __m256i) -> __m256i {
    const MAP: [[u8; 16]; 2] = field::PRE.nibbles();
    affine(MAP, t)
}

/// What remains of a round: the second affine map, `ShiftRows` undone, L, and the sum with `x0`.
///
/// With `v = b + b<<<8 + b<<<16` the linear map is `L(b) = b + b<<<24 + v<<<2`. The three rotations by whole bytes undo
/// `ShiftRows` on the way.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn after_sub_bytes(x0: __m256i, shifted: __m256i) -> __m256i {
    const MAP: [[u8; 16]; 2] = field::POST_SUB_BYTES.nibbles();
    let b = affine(MAP, shifted);
    let b0 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { unshifted(0) }));
    let b8 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { unshifted(1) }));
    let b16 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { unshifted(2) }));
    let b24 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { unshifted(3) }));
    let v = _mm256_xor_si256(_mm256_xor_si256(b0, b8), b16);
    let rest = _mm256_xor_si256(_mm256_xor_si256(x0, b0), b24);
    let v = _mm256_xor_si256(_mm256_slli_epi32::<2>(v), _mm256_srli_epi32::<30>(v));
    _mm256_xor_si256(rest, v)
}

/// An affine map of every byte, from the tables of its halves.
#[inline]
#[target_feature(enable = "avx2")]
fn affine([low, high]: [[u8; 16]; 2], x: __m256i) -> __m256i {
    let nibble = _mm256_set1_epi8(0x0f);
    let low_half = _mm256_and_si256(x, nibble);
    let high_half = _mm256_and_si256(_mm256_srli_epi32::<4>(x), nibble);
    _mm256_xor_si256(
        _mm256_shuffle_epi8(lanes256::of_16_bytes(low), low_half),
        _mm256_shuffle_epi8(lanes256::of_16_bytes(high), high_half),
    )
}

/// Where `pshufb` finds each byte of a word rotated left by `bytes`, after `ShiftRows` (FIPS 197, section 5.1.2): that took
/// byte `r` of word `c` from word `c + r`.
const fn unshifted(bytes: usize) -> [u8; 16] {
    let mut indices = [0; 16];
    let mut i = 0;
    while i < 16 {
        let (row, column) = ((i + 4 - bytes) % 4, i / 4);
        indices[i] = (row + 4 * ((column + 4 - row) % 4)) as u8;
        i += 1;
    }
    indices
}

#[target_feature(enable = "aes,avx2")]
fn expand(key: &[u8; 16]) -> RoundKeys {
    RoundKeys::expand(key, |word| substitute_word(word))
}

/// S of each byte of a word. It stands in all four columns, and `ShiftRows` then changes nothing.
#[inline]
#[target_feature(enable = "aes,avx2")]
fn substitute_word(word: u32) -> u32 {
    const MAP: [[u8; 16]; 2] = field::POST_SUB_BYTES.nibbles();
    let t = _mm256_castsi256_si128(before_sub_bytes(_mm256_set1_epi32(word as i32)));
    let b = _mm_aesenclast_si128(t, _mm_setzero_si128());
    _mm_cvtsi128_si32(_mm256_castsi256_si128(affine(MAP, _mm256_castsi128_si256(b)))) as u32
}
