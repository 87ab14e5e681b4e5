//! The seam through which secrets are sealed for storage. The server wires it to the KMS's secrets key.

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
