//! AVX-512 with GFNI: sixteen blocks are four vectors, and eight such groups go through each round one after the other, 128
//! blocks in all. One group alone would wait sixteen cycles a round for its own results.
//!
//! Lanes, transposition and the S-box are those of the 256-bit kernels (`lanes256.rs`, `gfni256.rs`), twice as wide; the
//! transposition leaves lane `4j + k` in block `4k + j`. Constant-time for the same reasons.

use super::aesni::AesNi;
use super::{Counter, field, xor_blocks};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;
use zeroize::Zeroize;

const GROUP_BLOCKS: usize = 16;
const GROUP_BYTES: usize = 16 * GROUP_BLOCKS;
const INTERLEAVED: usize = 8;
const BATCH_BYTES: usize = INTERLEAVED * GROUP_BYTES;

/// XOR of three, as the truth table of `vpternlog`.
const XOR: i32 = 0x96;

/// The maps of `field.rs` as matrices. As constants, or they would be computed in the loop.
const ENTER: i64 = field::ENTER.matrix() as i64;
const LEAVE: i64 = field::LEAVE.matrix() as i64;
const U: i64 = field::MIX[0].matrix() as i64;
const W: i64 = field::MIX[1].matrix() as i64;

/// The words of sixteen blocks.
type Group = [__m512i; 4];

/// This processor has GFNI and AVX-512 (F, BW), and what [`AesNi`] needs for the key schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gfni512(AesNi);

impl Gfni512 {
    pub(super) fn detect() -> Option<Self> {
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        AesNi::detect().filter(|_| wide && is_x86_feature_detected!("gfni")).map(Self)
    }

    pub(super) fn narrow(self) -> AesNi {
        self.0
    }

    /// Writes `src` XOR key stream to `dst`, which is as long.
    pub(super) fn xor(self, counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
        // SAFETY: a `Gfni512` exists only where the processor has what the function is compiled for.
        #[expect(unsafe_code, reason = "code for instructions that not every processor has")]
        unsafe {
            xor_stream(counter, src, dst);
        }
    }
}

/// Blocks of key stream in memory. Aligned like a vector, and with it what the compiler spills to the stack beside it.
#[repr(align(64))]
struct Aligned([u128; BATCH_BYTES / 16]);

#[target_feature(enable = "gfni,avx512f,avx512bw")]
fn xor_stream(counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
    let mut stream = Aligned([0; BATCH_BYTES / 16]);
    for (i, (src, dst)) in src.chunks(BATCH_BYTES).zip(dst.chunks_mut(BATCH_BYTES)).enumerate() {
        let counter = counter.ahead(i * BATCH_BYTES / 16);
        let stored = match src.len().div_ceil(GROUP_BYTES) {
            1 => store(&keystream::<1>(&counter), stream.0.as_chunks_mut().0),
            2..=4 => store(&keystream::<4>(&counter), stream.0.as_chunks_mut().0),
            _ => {
                let groups = keystream::<INTERLEAVED>(&counter);
                if src.len() == BATCH_BYTES {
                    xor(&groups, src.as_chunks().0, dst.as_chunks_mut().0);
                    continue;
                }
                store(&groups, stream.0.as_chunks_mut().0)
            }
        };
        xor_blocks(&stream.0, src, dst);
        stream.0[..stored].zeroize();
    }
}

/// The key stream of `N` groups: each four vectors of four blocks.
#[inline]
#[target_feature(enable = "gfni,avx512f,avx512bw")]
fn keystream<const N: usize>(counter: &Counter<'_>) -> [Group; N] {
    let [n0, n1, n2] = counter.nonce;
    let (n0, n1, n2) = (enter(word(n0)), enter(word(n1)), enter(word(n2)));
    let mut x = [[n0, n1, n2, n0]; N];
    for (i, x) in x.iter_mut().enumerate() {
        x[3] = enter(counters(&counter.ahead(i * GROUP_BLOCKS)));
    }
    for keys in counter.round_keys.as_chunks::<4>().0 {
        let [k0, k1, k2, k3] = *keys;
        let (k0, k1, k2, k3) = (word(k0), word(k1), word(k2), word(k3));
        let mut shared = [k0; N];
        for (x, shared) in x.iter_mut().zip(&mut shared) {
            *shared = _mm512_xor_si512(x[2], x[3]);
            x[0] = round(x[0], _mm512_ternarylogic_epi32::<XOR>(*shared, x[1], k0));
        }
        for (x, shared) in x.iter_mut().zip(&shared) {
            x[1] = round(x[1], _mm512_ternarylogic_epi32::<XOR>(*shared, x[0], k1));
        }
        for (x, shared) in x.iter_mut().zip(&mut shared) {
            *shared = _mm512_xor_si512(x[0], x[1]);
            x[2] = round(x[2], _mm512_ternarylogic_epi32::<XOR>(*shared, x[3], k2));
        }
        for (x, shared) in x.iter_mut().zip(&shared) {
            x[3] = round(x[3], _mm512_ternarylogic_epi32::<XOR>(*shared, x[2], k3));
        }
    }
    for x in &mut x {
        *x = blocks([leave(x[0]), leave(x[1]), leave(x[2]), leave(x[3])]);
    }
    x
}

