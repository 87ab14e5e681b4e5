//! Each kernel of the hash against multiplication bit by bit, as SP 800-38D section 6.3 has it.

use super::{Numbers, rounds};
use crate::sm4::ghash::{HashKernel, HashKey};

/// Bit 0 is the most significant one.
fn product(x: u128, y: u128) -> u128 {
    let (mut z, mut v) = (0, y);
    for i in 0..128 {
        if x >> (127 - i) & 1 == 1 {
            z ^= v;
        }
        v = v >> 1 ^ if v & 1 == 1 { 0xe1 << 120 } else { 0 };
    }
    z
}

fn bit_by_bit(h: &[u8; 16], data: &[u8]) -> u128 {
    data.chunks(16).fold(0, |y, chunk| {
        let mut block = [0; 16];
        block[..chunk.len()].copy_from_slice(chunk);
        product(y ^ u128::from_be_bytes(block), u128::from_be_bytes(*h))
    })
}

#[test]
fn every_kernel_computes_ghash() {
    let mut numbers = Numbers(7);
    for kernel in HashKernel::available() {
        println!("GHASH by {}", kernel.name());
        for sweep in 0..rounds(120, 16) {
            let h: [u8; 16] = match sweep {
                0 => [0xff; 16],
                1 => [0; 16],
                _ => numbers.array(),
            };
            let length = numbers.below([100, 400, 1100, 3000][sweep % 4]);
            let offset = numbers.below(64);
            let data = numbers.bytes(offset + length);
            let data = if sweep % 7 == 0 { &vec![0xff; length][..] } else { &data[offset..] };
            let key = HashKey::new(kernel, &h);
            let mut at_once = 0;
            key.update(&mut at_once, data);
            assert_eq!(at_once, bit_by_bit(&h, data), "{}: {length} bytes", kernel.name());

            // In two pieces, the first of whole blocks, and with powers of H at hand or not.
            let (head, tail) = data.split_at(numbers.below(length / 16 + 1) * 16);
            let mut in_pieces = 0;
            let fresh = HashKey::new(kernel, &h);
            fresh.update(&mut in_pieces, head);
            fresh.update(&mut in_pieces, tail);
            assert_eq!(in_pieces, at_once, "{}: {} and {} bytes", kernel.name(), head.len(), tail.len());
        }
    }
}

/// GCM's specification, test case 2: H and the hash of one block and the lengths.
#[test]
fn the_specification_of_gcm() {
    let h = 0x66e9_4bd4_ef8a_2c3b_884c_fa59_ca34_2b2e_u128.to_be_bytes();
    let blocks = [0x0388_dace_60b6_a392_f328_c2b9_71b2_fe78_u128, 0x80].map(u128::to_be_bytes);
    for kernel in HashKernel::available() {
        let mut hash = 0;
        HashKey::new(kernel, &h).update(&mut hash, blocks.as_flattened());
        assert_eq!(hash, 0xf38c_bb1a_d692_23dc_c345_7ae5_b6b0_f885, "{}", kernel.name());
    }
}
