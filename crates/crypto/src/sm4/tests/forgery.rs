//! What must not open, by every pair of kernels: and that nothing is left of it in `out`.

use super::{Numbers, engines, rounds};
use crate::sm4::gcm::within_limits;
use crate::sm4::{Engine, Sm4Gcm};

struct Message {
    key: [u8; 16],
    nonce: [u8; 12],
    aad: Vec<u8>,
    sealed: Vec<u8>,
}

impl Message {
    fn new(engine: Engine, numbers: &mut Numbers, length: usize) -> Self {
        let (key, nonce, aad, plain) = (numbers.array(), numbers.array(), numbers.bytes(37), numbers.bytes(length));
        let mut sealed = vec![0; length + 16];
        Sm4Gcm::new(engine, &key).seal(&nonce, &aad, &plain, &mut sealed);
        Self { key, nonce, aad, sealed }
    }

    /// Whether it opens. Nothing but zeros is left where it does not.
    fn opens(&self, engine: Engine, length: usize) -> bool {
        let mut out = vec![0xaa; length];
        let opened = Sm4Gcm::new(engine, &self.key).open(&self.nonce, &self.aad, &self.sealed, &mut out).is_ok();
        assert!(opened || out.iter().all(|byte| *byte == 0), "unauthenticated plaintext was left behind");
        opened
    }
}

#[test]
fn one_bit_changed_anywhere() {
    let mut numbers = Numbers(5);
    for engine in engines() {
        for length in [0, 1, 100, 700, 5000] {
            let mut message = Message::new(engine, &mut numbers, length);
            assert!(message.opens(engine, length));
            for _ in 0..rounds(40, 4) {
                // The tag often, since it is short beside the rest.
                let at = [numbers.below(length + 16), length + numbers.below(16)][numbers.below(2)];
                let bit = 1 << numbers.below(8);
                message.sealed[at] ^= bit;
                assert!(!message.opens(engine, length), "{engine}: byte {at} of {length} and the tag");
                message.sealed[at] ^= bit;

                let (at, associated) = (numbers.below(12), numbers.below(37));
                message.nonce[at] ^= bit;
                assert!(!message.opens(engine, length), "{engine}: byte {at} of the nonce");
                message.nonce[at] ^= bit;
                message.aad[associated] ^= bit;
                assert!(!message.opens(engine, length), "{engine}: byte {associated} of the associated data");
                message.aad[associated] ^= bit;
                message.key[at] ^= bit;
                assert!(!message.opens(engine, length), "{engine}: byte {at} of the key");
                message.key[at] ^= bit;
            }
            assert!(message.opens(engine, length), "the message itself was left alone");
        }
    }
}

/// Bytes moved between associated data and text keep the hashed bytes but for the lengths; so do zeros at an end.
#[test]
fn a_length_changed() {
    let mut numbers = Numbers(6);
    for engine in engines() {
        let message = Message::new(engine, &mut numbers, 64);
        for length in [0, 63, 65, 79, 80] {
            assert!(!message.opens(engine, length), "{engine}: {length} bytes of room for 64");
        }
        for cut in [0, 1, 15, 16, 79] {
            let short = Message { sealed: message.sealed[..cut].to_vec(), aad: message.aad.clone(), ..message };
            assert!(!short.opens(engine, cut.saturating_sub(16)), "{engine}: {cut} bytes of 80");
        }
        let mut longer = Message { sealed: message.sealed.clone(), aad: message.aad.clone(), ..message };
        longer.aad.push(0);
        assert!(!longer.opens(engine, 64), "{engine}: a zero more");
        longer.aad.pop();
        longer.sealed.insert(64, 0);
        assert!(!longer.opens(engine, 65), "{engine}: a zero more");
    }
}

/// SP 800-38D, section 5.2.1.1. The text's counters begin at 2 and end before they begin again, since 1 makes the tag's
/// mask.
#[test]
fn the_limits_of_gcm() {
    let (blocks, aad_bits) = ((1u64 << 32) - 2, u64::MAX);
    assert!(within_limits(16 * blocks, aad_bits / 8));
    assert!(!within_limits(16 * blocks + 1, 0));
    assert!(!within_limits(0, aad_bits / 8 + 1));
    assert_eq!((blocks as u32).wrapping_add(2), 0, "the counter after the last block's");
}
