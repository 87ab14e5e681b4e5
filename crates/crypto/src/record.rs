//! What a key does besides sealing streams: a DEK authenticates its object version's record, and DEK, metadata key
//! and secrets key seal notes, small values that must not stand in clear (checksums, ETags, signing secrets).
//!
//! ```text
//! record MAC = HMAC-SHA256(KDF(DEK, "strongroom/v1/dek/meta"), record)
//! K || KN    = KDF(key, "strongroom/v1/<role>/note", id)                64 bytes
//! nonce      = first 12 bytes of HMAC-SHA256(KN, plaintext)
//! note       = nonce (12) || AES-256-GCM(K, nonce, plaintext, AAD = id)
//! ```
//!
//! For an object whose data cipher is SM4: KDF-SM3, HMAC-SM3 and SM4-GCM (K of 16 bytes) in their places, under labels of
//! their own (`tree.rs`).
//!
//! The nonce is a function of the plaintext, so sealing another value under an id that was used before is safe: it
//! shows at most that two values of one id are equal.

use crate::aead::{Cipher, Forged, NONCE_BYTES, TAG_BYTES};
use crate::data_cipher::DataCipher;
use crate::mac::{constant_time_eq, hmac_sha256};
use crate::roles::{Dek, MetadataKey, SecretsKey};
use crate::sm::{Sm4Cipher, hmac_sm3};
use crate::tree::{NoteParent, sm4_note_keys};
use std::fmt;
use zeroize::Zeroizing;

/// How much longer a sealed note is than its plaintext, in bytes.
pub const NOTE_OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// The record is not the one this DEK authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacMismatch;

impl fmt::Display for MacMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record's authentication code does not fit")
    }
}

impl std::error::Error for MacMismatch {}

/// A note could not be opened: wrong key, wrong id, or changed bytes. One error for all causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteError;

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sealed value does not open under this key and id")
    }
}

impl std::error::Error for NoteError {}

impl Dek {
    /// Authenticates the canonical bytes of the object version's record.
    pub fn record_mac(&self, cipher: DataCipher, record: &[u8]) -> [u8; 32] {
        self.record_key(cipher).mac(record)
    }

    /// Checks a record against its code, in constant time.
    ///
    /// # Errors
    /// [`MacMismatch`].
    pub fn verify_record(&self, cipher: DataCipher, record: &[u8], mac: &[u8; 32]) -> Result<(), MacMismatch> {
        if constant_time_eq(&self.record_mac(cipher, record), mac) { Ok(()) } else { Err(MacMismatch) }
    }

    /// Seals a small value under an id. The result is [`NOTE_OVERHEAD_BYTES`] longer than the value.
    pub fn seal_note(&self, cipher: DataCipher, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        match cipher {
            DataCipher::Aes256Gcm => seal(self, id, plain),
            DataCipher::Sm4Gcm => {
                let keys = sm4_note_keys(self, id);
                let nonce = nonce_of(hmac_sm3(keys.mac(), &[plain]));
                note(nonce, plain, |out| Sm4Cipher::new(keys.cipher()).seal(nonce, id, plain, out))
            }
        }
    }

    /// Opens what [`Self::seal_note`] made for the same id in the same suite. The value is wiped when dropped.
    ///
    /// # Errors
    /// [`NoteError`] for every cause.
    pub fn open_note(&self, cipher: DataCipher, id: &[u8; 16], note: &[u8]) -> Result<Zeroizing<Vec<u8>>, NoteError> {
        match cipher {
            DataCipher::Aes256Gcm => open(self, id, note),
            DataCipher::Sm4Gcm => open_with(note, |nonce, sealed, out| {
                Sm4Cipher::new(sm4_note_keys(self, id).cipher()).open(nonce, id, sealed, out)
            }),
        }
    }
}

macro_rules! seals_notes {
    ($name:ident) => {
        impl $name {
            /// Seals a small value under an id. The result is [`NOTE_OVERHEAD_BYTES`] longer than the value.
            pub fn seal_note(&self, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
                seal(self, id, plain)
            }

            /// Opens what [`Self::seal_note`] made for the same id. The value is wiped when dropped.
            ///
            /// # Errors
            /// [`NoteError`] for every cause.
            pub fn open_note(&self, id: &[u8; 16], note: &[u8]) -> Result<Zeroizing<Vec<u8>>, NoteError> {
                open(self, id, note)
            }
        }
    };
}

seals_notes!(MetadataKey);
seals_notes!(SecretsKey);

fn seal(parent: &impl NoteParent, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let keys = parent.note_keys(id);
    let nonce = nonce_of(hmac_sha256(keys.mac(), &[plain]));
    note(nonce, plain, |out| Cipher::new(keys.cipher()).seal(nonce, id, plain, out))
}

fn open(parent: &impl NoteParent, id: &[u8; 16], note: &[u8]) -> Result<Zeroizing<Vec<u8>>, NoteError> {
    open_with(note, |nonce, sealed, out| Cipher::new(parent.note_keys(id).cipher()).open(nonce, id, sealed, out))
}

fn nonce_of(mac: [u8; 32]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&mac[..NONCE_BYTES]);
    nonce
}

fn note(nonce: [u8; NONCE_BYTES], plain: &[u8], seal: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut note = vec![0; NOTE_OVERHEAD_BYTES + plain.len()];
    note[..NONCE_BYTES].copy_from_slice(&nonce);
    seal(&mut note[NONCE_BYTES..]);
    note
}

fn open_with(
    note: &[u8],
    open: impl FnOnce([u8; NONCE_BYTES], &[u8], &mut [u8]) -> Result<(), Forged>,
) -> Result<Zeroizing<Vec<u8>>, NoteError> {
    let (nonce, sealed) = note.split_first_chunk().ok_or(NoteError)?;
    let mut plain = Zeroizing::new(vec![0; sealed.len().checked_sub(TAG_BYTES).ok_or(NoteError)?]);
    open(*nonce, sealed, &mut plain).map_err(|_| NoteError)?;
    Ok(plain)
}
