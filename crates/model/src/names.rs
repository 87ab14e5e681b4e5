//! Bucket and object names. A name that exists is a valid one.

use std::fmt;

/// Longest object name, in UTF-8 bytes (S3 and OBS limit).
pub const OBJECT_NAME_BYTES_MAX: usize = 1024;

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Not a bucket name: 3 to 63 of `a-z 0-9 - .`, see [`BucketName::parse`].
    InvalidBucketName,
    /// The object name is empty or is not UTF-8.
    InvalidObjectName,
    /// The object name is longer than [`OBJECT_NAME_BYTES_MAX`].
    ObjectNameTooLong,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidBucketName => "the bucket name is not valid",
            Self::InvalidObjectName => "the object name is empty or not UTF-8",
            Self::ObjectNameTooLong => "the object name is longer than 1024 bytes",
        })
    }
}

impl std::error::Error for NameError {}

/// A bucket's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketName(Box<str>);

impl BucketName {
    /// Parses a bucket name by the rule common to S3 and OBS: 3 to 63 characters of `a-z`, `0-9`, `-` and `.`; begins
    /// and ends with a letter or digit; no `..`, `.-` or `-.`; not in the form of an IPv4 address.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let bytes = name.as_bytes();
        let charset = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let adjacent_dots = bytes.windows(2).any(|w| matches!(w, b".." | b".-" | b"-."));
        let looks_like_ipv4 = name.parse::<std::net::Ipv4Addr>().is_ok()
            || (name.split('.').count() == 4
                && name.split('.').all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())));
        if (3..=63).contains(&bytes.len())
            && bytes.iter().all(charset)
            && edge(bytes.first())
            && edge(bytes.last())
            && !adjacent_dots
            && !looks_like_ipv4
        {
            Ok(Self(name.into()))
        } else {
            Err(NameError::InvalidBucketName)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object's name in its bucket: 1 to 1024 bytes of UTF-8, otherwise opaque. `..`, `//` and the like are ordinary
/// characters: a name never becomes a path on the disk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(Box<str>);

impl ObjectName {
    /// Parses an object name from its decoded bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NameError> {
        if bytes.len() > OBJECT_NAME_BYTES_MAX {
            return Err(NameError::ObjectNameTooLong);
        }
        match std::str::from_utf8(bytes) {
            Ok(name) if !name.is_empty() => Ok(Self(name.into())),
            _ => Err(NameError::InvalidObjectName),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! show {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
show!(BucketName);
show!(ObjectName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names() {
        for good in ["abc", "a-b.c", "0bucket9", "1.2.3.4a", &"a".repeat(63)] {
            assert!(BucketName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            "a..b",
            "a.-b",
            "a-.b",
            "192.168.1.1",
            "999.1.1.1",
            "a/b",
            "..",
            "a\0b",
        ] {
            assert_eq!(BucketName::parse(bad), Err(NameError::InvalidBucketName), "{bad}");
        }
    }

    #[test]
    fn object_names() {
        for good in ["a", "../../etc/passwd", "//", "\u{0}", &"x".repeat(1024)] {
            assert!(ObjectName::parse(good.as_bytes()).is_ok());
        }
        assert_eq!(ObjectName::parse(b""), Err(NameError::InvalidObjectName));
        assert_eq!(ObjectName::parse(&[0xc0, 0xaf]), Err(NameError::InvalidObjectName), "overlong UTF-8");
        assert_eq!(ObjectName::parse(&[b'x'; 1025]), Err(NameError::ObjectNameTooLong));
    }
}
