//! GHASH (NIST SP 800-38D, section 6.4): a polynomial over GF(2^128) at the point H, the cipher of a block of zeros.
//!
//! ```text
//! state <- (state + block) H           for each block
//! ```
//!
//! A block is read as a big-endian number, which puts its bits in the order of POLYVAL (RFC 8452, appendix A); H is then
//! multiplied by x once. Every kernel works on these numbers. To sum many blocks before one reduction,
//!
//! ```text
//! state <- (state + b_1) H^n + b_2 H^(n-1) + ... + b_n H
//! ```
//!
//! a kernel needs powers of H. They are computed when the first message of some length comes along: a key that wraps
//! 32 bytes never needs them.

mod portable;

#[cfg(target_arch = "x86_64")]
mod clmul;
#[cfg(target_arch = "x86_64")]
mod vpclmul256;
#[cfg(target_arch = "x86_64")]
mod vpclmul512;

#[cfg(target_arch = "x86_64")]
pub(super) use {clmul::Clmul, vpclmul256::Vpclmul256, vpclmul512::Vpclmul512};

use std::sync::OnceLock;
use zeroize::{Zeroize, ZeroizeOnDrop};

const BLOCK_BYTES: usize = 16;
/// Powers of H at hand for long messages.
const POWERS: usize = 64;
/// What is hashed with H alone, block by block, as long as there are no powers of it: to make them costs about as much.
const SHALLOW_BYTES: usize = 24 * BLOCK_BYTES;

/// Code that hashes. A value says that this processor can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashKernel {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Clmul(Clmul),
    #[cfg(target_arch = "x86_64")]
    Vpclmul256(Vpclmul256),
    #[cfg(target_arch = "x86_64")]
    Vpclmul512(Vpclmul512),
}

impl HashKernel {
    /// Those this processor can run, the fastest first. Never empty.
    pub(super) fn available() -> Vec<Self> {
        let kernels = [
            #[cfg(target_arch = "x86_64")]
            Vpclmul512::detect().map(Self::Vpclmul512),
            #[cfg(target_arch = "x86_64")]
            Vpclmul256::detect().map(Self::Vpclmul256),
            #[cfg(target_arch = "x86_64")]
            Clmul::detect().map(Self::Clmul),
            Some(Self::Portable),
        ];
        kernels.into_iter().flatten().collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Clmul(_) => "pclmulqdq",
            #[cfg(target_arch = "x86_64")]
            Self::Vpclmul256(_) => "vpclmulqdq-256",
            #[cfg(target_arch = "x86_64")]
            Self::Vpclmul512(_) => "vpclmulqdq-512",
        }
    }
}

/// The hash key: H, and its powers once they are needed. Wiped when dropped.
pub(super) struct HashKey {
    kernel: HashKernel,
    h: Box<Wiped<1>>,
    powers: OnceLock<Box<Wiped<POWERS>>>,
}

/// Powers of H in falling order, so that block `i` of a run of `n` meets number `N - n + i`.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(align(64))]
struct Wiped<const N: usize>([u128; N]);

impl HashKey {
    /// From the cipher of a block of zeros.
    pub(super) fn new(kernel: HashKernel, h: &[u8; BLOCK_BYTES]) -> Self {
        let mut key = Box::new(Wiped([0]));
        key.0[0] = times_x(u128::from_be_bytes(*h));
        Self { kernel, h: key, powers: OnceLock::new() }
    }

    /// Takes the next bytes, the last block filled up with zeros: call it with whole blocks but for the last time.
    pub(super) fn update(&self, state: &mut u128, data: &[u8]) {
        let (blocks, rest) = data.as_chunks();
        self.blocks(state, blocks);
        if !rest.is_empty() {
            let mut last = [0; BLOCK_BYTES];
            last[..rest.len()].copy_from_slice(rest);
            self.blocks(state, &[last]);
            last.zeroize();
        }
    }

    fn blocks(&self, state: &mut u128, blocks: &[[u8; BLOCK_BYTES]]) {
        let powers: &[u128] = match self.powers.get() {
            Some(powers) => &powers.0,
            None if blocks.as_flattened().len() <= SHALLOW_BYTES || self.kernel == HashKernel::Portable => &self.h.0,
            None => &self.powers.get_or_init(|| self.powers()).0,
        };
        match self.kernel {
            HashKernel::Portable => portable::blocks(powers, state, blocks),
            #[cfg(target_arch = "x86_64")]
            HashKernel::Clmul(kernel) => kernel.blocks(powers, state, blocks),
            #[cfg(target_arch = "x86_64")]
            HashKernel::Vpclmul256(kernel) => kernel.blocks(powers, state, blocks),
            #[cfg(target_arch = "x86_64")]
            HashKernel::Vpclmul512(kernel) => kernel.blocks(powers, state, blocks),
        }
    }

    fn powers(&self) -> Box<Wiped<POWERS>> {
        let mut powers = Box::new(Wiped([0; POWERS]));
        powers.0[POWERS - 1] = self.h.0[0];
        // Twice as many each time: the products of one step do not wait for one another.
        let mut known = 1;
        while known < POWERS {
            let (new, old) = powers.0[POWERS - 2 * known..].split_at_mut(known);
            let highest = old[0];
            for (new, old) in new.iter_mut().zip(old) {
                *new = self.multiply(highest, *old);
            }
            known *= 2;
        }
        powers
    }

    fn multiply(&self, a: u128, b: u128) -> u128 {
        match self.kernel {
            HashKernel::Portable => portable::multiply(a, b),
            #[cfg(target_arch = "x86_64")]
            HashKernel::Clmul(kernel) => kernel.multiply(a, b),
            #[cfg(target_arch = "x86_64")]
            HashKernel::Vpclmul256(kernel) => kernel.narrow().multiply(a, b),
            #[cfg(target_arch = "x86_64")]
            HashKernel::Vpclmul512(kernel) => kernel.narrow().multiply(a, b),
        }
    }
}

/// Times x modulo x^128 + x^127 + x^126 + x^121 + 1.
fn times_x(h: u128) -> u128 {
    const POLYNOMIAL: u128 = 0xc2 << 120 | 1;
    h << 1 ^ (0u128.wrapping_sub(h >> 127) & POLYNOMIAL)
}
