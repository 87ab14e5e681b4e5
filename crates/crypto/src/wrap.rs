//! Wrapping: a key under a key, bound to what it is for, with a commitment to the wrapping key.
//!
//! ```text
//! KW || KC = KDF(kek, "strongroom/v1/wrap/<kek role>/<key role>", salt || binding)      64 bytes
//! ct       = AES-256-GCM(KW, nonce = 0^96, key, AAD = binding)                          48 bytes
//! commit   = HMAC-SHA256(KC, ct || binding)                                             32 bytes
//! wrapped  = salt (32) || ct (48) || commit (32)
//! ```
//!
//! The salt is fresh, so KW seals one message in its life and the zero nonce is safe. The commitment is checked, in
//! constant time, before GCM is run: GCM alone does not commit to its key, and SSE-C lets callers choose keys.
//! docs/keys.md has the argument and the bounds.

use crate::SecretBytes;
use crate::aead::{Cipher, NONCE_BYTES, TAG_BYTES};
use crate::data_cipher::DataCipher;
use crate::mac::{constant_time_eq, hmac_sha256};
use crate::roles::{Dek, KEY_BYTES, Kek, KeyRole, Wrappable};
use crate::tree::{KeyPair, wrap_keys};
use crate::wrap_sm4::{unwrap_dek_sm4, wrap_dek_sm4};
use model::Entropy;
use model::codec::Writer;
use std::fmt;
use std::marker::PhantomData;
use zeroize::Zeroizing;

/// Length of a wrap's salt in bytes.
pub(crate) const SALT_BYTES: usize = 32;
pub(crate) const COMMIT_BYTES: usize = 32;

/// How much longer a wrap is than what it wraps, in bytes: salt, tag, commitment.
pub const WRAP_OVERHEAD_BYTES: usize = SALT_BYTES + TAG_BYTES + COMMIT_BYTES;

/// Length of a wrapped key in bytes, whatever its role.
pub const WRAPPED_BYTES: usize = 112;
const _: () = assert!(WRAPPED_BYTES == KEY_BYTES + WRAP_OVERHEAD_BYTES, "the length is part of the formats");

/// The key of a wrap is used for this one nonce only.
const WRAP_NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// The canonical bytes naming what a wrap belongs to, authenticated with it: a domain and fields in the order the
/// domain fixes, each with a `u32` big-endian length before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding(Vec<u8>);

impl Binding {
    /// Starts a binding of a domain, for example `dek-in-bucket-key`.
    pub fn new(domain: &str) -> Self {
        Self(Vec::with_capacity(128)).field(domain.as_bytes())
    }

    /// Appends a field.
    #[must_use]
    pub fn field(self, value: &[u8]) -> Self {
        let mut prefixed = Writer::bare();
        prefixed.bytes(value);
        let mut bytes = self.0;
        bytes.extend_from_slice(prefixed.as_bytes());
        Self(bytes)
    }

    /// The canonical bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A key of role `K` under some KEK. It is ciphertext: it may be stored, copied and shown.
pub struct Wrapped<K> {
    bytes: [u8; WRAPPED_BYTES],
    role: PhantomData<fn() -> K>,
}

impl<K> Wrapped<K> {
    /// From stored bytes. Whether they are what they claim shows when they are unwrapped.
    pub const fn from_bytes(bytes: [u8; WRAPPED_BYTES]) -> Self {
        Self { bytes, role: PhantomData }
    }

    /// The stored bytes.
    pub const fn as_bytes(&self) -> &[u8; WRAPPED_BYTES] {
        &self.bytes
    }
}

impl<K> Clone for Wrapped<K> {
    fn clone(&self) -> Self {
        Self::from_bytes(self.bytes)
    }
}

impl<K> PartialEq for Wrapped<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<K> Eq for Wrapped<K> {}

impl<K> fmt::Debug for Wrapped<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrapped(..)")
    }
}

/// Why a key could not be unwrapped. One variant: to tell a wrong key from damaged bytes, a wrong binding or a
/// swapped role would help only an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnwrapError {
    /// The KEK or the binding is not the one that was used, or the bytes have changed.
    WrongKeyOrDamaged,
}

impl fmt::Display for UnwrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the wrapped key does not fit this key and binding")
    }
}

impl std::error::Error for UnwrapError {}

/// Wraps `key` under `kek` with a fresh salt.
pub fn wrap<W: Kek, K: Wrappable>(kek: &W, key: &K, binding: &Binding, entropy: &dyn Entropy) -> Wrapped<K> {
    let mut bytes = [0; WRAPPED_BYTES];
    bytes.copy_from_slice(&wrap_secret(kek, K::ROLE, key.as_secret().expose(), binding, entropy));
    Wrapped::from_bytes(bytes)
}

