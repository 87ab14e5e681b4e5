//! The framing of multipart/form-data (RFC 7578, RFC 2046 §5.1), read as it arrives. Content passes through; what is kept
//! is one piece of the source and a few bytes that may turn out to begin a delimiter.
//!
//! ```text
//! preamble CRLF --boundary blanks CRLF  head lines CRLF CRLF  content  CRLF --boundary …  CRLF --boundary-- epilogue
//! ```

use crate::body::{ByteSource, PIECE_BYTES_MAX};
use bytes::{Buf, Bytes, BytesMut};
use objects::BodyError;

/// Longest boundary in bytes (RFC 2046 §5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;
/// Longest head of a part, and longest rest of a delimiter's line, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 4 * 1024;

/// The form cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The connection failed or the body ended before the form did.
    Body(BodyError),
    /// The framing is broken; says how.
    Malformed(&'static str),
    /// More bytes than are allowed beside the file.
    TooMuch,
}

impl From<BodyError> for Broken {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

/// What follows a delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another part.
    Part,
    /// The epilogue.
    End,
}

/// The boundary that a `Content-Type` names: `None` unless it is multipart/form-data.
///
/// # Errors
/// [`Broken::Malformed`] when the boundary is missing or cannot be one.
pub(super) fn boundary(content_type: &str) -> Result<Option<String>, Broken> {
    const NO: Broken = Broken::Malformed("the boundary is missing or cannot be one");
    let (media_type, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !media_type.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let mut found = None;
    for (name, value) in super::part::parameters(parameters).ok_or(NO)? {
        if name.eq_ignore_ascii_case("boundary") && found.replace(value).is_some() {
            return Err(NO);
        }
    }
    let boundary = found.ok_or(NO)?;
    let allowed = |b: u8| b.is_ascii_graphic() || b == b' ';
    let formed =
        (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()) && boundary.bytes().all(allowed) && !boundary.ends_with(' ');
    if formed { Ok(Some(boundary)) } else { Err(NO) }
}

/// A form on its way in.
pub(super) struct Framing<S> {
    source: S,
    /// CR LF, two hyphens, the boundary.
    delimiter: Vec<u8>,
    /// What arrived and was not given out.
    waiting: Bytes,
    /// Bytes that may still come beside the file.
    room: usize,
}

impl<S: ByteSource> Framing<S> {
    /// Stands before the preamble. At most `room` bytes are read until [`Framing::refill`].
    pub(super) fn new(source: S, boundary: &str, room: usize) -> Self {
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        // The first delimiter needs no line end before it.
        Self { source, delimiter, waiting: Bytes::from_static(b"\r\n"), room }
    }

    /// Grants the room anew.
    pub(super) fn refill(&mut self, room: usize) {
        self.room = room;
    }

    /// The next piece of the content one stands in, not counted against the room; `None` when its delimiter was passed.
    pub(super) async fn content(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            match find(&self.waiting, &self.delimiter) {
                Found::Whole(0) => {
                    self.waiting.advance(self.delimiter.len());
                    return Ok(None);
                }
                Found::Whole(at) | Found::Perhaps(at) if at > 0 => {
                    return Ok(Some(self.waiting.split_to(at.min(PIECE_BYTES_MAX))));
                }
                _ => self.fill().await?,
            }
        }
    }

    /// The next piece of a content that is counted against the room.
    pub(super) async fn counted(&mut self) -> Result<Option<Bytes>, Broken> {
        let piece = self.content().await?;
        self.count(piece.as_ref().map_or(0, Bytes::len))?;
        Ok(piece)
    }

    /// Reads past a content that nobody wants.
    pub(super) async fn skip(&mut self) -> Result<(), Broken> {
        while self.counted().await?.is_some() {}
        Ok(())
    }

    /// What follows the delimiter that was just passed.
    pub(super) async fn next(&mut self) -> Result<Next, Broken> {
        while self.waiting.len() < 2 {
            self.fill().await?;
        }
        if self.waiting.starts_with(b"--") {
            return Ok(Next::End);
        }
        let line = self.line(HEAD_BYTES_MAX).await?;
        match line.iter().all(|b| matches!(b, b' ' | b'\t')) {
            true => Ok(Next::Part),
            false => Err(Broken::Malformed("a boundary goes on beyond its end")),
        }
    }

    /// The head of a part: its lines, up to the empty one.
    pub(super) async fn head(&mut self) -> Result<Vec<Bytes>, Broken> {
        let (mut lines, mut room) = (Vec::new(), HEAD_BYTES_MAX);
        loop {
            let line = self.line(room).await?;
            room -= line.len().min(room);
            if line.is_empty() {
                return Ok(lines);
            }
            lines.push(line);
        }
    }

    /// Reads the epilogue: a form is whole when its body has come to its end.
    pub(super) async fn end(&mut self) -> Result<(), Broken> {
        let mut waiting = std::mem::take(&mut self.waiting);
        loop {
            self.count(waiting.len())?;
            match self.source.next().await? {
                Some(piece) => waiting = piece,
                None => return Ok(()),
            }
        }
    }

    /// A line without its end, of at most so many bytes.
    async fn line(&mut self, bytes_max: usize) -> Result<Bytes, Broken> {
        loop {
            let end = self.waiting.windows(2).position(|pair| pair == b"\r\n");
            if end.unwrap_or(self.waiting.len()) > bytes_max {
                return Err(Broken::TooMuch);
            }
            if let Some(end) = end {
                let line = self.waiting.split_to(end);
                self.waiting.advance(2);
                self.count(end + 2)?;
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Broken> {
        self.room = self.room.checked_sub(bytes).ok_or(Broken::TooMuch)?;
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Broken> {
        let piece = self.source.next().await?.ok_or(BodyError::Incomplete)?;
        if self.waiting.is_empty() {
            self.waiting = piece;
        } else {
            let mut joined = BytesMut::with_capacity(self.waiting.len() + piece.len());
            joined.extend_from_slice(&self.waiting);
            joined.extend_from_slice(&piece);
            self.waiting = joined.freeze();
        }
        Ok(())
    }
}

enum Found {
    /// The delimiter stands here.
    Whole(usize),
    /// What stands here to the end may be the beginning of one; the length if nothing is.
    Perhaps(usize),
}

/// The first place where the delimiter stands or may begin.
fn find(bytes: &[u8], delimiter: &[u8]) -> Found {
    let mut from = 0;
    while let Some(step) = bytes[from..].iter().position(|b| *b == b'\r') {
        let at = from + step;
        let rest = &bytes[at..];
        if rest.starts_with(delimiter) {
            return Found::Whole(at);
        }
        if delimiter.starts_with(rest) {
            return Found::Perhaps(at);
        }
        from = at + 1;
    }
    Found::Perhaps(bytes.len())
}
