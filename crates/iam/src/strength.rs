//! Secrets that anybody can guess. The rule is advice with a type: the server refuses a weak secret where it listens for
//! more than the machine itself.

use crate::SecretAccessKey;
use std::collections::BTreeSet;
use std::fmt;

/// A secret shorter than this is weak.
pub const SECRET_CHARS_ADVISED_MIN: usize = 16;
const DISTINCT_CHARS_MIN: usize = 6;

/// Secrets that stand in manuals, and what people type instead. Compared in lower case.
const WELL_KNOWN: &[&str] = &[
    "minioadmin",
    "minio123",
    "minio-secret-key",
    "miniosecretkey",
    "rustfsadmin",
    "obsadmin",
    "strongroom",
    "strongroomadmin",
    "password",
    "passw0rd",
    "password1",
    "password123",
    "changeme",
    "changeme123",
    "changemechangeme",
    "admin123",
    "admin1234",
    "adminadmin",
    "secretkey",
    "secret-key",
    "secretaccesskey",
    "accesskey",
    "letmein123",
    "qwertyuiop",
    "testtest",
    "test1234",
    "12345678",
    "123456789",
    "1234567890",
    "0123456789abcdef",
    "1234567890123456",
    // The example secret of the AWS manuals.
    "wjalrxutnfemi/k7mdeng/bpxrficyexamplekey",
];

/// Why a secret is weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Shorter than [`SECRET_CHARS_ADVISED_MIN`].
    TooShort,
    /// It stands in manuals or lists of common passwords.
    WellKnown,
    /// Made of very few different characters.
    Repetitive,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "it has fewer than {SECRET_CHARS_ADVISED_MIN} characters"),
            Self::WellKnown => f.write_str("it is well known"),
            Self::Repetitive => f.write_str("it repeats very few characters"),
        }
    }
}

/// Whether a secret may guard a server that others can reach. It estimates nothing: it refuses what is certainly weak.
///
/// # Errors
/// The first weakness found.
pub fn check_strength(secret: &SecretAccessKey) -> Result<(), Weakness> {
    let text = zeroize::Zeroizing::new(secret.expose().to_ascii_lowercase());
    if WELL_KNOWN.contains(&text.as_str()) {
        return Err(Weakness::WellKnown);
    }
    if text.len() < SECRET_CHARS_ADVISED_MIN {
        return Err(Weakness::TooShort);
    }
    if text.bytes().collect::<BTreeSet<_>>().len() < DISTINCT_CHARS_MIN {
        return Err(Weakness::Repetitive);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_secrets_are_named() {
        for (text, want) in [
            ("minioadmin", Err(Weakness::WellKnown)),
            ("MinioAdmin", Err(Weakness::WellKnown)),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", Err(Weakness::WellKnown)),
            ("k3Jx9-short", Err(Weakness::TooShort)),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", Err(Weakness::Repetitive)),
            ("abababababababababababab", Err(Weakness::Repetitive)),
            ("k3Jx9wq0ZbT5nV2m", Ok(())),
        ] {
            assert_eq!(check_strength(&SecretAccessKey::parse(text).unwrap()), want, "{text}");
        }
    }

    #[test]
    fn generated_secrets_pass() {
        let entropy = testkit::SeededEntropy::new(5);
        for _ in 0..100 {
            assert_eq!(check_strength(&SecretAccessKey::generate(&entropy)), Ok(()));
        }
    }
}
