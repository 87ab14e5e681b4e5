//! The S-box as a circuit of gates, for processors without the instructions the other kernels need.
//!
//! A byte is eight *planes*: plane `i` holds bit `i` of as many bytes as it has bits. The circuit works on all of them at
//! once with AND, XOR and NOT alone, so nothing it does depends on what the bits are.
//!
//! The inversion is done in a tower of fields, each of degree two over the one before:
//!
//! ```text
//! GF(4)    w^2 = w + 1          GF(16)   y^2 = y + w          GF(256)   z^2 = z + (w y + 1)
//! ```
//!
//! In each an element is `a b` for `a g + b`, g the generator. Its inverse is `a/d` and `(a+b)/d` with
//! `d = a^2 n + a b + b^2`, n the constant of `g^2 = g + n`: one inversion in the field below. The way there from SM4's
//! field sends x to the tower's element 0x83; of the 64 choices of root and constants this one has the fewest gates.

use std::ops::{BitAnd, BitXor, Not};

/// A word of bits that belong to different bytes.
pub(super) trait Plane: Copy + BitXor<Output = Self> + BitAnd<Output = Self> + Not<Output = Self> {}

impl<T: Copy + BitXor<Output = T> + BitAnd<Output = T> + Not<Output = T>> Plane for T {}

/// Elements of GF(4) and GF(16), most significant bit last.
type Two<W> = [W; 2];
type Four<W> = [W; 4];

/// S of the bytes in eight planes, least significant bit first.
#[inline(always)]
pub(super) fn substitute<W: Plane>(x: [W; 8]) -> [W; 8] {
    leave_tower(invert_256(enter_tower(x)))
}

/// S of each byte of a word: for the key schedule.
pub(super) fn substitute_word(word: u32) -> u32 {
    let planes: [u8; 8] =
        std::array::from_fn(|bit| (0..4).fold(0, |plane, byte| plane | ((word >> (8 * byte + bit) & 1) as u8) << byte));
    let planes = substitute(planes);
    (0..32).fold(0, |word, i| word | u32::from(planes[i % 8] >> (i / 8) & 1) << i)
}

/// `x -> A x + C`, then into the tower.
#[inline(always)]
fn enter_tower<W: Plane>(x: [W; 8]) -> [W; 8] {
    let x12 = x[1] ^ x[2];
    let x45 = x[4] ^ x[5];
    let x06 = x[0] ^ x[6];
    let x0126 = x06 ^ x12;
    [x06 ^ x45, x[1] ^ x45, !x[5], x[5] ^ x0126, x[4] ^ x0126, !x[6], !(x[2] ^ x[7]), !(x[3] ^ x45 ^ x0126)]
}

/// Out of the tower, then `y -> A y + C`.
#[inline(always)]
fn leave_tower<W: Plane>(y: [W; 8]) -> [W; 8] {
    let y04 = y[0] ^ y[4];
    let y13 = y[1] ^ y[3];
    let y67 = y[6] ^ y[7];
    [
        !(y[0] ^ y[2]),
        !(y[6] ^ y04),
        y[1] ^ y[2] ^ y[4],
        y[0] ^ y67,
        !(y[5] ^ y13),
        y[7] ^ y13,
        !(y[1] ^ y[5] ^ y04),
        !(y[2] ^ y04 ^ y13 ^ y67),
    ]
}

#[inline(always)]
fn invert_256<W: Plane>(x: [W; 8]) -> [W; 8] {
    let [b0, b1, b2, b3, a0, a1, a2, a3] = x;
    let (a, b) = ([a0, a1, a2, a3], [b0, b1, b2, b3]);
    let sum = add(a, b);
    // d = a^2 n + b (a + b)
    let d = invert_16(add(square_times_n(a), multiply_16(b, sum)));
    let [h0, h1, h2, h3] = multiply_16(a, d);
    let [l0, l1, l2, l3] = multiply_16(sum, d);
    [l0, l1, l2, l3, h0, h1, h2, h3]
}

#[inline(always)]
fn invert_16<W: Plane>([b0, b1, a0, a1]: Four<W>) -> Four<W> {
    let (a, b) = ([a0, a1], [b0, b1]);
    let sum = [a0 ^ b0, a1 ^ b1];
    let [p0, p1] = multiply_4(b, sum);
    let [s0, s1] = times_w(square_4(a));
    // In GF(4) the inverse is the square.
    let d = square_4([p0 ^ s0, p1 ^ s1]);
    let ([h0, h1], [l0, l1]) = (multiply_4(a, d), multiply_4(sum, d));
    [l0, l1, h0, h1]
}

/// By Karatsuba: three products below.
#[inline(always)]
fn multiply_16<W: Plane>([b0, b1, a0, a1]: Four<W>, [d0, d1, c0, c1]: Four<W>) -> Four<W> {
    let [p0, p1] = times_w(multiply_4([a0, a1], [c0, c1]));
    let [q0, q1] = multiply_4([b0, b1], [d0, d1]);
    let [r0, r1] = multiply_4([a0 ^ b0, a1 ^ b1], [c0 ^ d0, c1 ^ d1]);
    [q0 ^ p0, q1 ^ p1, r0 ^ q0, r1 ^ q1]
}

/// The square times `w y + 1`: linear, since squaring is.
#[inline(always)]
fn square_times_n<W: Plane>([b0, b1, a0, a1]: Four<W>) -> Four<W> {
    // (a y + b)^2 = h y + l with h = a^2, l = a^2 w + b^2; times w y + 1 it is (h + w (h + l)) y + l + w^2 h.
    let (sa, sb) = (square_4([a0, a1]), square_4([b0, b1]));
    let wsa = times_w(sa);
    let low = [wsa[0] ^ sb[0], wsa[1] ^ sb[1]];
    let [h0, h1] = times_w([sa[0] ^ low[0], sa[1] ^ low[1]]);
    let [l0, l1] = times_w(wsa);
    [low[0] ^ l0, low[1] ^ l1, sa[0] ^ h0, sa[1] ^ h1]
}

#[inline(always)]
fn multiply_4<W: Plane>([b, a]: Two<W>, [d, c]: Two<W>) -> Two<W> {
    let (p, q, r) = (a & c, b & d, (a ^ b) & (c ^ d));
    [p ^ q, r ^ q]
}

#[inline(always)]
fn square_4<W: Plane>([b, a]: Two<W>) -> Two<W> {
    [a ^ b, a]
}

#[inline(always)]
fn times_w<W: Plane>([b, a]: Two<W>) -> Two<W> {
    [a, a ^ b]
}

#[inline(always)]
fn add<W: Plane>([a0, a1, a2, a3]: Four<W>, [b0, b1, b2, b3]: Four<W>) -> Four<W> {
    [a0 ^ b0, a1 ^ b1, a2 ^ b2, a3 ^ b3]
}
