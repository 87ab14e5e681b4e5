//! How records become bytes: fields in a fixed order, integers big-endian with a stated width, byte strings with a
//! 32-bit length. A record begins with its format version; what a reader does not know it refuses
//! (docs/formats/record.md).

use std::fmt;

/// The bytes are not a record of the expected form: too short, too long, or a value outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(
    /// Which field or rule failed.
    pub &'static str,
);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stored record is malformed: {}", self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Builds a record.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Starts a record of the given format version.
    pub fn new(format_version: u8) -> Self {
        Self(vec![format_version])
    }

    /// Starts bytes without a format version (a part of a record, or a binding).
    pub fn bare() -> Self {
        Self(Vec::new())
    }

    /// One byte.
    pub fn u8(&mut self, v: u8) -> &mut Self {
        self.0.push(v);
        self
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, v: u16) -> &mut Self {
        self.0.extend_from_slice(&v.to_be_bytes());
        self
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, v: u32) -> &mut Self {
        self.0.extend_from_slice(&v.to_be_bytes());
        self
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, v: u64) -> &mut Self {
        self.0.extend_from_slice(&v.to_be_bytes());
        self
    }

    /// Bytes of a length both sides know.
    pub fn raw(&mut self, v: &[u8]) -> &mut Self {
        self.0.extend_from_slice(v);
        self
    }

    /// A byte string: `u32` length, then the bytes. Panics above 4 GiB, which no record reaches.
    pub fn bytes(&mut self, v: &[u8]) -> &mut Self {
        assert!(v.len() <= u32::MAX as usize, "a record field is limited to 4 GiB");
        self.u32(v.len() as u32);
        self.raw(v)
    }

    /// A string, as [`Writer::bytes`].
    pub fn str(&mut self, v: &str) -> &mut Self {
        self.bytes(v.as_bytes())
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, v: bool) -> &mut Self {
        self.u8(v.into())
    }

    /// Presence as a [`Writer::bool`], then the value if there is one.
    pub fn option<T>(&mut self, v: Option<T>, write: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.bool(v.is_some());
        if let Some(v) = v {
            write(self, v);
        }
        self
    }

    /// The bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The finished bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a record. Every read is bounds-checked; nothing is allocated beyond the input's own length.
#[derive(Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads bytes without a format version.
    pub fn bare(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Opens a record and returns its format version.
    pub fn open(bytes: &'a [u8]) -> Result<(u8, Self), DecodeError> {
        let (&version, rest) = bytes.split_first().ok_or(DecodeError("empty record"))?;
        Ok((version, Self(rest)))
    }

    /// Bytes of a length both sides know.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(DecodeError("record ends early"))?;
        self.0 = rest;
        Ok(head)
    }

    /// A fixed-size array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.raw(N)?.try_into().map_err(|_| DecodeError("record ends early"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u32()? as usize;
        self.raw(len)
    }

    /// A UTF-8 string.
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError("text is not UTF-8"))
    }

    /// One byte that must be 0 or 1.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError("flag is neither 0 nor 1")),
        }
    }

    /// An optional value.
    pub fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.bool()? { read(self).map(Some) } else { Ok(None) }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Ends the record: bytes left over are an error.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError("record has trailing bytes")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_truncation_is_an_error() {
        let mut w = Writer::new(1);
        w.u8(7).u16(8).u32(9).u64(10).str("text").bool(true).option(Some(3u8), |w, v| {
            w.u8(v);
        });
        let bytes = w.finish();
        let read = |bytes: &[u8]| -> Result<(), DecodeError> {
            let (version, mut r) = Reader::open(bytes)?;
            assert_eq!(version, 1);
            assert_eq!((r.u8()?, r.u16()?, r.u32()?, r.u64()?), (7, 8, 9, 10));
            assert_eq!(r.str()?, "text");
            assert!(r.bool()?);
            assert_eq!(r.option(|r| r.u8())?, Some(3));
            r.finish()
        };
        assert_eq!(read(&bytes), Ok(()));
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(read(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_length_beyond_the_input_allocates_nothing() {
        let mut r = Reader::bare(&[0xff, 0xff, 0xff, 0xff, 1, 2]);
        assert_eq!(r.bytes(), Err(DecodeError("record ends early")));
    }
}
