//! SHA-1 and SHA-256 (FIPS 180-4) of bytes that arrive in pieces.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

macro_rules! sha {
    ($(#[$doc:meta])* $name:ident, $algorithm:expr, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Context);

        impl $name {
            /// Starts.
            pub fn new() -> Self {
                Self(Context::new($algorithm))
            }

            /// Takes the next bytes.
            pub fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }

            /// The digest.
            pub fn finish(self) -> [u8; $bytes] {
                let mut out = [0; $bytes];
                out.copy_from_slice(self.0.finish().as_ref());
                out
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

sha!(
    /// SHA-1, for upload checksums only.
    Sha1, &SHA1_FOR_LEGACY_USE_ONLY, 20
);
sha!(
    /// SHA-256.
    Sha256, &SHA256, 32
);

/// SHA-256 of bytes at hand.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut state = Sha256::new();
    state.update(data);
    state.finish()
}
