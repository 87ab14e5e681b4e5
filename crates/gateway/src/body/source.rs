//! Where body bytes come from, and the plain body: bytes as they are, held to the announced length.

use async_trait::async_trait;
use bytes::Bytes;
use crypto::ChecksumValue;
use objects::BodyError;
use objects::api::BodySource;

/// The largest piece a body gives out, in bytes.
pub const PIECE_BYTES_MAX: usize = 1 << 20;

/// Bytes of a request as they come off the wire, HTTP framing removed.
#[async_trait]
pub trait ByteSource: Send {
    /// The next piece; `None` at the end. Must not wait for ever.
    ///
    /// # Errors
    /// [`BodyError::Incomplete`] when the connection ends early, [`BodyError::TimedOut`] when nothing arrives.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError>;
}

#[async_trait]
impl ByteSource for Box<dyn ByteSource> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        (**self).next().await
    }
}

/// A body without framing of its own.
pub struct PlainBody<S> {
    source: S,
    /// What arrived and was not given out.
    waiting: Bytes,
    /// Bytes still to come, if the length was announced.
    remaining: Option<u64>,
    failed: Option<BodyError>,
}

impl<S: ByteSource> PlainBody<S> {
    /// A body from `source` of exactly `length` bytes, if given.
    pub fn new(source: S, length: Option<u64>) -> Self {
        Self { source, waiting: Bytes::new(), remaining: length, failed: None }
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, BodyError> {
        while self.waiting.is_empty() {
            match self.source.next().await? {
                Some(bytes) => self.waiting = bytes,
                None if self.remaining.is_none_or(|remaining| remaining == 0) => return Ok(None),
                None => return Err(BodyError::Incomplete),
            }
        }
        let piece = self.waiting.split_to(self.waiting.len().min(PIECE_BYTES_MAX));
        if let Some(remaining) = &mut self.remaining {
            *remaining = remaining.checked_sub(piece.len() as u64).ok_or(BodyError::Incomplete)?;
        }
        Ok(Some(piece))
    }
}

#[async_trait]
impl<S: ByteSource> BodySource for PlainBody<S> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let outcome = self.advance().await;
        self.failed = outcome.as_ref().err().copied();
        outcome
    }

    fn trailing_checksums(&mut self) -> Vec<ChecksumValue> {
        Vec::new()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A source of given pieces.
    pub(crate) struct Pieces(pub(crate) VecDeque<Result<Bytes, BodyError>>);

    impl Pieces {
        /// `data`, cut at the given places.
        pub(crate) fn cut(data: &[u8], places: &[usize]) -> Self {
            let mut places: Vec<usize> = places.iter().map(|place| (*place).min(data.len())).collect();
            places.extend([0, data.len()]);
            places.sort_unstable();
            Self(places.windows(2).map(|pair| Ok(Bytes::copy_from_slice(&data[pair[0]..pair[1]]))).collect())
        }
    }

    #[async_trait]
    impl ByteSource for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
            self.0.pop_front().transpose()
        }
    }

    /// Reads a body to its end: the bytes and the checksums of the trailer, or the error.
    pub(crate) fn read(mut body: impl BodySource) -> Result<(Vec<u8>, Vec<ChecksumValue>), BodyError> {
        futures_util::FutureExt::now_or_never(async move {
            let mut out = Vec::new();
            loop {
                match body.next().await {
                    Ok(Some(piece)) => {
                        assert!(!piece.is_empty() && piece.len() <= PIECE_BYTES_MAX);
                        out.extend_from_slice(&piece);
                    }
                    Ok(None) => {
                        assert_eq!(body.next().await.map(|piece| piece.is_none()), Ok(true), "the end stays the end");
                        return Ok((out, body.trailing_checksums()));
                    }
                    Err(error) => {
                        assert_eq!(body.next().await.map(|_| ()), Err(error), "an error stays an error");
                        return Err(error);
                    }
                }
            }
        })
        .expect("the source never waits")
    }

    #[test]
    fn a_plain_body_of_the_announced_length_is_read_whole() {
        let data = vec![7; 3 * PIECE_BYTES_MAX + 5];
        let body = PlainBody::new(Pieces::cut(&data, &[1, 2, 2, 70_000]), Some(data.len() as u64));
        assert_eq!(read(body), Ok((data.clone(), vec![])));
        assert_eq!(read(PlainBody::new(Pieces::cut(&data, &[]), None)), Ok((data, vec![])));
        assert_eq!(read(PlainBody::new(Pieces::cut(b"", &[]), Some(0))), Ok((vec![], vec![])));
    }

    #[test]
    fn a_body_shorter_or_longer_than_announced_is_incomplete() {
        for length in [4, 6] {
            assert_eq!(read(PlainBody::new(Pieces::cut(b"12345", &[2]), Some(length))), Err(BodyError::Incomplete));
        }
    }

    #[test]
    fn an_error_of_the_connection_is_passed_on() {
        let pieces = Pieces([Ok(Bytes::from_static(b"12")), Err(BodyError::TimedOut)].into());
        assert_eq!(read(PlainBody::new(pieces, Some(5))), Err(BodyError::TimedOut));
    }
}
