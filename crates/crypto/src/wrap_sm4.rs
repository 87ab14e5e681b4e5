//! Wrapping under SM4: the construction of `wrap.rs` with the Chinese national ciphers in place of AES and SHA-2.
//!
//! ```text
//! KW || KC = KDF-SM3(material, "strongroom/v1/wrap/cmk-sm4/<key role>", salt || binding)    16 + 32 bytes
//! ct       = SM4-GCM(KW, nonce = 0^96, key, AAD = binding)
//! commit   = HMAC-SM3(KC, ct || binding)                                                    32 bytes
//! wrapped  = salt (32) || ct || commit (32)
//! ```
//!
//! The DEK of an object whose data cipher is SM4 is wrapped so too, whatever key wraps it, under the label
//! `strongroom/v1/sm4/wrap/<kek role>/dek`.
//!
//! Lengths, order of the checks and the argument for the zero nonce are those of `wrap.rs`.

use crate::SecretBytes;
use crate::aead::{NONCE_BYTES, TAG_BYTES};
use crate::mac::constant_time_eq;
use crate::roles::{Dek, Kek, KeyRole, Wrappable};
use crate::sm::{Sm4Cipher, Sm4Material, hmac_sm3};
use crate::tree::{Sm4KeyPair, sm4_dek_wrap_keys, sm4_wrap_keys};
use crate::wrap::{Binding, COMMIT_BYTES, SALT_BYTES, UnwrapError, WRAP_OVERHEAD_BYTES, WRAPPED_BYTES, Wrapped};
use model::Entropy;
use zeroize::Zeroizing;

const WRAP_NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// Wraps bytes of a role under SM4 material with a fresh salt. The result is [`WRAP_OVERHEAD_BYTES`] longer than `plain`.
pub fn wrap_secret_sm4(
    material: &Sm4Material,
    role: KeyRole,
    plain: &[u8],
    binding: &Binding,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let mut bytes = vec![0; plain.len() + WRAP_OVERHEAD_BYTES];
    entropy.fill(&mut bytes[..SALT_BYTES]);
    let keys = sm4_wrap_keys(material, role, &bytes[..SALT_BYTES], binding);
    seal_from(&keys, plain, binding, &mut bytes[SALT_BYTES..]);
    bytes
}

/// Unwraps what [`wrap_secret_sm4`] made for the same role and binding. The plaintext is wiped when it is dropped.
///
/// # Errors
/// [`UnwrapError::WrongKeyOrDamaged`] for every cause.
pub fn unwrap_secret_sm4(
    material: &Sm4Material,
    role: KeyRole,
    wrapped: &[u8],
    binding: &Binding,
) -> Result<Zeroizing<Vec<u8>>, UnwrapError> {
    let plain_bytes = wrapped.len().checked_sub(WRAP_OVERHEAD_BYTES).ok_or(UnwrapError::WrongKeyOrDamaged)?;
    let (salt, rest) = wrapped.split_at(SALT_BYTES);
    let keys = sm4_wrap_keys(material, role, salt, binding);
    let mut plain = Zeroizing::new(vec![0; plain_bytes]);
    open_into(&keys, rest, binding, &mut plain)?;
    Ok(plain)
}

/// Wraps the DEK of an object whose data cipher is SM4 under a key of this crate, with a fresh salt.
pub(crate) fn wrap_dek_sm4<W: Kek>(kek: &W, dek: &Dek, binding: &Binding, entropy: &dyn Entropy) -> Wrapped<Dek> {
    let mut bytes = [0; WRAPPED_BYTES];
    entropy.fill(&mut bytes[..SALT_BYTES]);
    let keys = sm4_dek_wrap_keys(kek, &bytes[..SALT_BYTES], binding);
    seal_from(&keys, dek.as_secret().expose(), binding, &mut bytes[SALT_BYTES..]);
    Wrapped::from_bytes(bytes)
}

/// Unwraps what [`wrap_dek_sm4`] made.
pub(crate) fn unwrap_dek_sm4<W: Kek>(kek: &W, wrapped: &Wrapped<Dek>, binding: &Binding) -> Result<Dek, UnwrapError> {
    let (salt, rest) = wrapped.as_bytes().split_at(SALT_BYTES);
    let keys = sm4_dek_wrap_keys(kek, salt, binding);
    SecretBytes::try_fill_with(|out| open_into(&keys, rest, binding, out)).map(Dek::from_secret)
}

