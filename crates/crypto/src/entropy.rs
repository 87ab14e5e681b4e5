//! The server's source of randomness.

use crate::primitive::must;
use model::Entropy;

/// Random bytes of the cipher library's generator (AES-256 CTR-DRBG seeded by the operating system). Aborts the
/// process when it cannot deliver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        must(aws_lc_rs::rand::fill(out), "the random generator");
    }
}
