//! Which stored streams a range of an object touches. Pure.

use crate::records::{Layout, StoredStream};

/// A piece of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamSpan {
    pub(crate) stored: StoredStream,
    /// First plaintext byte within the stream.
    pub(crate) start: u64,
    /// Number of plaintext bytes.
    pub(crate) length: u64,
}

/// The streams to read, in order.
pub(crate) type ReadPlan = Vec<StreamSpan>;

/// Places `start .. start + length` of the object on its streams. An empty object of one stream is still read, so that
/// its auth tag is verified.
pub(crate) fn spans(streams: impl IntoIterator<Item = StoredStream>, start: u64, length: u64) -> ReadPlan {
    let end = start + length;
    let mut offset = 0;
    let mut plan = Vec::new();
    let mut empty = None;
    for stored in streams {
        let (from, to) = (start.max(offset), end.min(offset + stored.plain_bytes));
        if from < to {
            plan.push(StreamSpan { stored, start: from - offset, length: to - from });
        }
        if stored.plain_bytes == 0 {
            empty = Some(StreamSpan { stored, start: 0, length: 0 });
        }
        offset += stored.plain_bytes;
    }
    if plan.is_empty() {
        plan.extend(empty);
    }
    plan
}

impl Layout {
    /// Plaintext size of all parts.
    pub(crate) fn size(&self) -> u64 {
        self.parts.iter().map(|p| p.stored.plain_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{BlobId, StreamUid};
    use proptest::prelude::*;

    fn stream(plain_bytes: u64) -> StoredStream {
        let (stream, blob) = (StreamUid::from_bytes([1; 16]), BlobId::from_bytes([2; 16]));
        StoredStream { stream, blob, inline: false, plain_bytes }
    }

    proptest! {
        #[test]
        fn spans_read_what_a_plain_slice_would(sizes in proptest::collection::vec(0u64..20, 0..8), a in 0u64..160, n in 0u64..160) {
            let total: u64 = sizes.iter().sum();
            let (start, length) = (a.min(total), n.min(total - a.min(total)));
            // A byte is named by its stream and its place in it.
            let all: Vec<(usize, u64)> = sizes.iter().enumerate().flat_map(|(i, n)| (0..*n).map(move |k| (i, k))).collect();
            let streams: Vec<_> = sizes.iter().enumerate().map(|(i, n)| StoredStream { blob: BlobId::from_bytes([i as u8; 16]), ..stream(*n) }).collect();
            let read: Vec<_> = spans(streams, start, length)
                .iter()
                .flat_map(|s| (s.start..s.start + s.length).map(|k| (usize::from(s.stored.blob.as_bytes()[0]), k)))
                .collect();
            prop_assert_eq!(read, &all[start as usize..(start + length) as usize]);
        }
    }

    #[test]
    fn an_empty_object_is_still_read() {
        assert_eq!(spans([stream(0)], 0, 0).len(), 1);
    }
}
