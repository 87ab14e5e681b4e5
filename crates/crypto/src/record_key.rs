//! The record key apart from its DEK: what authenticates an object version's record without being able to open its
//! body. An upload under a customer key keeps it, under the metadata key, until its completion.

use crate::SecretBytes;
use crate::mac::hmac_sha256;
use crate::roles::{Dek, KEY_BYTES};
use crate::tree::record_key;

/// Authenticates the record of one object version. Opens nothing.
pub struct RecordKey(SecretBytes<KEY_BYTES>);

impl RecordKey {
    /// Takes the key back from where it was kept.
    pub fn from_secret(secret: SecretBytes<KEY_BYTES>) -> Self {
        Self(secret)
    }

    /// Authenticates the canonical bytes of the record, as [`Dek::record_mac`] does.
    pub fn mac(&self, record: &[u8]) -> [u8; 32] {
        hmac_sha256(self.0.expose(), &[record])
    }

    /// The key, to be sealed for keeping.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose()
    }
}

impl Dek {
    /// The key that authenticates this object version's record.
    pub fn record_key(&self) -> RecordKey {
        RecordKey(record_key(self))
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
        assert_eq!(dek.record_key().mac(b"record"), dek.record_mac(b"record"));
        assert!(dek.verify_record(b"record!", &dek.record_key().mac(b"record")).is_err());
    }
}
