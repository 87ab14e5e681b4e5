//! Entity tags.

use data_encoding::HEXLOWER;
use std::fmt;

/// An object's ETag: an MD5 and, for multipart objects, the number of parts. Stored without quotes; shown on the wire
/// as `"32 hex digits"` or `"32 hex digits-N"`. What the MD5 is of, the SSE method decides (docs/keys.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ETag {
    /// MD5 of a body, or of the concatenated MD5s of the parts.
    pub md5: [u8; 16],
    /// Number of parts when the object was written by a multipart upload.
    pub parts: Option<u32>,
}

impl ETag {
    /// The ETag of a body that was written at once.
    pub const fn single(md5: [u8; 16]) -> Self {
        Self { md5, parts: None }
    }

    /// Parses the unquoted form.
    pub fn parse(text: &str) -> Option<Self> {
        let (hex, parts) = match text.split_once('-') {
            Some((hex, parts)) => (hex, Some(parts.parse().ok()?)),
            None => (text, None),
        };
        let md5 = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
        Some(Self { md5: md5.try_into().ok()?, parts })
    }

    /// The form on the wire, with quotes.
    pub fn quoted(&self) -> String {
        format!("\"{self}\"")
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.md5))?;
        match self.parts {
            Some(parts) => write!(f, "-{parts}"),
            None => Ok(()),
        }
    }
}
