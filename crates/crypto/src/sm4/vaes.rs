//! As `aesni.rs`, where the processor has VAES: both halves of a vector are inverted by one instruction.

use super::aesni::{AesNi, enter, leave, mix};
use super::{Counter, lanes256, xor_blocks};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// This processor has VAES, and what [`AesNi`] needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vaes(AesNi);

impl Vaes {
    pub(super) fn detect() -> Option<Self> {
        AesNi::detect().filter(|_| is_x86_feature_detected!("vaes")).map(Self)
    }

    pub(super) fn narrow(self) -> AesNi {
        self.0
    }

    /// Writes `src` XOR key stream to `dst`, which is as long.
    pub(super) fn xor(self, counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
        // SAFETY: a `Vaes` exists only where the processor has what the function is compiled for.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            xor_stream(counter, src, dst);
        }
    }
}

lanes256::counter_mode!("vaes,aes,avx2", enter, round, leave, 4);

#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn round(x0: __m256i, t: __m256i) -> __m256i {
    mix(x0, _mm256_aesenclast_epi128(t, _mm256_setzero_si256()))
}
