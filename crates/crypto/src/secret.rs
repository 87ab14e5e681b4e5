//! Fixed-size secret bytes: the one box every key lives in.
//!
//! The bytes sit on the heap, so moving a key moves a pointer and leaves no copy behind on the stack; they are
//! overwritten when the box is dropped. There is no `Clone`, `Debug`, `Serialize` or comparison: a secret is read
//! through [`SecretBytes::expose`] alone, so that every reader is found by searching for that word.
//!
//! ```compile_fail,E0599
//! let key = strongroom_crypto::SecretBytes::<32>::fill_with(|_| ());
//! let copy = key.clone();
//! ```
//! ```compile_fail,E0277
//! let key = strongroom_crypto::SecretBytes::<32>::fill_with(|_| ());
//! println!("{key:?}");
//! ```
//! ```compile_fail,E0369
//! let key = strongroom_crypto::SecretBytes::<32>::fill_with(|_| ());
//! let same = key == key;
//! ```

use model::Entropy;
use zeroize::Zeroize;

/// `N` secret bytes on the heap, wiped on drop.
pub struct SecretBytes<const N: usize>(Box<[u8; N]>);

impl<const N: usize> SecretBytes<N> {
    /// Makes a secret in place: `fill` gets zeroed bytes at their final address.
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0);
        secret
    }

    /// As [`SecretBytes::fill_with`] where filling may fail; what was written before the failure is wiped.
    ///
    /// # Errors
    /// The error of `fill`, unchanged.
    pub fn try_fill_with<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// Draws `N` random bytes.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::fill_with(|bytes| entropy.fill(bytes))
    }

    /// The bytes in clear. The caller neither stores, prints nor compares them other than in constant time.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for SecretBytes<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> zeroize::ZeroizeOnDrop for SecretBytes<N> {}
