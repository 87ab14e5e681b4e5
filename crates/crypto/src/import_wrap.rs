//! The other side of `import.rs`: whoever brings key material wraps it under the public key they were given.

use crate::{ImportError, OaepHash};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};

/// Wraps key material with RSA-OAEP (RFC 8017) under a public key (SubjectPublicKeyInfo, DER).
///
/// # Errors
/// [`ImportError`] when the bytes are no RSA public key of 2048 bits or more, or the material is empty or too long for
/// it.
pub fn wrap_for_import(spki: &[u8], hash: OaepHash, material: &[u8]) -> Result<Vec<u8>, ImportError> {
    if material.is_empty() {
        return Err(ImportError);
    }
    let key = PublicEncryptingKey::from_der(spki).map_err(|_| ImportError)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| ImportError)?;
    let algorithm = match hash {
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
    };
    let mut wrapped = vec![0; key.ciphertext_size()];
    let bytes = key.encrypt(algorithm, material, &mut wrapped, None).map_err(|_| ImportError)?.len();
    wrapped.truncate(bytes);
    Ok(wrapped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImportKeyPair;

    #[test]
    fn what_is_wrapped_here_opens_there_and_only_with_the_same_hash() {
        let pair = ImportKeyPair::generate(2048).unwrap();
        let spki = pair.public_spki();
        for (hash, other) in [(OaepHash::Sha1, OaepHash::Sha256), (OaepHash::Sha256, OaepHash::Sha1)] {
            let wrapped = wrap_for_import(&spki, hash, &[7; 32]).unwrap();
            assert_eq!(pair.decrypt_oaep(hash, &wrapped).unwrap()[..], [7; 32]);
            assert!(pair.decrypt_oaep(other, &wrapped).is_err());
            assert_ne!(wrapped, wrap_for_import(&spki, hash, &[7; 32]).unwrap());
        }
    }

    #[test]
    fn no_key_and_no_material_are_refused() {
        let spki = ImportKeyPair::generate(2048).unwrap().public_spki();
        for (key, material) in [(&spki[..], &[][..]), (&spki[..], &[1; 300]), (&spki[1..], &[1; 32]), (&[], &[1; 32])] {
            assert!(wrap_for_import(key, OaepHash::Sha256, material).is_err());
        }
    }
}
