//! What the black-box tests share: fixed keys, predictable bodies, whole streams at once.
#![allow(dead_code, reason = "each test binary uses its own part")]

use model::{Entropy, StreamUid};
use std::sync::atomic::{AtomicU64, Ordering};
use strongroom_crypto::{OpenError, SEGMENT_BYTES, SecretBytes, StreamOpener, StreamSealer, plain_len, segment_count};

/// Predictable bytes, different on each call.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&strongroom_crypto::sha256(&n.to_be_bytes())[..chunk.len()]);
        }
    }
}

/// The secret whose bytes are `first`, `first + 1`, ...
pub(crate) fn secret(first: u8) -> SecretBytes<32> {
    SecretBytes::fill_with(|bytes| *bytes = std::array::from_fn(|i| first.wrapping_add(i as u8)))
}

/// The body the golden streams hold: byte `i` is `7 * i + floor(i / 256)` modulo 256.
pub(crate) fn body(length: usize) -> Vec<u8> {
    (0..length).map(|i| (7 * i + i / 256) as u8).collect()
}

/// A stream uid whose bytes are `first`, `first + 1`, ...
pub(crate) fn uid(first: u8) -> StreamUid {
    StreamUid::from_bytes(std::array::from_fn(|i| first + i as u8))
}

/// Seals a whole body.
pub(crate) fn seal_all(mut sealer: StreamSealer, plain: &[u8]) -> Vec<u8> {
    let count = segment_count(plain.len() as u64);
    let mut sealed = Vec::new();
    for index in 0..count {
        let start = index as usize * SEGMENT_BYTES;
        let text = &plain[start..plain.len().min(start + SEGMENT_BYTES)];
        let mut out = vec![0; text.len() + sealer.suite().tag_bytes()];
        sealer.seal_segment(text, index == count - 1, &mut out).unwrap();
        sealed.extend_from_slice(&out);
    }
    assert!(sealer.is_ended());
    sealed
}

/// Opens a whole stream as a reader does that trusts the sealed length alone (the record's size makes it stricter).
pub(crate) fn open_all(opener: &StreamOpener, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let tag = opener.suite().tag_bytes();
    let plain = plain_len(opener.suite(), sealed.len() as u64).ok_or(OpenError)?;
    let count = segment_count(plain);
    let mut out = vec![0; plain as usize];
    for (index, (segment, text)) in segments(sealed, tag).zip(texts(&mut out)).enumerate() {
        opener.open_segment(index as u64, index as u64 == count - 1, segment, text)?;
    }
    Ok(out)
}

/// The sealed segments of a stream.
pub(crate) fn segments(sealed: &[u8], tag: usize) -> impl Iterator<Item = &[u8]> {
    sealed.chunks(SEGMENT_BYTES + tag)
}

fn texts(out: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let empty = out.is_empty().then_some(&mut [][..]);
    empty.into_iter().chain(out.chunks_mut(SEGMENT_BYTES))
}
