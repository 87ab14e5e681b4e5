//! Each kernel of the cipher alone: the standard's examples, the S-box byte by byte, the counter's end.

use super::field::PUBLISHED;
use super::{Counter, Numbers, encipher, kernels, rounds};
use crate::sm4::circuit::substitute_word;
use crate::sm4::schedule::RoundKeys;
use sm4::cipher::{BlockEncrypt, KeyInit};

const KEY: [u8; 16] = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes();

fn number(block: [u8; 16]) -> u128 {
    u128::from_be_bytes(block)
}

/// GB/T 32907-2016, example 1.
#[test]
fn the_example_of_the_standard() {
    for kernel in kernels() {
        let round_keys = kernel.expand(&KEY);
        let enciphered = number(encipher(kernel, round_keys.words(), KEY));
        assert_eq!(enciphered, 0x681e_df34_d206_965e_86b3_e94f_536e_4246, "{}", kernel.name());
    }
}

/// GB/T 32907-2016, example 2: the same block enciphered a million times; and after fewer, for slow processors.
#[test]
fn a_million_times() {
    let counted = if rounds(1, 0) == 1 { 1_000_000 } else { 1000 };
    let expected = match counted {
        1_000_000 => 0x5952_98c7_c6fd_271f_0402_f804_c33d_3f66,
        _ => {
            let cipher = sm4::Sm4::new(&KEY.into());
            let mut block = KEY.into();
            (0..counted).for_each(|_| cipher.encrypt_block(&mut block));
            number(block.into())
        }
    };
    for kernel in kernels() {
        let round_keys = kernel.expand(&KEY);
        let enciphered = (0..counted).fold(KEY, |block, _| encipher(kernel, round_keys.words(), block));
        assert_eq!(number(enciphered), expected, "{}", kernel.name());
    }
}

/// With round keys of our own choice the first word of the cipher tells what the last round's S-box made of any byte: the
/// state before is known from a kernel-free computation with the published table.
#[test]
fn the_s_box_of_every_kernel_is_the_published_table() {
    let tau = |t: u32| u32::from_be_bytes(t.to_be_bytes().map(|byte| PUBLISHED[usize::from(byte)]));
    let round = |x: [u32; 4], key: u32| {
        let b = tau(x[1] ^ x[2] ^ x[3] ^ key);
        let l = b ^ b.rotate_left(2) ^ b.rotate_left(10) ^ b.rotate_left(18) ^ b.rotate_left(24);
        [x[1], x[2], x[3], x[0] ^ l]
    };
    let start = [0x0011_2233, 0x4455_6677, 0x8899_aabb, 0xccdd_eeff];
    for kernel in kernels() {
        for byte in 0..=255 {
            // Every round's S-box sees this byte in all four places.
            let mut round_keys = [0; 32];
            let mut x: [u32; 4] = start;
            for key in &mut round_keys {
                *key = x[1] ^ x[2] ^ x[3] ^ u32::from_be_bytes([byte; 4]);
                x = round(x, *key);
            }
            let round_keys = kernel.prepare(round_keys);
            let bytes = |words: [u32; 4]| words.map(u32::to_be_bytes).as_flattened().try_into().unwrap();
            let expected: [u8; 16] = bytes([x[3], x[2], x[1], x[0]]);
            assert_eq!(encipher(kernel, &round_keys, bytes(start)), expected, "{}, S({byte:#x})", kernel.name());
        }
    }
}

/// Any length, any alignment, the counter anywhere: close to its end too, where it begins again and the nonce stays.
#[test]
fn key_stream_is_that_of_single_blocks() {
    let mut numbers = Numbers(1);
    for kernel in kernels() {
        for sweep in 0..rounds(200, 12) {
            let key: [u8; 16] = numbers.array();
            let length = numbers.below([64, 700, 3000, 9000][sweep % 4]);
            let first = match sweep % 3 {
                0 => numbers.next() as u32,
                _ => 0u32.wrapping_sub(numbers.below(600) as u32),
            };
            let nonce: [u32; 3] = std::array::from_fn(|_| numbers.next() as u32);
            let (from, to) = (numbers.below(65), numbers.below(65));
            let mut src = vec![0; from + length];
            numbers.fill(&mut src);
            let mut dst = vec![0xee; to + length + 1];
            let round_keys = kernel.expand(&key);
            let counter = Counter { round_keys: round_keys.words(), nonce, counter: first };
            kernel.xor(&counter, &src[from..], &mut dst[to..to + length]);

            let expected = by_single_blocks(&key, nonce, first, &src[from..]);
            assert!(dst[to..to + length] == expected, "{}: {length} bytes from counter {first:#x}", kernel.name());
            assert!(dst[..to].iter().all(|byte| *byte == 0xee) && dst.last() == Some(&0xee), "nothing else is written");
        }
    }
}

fn by_single_blocks(key: &[u8; 16], nonce: [u32; 3], first: u32, src: &[u8]) -> Vec<u8> {
    let cipher = sm4::Sm4::new(key.into());
    let mut out = src.to_vec();
    for (i, chunk) in out.chunks_mut(16).enumerate() {
        let words = [nonce[0], nonce[1], nonce[2], first.wrapping_add(i as u32)];
        let mut block = *sm4::cipher::Block::<sm4::Sm4>::from_slice(words.map(u32::to_be_bytes).as_flattened());
        cipher.encrypt_block(&mut block);
        chunk.iter_mut().zip(block).for_each(|(byte, key)| *byte ^= key);
    }
    out
}

/// GB/T 32907-2016, example 1: its first and last round key. And the kernels' own schedules against the circuit's.
#[test]
fn round_keys_are_the_same_whoever_makes_them() {
    let mut numbers = Numbers(2);
    let of_the_standard = RoundKeys::expand(&KEY, substitute_word);
    assert_eq!((of_the_standard.words()[0], of_the_standard.words()[31]), (0xf121_86f9, 0x9124_a012));
    for kernel in kernels() {
        for _ in 0..rounds(300, 30) {
            let key = numbers.array();
            let of_the_circuit = RoundKeys::expand(&key, substitute_word);
            let expected = kernel.prepare(*of_the_circuit.words());
            assert_eq!(*kernel.expand(&key).words(), expected, "{}", kernel.name());
        }
    }
}
