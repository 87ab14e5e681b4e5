//! The S-box of SM4 as algebra, and its maps for instructions that were made for AES.
//!
//! With `x` a byte as a polynomial over GF(2) modulo x^8+x^7+x^6+x^5+x^4+x^2+1,
//!
//! ```text
//! S(x) = A inv(A x + C) + C        A circulant with first row 0xa7, C = 0xd3, inv(0) = 0
//! ```
//!
//! All fields of 256 elements are the same up to names. If b is a root of SM4's polynomial in the field of AES, the linear
//! map P that sends x^i to b^i turns SM4's inversion into that of AES, and P and its inverse melt into the affine maps:
//!
//! ```text
//! S(x) = post(inv_aes(pre(x)))     pre(x) = P A x + P C       post(y) = A P^-1 y + C
//! ```
//!
//! GFNI computes both affine maps and `inv_aes`. AES-NI has `SubBytes(y) = M inv_aes(y) + 0x63` instead; M is undone in
//! the second map. Everything here is computed by the compiler from the lines above; tests compare the S-box with the
//! published table, and find A, C and P again from that table alone.

/// SM4's field polynomial, and that of AES.
pub(super) const SM4_POLYNOMIAL: u16 = 0x1f5;
pub(super) const AES_POLYNOMIAL: u16 = 0x11b;
/// First row of A: row `i` is this, rotated left by `i`.
pub(super) const CIRCULANT_ROW: u8 = 0xa7;
/// C.
pub(super) const CONSTANT: u8 = 0xd3;

/// Into the field of AES: what stands before the inversion.
pub(super) const PRE: Affine = Affine { columns: product(TO_AES, CIRCULANT), constant: apply(TO_AES, CONSTANT) };
/// Out of the field of AES: what stands after the inversion.
pub(super) const POST: Affine = Affine { columns: product(CIRCULANT, inverse(TO_AES)), constant: CONSTANT };
/// What stands after `SubBytes` of AES: its own affine map undone, then [`POST`].
pub(super) const POST_SUB_BYTES: Affine = {
    let columns = product(POST.columns, inverse(SUB_BYTES));
    Affine { columns, constant: apply(columns, SUB_BYTES_CONSTANT) ^ POST.constant }
};

/// The linear part of AES's `SubBytes` (FIPS 197, section 5.1.1): bit `i` is the sum of bits `i`, `i+4` to `i+7`.
const SUB_BYTES: Columns = from_rows(circulant_rows(0xf1));
const SUB_BYTES_CONSTANT: u8 = 0x63;

const CIRCULANT: Columns = from_rows(circulant_rows(CIRCULANT_ROW));
/// P: column `i` is b^i, b the least root of SM4's polynomial in the field of AES.
const TO_AES: Columns = powers(root());

/// A linear map of bytes: what it makes of each bit.
pub(super) type Columns = [u8; 8];

/// A linear map, then a constant added.
pub(super) struct Affine {
    pub(super) columns: Columns,
    pub(super) constant: u8,
}

impl Affine {
    /// As a matrix of `gf2p8affineqb`: row `i` is byte `7 - i`. The constant is the instruction's immediate.
    pub(super) const fn matrix(&self) -> u64 {
        u64::from_be_bytes(to_rows(self.columns))
    }

    /// As two tables of sixteen bytes for `pshufb`: of the low four bits, with the constant; of the high four.
    pub(super) const fn nibbles(&self) -> [[u8; 16]; 2] {
        let mut tables = [[0; 16]; 2];
        let mut n = 0;
        while n < 16 {
            tables[0][n] = apply(self.columns, n as u8) ^ self.constant;
            tables[1][n] = apply(self.columns, (n as u8) << 4);
            n += 1;
        }
        tables
    }
}

pub(super) const fn apply(columns: Columns, x: u8) -> u8 {
    let mut y = 0;
    let mut i = 0;
    while i < 8 {
        if x >> i & 1 == 1 {
            y ^= columns[i];
        }
        i += 1;
    }
    y
}

/// `outer` after `inner`.
const fn product(outer: Columns, inner: Columns) -> Columns {
    let mut columns = [0; 8];
    let mut i = 0;
    while i < 8 {
        columns[i] = apply(outer, inner[i]);
        i += 1;
    }
    columns
}

/// The map that undoes `columns`: each of its columns is searched. A map that cannot be undone does not compile.
const fn inverse(columns: Columns) -> Columns {
    let mut inverse = [0; 8];
    let mut found = 0;
    let mut x = 0;
    while x < 256 {
        let y = apply(columns, x as u8);
        if y.is_power_of_two() {
            inverse[y.trailing_zeros() as usize] = x as u8;
            found += 1;
        }
        x += 1;
    }
    assert!(found == 8);
    inverse
}

/// Rows to columns or back: bit `j` of byte `i` becomes bit `i` of byte `j`.
const fn to_rows(columns: Columns) -> [u8; 8] {
    let mut rows = [0; 8];
    let mut i = 0;
    while i < 64 {
        rows[i / 8] |= (columns[i % 8] >> (i / 8) & 1) << (i % 8);
        i += 1;
    }
    rows
}

const fn from_rows(rows: [u8; 8]) -> Columns {
    to_rows(rows)
}

pub(super) const fn circulant_rows(first: u8) -> [u8; 8] {
    let mut rows = [0; 8];
    let mut i = 0;
    while i < 8 {
        rows[i] = first.rotate_left(i as u32);
        i += 1;
    }
    rows
}

/// The product in the field of a polynomial.
pub(super) const fn multiply(polynomial: u16, a: u8, b: u8) -> u8 {
    let (mut a, mut product, mut i) = (a as u16, 0, 0);
    while i < 8 {
        if b >> i & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a & 0x100 != 0 {
            a ^= polynomial;
        }
        i += 1;
    }
    product as u8
}

const fn powers(base: u8) -> Columns {
    let mut powers = [1; 8];
    let mut i = 1;
    while i < 8 {
        powers[i] = multiply(AES_POLYNOMIAL, powers[i - 1], base);
        i += 1;
    }
    powers
}

/// The least root of SM4's polynomial in the field of AES.
const fn root() -> u8 {
    let mut candidate = 0;
    loop {
        let powers = powers(candidate);
        let eighth = multiply(AES_POLYNOMIAL, powers[7], candidate);
        if eighth == apply(powers, SM4_POLYNOMIAL as u8) {
            return candidate;
        }
        candidate += 1;
    }
}
