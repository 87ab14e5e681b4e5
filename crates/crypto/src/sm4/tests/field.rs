//! The S-box: the algebra is that of the published table and of no other constants, and every way to compute it agrees.

use super::super::field::{
    AES_POLYNOMIAL, Affine, CIRCULANT_ROW, CONSTANT, ENTER, ENTER_KEY, LEAVE, MIX, MIX_SUB_BYTES, OUT_SUB_BYTES,
    SM4_POLYNOMIAL, apply, circulant_rows, multiply,
};
use super::super::{circuit, field};

/// GB/T 32907-2016, section 6.2, table 1.
#[rustfmt::skip]
pub(super) const PUBLISHED: [u8; 256] = [
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
    0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
    0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
    0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
    0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
    0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
    0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
    0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
    0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
    0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
    0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
    0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
    0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
    0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
    0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
    0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
];

fn parity(byte: u8) -> u8 {
    byte.count_ones() as u8 & 1
}

fn by_rows(rows: [u8; 8], x: u8) -> u8 {
    (0..8).fold(0, |y, i| y | parity(rows[i] & x) << i)
}

/// The inverse by search; of zero it is zero.
fn inverse(polynomial: u16, x: u8) -> u8 {
    (0..=255).find(|y| multiply(polynomial, x, *y) == 1).unwrap_or(0)
}

fn inverses(polynomial: u16) -> [u8; 256] {
    std::array::from_fn(|x| inverse(polynomial, x as u8))
}

/// The instruction `gf2p8affineqb` as Intel defines it, for one byte: bit `i` is the parity of the byte AND byte `7 - i` of
/// the matrix, XOR bit `i` of the immediate.
fn gf2p8affineqb(x: u8, matrix: u64, immediate: u8) -> u8 {
    (0..8).fold(0, |y, i| y | (parity(matrix.to_le_bytes()[7 - i] & x) ^ (immediate >> i & 1)) << i)
}

/// And `gf2p8affineinvqb`: the same of the inverse modulo x^8+x^4+x^3+x+1.
fn gf2p8affineinvqb(x: u8, matrix: u64, immediate: u8) -> u8 {
    gf2p8affineqb(inverse(AES_POLYNOMIAL, x), matrix, immediate)
}

fn by_nibbles(map: &Affine, x: u8) -> u8 {
    let [low, high] = map.nibbles();
    low[usize::from(x & 15)] ^ high[usize::from(x >> 4)]
}

#[test]
fn the_algebra_is_that_of_the_published_table() {
    let rows = circulant_rows(CIRCULANT_ROW);
    for (x, published) in (0..=255).zip(PUBLISHED) {
        let inverted = inverse(SM4_POLYNOMIAL, by_rows(rows, x) ^ CONSTANT);
        assert_eq!(by_rows(rows, inverted) ^ CONSTANT, published, "S({x:#x})");
    }
}

/// Of all circulant matrices and all constants, the table admits one of each.
#[test]
fn the_published_table_has_no_other_algebra() {
    let inverses = inverses(SM4_POLYNOMIAL);
    let mut found = Vec::new();
    for first in 0..=255u8 {
        let rows = circulant_rows(first);
        let map: [u8; 256] = std::array::from_fn(|x| by_rows(rows, x as u8));
        for constant in 0..=255u8 {
            let fits = |x: usize| map[usize::from(inverses[usize::from(map[x] ^ constant)])] ^ constant == PUBLISHED[x];
            if (0..256).all(fits) {
                found.push((first, constant));
            }
        }
    }
    assert_eq!(found, [(CIRCULANT_ROW, CONSTANT)]);
}

/// SM4's polynomial has eight roots in the field of AES, each an isomorphism. The way into the kernels' form is A followed by
/// one of them, and the constant it adds to round keys is the image of C.
#[test]
fn the_form_of_the_kernels_is_an_isomorphism() {
    let rows = circulant_rows(CIRCULANT_ROW);
    let power = |root: u8, n: usize| (0..n).fold(1, |power, _| multiply(AES_POLYNOMIAL, power, root));
    let value = |root: u8| (0..9).filter(|n| SM4_POLYNOMIAL >> n & 1 == 1).fold(0, |sum, n| sum ^ power(root, n));
    let roots: Vec<u8> = (0..=255).filter(|root| value(*root) == 0).collect();
    assert_eq!(roots.len(), 8);
    let ours = roots.iter().filter(|root| {
        let columns: [u8; 8] = std::array::from_fn(|n| power(**root, n));
        let image = |x: u8| apply(columns, x);
        for (x, y) in [(0x53, 0xca), (0x80, 0x80), (2, 0xff), (0xf1, 0x1f)] {
            let product = multiply(SM4_POLYNOMIAL, x, y);
            assert_eq!(image(product), multiply(AES_POLYNOMIAL, image(x), image(y)), "products are kept");
        }
        (0..=255).all(|x| image(by_rows(rows, x) ^ CONSTANT) == apply(ENTER_KEY.columns, x) ^ ENTER_KEY.constant)
    });
    assert_eq!(ours.count(), 1);
    for x in 0..=255 {
        assert_eq!(apply(LEAVE.columns, apply(ENTER.columns, x)), x);
        assert_eq!(gf2p8affineqb(gf2p8affineqb(x, ENTER.matrix(), 0), LEAVE.matrix(), 0), x);
        assert_eq!(by_nibbles(&LEAVE, by_nibbles(&ENTER, x)), x);
        assert_eq!(by_nibbles(&ENTER_KEY, x), apply(ENTER.columns, x) ^ ENTER_KEY.constant);
    }
}

