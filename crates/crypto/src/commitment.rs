//! The commitment of a wrap, tested against the attack it is there for: one GCM ciphertext that opens under two keys.

use crate::aead::Cipher;
use crate::roles::{CustomerKey, Dek, KEY_BYTES, KeyRole};
use crate::tree::wrap_keys;
use crate::{Binding, SecretBytes, UnwrapError, WRAPPED_BYTES, Wrapped, unwrap};

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
    fn of(cipher: &Cipher) -> Self {
        let tag = |aad: &[u8]| {
            let mut out = [0; 16];
            cipher.seal([0; 12], aad, &[], &mut out);
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

#[test]
fn two_keys_one_ciphertext() {
    let customer = |byte| CustomerKey::from_secret(SecretBytes::fill_with(|key: &mut [u8; KEY_BYTES]| key.fill(byte)));
    let (mine, yours) = (customer(1), customer(2));
    let binding = Binding::new("two faces");
    let salt = [3; 32];
    let keys = [&mine, &yours].map(|kek| wrap_keys(kek, KeyRole::Dek, &salt, &binding));
    let ciphers = [Cipher::new(keys[0].cipher()), Cipher::new(keys[1].cipher())];
    let forged = two_faced_ciphertext(&Gcm::of(&ciphers[0]), &Gcm::of(&ciphers[1]), binding.as_bytes());

    // The attack is real: GCM accepts it under both keys, with different DEKs inside.
    let opened = [&ciphers[0], &ciphers[1]].map(|cipher| {
        let mut dek = [0; KEY_BYTES];
        assert!(cipher.open([0; 12], binding.as_bytes(), &forged, &mut dek).is_ok());
        dek
    });
    assert_ne!(opened[0], opened[1]);

    // The commitment can be right for one of the two keys, never for both.
    for (index, own) in keys.iter().enumerate() {
        let commit = super::wrap::commitment(own, &forged, &binding);
        let bytes: [u8; WRAPPED_BYTES] = [&salt[..], &forged, &commit].concat().try_into().unwrap();
        let wrapped = Wrapped::<Dek>::from_bytes(bytes);
        let results = [&mine, &yours].map(|kek| unwrap(kek, &wrapped, &binding).err());
        assert_eq!(results[index], None);
        assert_eq!(results[1 - index], Some(UnwrapError::WrongKeyOrDamaged));
    }
}
