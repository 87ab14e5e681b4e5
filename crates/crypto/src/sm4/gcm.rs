//! GCM (NIST SP 800-38D) over SM4 with nonces of 12 bytes and tags of 16, as RFC 8998 has it.
//!
//! ```text
//! H    = E(0^128)                      J0 = nonce || 1
//! text = plain XOR E(nonce || 2), E(nonce || 3), ...
//! tag  = GHASH_H(aad, text, lengths) XOR E(J0)
//! ```

use super::Counter;
use super::dispatch::{CipherKernel, Engine};
use super::ghash::HashKey;
use super::schedule::RoundKeys;
use crate::aead::{Forged, NONCE_BYTES, TAG_BYTES};
use crate::primitive::must;
use aws_lc_rs::error::Unspecified;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

const BLOCK_BYTES: usize = 16;
/// A message is at most 2^39 - 256 bits long (section 5.2.1.1): the counter ends there.
const MESSAGE_BYTES_MAX: u64 = (1 << 36) - 32;
/// Associated data is at most 2^64 - 1 bits long.
const AAD_BYTES_MAX: u64 = (1 << 61) - 1;
/// What is enciphered and hashed in turn, in bytes: a whole number of every kernel's batches, and still in the first cache
/// when its turn to be hashed comes.
const STRIDE_BYTES: usize = 2048;
/// Blocks that come out of the one call that makes the tag's mask, if the message is short enough to profit.
const HEAD_BLOCKS: usize = 8;
const HEAD_BYTES: usize = HEAD_BLOCKS * BLOCK_BYTES;

/// An expanded key on the kernels of an [`Engine`]. Wiped when dropped: its parts wipe themselves.
pub struct Sm4Gcm {
    cipher: CipherKernel,
    round_keys: RoundKeys,
    hash: HashKey,
}

impl Sm4Gcm {
    /// Expands a key.
    pub fn new(engine: Engine, key: &[u8; 16]) -> Self {
        let (cipher, hash) = engine.kernels();
        let round_keys = cipher.expand(key);
        let mut h = [0; BLOCK_BYTES];
        cipher.xor(&Counter { round_keys: round_keys.words(), nonce: [0; 3], counter: 0 }, &[0; BLOCK_BYTES], &mut h);
        let hash = HashKey::new(hash, &h);
        h.zeroize();
        Self { cipher, round_keys, hash }
    }

    /// Writes `ciphertext || auth tag` to `out`, which is 16 bytes longer than `plain`. A message beyond GCM's limits ends
    /// the process: its key stream would repeat.
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], plain: &[u8], out: &mut [u8]) {
        must(
            if within_limits(plain.len() as u64, aad.len() as u64) { Ok(()) } else { Err(Unspecified) },
            "SM4-GCM seal",
        );
        let (text, tag) = out.split_at_mut(plain.len());
        tag.copy_from_slice(&self.run(nonce, aad, plain, text, Direction::Seal));
    }

    /// Checks the tag and writes the plaintext to `out`, 16 bytes shorter than `sealed`.
    ///
    /// # Errors
    /// [`Forged`] if the tag does not fit, or a length does not. `out` is then wiped: a segment is deciphered while it is
    /// hashed, before the tag is known.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), Forged> {
        let fits =
            |(text, tag): &(&[u8], &[u8])| tag.len() == TAG_BYTES && within_limits(text.len() as u64, aad.len() as u64);
        let Some((text, tag)) = sealed.split_at_checked(out.len()).filter(fits) else {
            out.zeroize();
            return Err(Forged);
        };
        let mut expected = self.run(nonce, aad, text, out, Direction::Open);
        let genuine: bool = expected.ct_eq(tag).into();
        // The tag that a forgery lacked is a secret.
        expected.zeroize();
        if genuine {
            return Ok(());
        }
        out.zeroize();
        Err(Forged)
    }

    /// As `open`, for measurements: whether it opened.
    pub fn opens(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8], out: &mut [u8]) -> bool {
        self.open(nonce, aad, sealed, out).is_ok()
    }

    /// `src` through counter mode to `dst`; the tag of whichever is the ciphertext.
    fn run(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        src: &[u8],
        dst: &mut [u8],
        direction: Direction,
    ) -> [u8; TAG_BYTES] {
        let mut hash = 0;
        self.hash.update(&mut hash, aad);
        let first = self.counter(nonce);
        let mut tag = [0; TAG_BYTES];
        if src.len() <= HEAD_BYTES - BLOCK_BYTES {
            // One call makes the mask and the whole key stream.
            let mut stream = [0; HEAD_BYTES];
            let stream = &mut stream[..BLOCK_BYTES + src.len()];
            self.cipher.xor(&first, &[0; HEAD_BYTES][..stream.len()], stream);
            let (mask, stream_rest) = stream.split_at(BLOCK_BYTES);
            tag.copy_from_slice(mask);
            dst.iter_mut().zip(src).zip(stream_rest).for_each(|((dst, src), key)| *dst = src ^ key);
            stream.zeroize();
            self.hash.update(&mut hash, direction.ciphertext(src, dst));
        } else {
            self.cipher.xor(&first, &[0; BLOCK_BYTES], &mut tag);
            let mut counter = first.ahead(1);
            for (src, dst) in src.chunks(STRIDE_BYTES).zip(dst.chunks_mut(STRIDE_BYTES)) {
                self.cipher.xor(&counter, src, dst);
                self.hash.update(&mut hash, direction.ciphertext(src, dst));
                counter = counter.ahead(STRIDE_BYTES / BLOCK_BYTES);
            }
        }
        let lengths = (aad.len() as u128) << 67 | (src.len() as u128) << 3;
        self.hash.update(&mut hash, &lengths.to_be_bytes());
        tag.iter_mut().zip(hash.to_be_bytes()).for_each(|(tag, hash)| *tag ^= hash);
        hash.zeroize();
        tag
    }

    /// J0.
    fn counter(&self, nonce: &[u8; NONCE_BYTES]) -> Counter<'_> {
        let mut words = [0; 3];
        words.iter_mut().zip(nonce.as_chunks().0).for_each(|(word, bytes)| *word = u32::from_be_bytes(*bytes));
        Counter { round_keys: self.round_keys.words(), nonce: words, counter: 1 }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Seal,
    Open,
}

impl Direction {
    fn ciphertext<'a>(self, src: &'a [u8], dst: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Seal => dst,
            Self::Open => src,
        }
    }
}

/// Whether GCM takes a message of this many bytes with so many of associated data.
pub(super) fn within_limits(text: u64, aad: u64) -> bool {
    text <= MESSAGE_BYTES_MAX && aad <= AAD_BYTES_MAX
}
