//! Object versions and parts.

use std::fmt;

/// Highest part number of a multipart upload.
pub const PART_NUMBER_MAX: u16 = 10_000;

/// Number of a part, 1 to [`PART_NUMBER_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartNumber(u16);

impl PartNumber {
    /// Checks the bounds.
    pub fn new(number: u64) -> Option<Self> {
        match u16::try_from(number) {
            Ok(n) if (1..=PART_NUMBER_MAX).contains(&n) => Some(Self(n)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// The name of an object version on the wire.
///
/// Objects written while versioning was never enabled, or is suspended, are the *null version*. All other ids begin
/// with the inverted commit time, so that the byte order of a bucket's version keys is newest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionId {
    /// The null version, `null` on the wire.
    Null,
    /// 16 bytes: `u64 BE (2^64 - 1 - milliseconds)`, then 8 random bytes. 32 hexadecimal digits on the wire.
    Id([u8; 16]),
}

impl VersionId {
    /// Parses the form on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self::Id(bytes.try_into().ok()?))
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Id(bytes) => f.write_str(&data_encoding::HEXLOWER.encode(bytes)),
        }
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionId({self})")
    }
}