#[inline]
#[target_feature(enable = "gfni,avx512f,avx512bw")]
fn round(x0: __m512i, t: __m512i) -> __m512i {
    let u = _mm512_gf2p8affineinv_epi64_epi8::<{ field::MIX[0].constant as i32 }>(t, _mm512_set1_epi64(U));
    let w = _mm512_gf2p8affineinv_epi64_epi8::<{ field::MIX[1].constant as i32 }>(t, _mm512_set1_epi64(W));
    let uw24 = _mm512_rol_epi32::<24>(_mm512_xor_si512(u, w));
    let early = _mm512_ternarylogic_epi32::<XOR>(x0, u, _mm512_rol_epi32::<8>(w));
    _mm512_ternarylogic_epi32::<XOR>(early, _mm512_rol_epi32::<16>(w), uw24)
}

#[inline]
#[target_feature(enable = "gfni,avx512f")]
fn enter(x: __m512i) -> __m512i {
    _mm512_gf2p8affine_epi64_epi8::<0>(x, _mm512_set1_epi64(ENTER))
}

#[inline]
#[target_feature(enable = "gfni,avx512f")]
fn leave(x: __m512i) -> __m512i {
    _mm512_gf2p8affine_epi64_epi8::<0>(x, _mm512_set1_epi64(LEAVE))
}

/// A word in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn word(word: u32) -> __m512i {
    _mm512_set1_epi32(word as i32)
}

/// The fourth word of a group's counter blocks.
#[inline]
#[target_feature(enable = "avx512f")]
fn counters(counter: &Counter<'_>) -> __m512i {
    let lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_add_epi32(word(counter.counter), lanes)
}

/// From words to blocks: the words in reverse order, each most significant byte first.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn blocks([w3, w2, w1, w0]: Group) -> Group {
    let (a, b) = (_mm512_unpacklo_epi32(w0, w1), _mm512_unpackhi_epi32(w0, w1));
    let (c, d) = (_mm512_unpacklo_epi32(w2, w3), _mm512_unpackhi_epi32(w2, w3));
    let swapped = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203));
    [
        _mm512_shuffle_epi8(_mm512_unpacklo_epi64(a, c), swapped),
        _mm512_shuffle_epi8(_mm512_unpackhi_epi64(a, c), swapped),
        _mm512_shuffle_epi8(_mm512_unpacklo_epi64(b, d), swapped),
        _mm512_shuffle_epi8(_mm512_unpackhi_epi64(b, d), swapped),
    ]
}

/// `src` XOR `stream` to `dst`; all three are as long.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(stream: &[Group], src: &[[u8; 64]], dst: &mut [[u8; 64]]) {
    for ((key, src), dst) in stream.as_flattened().iter().zip(src).zip(dst) {
        // SAFETY: source and target are references to 64 bytes each; load and store demand no alignment.
        #[expect(unsafe_code, reason = "vectors are loaded and stored through pointers")]
        unsafe {
            let text = _mm512_xor_si512(*key, _mm512_loadu_si512(src.as_ptr().cast()));
            _mm512_storeu_si512(dst.as_mut_ptr().cast(), text);
        }
    }
}

/// `stream` to `dst`, which is as long or longer. How many blocks that were.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(stream: &[Group], dst: &mut [[u128; 4]]) -> usize {
    for (key, dst) in stream.as_flattened().iter().zip(dst) {
        // SAFETY: the target is a reference to 64 bytes; the store demands no alignment.
        #[expect(unsafe_code, reason = "a vector is stored through a pointer")]
        unsafe {
            _mm512_storeu_si512(dst.as_mut_ptr().cast(), *key);
        }
    }
    stream.len() * GROUP_BLOCKS
}
