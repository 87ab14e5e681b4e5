//! Byte ranges of RFC 9110 §14, as S3 and OBS read them: one range only, plaintext offsets.

/// A range as the client asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeSpec {
    /// `bytes=first-last`, both inclusive.
    FromTo(u64, u64),
    /// `bytes=first-`.
    From(u64),
    /// `bytes=-length`: the last `length` bytes.
    Last(u64),
}

/// A range that lies within a body: `start .. start + length`, `length` ≥ 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolvedRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
}

/// The range holds no byte of the body (416 `InvalidRange`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsatisfiableRange;

impl RangeSpec {
    /// Parses the value of a `Range` header. `None` means: not a single well-formed byte range, to be ignored
    /// (a list of ranges, a reversed one, another unit).
    pub fn parse(value: &str) -> Option<Self> {
        let spec = value.trim().strip_prefix("bytes=")?.trim();
        let (first, last) = spec.split_once('-')?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let number = |s: &str| s.parse::<u64>().unwrap_or(u64::MAX);
        match (first, last) {
            ("", n) if digits(n) => Some(Self::Last(number(n))),
            (a, "") if digits(a) => Some(Self::From(number(a))),
            (a, b) if digits(a) && digits(b) && number(a) <= number(b) => Some(Self::FromTo(number(a), number(b))),
            _ => None,
        }
    }

    /// Places the range in a body of `size` bytes.
    pub fn resolve(self, size: u64) -> Result<ResolvedRange, UnsatisfiableRange> {
        let (start, end) = match self {
            Self::FromTo(a, b) => (a, b.saturating_add(1).min(size)),
            Self::From(a) => (a, size),
            Self::Last(n) => (size.saturating_sub(n), size),
        };
        if start >= end {
            return Err(UnsatisfiableRange);
        }
        Ok(ResolvedRange { start, length: end - start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing() {
        assert_eq!(RangeSpec::parse("bytes=0-9"), Some(RangeSpec::FromTo(0, 9)));
        assert_eq!(RangeSpec::parse("bytes=5-"), Some(RangeSpec::From(5)));
        assert_eq!(RangeSpec::parse("bytes=-0"), Some(RangeSpec::Last(0)));
        for ignored in ["bytes=9-0", "bytes=0-1,3-4", "items=0-1", "bytes=-", "bytes=a-b", "bytes=+1-2", ""] {
            assert_eq!(RangeSpec::parse(ignored), None, "{ignored}");
        }
    }

    #[test]
    fn resolving() {
        assert_eq!(RangeSpec::FromTo(0, u64::MAX).resolve(10), Ok(ResolvedRange { start: 0, length: 10 }));
        assert_eq!(RangeSpec::From(10).resolve(10), Err(UnsatisfiableRange));
        assert_eq!(RangeSpec::Last(0).resolve(10), Err(UnsatisfiableRange));
        assert_eq!(RangeSpec::Last(20).resolve(10), Ok(ResolvedRange { start: 0, length: 10 }));
        assert_eq!(RangeSpec::Last(1).resolve(0), Err(UnsatisfiableRange));
    }
}
