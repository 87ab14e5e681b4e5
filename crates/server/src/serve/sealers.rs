//! What the directory of accounts keeps its secrets with: the KMS's own keys and the password hash of the crypto room.

use async_trait::async_trait;
use crypto::{PasswordHash, SecretsKey, TokenUse};
use iam::{PasswordHasher, SecretSealer, TokenKind, TokenSealer};
use kms::TokenKeys;
use model::Entropy;
use std::sync::Arc;
use zeroize::Zeroizing;

// A key is kept as long as the tokens it sealed may live.
const _: () = assert!(iam::TOKEN_SECONDS_MAX as u64 <= kms::TOKEN_LIFE_SECONDS_MAX);

/// Seals signing secrets and password hashes under the KMS's own key for them.
pub(super) struct KmsSealer(pub(super) Arc<SecretsKey>);

impl SecretSealer for KmsSealer {
    fn seal(&self, id: &[u8; 16], plain: &[u8]) -> Vec<u8> {
        self.0.seal_note(id, plain)
    }

    fn open(&self, id: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.open_note(id, sealed).ok()
    }
}

/// Seals tokens under the KMS's ring of keys for them.
pub(super) struct KmsTokens(pub(super) Arc<TokenKeys>);

#[async_trait]
impl TokenSealer for KmsTokens {
    fn seal(&self, kind: TokenKind, claims: &[u8]) -> Vec<u8> {
        self.0.seal(purpose(kind), claims)
    }

    fn open(&self, kind: TokenKind, token: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.open(purpose(kind), token)
    }

    async fn rotate(&self) -> Result<(), String> {
        self.0.rotate().await.map_err(|error| error.to_string())
    }
}

fn purpose(kind: TokenKind) -> TokenUse {
    match kind {
        TokenKind::Session => TokenUse::Session,
        TokenKind::Identity => TokenUse::Identity,
    }
}

/// Hashes passwords with Argon2id.
pub(super) struct Argon2id(pub(super) Arc<dyn Entropy>);

impl PasswordHasher for Argon2id {
    fn hash(&self, password: &str) -> Option<Vec<u8>> {
        PasswordHash::new(password, &*self.0).map(|hash| hash.encode())
    }

    fn verify(&self, password: &str, hash: &[u8]) -> bool {
        PasswordHash::decode(hash).is_ok_and(|hash| hash.verify(password))
    }
}