/// Fills what follows the salt: ciphertext, tag, commitment.
fn seal_from(keys: &Sm4KeyPair, plain: &[u8], binding: &Binding, out: &mut [u8]) {
    let (ciphertext, commit) = out.split_at_mut(plain.len() + TAG_BYTES);
    Sm4Cipher::new(keys.cipher()).seal(WRAP_NONCE, binding.as_bytes(), plain, ciphertext);
    commit.copy_from_slice(&commitment(keys, ciphertext, binding));
}

/// Opens what follows the salt. The commitment is checked first, as in `wrap.rs`.
fn open_into(keys: &Sm4KeyPair, sealed: &[u8], binding: &Binding, out: &mut [u8]) -> Result<(), UnwrapError> {
    let (ciphertext, commit) = sealed.split_at(sealed.len() - COMMIT_BYTES);
    if !constant_time_eq(&commitment(keys, ciphertext, binding), commit) {
        return Err(UnwrapError::WrongKeyOrDamaged);
    }
    Sm4Cipher::new(keys.cipher())
        .open(WRAP_NONCE, binding.as_bytes(), ciphertext, out)
        .map_err(|_| UnwrapError::WrongKeyOrDamaged)
}

pub(crate) fn commitment(keys: &Sm4KeyPair, ciphertext: &[u8], binding: &Binding) -> [u8; COMMIT_BYTES] {
    hmac_sm3(keys.mac(), &[ciphertext, binding.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    fn material(byte: u8) -> Sm4Material {
        Sm4Material::from_secret(SecretBytes::fill_with(|b| b.fill(byte)))
    }

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0x5a);
        }
    }

    #[test]
    fn a_wrap_opens_for_its_key_role_and_binding_only_and_in_whole() {
        let binding = Binding::new("sm4").field(b"one");
        for length in [0, 1, 15, 16, 17, 32, 4096] {
            let plain = vec![3; length];
            let wrapped = wrap_secret_sm4(&material(1), KeyRole::Dek, &plain, &binding, &SystemEntropy);
            assert_eq!(wrapped.len(), length + WRAP_OVERHEAD_BYTES);
            let open = |key: u8, role, bytes: &[u8], binding: &Binding| {
                unwrap_secret_sm4(&material(key), role, bytes, binding).map(|p| p.to_vec())
            };
            assert_eq!(open(1, KeyRole::Dek, &wrapped, &binding).as_ref(), Ok(&plain));
            assert!(open(2, KeyRole::Dek, &wrapped, &binding).is_err(), "another key");
            assert!(open(1, KeyRole::Data, &wrapped, &binding).is_err(), "another role");
            assert!(open(1, KeyRole::Dek, &wrapped, &Binding::new("sm4").field(b"two")).is_err(), "another binding");
            for at in (0..wrapped.len()).step_by(1 + length / 64) {
                let mut bad = wrapped.clone();
                bad[at] ^= 1;
                assert!(open(1, KeyRole::Dek, &bad, &binding).is_err(), "byte {at} of {length}");
                assert!(open(1, KeyRole::Dek, &wrapped[..at], &binding).is_err(), "cut at {at} of {length}");
            }
            let again = wrap_secret_sm4(&material(1), KeyRole::Dek, &plain, &binding, &SystemEntropy);
            assert_ne!(again, wrapped, "the salt is fresh");
        }
    }

    /// The bytes of this construction, which stored keys rely on.
    #[test]
    fn the_construction_stays_what_it_is() {
        let binding = Binding::new("golden").field(b"bucket");
        let wrapped = wrap_secret_sm4(&material(0x40), KeyRole::Dek, &[0x80; 32], &binding, &Fixed);
        let want = include_str!("../../../vectors/crypto/golden/wrap-sm4.hex");
        assert_eq!(data_encoding::HEXLOWER.encode(&wrapped), want.trim());
        // What stands above, done step by step with the crate's own SM3: the labels are where they are said to be.
        let mut fixed = b"strongroom/v1/wrap/cmk-sm4/dek\0".to_vec();
        fixed.extend_from_slice(&[0x5a; 32]);
        fixed.extend_from_slice(binding.as_bytes());
        fixed.extend_from_slice(&(48u32 * 8).to_be_bytes());
        let first = hmac_sm3(&[0x40; 16], &[&1u32.to_be_bytes(), &fixed]);
        let second = hmac_sm3(&[0x40; 16], &[&2u32.to_be_bytes(), &fixed]);
        let commit_key = [&first[16..], &second[..16]].concat();
        let ciphertext = &wrapped[32..wrapped.len() - 32];
        assert_eq!(wrapped[wrapped.len() - 32..], hmac_sm3(&commit_key, &[ciphertext, binding.as_bytes()]));
    }
}
