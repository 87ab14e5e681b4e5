//! Round keys (GB/T 32907-2016, section 7.3).

use zeroize::{Zeroize, ZeroizeOnDrop};

pub(super) const ROUNDS: usize = 32;

/// The system parameter.
const FK: [u32; 4] = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];

/// The fixed parameters: byte `j` of number `i` is `7 (4i + j)` modulo 256.
const CK: [u32; ROUNDS] = {
    let mut ck = [0; ROUNDS];
    let mut i = 0;
    while i < 4 * ROUNDS {
        ck[i / 4] = ck[i / 4] << 8 | (7 * i as u32) & 0xff;
        i += 1;
    }
    ck
};

/// The round keys of one key in the form of one kernel, on the heap so that moving them leaves no copy behind. Wiped when
/// dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct RoundKeys(Box<[u32; ROUNDS]>);

impl RoundKeys {
    /// As the standard has them. `sub_word` is the S-box on each byte of a word; it answers for its own constant time.
    #[inline(always)]
    pub(super) fn expand(key: &[u8; 16], sub_word: impl Fn(u32) -> u32) -> Self {
        let mut keys = Self(Box::new([0; ROUNDS]));
        let (words, _) = key.as_chunks();
        let mut k = [0; 4];
        for ((k, word), fk) in k.iter_mut().zip(words).zip(FK) {
            *k = u32::from_be_bytes(*word) ^ fk;
        }
        for (round_key, ck) in keys.0.iter_mut().zip(CK) {
            let b = sub_word(k[1] ^ k[2] ^ k[3] ^ ck);
            *round_key = k[0] ^ b ^ b.rotate_left(13) ^ b.rotate_left(23);
            k = [k[1], k[2], k[3], *round_key];
        }
        k.zeroize();
        keys
    }

    /// For the form a kernel wants them in.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn words_mut(&mut self) -> &mut [u32; ROUNDS] {
        &mut self.0
    }

    pub(super) fn words(&self) -> &[u32; ROUNDS] {
        &self.0
    }
}
