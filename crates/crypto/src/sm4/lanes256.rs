//! What the kernels of 256-bit vectors have in common: eight blocks are four vectors, one for each word of the state, a
//! block to each 32-bit lane, and each byte in the form of `field.rs`. They differ in the S-box.
//!
//! Counter mode needs no transposition on the way in: three words are the nonce's, the fourth counts. On the way out one
//! of 4 by 4 words makes blocks again; it leaves lane `4j + k` in block `2k + j`, so the lanes count in that order.

use super::Counter;
use std::arch::x86_64::*;

/// Blocks of one group: the lanes of a vector.
pub(super) const GROUP_BLOCKS: usize = 8;
pub(super) const GROUP_BYTES: usize = 16 * GROUP_BLOCKS;

/// Blocks of key stream in memory. Whole numbers, since these are wiped one by one.
#[repr(align(32))]
pub(super) struct Aligned<const N: usize>(pub(super) [u128; N]);

/// The words of eight blocks.
pub(super) type Group = [__m256i; 4];

/// Counter mode around a round: `$round(x0, t)` is `x0 + L(S(t))`, `$enter` and `$leave` lead to the kernels' form and back,
/// all of whole vectors. `$interleaved` groups go through each round one after the other, so that none waits for its own
/// results.
///
/// A macro, not a generic function: every function must be compiled for the kernel's own instructions, `$features`. For the
/// same reason no vector goes through a closure of a library function such as `array::map`: that one is not.
macro_rules! counter_mode {
    ($features:literal, $enter:ident, $round:ident, $leave:ident, $interleaved:literal) => {
        /// Writes `src` XOR key stream to `dst`, which is as long.
        #[target_feature(enable = $features)]
        fn xor_stream(counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
            const BATCH_BYTES: usize = $interleaved * lanes256::GROUP_BYTES;
            // Aligned like a vector, and with it what the compiler spills to the stack.
            let mut stream = lanes256::Aligned([0; BATCH_BYTES / 16]);
            if src.len() <= lanes256::GROUP_BYTES {
                lanes256::store(&keystream::<1>(counter), stream.0.as_chunks_mut().0);
                xor_blocks(&stream.0, src, dst);
                stream.0[..lanes256::GROUP_BLOCKS].zeroize();
                return;
            }
            for (i, (src, dst)) in src.chunks(BATCH_BYTES).zip(dst.chunks_mut(BATCH_BYTES)).enumerate() {
                let groups = keystream::<$interleaved>(&counter.ahead(i * BATCH_BYTES / 16));
                if src.len() == BATCH_BYTES {
                    lanes256::xor(&groups, src.as_chunks().0, dst.as_chunks_mut().0);
                } else {
                    lanes256::store(&groups, stream.0.as_chunks_mut().0);
                    xor_blocks(&stream.0, src, dst);
                    stream.0.zeroize();
                }
            }
        }

        /// The key stream of `N` groups: each four vectors of two blocks.
        #[inline]
        #[target_feature(enable = $features)]
        fn keystream<const N: usize>(counter: &Counter<'_>) -> [lanes256::Group; N] {
            let [n0, n1, n2] = counter.nonce;
            let (n0, n1, n2) = ($enter(lanes256::word(n0)), $enter(lanes256::word(n1)), $enter(lanes256::word(n2)));
            let mut x = [[n0, n1, n2, n0]; N];
            for (i, x) in x.iter_mut().enumerate() {
                x[3] = $enter(lanes256::counters(&counter.ahead(i * lanes256::GROUP_BLOCKS)));
            }
            for keys in counter.round_keys.as_chunks::<4>().0 {
                let [k0, k1, k2, k3] = *keys;
                let (k0, k1) = (lanes256::word(k0), lanes256::word(k1));
                let (k2, k3) = (lanes256::word(k2), lanes256::word(k3));
                let mut shared = [k0; N];
                for (x, shared) in x.iter_mut().zip(&mut shared) {
                    *shared = _mm256_xor_si256(x[2], x[3]);
                    x[0] = $round(x[0], _mm256_xor_si256(_mm256_xor_si256(x[1], k0), *shared));
                }
                for (x, shared) in x.iter_mut().zip(&shared) {
                    x[1] = $round(x[1], _mm256_xor_si256(_mm256_xor_si256(*shared, k1), x[0]));
                }
                for (x, shared) in x.iter_mut().zip(&mut shared) {
                    *shared = _mm256_xor_si256(x[0], x[1]);
                    x[2] = $round(x[2], _mm256_xor_si256(_mm256_xor_si256(x[3], k2), *shared));
                }
                for (x, shared) in x.iter_mut().zip(&shared) {
                    x[3] = $round(x[3], _mm256_xor_si256(_mm256_xor_si256(*shared, k3), x[2]));
                }
            }
            for x in &mut x {
                *x = lanes256::blocks([$leave(x[0]), $leave(x[1]), $leave(x[2]), $leave(x[3])]);
            }
            x
        }
    };
}
pub(super) use counter_mode;

