//! Bytes that look random and are the same in every run.

use model::Entropy;
use std::sync::Mutex;

/// A predictable [`Entropy`]: SplitMix64 from a seed. The n-th bytes drawn depend on the seed alone, however the draws are
/// cut. Good for tests; worthless for keys.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<State>);

#[derive(Debug)]
struct State {
    seed: u64,
    /// Bytes of the current word, and how many of them are used up.
    word: [u8; 8],
    used: usize,
}

impl SeededEntropy {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(State { seed, word: [0; 8], used: 8 }))
    }

    /// A number below `bound`, for drawing test cases. Slightly uneven for large bounds.
    ///
    /// # Panics
    ///
    /// When `bound` is zero.
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }
}

impl State {
    fn next(&mut self) -> u8 {
        if self.used == self.word.len() {
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            self.word = (z ^ (z >> 31)).to_le_bytes();
            self.used = 0;
        }
        self.used += 1;
        self.word[self.used - 1]
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().expect("a test thread panicked while drawing");
        out.fill_with(|| state.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_are_those_of_splitmix64() {
        // Reference values of SplitMix64 seeded with 1234567 (Vigna's splitmix64.c).
        let entropy = SeededEntropy::new(1_234_567);
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes[..3]);
        entropy.fill(&mut bytes[3..]);
        assert_eq!(bytes[..8], 6_457_827_717_110_365_317_u64.to_le_bytes());
        assert_eq!(bytes[8..], 3_203_168_211_198_807_973_u64.to_le_bytes());
    }
}
