//! Tokens: claims sealed under a server key, carried by clients who can neither read nor change them.
//!
//! ```text
//! salt    32 random bytes, fresh for each token
//! K     = KDF(token key, "strongroom/v1/token/<session|identity|import>", u32 length of header || header || salt)
//! token = salt (32) || AES-256-GCM(K, nonce = 0^96, claims, AAD = header)
//! ```
//!
//! The salt is fresh, so K seals one message and the zero nonce is safe, as with wraps. The header (format version and
//! number of the token key) travels in clear and is bound twice; a token of one use does not open as one of another.

use crate::aead::{Cipher, NONCE_BYTES, TAG_BYTES};
use crate::record::NoteError;
use crate::roles::TokenKey;
use crate::tree::token_key;
use model::Entropy;
use zeroize::Zeroizing;

/// Length of a token's salt in bytes.
pub const TOKEN_SALT_BYTES: usize = 32;
/// How much longer a sealed token is than its claims, in bytes.
pub const TOKEN_OVERHEAD_BYTES: usize = TOKEN_SALT_BYTES + TAG_BYTES;

/// The key of a token is used for this one nonce only.
const TOKEN_NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Beside a temporary access key.
    Session,
    /// By itself, in place of a signature.
    Identity,
    /// Between asking for a public key and importing key material under it.
    Import,
}

impl TokenKey {
    /// Seals claims. The result is [`TOKEN_OVERHEAD_BYTES`] longer.
    pub fn seal_token(&self, purpose: TokenUse, header: &[u8], claims: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let mut token = vec![0; TOKEN_OVERHEAD_BYTES + claims.len()];
        let (salt, sealed) = token.split_at_mut(TOKEN_SALT_BYTES);
        entropy.fill(salt);
        let key = token_key(self, purpose, header, salt);
        Cipher::new(key.expose()).seal(TOKEN_NONCE, header, claims, sealed);
        token
    }

    /// Opens what [`TokenKey::seal_token`] made for the same use and header. The claims are wiped when dropped.
    ///
    /// # Errors
    /// [`NoteError`] for every cause.
    pub fn open_token(&self, purpose: TokenUse, header: &[u8], token: &[u8]) -> Result<Zeroizing<Vec<u8>>, NoteError> {
        let (salt, sealed) = token.split_at_checked(TOKEN_SALT_BYTES).ok_or(NoteError)?;
        let mut claims = Zeroizing::new(vec![0; sealed.len().checked_sub(TAG_BYTES).ok_or(NoteError)?]);
        let key = token_key(self, purpose, header, salt);
        Cipher::new(key.expose()).open(TOKEN_NONCE, header, sealed, &mut claims).map_err(|_| NoteError)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;

    struct Counting(std::sync::atomic::AtomicU8);
    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            out.fill_with(|| self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn a_token_opens_for_its_use_header_and_key_only_and_in_whole() {
        let entropy = Counting(0.into());
        let key = TokenKey::from_secret(SecretBytes::fill_with(|b| b.fill(1)));
        let other = TokenKey::from_secret(SecretBytes::fill_with(|b| b.fill(2)));
        let token = key.seal_token(TokenUse::Session, b"head", b"claims", &entropy);
        assert_eq!(&**key.open_token(TokenUse::Session, b"head", &token).unwrap(), b"claims");
        assert!(key.open_token(TokenUse::Identity, b"head", &token).is_err());
        assert!(key.open_token(TokenUse::Session, b"heat", &token).is_err());
        assert!(other.open_token(TokenUse::Session, b"head", &token).is_err());
        for end in 0..token.len() {
            assert!(key.open_token(TokenUse::Session, b"head", &token[..end]).is_err(), "cut at {end}");
        }
        for at in 0..token.len() {
            let mut bad = token.clone();
            bad[at] ^= 1;
            assert!(key.open_token(TokenUse::Session, b"head", &bad).is_err(), "byte {at}");
        }
        let again = key.seal_token(TokenUse::Session, b"head", b"claims", &entropy);
        assert_ne!(again[TOKEN_SALT_BYTES..], token[TOKEN_SALT_BYTES..], "the same claims look different each time");
    }
}