/// Unwraps a key of role `K`.
///
/// # Errors
/// [`UnwrapError::WrongKeyOrDamaged`] for every cause.
pub fn unwrap<W: Kek, K: Wrappable>(kek: &W, wrapped: &Wrapped<K>, binding: &Binding) -> Result<K, UnwrapError> {
    SecretBytes::try_fill_with(|out| open_into(kek, K::ROLE, &wrapped.bytes, binding, out)).map(K::from_secret)
}

/// Wraps a DEK in the suite of its object's data cipher.
pub fn wrap_dek<W: Kek>(
    cipher: DataCipher,
    kek: &W,
    dek: &Dek,
    binding: &Binding,
    entropy: &dyn Entropy,
) -> Wrapped<Dek> {
    match cipher {
        DataCipher::Aes256Gcm => wrap(kek, dek, binding, entropy),
        DataCipher::Sm4Gcm => wrap_dek_sm4(kek, dek, binding, entropy),
    }
}

/// Unwraps what [`wrap_dek`] made in the same suite.
///
/// # Errors
/// [`UnwrapError::WrongKeyOrDamaged`] for every cause.
pub fn unwrap_dek<W: Kek>(
    cipher: DataCipher,
    kek: &W,
    wrapped: &Wrapped<Dek>,
    binding: &Binding,
) -> Result<Dek, UnwrapError> {
    match cipher {
        DataCipher::Aes256Gcm => unwrap(kek, wrapped, binding),
        DataCipher::Sm4Gcm => unwrap_dek_sm4(kek, wrapped, binding),
    }
}

/// [`wrap`] with the role as a value and any length, for a seam that cannot be generic (key providers). The result is
/// [`WRAP_OVERHEAD_BYTES`] longer than `plain`.
pub fn wrap_secret<W: Kek>(kek: &W, role: KeyRole, plain: &[u8], binding: &Binding, entropy: &dyn Entropy) -> Vec<u8> {
    let mut salt = [0; SALT_BYTES];
    entropy.fill(&mut salt);
    let keys = wrap_keys(kek, role, &salt, binding);
    let mut bytes = vec![0; plain.len() + WRAP_OVERHEAD_BYTES];
    bytes[..SALT_BYTES].copy_from_slice(&salt);
    let (ciphertext, commit) = bytes[SALT_BYTES..].split_at_mut(plain.len() + TAG_BYTES);
    Cipher::new(keys.cipher()).seal(WRAP_NONCE, binding.as_bytes(), plain, ciphertext);
    commit.copy_from_slice(&commitment(&keys, ciphertext, binding));
    bytes
}

/// [`unwrap`] with the role as a value and any length. The plaintext is wiped when it is dropped.
///
/// # Errors
/// [`UnwrapError::WrongKeyOrDamaged`] for every cause.
pub fn unwrap_secret<W: Kek>(
    kek: &W,
    role: KeyRole,
    wrapped: &[u8],
    binding: &Binding,
) -> Result<Zeroizing<Vec<u8>>, UnwrapError> {
    let plain_bytes = wrapped.len().checked_sub(WRAP_OVERHEAD_BYTES).ok_or(UnwrapError::WrongKeyOrDamaged)?;
    let mut plain = Zeroizing::new(vec![0; plain_bytes]);
    open_into(kek, role, wrapped, binding, &mut plain)?;
    Ok(plain)
}

/// `out` has [`WRAP_OVERHEAD_BYTES`] less than `wrapped`.
fn open_into<W: Kek>(
    kek: &W,
    role: KeyRole,
    wrapped: &[u8],
    binding: &Binding,
    out: &mut [u8],
) -> Result<(), UnwrapError> {
    let (salt, rest) = wrapped.split_at(SALT_BYTES);
    let (ciphertext, commit) = rest.split_at(rest.len() - COMMIT_BYTES);
    let keys = wrap_keys(kek, role, salt, binding);
    if !constant_time_eq(&commitment(&keys, ciphertext, binding), commit) {
        return Err(UnwrapError::WrongKeyOrDamaged);
    }
    Cipher::new(keys.cipher())
        .open(WRAP_NONCE, binding.as_bytes(), ciphertext, out)
        .map_err(|_| UnwrapError::WrongKeyOrDamaged)
}

pub(crate) fn commitment(keys: &KeyPair, ciphertext: &[u8], binding: &Binding) -> [u8; COMMIT_BYTES] {
    hmac_sha256(keys.mac(), &[ciphertext, binding.as_bytes()])
}