/// The model of the instructions is right where AES's own S-box shows it: its matrix and constant are published.
const SUB_BYTES: u64 = 0xf1e3_c78f_1f3e_7cf8;

#[test]
fn the_model_of_gfni_computes_the_s_box_of_aes() {
    for (x, published) in [(0x00, 0x63), (0x01, 0x7c), (0x53, 0xed), (0x9a, 0xb8), (0xff, 0x16)] {
        assert_eq!(gf2p8affineinvqb(x, SUB_BYTES, 0x63), published);
    }
}

/// What the key schedule of the kernels does.
#[test]
fn sub_bytes_between_two_look_ups_computes_the_published_table() {
    for (x, published) in (0..=255).zip(PUBLISHED) {
        let substituted = gf2p8affineinvqb(by_nibbles(&ENTER_KEY, x), SUB_BYTES, 0x63);
        assert_eq!(by_nibbles(&OUT_SUB_BYTES, substituted), published, "S({x:#x})");
    }
}

/// What a round adds, in the kernels' form and byte by byte as they compute it, is L(S(t)) of the published table: by GFNI and
/// by AES-NI, on every byte in every place.
#[test]
fn a_round_in_the_form_of_the_kernels_is_a_round() {
    let bytewise = |word: u32, map: &dyn Fn(u8) -> u8| u32::from_le_bytes(word.to_le_bytes().map(map));
    let sum = |u: u32, w: u32| u ^ w.rotate_left(8) ^ w.rotate_left(16) ^ (u ^ w).rotate_left(24);
    for i in 0..1024 {
        let t = (i & 255) << (8 * (i >> 8)) ^ if i & 1 == 1 { 0x9d3b_a1c6 } else { 0 };
        let b = bytewise(t, &|byte| PUBLISHED[usize::from(byte)]);
        let expected = b ^ b.rotate_left(2) ^ b.rotate_left(10) ^ b.rotate_left(18) ^ b.rotate_left(24);

        // t is a sum with a round key, which brings the constant.
        let entered = bytewise(t, &|byte| by_nibbles(&ENTER_KEY, byte));
        let by_gfni =
            MIX.each_ref().map(|map| bytewise(entered, &|byte| gf2p8affineinvqb(byte, map.matrix(), map.constant)));
        let by_aes = MIX_SUB_BYTES
            .each_ref()
            .map(|map| bytewise(entered, &|byte| by_nibbles(map, gf2p8affineinvqb(byte, SUB_BYTES, 0x63))));
        for [u, w] in [by_gfni, by_aes] {
            assert_eq!(bytewise(sum(u, w), &|byte| by_nibbles(&LEAVE, byte)), expected, "L(S({t:#x}))");
        }
    }
}

#[test]
fn the_circuit_computes_the_published_table() {
    // All 256 bytes at once: four words of 64 planes.
    for quarter in 0..4 {
        let byte = |lane: usize| (64 * quarter + lane) as u8;
        let planes: [u64; 8] =
            std::array::from_fn(|bit| (0..64).fold(0, |plane, lane| plane | u64::from(byte(lane) >> bit & 1) << lane));
        let planes = circuit::substitute(planes);
        for lane in 0..64 {
            let y = (0..8).fold(0, |y, bit| y | ((planes[bit] >> lane & 1) as u8) << bit);
            assert_eq!(y, PUBLISHED[usize::from(byte(lane))], "S({:#x})", byte(lane));
        }
    }
    assert_eq!(circuit::substitute_word(0x0055_aaff), 0xd664_2348);
}

#[test]
fn products_are_those_of_the_field() {
    assert_eq!(multiply(field::AES_POLYNOMIAL, 0x57, 0x83), 0xc1, "FIPS 197, section 4.2");
    assert_eq!(multiply(SM4_POLYNOMIAL, 0x80, 2), 0xf5);
}
