//! Randomness is passed in: keys, salts and ids are drawn from an [`Entropy`].

/// A source of random bytes fit for key material.
///
/// Guarantee: every implementation used by the server is a cryptographically secure generator; only the test kit has
/// predictable ones.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `out` with random bytes.
    ///
    /// An implementation that cannot deliver must abort the process rather than return bytes that are not random.
    fn fill(&self, out: &mut [u8]);
}
