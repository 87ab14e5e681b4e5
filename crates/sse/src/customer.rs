//! The SSE-C headers: parsed once, into a key that wipes itself.

use crate::error::EncryptionField as Field;
use crate::{CustomerHeaders, SseError};
use crypto::{CustomerKey, SecretBytes};
use data_encoding::BASE64;
use zeroize::Zeroizing;

/// A customer key as sent with a request.
pub struct CustomerKeySent {
    pub(crate) key: CustomerKey,
    pub(crate) key_md5: String,
}

impl CustomerKeySent {
    /// Parses the three headers. The order of the checks is S3's (behaviour §5): presence, algorithm, MD5, length.
    pub(crate) fn parse(headers: &CustomerHeaders) -> Result<Self, SseError> {
        let invalid = |field, message| SseError::InvalidArgument { field, message };
        let Some(algorithm) = &headers.algorithm else {
            return Err(invalid(Field::CustomerAlgorithm, "SSE-C needs the customer algorithm"));
        };
        if algorithm != "AES256" {
            return Err(SseError::CustomerAlgorithm);
        }
        let Some(encoded) = &headers.key else {
            return Err(invalid(Field::CustomerKey, "SSE-C needs the customer key"));
        };
        let Some(key_md5) = &headers.key_md5 else {
            return Err(invalid(Field::CustomerKeyMd5, "SSE-C needs the MD5 of the customer key"));
        };
        let raw = BASE64
            .decode(encoded.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| invalid(Field::CustomerKey, "the customer key is not base64"))?;
        if BASE64.encode(&crypto::md5(&raw)) != *key_md5 {
            return Err(invalid(Field::CustomerKeyMd5, "the MD5 is not that of the customer key"));
        }
        if raw.len() != 32 {
            return Err(invalid(Field::CustomerKey, "the customer key is not 32 bytes"));
        }
        let key = CustomerKey::from_secret(SecretBytes::fill_with(|out: &mut [u8; 32]| out.copy_from_slice(&raw)));
        Ok(Self { key, key_md5: key_md5.clone() })
    }
}
