//! AVX2 with GFNI, which computes the S-box in two instructions: an affine map, then an inversion in the field of AES
//! followed by another, as `field.rs` has them.
//!
//! Constant-time: no look-up at all, and the instructions take as long for all operands.

use super::aesni::AesNi;
use super::{Counter, field, lanes256};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;
use zeroize::Zeroize;

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

lanes256::counter_mode!("gfni,avx2", round, 4);

/// With `v = b + b<<<8 + b<<<16` the linear map is `L(b) = b + b<<<24 + v<<<2`.
#[inline]
#[target_feature(enable = "gfni,avx2")]
fn round(x0: __m256i, t: __m256i) -> __m256i {
    let b = substitute(t);
    let b8 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { lanes256::rotated(1) }));
    let b16 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { lanes256::rotated(2) }));
    let b24 = _mm256_shuffle_epi8(b, lanes256::of_16_bytes(const { lanes256::rotated(3) }));
    let v = _mm256_xor_si256(_mm256_xor_si256(b, b8), b16);
    let rest = _mm256_xor_si256(_mm256_xor_si256(x0, b), b24);
    let v = _mm256_xor_si256(_mm256_slli_epi32::<2>(v), _mm256_srli_epi32::<30>(v));
    _mm256_xor_si256(rest, v)
}

/// S of every byte.
#[inline]
#[target_feature(enable = "gfni,avx2")]
fn substitute(t: __m256i) -> __m256i {
    const PRE_CONSTANT: i32 = field::PRE.constant as i32;
    const POST_CONSTANT: i32 = field::POST.constant as i32;
    let (pre, post) = const { (field::PRE.matrix() as i64, field::POST.matrix() as i64) };
    let y = _mm256_gf2p8affine_epi64_epi8::<PRE_CONSTANT>(t, _mm256_set1_epi64x(pre));
    _mm256_gf2p8affineinv_epi64_epi8::<POST_CONSTANT>(y, _mm256_set1_epi64x(post))
}
