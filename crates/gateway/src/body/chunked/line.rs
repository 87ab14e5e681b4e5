//! Lines between the data of chunks: gathered across pieces, bounded in length, and the parsing of a chunk's head.

use bytes::{Buf, Bytes};
use objects::BodyError;

/// Longest head of a chunk in bytes; the longest legitimate one is about 100.
pub(super) const HEAD_BYTES_MAX: usize = 1024;

/// A line being gathered.
#[derive(Default)]
pub(super) struct LineBuffer(Vec<u8>);

impl LineBuffer {
    /// Takes bytes from `from` up to and with a line feed. The line without its ending once it is complete; `None` if
    /// more bytes are needed. A carriage return before the line feed is demanded if `strict`.
    pub(super) fn take(
        &mut self,
        from: &mut Bytes,
        bytes_max: usize,
        strict: bool,
    ) -> Result<Option<Vec<u8>>, BodyError> {
        let end = from.iter().position(|byte| *byte == b'\n');
        let take = end.map_or(from.len(), |end| end + 1);
        if self.0.len() + take > bytes_max {
            return Err(BodyError::MalformedChunk);
        }
        self.0.extend_from_slice(&from[..take]);
        from.advance(take);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.0);
        line.pop();
        match line.last() {
            Some(b'\r') => {
                line.pop();
                Ok(Some(line))
            }
            _ if strict => Err(BodyError::MalformedChunk),
            _ => Ok(Some(line)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The head of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChunkHead<'a> {
    pub(super) size: u64,
    pub(super) signature: Option<&'a str>,
}

impl<'a> ChunkHead<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, BodyError> {
        let line = std::str::from_utf8(line).map_err(|_| BodyError::MalformedChunk)?;
        let (size, signature) = match line.split_once(';') {
            Some((size, extension)) => {
                let signature = extension.strip_prefix("chunk-signature=").ok_or(BodyError::MalformedChunk)?;
                (size, Some(signature))
            }
            None => (line, None),
        };
        // `from_str_radix` would take a sign.
        if size.is_empty() || size.len() > 16 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BodyError::MalformedChunk);
        }
        let size = u64::from_str_radix(size, 16).map_err(|_| BodyError::MalformedChunk)?;
        Ok(Self { size, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_strictly() {
        assert_eq!(ChunkHead::parse(b"10000"), Ok(ChunkHead { size: 65536, signature: None }));
        assert_eq!(ChunkHead::parse(b"aF;chunk-signature=x"), Ok(ChunkHead { size: 175, signature: Some("x") }));
        for bad in [&b""[..], b" 1", b"+1", b"0x1", b"1 ", b"g", b"11111111111111111", b"1;x=y", b"1;", b"\xff", b";"] {
            assert_eq!(ChunkHead::parse(bad), Err(BodyError::MalformedChunk), "{bad:?}");
        }
    }

    #[test]
    fn a_line_never_grows_beyond_its_bound() {
        let mut line = LineBuffer::default();
        let mut some = Bytes::from_static(&[b'a'; 10]);
        assert_eq!(line.take(&mut some, 16, true), Ok(None));
        let mut more = Bytes::from_static(b"bcdef\r\n");
        assert_eq!(line.take(&mut more, 16, true), Err(BodyError::MalformedChunk));
    }
}
