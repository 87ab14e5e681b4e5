//! The kernel for every processor: 64 blocks at a time, bit `i` of each in plane `i` (see `circuit.rs`).
//!
//! A rotation of the words is a renaming of planes and costs nothing. Constant-time: the planes meet AND, XOR, NOT and
//! shifts by fixed amounts, in an order and at addresses that are the same for every key and every message.

use super::Counter;
use super::circuit::{substitute, substitute_word};
use super::schedule::RoundKeys;
use zeroize::Zeroize;

const BATCH_BLOCKS: usize = 64;
const BATCH_BYTES: usize = 16 * BATCH_BLOCKS;

/// A word of 64 blocks: plane `i` holds bit `i` of each.
type Planes = [u64; 32];

pub(super) fn expand(key: &[u8; 16]) -> RoundKeys {
    RoundKeys::expand(key, substitute_word)
}

/// Writes `src` XOR key stream to `dst`, which is as long.
pub(super) fn xor(counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
    let mut stream = [[0; 16]; BATCH_BLOCKS];
    for (i, (src, dst)) in src.chunks(BATCH_BYTES).zip(dst.chunks_mut(BATCH_BYTES)).enumerate() {
        keystream(&counter.ahead(i * BATCH_BLOCKS), &mut stream);
        for ((dst, src), key) in dst.iter_mut().zip(src).zip(stream.as_flattened()) {
            *dst = src ^ key;
        }
    }
    stream.zeroize();
}

fn keystream(counter: &Counter<'_>, stream: &mut [[u8; 16]; BATCH_BLOCKS]) {
    let mut x = [[0; 32]; 4];
    for (planes, word) in x.iter_mut().zip(counter.nonce) {
        *planes = std::array::from_fn(|bit| in_every_block(word, bit));
    }
    let mut counters: [u64; 64] = std::array::from_fn(|block| u64::from(counter.counter.wrapping_add(block as u32)));
    transpose(&mut counters);
    x[3].copy_from_slice(&counters[..32]);

    let (fours, _) = counter.round_keys.as_chunks::<4>();
    for keys in fours {
        let [a, b, c, d] = &mut x;
        round(a, b, c, d, keys[0]);
        round(b, c, d, a, keys[1]);
        round(c, d, a, b, keys[2]);
        round(d, a, b, c, keys[3]);
    }

    // The four words in reverse order, most significant byte first: two of them make a u64 of each block.
    for (half, [low, high]) in [[2, 3], [0, 1]].into_iter().enumerate() {
        let mut blocks = [0; 64];
        blocks[..32].copy_from_slice(&x[low]);
        blocks[32..].copy_from_slice(&x[high]);
        transpose(&mut blocks);
        for (block, bits) in stream.iter_mut().zip(&blocks) {
            block[8 * half..][..8].copy_from_slice(&bits.to_be_bytes());
        }
        blocks.zeroize();
    }
    x.zeroize();
}

/// `x0 <- x0 + L(S(x1 + x2 + x3 + key))`.
#[inline(always)]
fn round(x0: &mut Planes, x1: &Planes, x2: &Planes, x3: &Planes, key: u32) {
    let mut b: Planes = std::array::from_fn(|bit| x1[bit] ^ x2[bit] ^ x3[bit] ^ in_every_block(key, bit));
    for byte in b.as_chunks_mut::<8>().0 {
        *byte = substitute(*byte);
    }
    // A word rotated left by n has at bit i what stood at bit i - n.
    for (bit, plane) in x0.iter_mut().enumerate() {
        *plane ^= b[bit] ^ b[(bit + 30) % 32] ^ b[(bit + 22) % 32] ^ b[(bit + 14) % 32] ^ b[(bit + 8) % 32];
    }
}

/// The plane of a bit that is the same in all blocks.
#[inline(always)]
fn in_every_block(word: u32, bit: usize) -> u64 {
    0u64.wrapping_sub(u64::from(word >> bit & 1))
}

/// Bit `j` of word `i` changes places with bit `i` of word `j`: by blocks of 32, 16 and so on.
fn transpose(words: &mut [u64; 64]) {
    let mut width = 32;
    let mut mask = 0xffff_ffff;
    while width > 0 {
        for i in (0..64).filter(|i| i & width == 0) {
            let swap = (words[i] >> width ^ words[i + width]) & mask;
            words[i] ^= swap << width;
            words[i + width] ^= swap;
        }
        width /= 2;
        mask ^= mask << width;
    }
}
