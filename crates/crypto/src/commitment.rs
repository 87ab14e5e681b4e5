//! The commitment of a wrap, tested against the attack it is there for: one GCM ciphertext that opens under two keys. The
//! attack is the same whatever the block cipher below GCM.

use crate::aead::Cipher;
use crate::roles::{CustomerKey, Dek, KEY_BYTES, KeyRole};
use crate::sm::Sm4Cipher;
use crate::tree::{sm4_dek_wrap_keys, wrap_keys};
use crate::{Binding, DataCipher, SecretBytes, UnwrapError, WRAPPED_BYTES, Wrapped, unwrap_dek};

/// GHASH arithmetic: multiplication in GF(2^128) with GCM's bit order (SP 800-38D, section 6.3).
fn multiply(x: u128, y: u128) -> u128 {
    let (mut z, mut v) = (0, y);
    for i in 0..128 {
        if x >> (127 - i) & 1 == 1 {
            z ^= v;
        }
        v = if v & 1 == 1 { v >> 1 ^ 0xe1 << 120 } else { v >> 1 };
    }
    z
}

/// `x` to the power 2^128 - 2, its inverse.
fn inverse(x: u128) -> u128 {
    let (mut result, mut power) = (1 << 127, x);
    for _ in 1..128 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}

/// What a GCM tag is made of under one key and the zero nonce.
struct Gcm {
    hash_key: u128,
    tag_mask: u128,
}

impl Gcm {
    /// Recovers both, as an attacker who chose the key would compute them: the tag of nothing is the mask, and two more
    /// tags give the square of the hash key.
    fn of(seal_nothing: impl Fn(&[u8], &mut [u8; 16])) -> Self {
        let tag = |aad: &[u8]| {
            let mut out = [0; 16];
            seal_nothing(aad, &mut out);
            u128::from_be_bytes(out)
        };
        let tag_mask = tag(&[]);
        // Associated data of two blocks (a, b) hashes to ((a H + b) H + length) H, so (0, 0) and (0, 1) differ by H^2.
        // Squaring is a bijection of the field; 127 further squarings undo it.
        let unit = (1u128 << 127).to_be_bytes();
        let square = tag(&[0; 32]) ^ tag(&[[0; 16], unit].concat());
        let hash_key = (0..127).fold(square, |root, _| multiply(root, root));
        assert_eq!(multiply(hash_key, hash_key), square);
        Self { hash_key, tag_mask }
    }

    /// The tag of a ciphertext of two blocks with associated data.
    fn tag(&self, aad: &[u8], ciphertext: [u128; 2]) -> u128 {
        let mut blocks: Vec<u128> = aad
            .chunks(16)
            .map(|chunk| {
                let mut block = [0; 16];
                block[..chunk.len()].copy_from_slice(chunk);
                u128::from_be_bytes(block)
            })
            .collect();
        blocks.extend(ciphertext);
        blocks.push((aad.len() as u128 * 8) << 64 | 256);
        blocks.iter().fold(0, |hash, block| multiply(hash ^ block, self.hash_key)) ^ self.tag_mask
    }
}

/// Solves for the second block so that one ciphertext has the same tag under both keys.
fn two_faced_ciphertext(a: &Gcm, b: &Gcm, aad: &[u8]) -> [u8; 48] {
    let first = 7;
    // The tag is linear in the second block, with factor H^2.
    let difference = a.tag(aad, [first, 0]) ^ b.tag(aad, [first, 0]);
    let factor = multiply(a.hash_key, a.hash_key) ^ multiply(b.hash_key, b.hash_key);
    let second = multiply(difference, inverse(factor));
    let tag = a.tag(aad, [first, second]);
    assert_eq!(tag, b.tag(aad, [first, second]));
    let mut out = [0; 48];
    out[..16].copy_from_slice(&u128::to_be_bytes(first));
    out[16..32].copy_from_slice(&second.to_be_bytes());
    out[32..].copy_from_slice(&tag.to_be_bytes());
    out
}

type Opened = Box<dyn Fn(usize, &[u8]) -> Option<[u8; KEY_BYTES]>>;
type Commitment = Box<dyn Fn(usize, &[u8]) -> [u8; 32]>;

/// What the attack needs of a suite: GCM under the key of a wrap, and the commitment under the other key derived with it.
struct Suite {
    cipher: DataCipher,
    gcm: [Gcm; 2],
    /// Opens the ciphertext as GCM alone would, without a look at the commitment.
    opened: Opened,
    commitment: Commitment,
}

const SALT: [u8; 32] = [3; 32];

fn binding() -> Binding {
    Binding::new("two faces")
}

fn aes(keks: &[CustomerKey; 2]) -> Suite {
    let keys = keks.each_ref().map(|kek| wrap_keys(kek, KeyRole::Dek, &SALT, &binding()));
    let ciphers = keys.each_ref().map(|keys| Cipher::new(keys.cipher()));
    Suite {
        cipher: DataCipher::Aes256Gcm,
        gcm: ciphers.each_ref().map(|cipher| Gcm::of(|aad, out| cipher.seal([0; 12], aad, &[], out))),
        opened: Box::new(move |i, forged| {
            let mut dek = [0; KEY_BYTES];
            ciphers[i].open([0; 12], binding().as_bytes(), forged, &mut dek).ok().map(|()| dek)
        }),
        commitment: Box::new(move |i, forged| super::wrap::commitment(&keys[i], forged, &binding())),
    }
}

fn sm4(keks: &[CustomerKey; 2]) -> Suite {
    let keys = keks.each_ref().map(|kek| sm4_dek_wrap_keys(kek, &SALT, &binding()));
    let ciphers = keys.each_ref().map(|keys| Sm4Cipher::new(keys.cipher()));
    Suite {
        cipher: DataCipher::Sm4Gcm,
        gcm: ciphers.each_ref().map(|cipher| Gcm::of(|aad, out| cipher.seal([0; 12], aad, &[], out))),
        opened: Box::new(move |i, forged| {
            let mut dek = [0; KEY_BYTES];
            ciphers[i].open([0; 12], binding().as_bytes(), forged, &mut dek).ok().map(|()| dek)
        }),
        commitment: Box::new(move |i, forged| super::wrap_sm4::commitment(&keys[i], forged, &binding())),
    }
}

#[test]
fn two_keys_one_ciphertext() {
    let customer = |byte| CustomerKey::from_secret(SecretBytes::fill_with(|key: &mut [u8; KEY_BYTES]| key.fill(byte)));
    let keks = [customer(1), customer(2)];
    for suite in [aes(&keks), sm4(&keks)] {
        let forged = two_faced_ciphertext(&suite.gcm[0], &suite.gcm[1], binding().as_bytes());

        // The attack is real: GCM accepts it under both keys, with different DEKs inside.
        let opened = [0, 1].map(|i| (suite.opened)(i, &forged));
        assert!(opened[0].is_some() && opened[1].is_some() && opened[0] != opened[1], "{:?}", suite.cipher);

        // The commitment can be right for one of the two keys, never for both.
        for own in [0, 1] {
            let commit = (suite.commitment)(own, &forged);
            let bytes: [u8; WRAPPED_BYTES] = [&SALT[..], &forged, &commit].concat().try_into().unwrap();
            let wrapped = Wrapped::<Dek>::from_bytes(bytes);
            let results = keks.each_ref().map(|kek| unwrap_dek(suite.cipher, kek, &wrapped, &binding()).err());
            assert_eq!(results[own], None);
            assert_eq!(results[1 - own], Some(UnwrapError::WrongKeyOrDamaged));
        }
    }
}
