//! GHASH with PCLMULQDQ: 128 bits at a time, up to [`RUN`] blocks for each reduction. And what the wider kernels use of
//! it: the reduction, and their last blocks.
//!
//! Constant-time: the instructions take as long for all operands, and lengths alone decide what is run.

use super::BLOCK_BYTES;
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;

/// Blocks for each reduction.
const RUN: usize = 8;

/// This processor has PCLMULQDQ and SSSE3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Clmul(());

impl Clmul {
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("pclmulqdq") && is_x86_feature_detected!("ssse3")).then_some(Self(()))
    }

    /// Takes whole blocks. `powers` falls to H; it need not hold more than that.
    pub(super) fn blocks(self, powers: &[u128], state: &mut u128, blocks: &[[u8; BLOCK_BYTES]]) {
        // SAFETY: a `Clmul` exists only where the processor has what the function is compiled for.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            sum(powers, state, blocks);
        }
    }

    /// `a b x^-128`, modulo the polynomial.
    pub(super) fn multiply(self, a: u128, b: u128) -> u128 {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            product(a, b)
        }
    }
}

#[target_feature(enable = "pclmulqdq,ssse3")]
fn product(a: u128, b: u128) -> u128 {
    let (a, b) = (vector(a), vector(b));
    let middle = _mm_xor_si128(_mm_clmulepi64_si128::<0x01>(a, b), _mm_clmulepi64_si128::<0x10>(a, b));
    number(reduce(_mm_clmulepi64_si128::<0x00>(a, b), middle, _mm_clmulepi64_si128::<0x11>(a, b)))
}

#[target_feature(enable = "pclmulqdq,ssse3")]
pub(super) fn sum(powers: &[u128], state: &mut u128, blocks: &[[u8; BLOCK_BYTES]]) {
    let mut hash = vector(*state);
    for run in blocks.chunks(RUN.min(powers.len())) {
        let powers = &powers[powers.len() - run.len()..];
        let (mut low, mut middle, mut high) = (_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128());
        for (block, power) in run.iter().zip(powers) {
            let block = _mm_xor_si128(vector(u128::from_be_bytes(*block)), hash);
            hash = _mm_setzero_si128();
            let power = vector(*power);
            low = _mm_xor_si128(low, _mm_clmulepi64_si128::<0x00>(block, power));
            high = _mm_xor_si128(high, _mm_clmulepi64_si128::<0x11>(block, power));
            middle = _mm_xor_si128(middle, _mm_clmulepi64_si128::<0x00>(halves_sum(block), halves_sum(power)));
        }
        hash = reduce(low, _mm_xor_si128(middle, _mm_xor_si128(low, high)), high);
    }
    *state = number(hash);
}

/// The sum of a number's halves, for Karatsuba: three products instead of four.
#[inline]
#[target_feature(enable = "pclmulqdq,ssse3")]
fn halves_sum(x: __m128i) -> __m128i {
    _mm_xor_si128(x, _mm_shuffle_epi32::<0x4e>(x))
}

/// `low + middle x^64 + high x^128` times x^-128: the low half is folded away in two steps, each a product with the
/// polynomial's terms between 1 and x^128.
#[inline]
#[target_feature(enable = "pclmulqdq,ssse3")]
pub(super) fn reduce(low: __m128i, middle: __m128i, high: __m128i) -> __m128i {
    let polynomial = _mm_set_epi64x(0, (0xc2u64 << 56) as i64);
    let mut low = _mm_xor_si128(low, _mm_slli_si128::<8>(middle));
    let high = _mm_xor_si128(high, _mm_srli_si128::<8>(middle));
    for _ in 0..2 {
        low = _mm_xor_si128(_mm_shuffle_epi32::<0x4e>(low), _mm_clmulepi64_si128::<0x00>(low, polynomial));
    }
    _mm_xor_si128(high, low)
}

#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn vector(x: u128) -> __m128i {
    _mm_set_epi64x((x >> 64) as i64, x as i64)
}

#[inline]
#[target_feature(enable = "ssse3")]
pub(super) fn number(x: __m128i) -> u128 {
    let (low, high) = (_mm_cvtsi128_si64(x) as u64, _mm_cvtsi128_si64(_mm_unpackhi_epi64(x, x)) as u64);
    u128::from(high) << 64 | u128::from(low)
}
