//! Every kernel this processor can run against published vectors, against the algebra, and against the `sm4` and `aes-gcm`
//! crates. Each test prints which kernels it ran; what the processor lacks is left out.
//!
//! `STRONGROOM_TEST_QUICK=1` makes the sweeps small, for processors that are emulated.

mod cipher;
#[cfg(target_arch = "x86_64")]
mod constant_time;
mod differential;
mod field;
mod forgery;
mod gcrypt;
mod hash;
mod libgcrypt;
mod selection;

use super::dispatch::CipherKernel;
use super::{Counter, Engine};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInPlace, KeyInit};

/// `full`, or `quick` where the processor is a slow one.
fn rounds(full: usize, quick: usize) -> usize {
    if std::env::var_os("STRONGROOM_TEST_QUICK").is_some() { quick } else { full }
}

/// Every pair of kernels, and a line that says which.
fn engines() -> Vec<Engine> {
    let engines = Engine::available();
    engines.iter().for_each(|engine| println!("SM4-GCM by {engine}"));
    engines
}

/// Every kernel of the cipher, and a line that says which.
fn kernels() -> Vec<CipherKernel> {
    let kernels = CipherKernel::available();
    kernels.iter().for_each(|kernel| println!("SM4 by {}", kernel.name()));
    kernels
}

/// One block enciphered: it is the counter block, and the key stream its cipher.
fn encipher(kernel: CipherKernel, round_keys: &[u32; 32], block: [u8; 16]) -> [u8; 16] {
    let word = |i: usize| u32::from_be_bytes(*block[4 * i..].first_chunk().unwrap());
    let counter = Counter { round_keys, nonce: [word(0), word(1), word(2)], counter: word(3) };
    let mut out = [0; 16];
    kernel.xor(&counter, &[0; 16], &mut out);
    out
}

/// SM4-GCM by the crates.
fn oracle(key: &[u8; 16], nonce: &[u8; 12], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut sealed = plain.to_vec();
    let cipher = AesGcm::<sm4::Sm4, U12>::new(key.into());
    let tag = cipher.encrypt_in_place_detached(nonce.into(), aad, &mut sealed).unwrap();
    sealed.extend_from_slice(&tag);
    sealed
}

/// Numbers that look random and are the same every time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.next() as u8);
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }
}