/// A word in every lane.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn word(word: u32) -> __m256i {
    _mm256_set1_epi32(word as i32)
}

/// The fourth word of a group's counter blocks.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn counters(counter: &Counter<'_>) -> __m256i {
    _mm256_add_epi32(word(counter.counter), _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7))
}

/// From words to blocks: the words in reverse order, each most significant byte first.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn blocks([w3, w2, w1, w0]: Group) -> Group {
    let (a, b) = (_mm256_unpacklo_epi32(w0, w1), _mm256_unpackhi_epi32(w0, w1));
    let (c, d) = (_mm256_unpacklo_epi32(w2, w3), _mm256_unpackhi_epi32(w2, w3));
    let swapped = of_16_bytes([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]);
    [
        _mm256_shuffle_epi8(_mm256_unpacklo_epi64(a, c), swapped),
        _mm256_shuffle_epi8(_mm256_unpackhi_epi64(a, c), swapped),
        _mm256_shuffle_epi8(_mm256_unpacklo_epi64(b, d), swapped),
        _mm256_shuffle_epi8(_mm256_unpackhi_epi64(b, d), swapped),
    ]
}

/// Sixteen bytes, twice.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn of_16_bytes(bytes: [u8; 16]) -> __m256i {
    let bytes = u128::from_le_bytes(bytes);
    _mm256_broadcastsi128_si256(_mm_set_epi64x((bytes >> 64) as i64, bytes as i64))
}

/// `src` XOR `stream` to `dst`; all three are as long.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn xor(stream: &[Group], src: &[[u8; 32]], dst: &mut [[u8; 32]]) {
    for ((key, src), dst) in stream.as_flattened().iter().zip(src).zip(dst) {
        // SAFETY: source and target are references to 32 bytes each; load and store demand no alignment.
        #[expect(unsafe_code, reason = "vectors are loaded and stored through pointers")]
        unsafe {
            let text = _mm256_xor_si256(*key, _mm256_loadu_si256(src.as_ptr().cast()));
            _mm256_storeu_si256(dst.as_mut_ptr().cast(), text);
        }
    }
}

/// `stream` to `dst`, which is as long or longer.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(stream: &[Group], dst: &mut [[u128; 2]]) {
    for (key, dst) in stream.as_flattened().iter().zip(dst) {
        // SAFETY: the target is a reference to 32 bytes; the store demands no alignment.
        #[expect(unsafe_code, reason = "a vector is stored through a pointer")]
        unsafe {
            _mm256_storeu_si256(dst.as_mut_ptr().cast(), *key);
        }
    }
}

/// The eight words of a vector.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_words(vector: __m256i, words: &mut [u32; 8]) {
    // SAFETY: the target is a reference to 32 bytes; the store demands no alignment.
    #[expect(unsafe_code, reason = "a vector is stored through a pointer")]
    unsafe {
        _mm256_storeu_si256(words.as_mut_ptr().cast(), vector);
    }
}
