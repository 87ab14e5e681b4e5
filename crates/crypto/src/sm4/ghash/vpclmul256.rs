//! GHASH with VPCLMULQDQ on vectors of 256 bits: two blocks at a time, all powers at hand used for each reduction.
//!
//! Constant-time for the reasons of `clmul.rs`.

use super::clmul::{Clmul, number, reduce, sum, vector};
use super::{BLOCK_BYTES, POWERS};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;

/// Blocks of a vector.
const WIDTH: usize = 2;

/// This processor has VPCLMULQDQ and AVX2, and what [`Clmul`] needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Vpclmul256(Clmul);

impl Vpclmul256 {
    pub(super) fn detect() -> Option<Self> {
        let wide = is_x86_feature_detected!("vpclmulqdq") && is_x86_feature_detected!("avx2");
        Clmul::detect().filter(|_| wide).map(Self)
    }

    pub(super) fn narrow(self) -> Clmul {
        self.0
    }

    /// As [`Clmul::blocks`].
    pub(super) fn blocks(self, powers: &[u128], state: &mut u128, blocks: &[[u8; BLOCK_BYTES]]) {
        // SAFETY: a `Vpclmul256` exists only where the processor has what the function is compiled for.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            wide_sum(powers, state, blocks);
        }
    }
}

#[target_feature(enable = "vpclmulqdq,avx2,pclmulqdq,ssse3")]
fn wide_sum(powers: &[u128], state: &mut u128, mut blocks: &[[u8; BLOCK_BYTES]]) {
    let Some(powers_wide) = powers.first_chunk::<POWERS>() else { return sum(powers, state, blocks) };
    while blocks.len() >= WIDTH {
        let (run, rest) = blocks.split_at(blocks.len().min(POWERS) / WIDTH * WIDTH);
        *state = run_sum(&powers_wide[POWERS - run.len()..], *state, run);
        blocks = rest;
    }
    sum(powers, state, blocks);
}

/// As many powers as blocks, both in pairs.
#[inline]
#[target_feature(enable = "vpclmulqdq,avx2,pclmulqdq,ssse3")]
fn run_sum(powers: &[u128], state: u128, run: &[[u8; BLOCK_BYTES]]) -> u128 {
    let mut hash = _mm256_zextsi128_si256(vector(state));
    let [mut low, mut middle, mut high] = [_mm256_setzero_si256(); 3];
    for (blocks, powers) in run.as_chunks().0.iter().zip(powers.as_chunks().0) {
        let blocks = _mm256_xor_si256(load(blocks), hash);
        hash = _mm256_setzero_si256();
        let powers = load_powers(powers);
        low = _mm256_xor_si256(low, _mm256_clmulepi64_epi128::<0x00>(blocks, powers));
        high = _mm256_xor_si256(high, _mm256_clmulepi64_epi128::<0x11>(blocks, powers));
        middle = _mm256_xor_si256(middle, _mm256_clmulepi64_epi128::<0x00>(halves_sum(blocks), halves_sum(powers)));
    }
    let middle = _mm256_xor_si256(middle, _mm256_xor_si256(low, high));
    number(reduce(fold(low), fold(middle), fold(high)))
}

/// The sum of the halves of each number, for Karatsuba: three products instead of four.
#[inline]
#[target_feature(enable = "avx2")]
fn halves_sum(x: __m256i) -> __m256i {
    _mm256_xor_si256(x, _mm256_shuffle_epi32::<0x4e>(x))
}

#[inline]
#[target_feature(enable = "avx2")]
fn fold(x: __m256i) -> __m128i {
    _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x))
}

/// Blocks as numbers: each with its bytes in reverse order.
#[inline]
#[target_feature(enable = "avx2")]
fn load(blocks: &[[u8; BLOCK_BYTES]; WIDTH]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes, and the load demands no alignment.
    #[expect(unsafe_code, reason = "a vector is loaded through a pointer")]
    let blocks = unsafe { _mm256_loadu_si256(blocks.as_ptr().cast()) };
    let reversed = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f));
    _mm256_shuffle_epi8(blocks, reversed)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_powers(powers: &[u128; WIDTH]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes, and the load demands no alignment.
    #[expect(unsafe_code, reason = "a vector is loaded through a pointer")]
    unsafe {
        _mm256_loadu_si256(powers.as_ptr().cast())
    }
}
