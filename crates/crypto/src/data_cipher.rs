//! The cipher of an object's data, chosen for each object version when it is written.

use crate::segment::Suite;

/// The cipher of an object's data. It names a whole suite: with SM4 every step below and beside the DEK is of the Chinese
/// national standards too. INVARIANT: no step of one suite is used with a key of the other; the labels differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataCipher {
    /// AES-256-GCM segments, HMAC-SHA256.
    Aes256Gcm,
    /// SM4-GCM segments (RFC 8998), HMAC-SM3.
    Sm4Gcm,
}

impl DataCipher {
    /// The suite of the segments.
    pub const fn suite(self) -> Suite {
        match self {
            Self::Aes256Gcm => Suite::Aes256Gcm,
            Self::Sm4Gcm => Suite::Sm4Gcm,
        }
    }
}
