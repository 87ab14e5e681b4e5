//! The S-box of SM4 as algebra, and a form of the cipher for instructions that were made for AES.
//!
//! With `x` a byte as a polynomial over GF(2) modulo x^8+x^7+x^6+x^5+x^4+x^2+1,
//!
//! ```text
//! S(x) = A inv(A x + C) + C        A circulant with first row 0xa7, C = 0xd3, inv(0) = 0
//! ```
//!
//! All fields of 256 elements are the same up to names. If b is a root of SM4's polynomial in the field of AES, the linear
//! map F that sends x^i to b^i turns SM4's inversion into that of AES, and F and its inverse melt into the affine maps:
//!
//! ```text
//! S(x) = Q(inv_aes(P x + F C))     P = F A        Q(y) = A F^-1 y + C
//! ```
//!
//! The kernels keep each byte x of the state as `P x`. Then nothing stands before the inversion: round keys have `F C` in
//! them. Behind it stands Q, the linear map L of whole words, and P again. Of a word b, with byte 0 the least significant,
//! and p - 1 modulo 4,
//!
//! ```text
//! L(b) = b + b<<<2 + b<<<10 + b<<<18 + b<<<24
//! byte p of it = (1 + l) b[p] + (l + r) b[p-1] + (l + r) b[p-2] + (1 + r) b[p-3]      l: << 2    r: >> 6
//! ```
//!
//! and the third map is the sum of the other two. So with `u = P (1 + l) Q(y)` and `w = P (l + r) Q(y)` of every byte, a
//! round adds `u + w<<<8 + w<<<16 + (u + w)<<<24`: two affine maps, and rotations by whole bytes.
//!
//! GFNI computes `inv_aes` and an affine map in one. AES-NI has `SubBytes(y) = M inv_aes(y) + 0x63`, and M is undone in u
//! and w. Everything here is computed by the compiler from the lines above; tests compare the S-box with the published
//! table, and find A and C again from that table alone.

/// SM4's field polynomial, and that of AES.
pub(super) const SM4_POLYNOMIAL: u16 = 0x1f5;
pub(super) const AES_POLYNOMIAL: u16 = 0x11b;
/// First row of A: row `i` is this, rotated left by `i`.
pub(super) const CIRCULANT_ROW: u8 = 0xa7;
/// C.
pub(super) const CONSTANT: u8 = 0xd3;

/// P: from a byte of the state to the kernels' form.
pub(super) const ENTER: Affine = Affine { columns: product(TO_AES, CIRCULANT), constant: 0 };
/// The way back.
pub(super) const LEAVE: Affine = Affine { columns: inverse(ENTER.columns), constant: 0 };
/// From a byte of a round key to the kernels' form, with `F C` added for the S-box it leads to.
pub(super) const ENTER_KEY: Affine = Affine { columns: ENTER.columns, constant: apply(TO_AES, CONSTANT) };

/// u and w, from what the inversion of AES's field gives.
pub(super) const MIX: [Affine; 2] = [MIX_U.after(&OUT), MIX_W.after(&OUT)];
/// u and w, from what `SubBytes` of AES gives.
pub(super) const MIX_SUB_BYTES: [Affine; 2] = {
    let undone = Affine { columns: inverse(SUB_BYTES), constant: apply(inverse(SUB_BYTES), SUB_BYTES_CONSTANT) };
    [MIX[0].after(&undone), MIX[1].after(&undone)]
};
/// S, from what `SubBytes` of AES gives: for the key schedule.
pub(super) const OUT_SUB_BYTES: Affine = {
    let undone = Affine { columns: inverse(SUB_BYTES), constant: apply(inverse(SUB_BYTES), SUB_BYTES_CONSTANT) };
    OUT.after(&undone)
};

/// Q.
const OUT: Affine = Affine { columns: product(CIRCULANT, inverse(TO_AES)), constant: CONSTANT };
/// `P (1 + l)` and `P (l + r)`.
const MIX_U: Affine = Affine { columns: product(ENTER.columns, sum(ONE, LEFT_2)), constant: 0 };
const MIX_W: Affine = Affine { columns: product(ENTER.columns, sum(LEFT_2, RIGHT_6)), constant: 0 };

const ONE: Columns = [1, 2, 4, 8, 16, 32, 64, 128];
const LEFT_2: Columns = [4, 8, 16, 32, 64, 128, 0, 0];
const RIGHT_6: Columns = [0, 0, 0, 0, 0, 0, 1, 2];

/// The linear part of AES's `SubBytes` (FIPS 197, section 5.1.1): bit `i` is the sum of bits `i`, `i+4` to `i+7`.
const SUB_BYTES: Columns = from_rows(circulant_rows(0xf1));
const SUB_BYTES_CONSTANT: u8 = 0x63;

const CIRCULANT: Columns = from_rows(circulant_rows(CIRCULANT_ROW));
/// F: column `i` is b^i, b the least root of SM4's polynomial in the field of AES.
const TO_AES: Columns = powers(root());

/// A linear map of bytes: what it makes of each bit.
pub(super) type Columns = [u8; 8];

/// A linear map, then a constant added.
pub(super) struct Affine {
    pub(super) columns: Columns,
    pub(super) constant: u8,
}

impl Affine {
    /// This map after `inner`.
    const fn after(&self, inner: &Self) -> Self {
        let constant = apply(self.columns, inner.constant) ^ self.constant;
        Self { columns: product(self.columns, inner.columns), constant }
    }

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

const fn sum(mut a: Columns, b: Columns) -> Columns {
    let mut i = 0;
    while i < 8 {
        a[i] ^= b[i];
        i += 1;
    }
    a
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
