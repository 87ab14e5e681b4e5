//! Keys by role, the key tree, wrap and unwrap, segment streams and digests. No I/O, no async.
//!
//! Start with `tree.rs`: it holds every label and every arrow by which one key leads to another. docs/keys.md gives
//! the reasons and the limits, docs/formats/segment.md the bytes of a segment stream.
//!
//! What is absent, and what others lean on: no key type has `Clone`, `Debug` or `Serialize`; no function returns
//! plaintext before its auth tag has been checked; no error tells why opening or unwrapping failed.

mod absent;
mod aead;
mod audit_key;
mod checksum;
mod checksummer;
#[cfg(test)]
mod commitment;
mod data_cipher;
mod digest;
mod entropy;
mod import;
mod import_wrap;
mod kdf;
mod locked;
mod mac;
mod md5;
mod passphrase;
mod password;
mod primitive;
#[cfg(test)]
mod published;
mod record;
mod record_key;
mod roles;
mod secret;
mod segment;
mod sm;
mod sm4;
mod token;
mod tree;
mod wrap;
mod wrap_sm4;

pub use crate::sm4::Engine as Sm4Engine;
#[doc(hidden)]
pub use crate::sm4::Sm4Gcm;
pub use audit_key::{ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES, verify_ed25519};
pub use checksum::{ChecksumAlgorithm, ChecksumValue};
pub use checksummer::{Checksummer, combine_crc};
pub use data_cipher::DataCipher;
pub use digest::{Sha1, Sha256, sha256};
pub use entropy::SystemEntropy;
pub use import::{ImportError, ImportKeyPair, OaepHash, unwrap_kwp};
pub use import_wrap::wrap_for_import;
pub use locked::LockedMemory;
pub use mac::{constant_time_eq, hmac_sha1, hmac_sha256};
pub use md5::{Md5, md5};
pub use passphrase::{
    PASSPHRASE_BYTES_MAX, PASSPHRASE_BYTES_MIN, PASSPHRASE_PARAMS_BYTES, PassphraseCost, PassphraseError,
    PassphraseParams, PassphraseUse,
};
pub use password::PasswordHash;
pub use record::{MacMismatch, NOTE_OVERHEAD_BYTES, NoteError};
pub use record_key::RecordKey;
pub use roles::{
    AuditKey, BucketKey, CmkMaterial, CustomerKey, Dek, KEY_BYTES, Kek, KeyRole, MetadataKey, PassphraseKey,
    ProviderKey, RootKey, SecretsKey, TokenKey, Wrappable, same_key,
};
pub use secret::SecretBytes;
pub use segment::{
    OpenError, SEGMENT_BYTES, SEGMENT_INDEX_END, SealMisuse, StreamOpener, StreamSealer, Suite, plain_len, sealed_len,
    segment_count,
};
pub use sm::{SM4_KEY_BYTES, Sm4Material, sm3};
pub use token::{TOKEN_OVERHEAD_BYTES, TOKEN_SALT_BYTES, TokenUse};
pub use wrap::{
    Binding, UnwrapError, WRAP_OVERHEAD_BYTES, WRAPPED_BYTES, Wrapped, unwrap, unwrap_dek, unwrap_secret, wrap,
    wrap_dek, wrap_secret,
};
pub use wrap_sm4::{unwrap_secret_sm4, wrap_secret_sm4};
