//! Reads a segment line by line, with bounded memory.

use crate::chain::LINE_BYTES_MAX;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// The lines of one file.
pub(crate) struct Lines {
    reader: BufReader<File>,
    /// Where the next line begins.
    offset: u64,
}

/// What stands next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// Bytes at the end of the file that no line end follows.
    Torn(Vec<u8>),
    /// More bytes than a line has.
    TooLong,
    /// The file's end.
    End,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(path, 0)
    }

    /// From the line that begins at this place on.
    pub(crate) fn open_at(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { reader: BufReader::with_capacity(256 << 10, file), offset })
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line. A torn one is read again from its beginning when more of it has been written.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
        match line.last() {
            None => Ok(Next::End),
            Some(b'\n') => {
                self.offset += read as u64;
                line.pop();
                Ok(Next::Line(line))
            }
            Some(_) if read == LINE_BYTES_MAX => Ok(Next::TooLong),
            Some(_) => {
                self.reader.seek(SeekFrom::Start(self.offset))?;
                Ok(Next::Torn(line))
            }
        }
    }
}
