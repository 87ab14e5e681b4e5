//! AVX2 with GFNI, which inverts in the field of AES and puts an affine map behind it in one instruction: two of them, and
//! three rotations by whole bytes, are what a round adds (`field.rs`).
//!
//! Constant-time: no look-up at all, and the instructions take as long for all operands.

use super::aesni::AesNi;
use super::{Counter, field, lanes256, xor_blocks};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// The maps of `field.rs` as matrices. As constants, or they would be computed in the loop.
const ENTER: i64 = field::ENTER.matrix() as i64;
const LEAVE: i64 = field::LEAVE.matrix() as i64;
const U: i64 = field::MIX[0].matrix() as i64;
const W: i64 = field::MIX[1].matrix() as i64;

/// This processor has GFNI and AVX2, and what [`AesNi`] needs for the key schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gfni256(AesNi);

impl Gfni256 {
    pub(super) fn detect() -> Option<Self> {
        AesNi::detect().filter(|_| is_x86_feature_detected!("gfni")).map(Self)
    }

    pub(super) fn narrow(self) -> AesNi {
        self.0
    }

    /// Writes `src` XOR key stream to `dst`, which is as long.
    pub(super) fn xor(self, counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
        // SAFETY: a `Gfni256` exists only where the processor has what the function is compiled for.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            xor_stream(counter, src, dst);
        }
    }
}

lanes256::counter_mode!("gfni,avx2", enter, round, leave, 4);

#[inline]
#[target_feature(enable = "gfni,avx2")]
fn round(x0: __m256i, t: __m256i) -> __m256i {
    let u = _mm256_gf2p8affineinv_epi64_epi8::<{ field::MIX[0].constant as i32 }>(t, _mm256_set1_epi64x(U));
    let w = _mm256_gf2p8affineinv_epi64_epi8::<{ field::MIX[1].constant as i32 }>(t, _mm256_set1_epi64x(W));
    let w8 = _mm256_shuffle_epi8(w, lanes256::of_16_bytes(const { rotated(1) }));
    let w16 = _mm256_shuffle_epi8(w, lanes256::of_16_bytes(const { rotated(2) }));
    let uw24 = _mm256_shuffle_epi8(_mm256_xor_si256(u, w), lanes256::of_16_bytes(const { rotated(3) }));
    let early = _mm256_xor_si256(_mm256_xor_si256(x0, u), _mm256_xor_si256(w8, w16));
    _mm256_xor_si256(early, uw24)
}

#[inline]
#[target_feature(enable = "gfni,avx2")]
fn enter(x: __m256i) -> __m256i {
    _mm256_gf2p8affine_epi64_epi8::<0>(x, _mm256_set1_epi64x(ENTER))
}

#[inline]
#[target_feature(enable = "gfni,avx2")]
fn leave(x: __m256i) -> __m256i {
    _mm256_gf2p8affine_epi64_epi8::<0>(x, _mm256_set1_epi64x(LEAVE))
}

/// Where `pshufb` finds each byte of a word rotated left by `bytes`.
const fn rotated(bytes: usize) -> [u8; 16] {
    let mut indices = [0; 16];
    let mut i = 0;
    while i < 16 {
        indices[i] = (i / 4 * 4 + (i + 4 - bytes) % 4) as u8;
        i += 1;
    }
    indices
}
