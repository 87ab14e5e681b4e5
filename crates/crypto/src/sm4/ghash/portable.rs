//! GHASH for every processor: products without carries out of the ordinary multiplier.
//!
//! Between the bits of a factor stand three zeros, so sums of up to fifteen ones stay in their place and their lowest bit
//! is the bit of the product; what is carried further is masked away. Sixteen ones meet only where the carry leaves the
//! word. Constant-time where the multiplier is: those of the 64-bit processors we build for take as long for every factor.

use super::BLOCK_BYTES;

/// Takes whole blocks. `powers` falls to H, and no more than that is used.
pub(super) fn blocks(powers: &[u128], state: &mut u128, blocks: &[[u8; BLOCK_BYTES]]) {
    let h = powers[powers.len() - 1];
    for block in blocks {
        *state = multiply(*state ^ u128::from_be_bytes(*block), h);
    }
}

/// `a b x^-128`, modulo x^128 + x^127 + x^126 + x^121 + 1.
pub(super) fn multiply(a: u128, b: u128) -> u128 {
    let (a0, a1, b0, b1) = (a as u64, (a >> 64) as u64, b as u64, (b >> 64) as u64);
    // Karatsuba over halves.
    let (low, high) = (product(a0, b0), product(a1, b1));
    let middle = product(a0 ^ a1, b0 ^ b1) ^ low ^ high;
    reduce(low ^ middle << 64, high ^ middle >> 64)
}

/// Folds the low half away, one word after the other: each is added where the polynomial's other terms lie.
fn reduce(low: u128, high: u128) -> u128 {
    let mut words = [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64];
    for i in 0..2 {
        let word = words[i];
        words[i + 1] ^= word << 63 ^ word << 62 ^ word << 57;
        words[i + 2] ^= word ^ word >> 1 ^ word >> 2 ^ word >> 7;
    }
    u128::from(words[3]) << 64 | u128::from(words[2])
}

/// The product of two polynomials of degree 63. The upper half is the lower one of the mirrored factors, mirrored.
fn product(a: u64, b: u64) -> u128 {
    let upper = low_product(a.reverse_bits(), b.reverse_bits()).reverse_bits() >> 1;
    u128::from(upper) << 64 | u128::from(low_product(a, b))
}

/// The lower 64 bits of a product.
fn low_product(a: u64, b: u64) -> u64 {
    const EVERY_FOURTH: u64 = 0x1111_1111_1111_1111;
    let every = |word: u64| -> [u64; 4] { std::array::from_fn(|i| word & EVERY_FOURTH << i) };
    let (a, b) = (every(a), every(b));
    let sums: [u64; 4] = std::array::from_fn(|k| (0..4).fold(0, |sum, i| sum ^ a[i].wrapping_mul(b[(4 + k - i) % 4])));
    (0..4).fold(0, |product, k| product | sums[k] & EVERY_FOURTH << k)
}
