//! Which kernels this processor gets: asked once, checked once, then remembered.
//!
//! Before a kernel is used it seals and opens the message of RFC 8998, and longer ones that must come out as from the
//! portable kernel. One that fails is passed over, with a line on standard error: the next one is as correct, only slower. If
//! the portable one fails, the process ends, for then this build computes no SM4 at all.

use super::gcm::Sm4Gcm;
use super::ghash::HashKernel;
use super::schedule::RoundKeys;
use super::{Counter, portable};
use crate::primitive::must;
use aws_lc_rs::error::Unspecified;
use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::{aesni::AesNi, gfni256::Gfni256, gfni512::Gfni512, vaes::Vaes};

/// Code that makes key stream. A value says that this processor can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CipherKernel {
    Portable,
    #[cfg(target_arch = "x86_64")]
    AesNi(AesNi),
    #[cfg(target_arch = "x86_64")]
    Vaes(Vaes),
    #[cfg(target_arch = "x86_64")]
    Gfni256(Gfni256),
    #[cfg(target_arch = "x86_64")]
    Gfni512(Gfni512),
}

impl CipherKernel {
    /// Those this processor can run, the fastest first. Never empty.
    pub(super) fn available() -> Vec<Self> {
        let kernels = [
            #[cfg(target_arch = "x86_64")]
            Gfni512::detect().map(Self::Gfni512),
            #[cfg(target_arch = "x86_64")]
            Gfni256::detect().map(Self::Gfni256),
            #[cfg(target_arch = "x86_64")]
            Vaes::detect().map(Self::Vaes),
            #[cfg(target_arch = "x86_64")]
            AesNi::detect().map(Self::AesNi),
            Some(Self::Portable),
        ];
        kernels.into_iter().flatten().collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::AesNi(_) => "aesni-avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(_) => "vaes-avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Gfni256(_) => "gfni-avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Gfni512(_) => "gfni-avx512",
        }
    }

    pub(super) fn expand(self, key: &[u8; 16]) -> RoundKeys {
        match self {
            Self::Portable => portable::expand(key),
            #[cfg(target_arch = "x86_64")]
            Self::AesNi(kernel) => kernel.expand(key),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(kernel) => kernel.narrow().expand(key),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni256(kernel) => kernel.narrow().expand(key),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni512(kernel) => kernel.narrow().expand(key),
        }
    }

    /// Round keys as the standard has them into the form this kernel wants.
    #[cfg(test)]
    pub(super) fn prepare(self, words: [u32; 32]) -> [u32; 32] {
        match self {
            Self::Portable => words,
            #[cfg(target_arch = "x86_64")]
            Self::AesNi(kernel) => kernel.prepare(words),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(kernel) => kernel.narrow().prepare(words),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni256(kernel) => kernel.narrow().prepare(words),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni512(kernel) => kernel.narrow().prepare(words),
        }
    }

    /// Writes `src` XOR key stream to `dst`, which is as long.
    pub(super) fn xor(self, counter: &Counter<'_>, src: &[u8], dst: &mut [u8]) {
        debug_assert_eq!(src.len(), dst.len());
        match self {
            Self::Portable => portable::xor(counter, src, dst),
            #[cfg(target_arch = "x86_64")]
            Self::AesNi(kernel) => kernel.xor(counter, src, dst),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(kernel) => kernel.xor(counter, src, dst),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni256(kernel) => kernel.xor(counter, src, dst),
            #[cfg(target_arch = "x86_64")]
            Self::Gfni512(kernel) => kernel.xor(counter, src, dst),
        }
    }
}

/// A kernel for the cipher and one for the hash, both such that this processor can run them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    cipher: CipherKernel,
    hash: HashKernel,
}

impl Engine {
    const PORTABLE: Self = Self { cipher: CipherKernel::Portable, hash: HashKernel::Portable };

    /// The fastest pair that passes its test. The first call decides for the life of the process.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Engine> = OnceLock::new();
        *CHOSEN.get_or_init(|| Self::choose(CipherKernel::available(), HashKernel::available(), Self::is_correct))
    }

    /// Every pair this processor can run.
    pub fn available() -> Vec<Self> {
        let pairs = |cipher| HashKernel::available().into_iter().map(move |hash| Self { cipher, hash });
        CipherKernel::available().into_iter().flat_map(pairs).collect()
    }

    /// The first of each kind that `is_correct`, each judged beside the other's portable one.
    pub(super) fn choose(
        ciphers: Vec<CipherKernel>,
        hashes: Vec<HashKernel>,
        is_correct: impl Fn(Self) -> bool,
    ) -> Self {
        let passes = |engine: Self| {
            let correct = is_correct(engine);
            if !correct {
                eprintln!("strongroom: SM4-GCM by {engine} fails its self-test on this processor and is not used");
            }
            correct
        };
        must(if passes(Self::PORTABLE) { Ok(()) } else { Err(Unspecified) }, "the self-test of SM4-GCM");
        let mut chosen = Self::PORTABLE;
        for cipher in ciphers {
            if passes(Self { cipher, ..Self::PORTABLE }) {
                chosen.cipher = cipher;
                break;
            }
        }
        for hash in hashes {
            if passes(Self { hash, ..Self::PORTABLE }) {
                chosen.hash = hash;
                break;
            }
        }
        chosen
    }

    /// The published message, sealed and opened; and longer ones as the portable kernels seal them, so that every path of a
    /// kernel is taken: whole batches, their rest, few blocks, many.
    pub(super) fn is_correct(self) -> bool {
        self.seals_as_published()
            && [33, 300, 1200, 4096 + 77].into_iter().all(|length| self.seal(length) == Self::PORTABLE.seal(length))
    }

    /// RFC 8998, appendix A.1.
    fn seals_as_published(self) -> bool {
        const KEY: [u8; 16] = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210_u128.to_be_bytes();
        const NONCE: [u8; 12] = [0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0xab, 0xcd];
        const AAD: [u8; 20] = *b"\xfe\xed\xfa\xce\xde\xad\xbe\xef\xfe\xed\xfa\xce\xde\xad\xbe\xef\xab\xad\xda\xd2";
        // Eight bytes of each of these; the tag stands for the ciphertext it was computed of.
        const PLAIN: [u8; 8] = [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xee, 0xaa];
        const TAG: [u8; 16] = 0x83de_3541_e4c2_b581_77e0_65a9_bf7b_62ec_u128.to_be_bytes();
        let plain: [u8; 64] = std::array::from_fn(|i| PLAIN[i / 8]);
        let (mut sealed, mut opened) = ([0; 80], [0; 64]);
        let key = Sm4Gcm::new(self, &KEY);
        key.seal(&NONCE, &AAD, &plain, &mut sealed);
        sealed.ends_with(&TAG) && key.open(&NONCE, &AAD, &sealed, &mut opened).is_ok() && opened == plain
    }

    /// A message of this length, sealed under a key of no worth.
    fn seal(self, length: usize) -> Vec<u8> {
        let plain: Vec<u8> = (0..length).map(|i| (i * 7 + i / 256) as u8).collect();
        let mut sealed = vec![0; length + 16];
        Sm4Gcm::new(self, &[0x3c; 16]).seal(&[0xc3; 12], &plain[..length / 3], &plain, &mut sealed);
        sealed
    }

    pub(super) fn kernels(self) -> (CipherKernel, HashKernel) {
        (self.cipher, self.hash)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.cipher.name(), self.hash.name())
    }
}
