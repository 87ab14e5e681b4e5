//! The seams through which this room keeps secrets: it has no keys and no ciphers of its own. The server wires them to
//! the KMS's keys and to the password hash of the crypto room.

use async_trait::async_trait;
use zeroize::Zeroizing;

/// Seals and opens small secrets.
///
/// Guarantees: `open` returns exactly what `seal` was given for the same id, and `None` for anything else. An id is used
/// for one `seal` in its life; the caller draws a fresh one each time.
pub trait SecretSealer: Send + Sync + 'static {
    /// Seals a secret under a fresh id.
    fn seal(&self, id: &[u8; 16], plain: &[u8]) -> Vec<u8>;

    /// Opens a sealed secret; `None` when it does not authenticate, whatever the cause.
    fn open(&self, id: &[u8; 16], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// What a token is for. One of a kind never opens as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Beside a temporary access key.
    Session,
    /// By itself, in place of a signature (Huawei's `X-Auth-Token`).
    Identity,
}

/// Seals the claims of tokens and opens what comes back from outside.
///
/// Guarantees: `open` returns exactly what `seal` was given for the same kind, and `None` for anything else, however it
/// was made; sealing the same claims twice gives different tokens. Each token's first 37 bytes are unique to it and not
/// secret. After `rotate`, tokens are sealed under a new key; those sealed before open for at least
/// [`TOKEN_SECONDS_MAX`](crate::TOKEN_SECONDS_MAX).
#[async_trait]
pub trait TokenSealer: Send + Sync + 'static {
    /// Seals claims.
    fn seal(&self, kind: TokenKind, claims: &[u8]) -> Vec<u8>;

    /// Opens a token; `None` when it does not authenticate, whatever the cause.
    fn open(&self, kind: TokenKind, token: &[u8]) -> Option<Zeroizing<Vec<u8>>>;

    /// Takes a new key.
    ///
    /// # Errors
    /// What went wrong, for the operator; the former key stays in use.
    async fn rotate(&self) -> Result<(), String>;
}

/// Hashes passwords so that guessing one costs time and memory. Both methods block: they are called on threads for that.
///
/// Guarantees: `verify` is true for exactly the password that `hash` was given, takes as long for a wrong one as for the
/// right one, and is false for a hash it cannot read.
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes a password with a fresh salt. `None` when the memory cannot be had.
    fn hash(&self, password: &str) -> Option<Vec<u8>>;

    /// Whether this is the password of the hash.
    fn verify(&self, password: &str, hash: &[u8]) -> bool;
}
