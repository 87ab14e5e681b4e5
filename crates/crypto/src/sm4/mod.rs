//! SM4 (GB/T 32907-2016) in GCM as RFC 8998 has it, at the speed of the processor and in constant time.
//!
//! Neither AWS-LC nor most processors know SM4, and the usual implementations look its substitution up in a table, which
//! tells the key to whoever shares the processor's caches. Here no address and no branch depends on a key or on data:
//!
//! ```text
//! field.rs      the S-box as algebra: an inversion between two affine maps, carried over to the field of AES
//! circuit.rs    the same as a circuit of gates, for the portable kernel and its key schedule
//! schedule.rs   round keys
//! portable.rs   64 blocks at a time, one bit of each in a word; for every processor
//! lanes256.rs   what the three kernels of 256-bit vectors have in common
//! aesni.rs      AVX2, inversion by AES-NI           vaes.rs   the same with VAES
//! gfni256.rs    AVX2, inversion by GFNI             gfni512.rs   AVX-512 with GFNI, 128 blocks interleaved
//! ghash/        the hash of GCM: portable, PCLMULQDQ, VPCLMULQDQ of 256 and of 512 bits
//! gcm.rs        GCM over one kernel of each kind    dispatch.rs  which ones this processor gets
//! ```
//!
//! docs/decisions/0007-sm4-kernels.md has the reasons, what was checked how, and the speeds.
//!
//! Unsafe code stands in the files of kernels alone: loads and stores of whole vectors, and the step from a value that
//! proves what the processor can do (`Gfni512` and the like) into code that is compiled for it.

mod circuit;
mod dispatch;
#[cfg(any(test, target_arch = "x86_64"))]
mod field;
mod gcm;
mod ghash;
mod portable;
mod schedule;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
mod aesni;
#[cfg(target_arch = "x86_64")]
mod gfni256;
#[cfg(target_arch = "x86_64")]
mod gfni512;
#[cfg(target_arch = "x86_64")]
mod lanes256;
#[cfg(target_arch = "x86_64")]
mod vaes;

pub use dispatch::Engine;
pub use gcm::Sm4Gcm;

/// What a kernel needs to make key stream: the round keys and the counter block's first twelve bytes, as three words.
///
/// Block `i` of a call's key stream is the counter block `nonce || counter + i` enciphered, the counter modulo 2^32.
struct Counter<'a> {
    round_keys: &'a [u32; schedule::ROUNDS],
    nonce: [u32; 3],
    counter: u32,
}

impl Counter<'_> {
    /// The same, `blocks` further on.
    fn ahead(&self, blocks: usize) -> Self {
        // The counter is 32 bits wide and wraps: what a greater number of blocks loses here does not count.
        Self { counter: self.counter.wrapping_add(blocks as u32), ..*self }
    }
}

/// Writes `src` XOR `stream` to `dst`, which is as long as `src`; the key stream's blocks are numbers as a vector was stored to
/// them.
#[cfg(target_arch = "x86_64")]
fn xor_blocks(stream: &[u128], src: &[u8], dst: &mut [u8]) {
    for ((dst, src), key) in dst.chunks_mut(16).zip(src.chunks(16)).zip(stream) {
        match (dst.as_chunks_mut(), src.as_chunks()) {
            (([dst], _), ([src], _)) => *dst = (u128::from_le_bytes(*src) ^ key).to_le_bytes(),
            _ => dst.iter_mut().zip(src).zip(key.to_le_bytes()).for_each(|((dst, src), key)| *dst = src ^ key),
        }
    }
}
