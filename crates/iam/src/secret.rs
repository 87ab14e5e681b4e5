//! The secret half of an access key. Signatures need it in clear, so it is kept in memory; it is wiped on drop, never
//! printed, and read through [`SecretAccessKey::expose`] alone.

use model::Entropy;
use std::fmt;
use zeroize::Zeroizing;

/// Longest secret in bytes.
const SECRET_BYTES_MAX: usize = 256;
/// Length of a generated secret: 40 letters and digits hold 238 bits.
const GENERATED_CHARS: usize = 40;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A secret access key: 1 to 256 visible ASCII characters.
pub struct SecretAccessKey(Zeroizing<String>);

impl SecretAccessKey {
    /// Checks characters and length.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=SECRET_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Draws a secret of 40 letters and digits, each equally likely.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        // The buffers have their final size from the start: a growing one would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(GENERATED_CHARS));
        let mut drawn = Zeroizing::new([0; GENERATED_CHARS]);
        while text.len() < GENERATED_CHARS {
            entropy.fill(&mut *drawn);
            let fair = drawn.iter().filter_map(|byte| character(*byte));
            fair.take(GENERATED_CHARS - text.len()).for_each(|c| text.push(c));
        }
        Self(text)
    }

    /// The secret in clear, for computing and checking signatures.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The character a random byte stands for; bytes beyond the last whole alphabet are drawn again, or some characters
/// would be likelier.
fn character(byte: u8) -> Option<char> {
    const FAIR: usize = (256 / ALPHABET.len()) * ALPHABET.len();
    let byte = usize::from(byte);
    (byte < FAIR).then(|| char::from(ALPHABET[byte % ALPHABET.len()]))
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::SeededEntropy;

    #[test]
    fn generated_secrets_are_of_the_alphabet_and_differ() {
        let entropy = SeededEntropy::new(1);
        let (a, b) = (SecretAccessKey::generate(&entropy), SecretAccessKey::generate(&entropy));
        assert_eq!(a.expose().len(), GENERATED_CHARS);
        assert!(a.expose().bytes().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(a.expose(), b.expose());
        assert_eq!((0..=255u8).filter(|b| character(*b).is_some()).count(), 248);
    }

    #[test]
    fn the_secret_does_not_show() {
        assert_eq!(format!("{:?}", SecretAccessKey::parse("hunter2hunter2").unwrap()), "SecretAccessKey(..)");
    }

    #[test]
    fn refusals() {
        for text in ["", "with space", "tab\t", "ünïcode", &"x".repeat(257)] {
            assert!(SecretAccessKey::parse(text).is_none(), "{text}");
        }
    }
}
