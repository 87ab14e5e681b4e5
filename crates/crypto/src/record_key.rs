//! The record key apart from its DEK: what authenticates an object version's record without being able to open its
//! body. An upload under a customer key keeps it, under the metadata key, until its completion.

use crate::SecretBytes;
use crate::data_cipher::DataCipher;
use crate::mac::hmac_sha256;
use crate::roles::{Dek, KEY_BYTES};
use crate::sm::hmac_sm3;
use crate::tree::{record_key, sm4_record_key};

/// Authenticates the record of one object version. Opens nothing.
pub struct RecordKey {
    cipher: DataCipher,
    secret: SecretBytes<KEY_BYTES>,
}

impl RecordKey {
    /// Takes the key back from where it was kept.
    pub fn from_secret(cipher: DataCipher, secret: SecretBytes<KEY_BYTES>) -> Self {
        Self { cipher, secret }
    }

    /// Authenticates the canonical bytes of the record, as [`Dek::record_mac`] does.
    pub fn mac(&self, record: &[u8]) -> [u8; 32] {
        match self.cipher {
            DataCipher::Aes256Gcm => hmac_sha256(self.secret.expose(), &[record]),
            DataCipher::Sm4Gcm => hmac_sm3(self.secret.expose(), &[record]),
        }
    }

    /// The key, to be sealed for keeping.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.secret.expose()
    }
}

impl Dek {
    /// The key that authenticates this object version's record.
    pub fn record_key(&self, cipher: DataCipher) -> RecordKey {
        let secret = match cipher {
            DataCipher::Aes256Gcm => record_key(self),
            DataCipher::Sm4Gcm => sm4_record_key(self),
        };
        RecordKey { cipher, secret }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Entropy;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.iter_mut().zip(0..).for_each(|(b, i)| *b = i);
        }
    }

    #[test]
    fn authenticates_as_its_dek_does() {
        let dek = Dek::generate(&Counting);
        for cipher in [DataCipher::Aes256Gcm, DataCipher::Sm4Gcm] {
            let key = RecordKey::from_secret(
                cipher,
                SecretBytes::fill_with(|b: &mut [u8; KEY_BYTES]| {
                    b.copy_from_slice(dek.record_key(cipher).expose());
                }),
            );
            assert_eq!(key.mac(b"record"), dek.record_mac(cipher, b"record"));
            assert!(dek.verify_record(cipher, b"record", &key.mac(b"record")).is_ok());
            assert!(dek.verify_record(cipher, b"record!", &key.mac(b"record")).is_err());
        }
        let aes = dek.record_mac(DataCipher::Aes256Gcm, b"record");
        assert!(dek.verify_record(DataCipher::Sm4Gcm, b"record", &aes).is_err(), "the suites do not meet");
    }
}
