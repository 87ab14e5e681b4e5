//! AVX2, with the inversion of the S-box from AES-NI: `aesenclast`, and the affine maps of `field.rs` by `pshufb`.
//! `vaes.rs` is the same where the processor does both halves of a vector at once.
//!
//! Constant-time: `pshufb` looks up in a register, not in memory, and AES-NI takes as long for all operands.

use super::schedule::{ROUNDS, RoundKeys};
use super::{Counter, field, lanes256, xor_blocks};
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

    /// Round keys as the standard has them into the form of this kernel, and of all that build on it.
    #[cfg(test)]
    pub(super) fn prepare(self, mut words: [u32; ROUNDS]) -> [u32; ROUNDS] {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            prepare(&mut words);
        }
        words
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

lanes256::counter_mode!("aes,avx2", enter, round, leave, 4);

#[inline]
#[target_feature(enable = "aes,avx2")]
fn round(x0: __m256i, t: __m256i) -> __m256i {
    let zero = _mm_setzero_si128();
    let low = _mm_aesenclast_si128(_mm256_castsi256_si128(t), zero);
    let high = _mm_aesenclast_si128(_mm256_extracti128_si256::<1>(t), zero);
    mix(x0, _mm256_set_m128i(high, low))
}

/// What follows `SubBytes` and `ShiftRows`: the sum of `x0` with u, w and their rotations, which undo `ShiftRows` on the way.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mix(x0: __m256i, shifted: __m256i) -> __m256i {
    const U: [[u8; 16]; 2] = field::MIX_SUB_BYTES[0].nibbles();
    const W: [[u8; 16]; 2] = field::MIX_SUB_BYTES[1].nibbles();
    let halves = halves(shifted);
    let (u, w) = (look_up(U, halves), look_up(W, halves));
    let u0 = _mm256_shuffle_epi8(u, lanes256::of_16_bytes(const { unshifted(0) }));
    let w8 = _mm256_shuffle_epi8(w, lanes256::of_16_bytes(const { unshifted(1) }));
    let w16 = _mm256_shuffle_epi8(w, lanes256::of_16_bytes(const { unshifted(2) }));
    let uw24 = _mm256_shuffle_epi8(_mm256_xor_si256(u, w), lanes256::of_16_bytes(const { unshifted(3) }));
    let early = _mm256_xor_si256(_mm256_xor_si256(x0, u0), _mm256_xor_si256(w8, w16));
    _mm256_xor_si256(early, uw24)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn enter(x: __m256i) -> __m256i {
    const MAP: [[u8; 16]; 2] = field::ENTER.nibbles();
    look_up(MAP, halves(x))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn leave(x: __m256i) -> __m256i {
    const MAP: [[u8; 16]; 2] = field::LEAVE.nibbles();
    look_up(MAP, halves(x))
}

/// The low and the high four bits of every byte.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(x: __m256i) -> [__m256i; 2] {
    let nibble = _mm256_set1_epi8(0x0f);
    [_mm256_and_si256(x, nibble), _mm256_and_si256(_mm256_srli_epi32::<4>(x), nibble)]
}

/// An affine map of every byte, from the tables of its halves.
#[inline]
#[target_feature(enable = "avx2")]
fn look_up([low, high]: [[u8; 16]; 2], halves: [__m256i; 2]) -> __m256i {
    _mm256_xor_si256(
        _mm256_shuffle_epi8(lanes256::of_16_bytes(low), halves[0]),
        _mm256_shuffle_epi8(lanes256::of_16_bytes(high), halves[1]),
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
    let mut round_keys = RoundKeys::expand(key, |word| substitute_word(word));
    prepare(round_keys.words_mut());
    round_keys
}

/// S of each byte of a word. It stands in all four columns, and `ShiftRows` then changes nothing.
#[inline]
#[target_feature(enable = "aes,avx2")]
fn substitute_word(word: u32) -> u32 {
    const ENTER_KEY: [[u8; 16]; 2] = field::ENTER_KEY.nibbles();
    const OUT: [[u8; 16]; 2] = field::OUT_SUB_BYTES.nibbles();
    let t = look_up(ENTER_KEY, halves(_mm256_set1_epi32(word as i32)));
    let y = _mm_aesenclast_si128(_mm256_castsi256_si128(t), _mm_setzero_si128());
    let b = look_up(OUT, halves(_mm256_castsi128_si256(y)));
    _mm_cvtsi128_si32(_mm256_castsi256_si128(b)) as u32
}

/// Round keys as the standard has them into the kernels' form.
#[target_feature(enable = "avx2")]
fn prepare(words: &mut [u32; ROUNDS]) {
    const ENTER_KEY: [[u8; 16]; 2] = field::ENTER_KEY.nibbles();
    for words in words.as_chunks_mut::<8>().0 {
        let [a, b, c, d, e, f, g, h] = words.map(|word| word as i32);
        let entered = look_up(ENTER_KEY, halves(_mm256_setr_epi32(a, b, c, d, e, f, g, h)));
        lanes256::store_words(entered, words);
    }
}
