//! Documents that hold keys or plaintexts in clear: they are wiped when dropped.

use crate::control::plane::Wiped;
use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use std::io::{self, Write};
use std::ops::Deref;
use zeroize::{Zeroize, Zeroizing};

/// A document whose texts are wiped when it is dropped.
pub(super) struct Document(Value);

impl Document {
    pub(super) fn new(document: Value) -> Self {
        Self(document)
    }
}

impl Deref for Document {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// As `shapes::show`, for a document with a secret: neither it nor what is sent of it is left in memory. The
/// secret belongs into the document by `into()`: `json!` copies what it is given.
pub(super) fn show(document: Value) -> Reply {
    let mut reply = Reply::new(StatusCode::OK).with("content-type", "application/json;charset=utf-8");
    reply.body = ReplyBody::Full(Bytes::from_owner(Wiped(written(&Document::new(document)))));
    reply
}

/// The text of a document. Room for all, so that no copy is left behind by growing.
fn written(document: &Value) -> Zeroizing<Vec<u8>> {
    let mut length = Length(0);
    let counted = serde_json::to_writer(&mut length, document);
    let mut text = Zeroizing::new(Vec::with_capacity(length.0));
    if counted.and_then(|()| serde_json::to_writer(&mut *text, document)).is_err() {
        // Writing a value to memory does not fail; half a document is none.
        text.zeroize();
    }
    text
}

/// Counts what is written to it.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Documents have a bounded depth: the reader's, or ours.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_with_a_secret_is_written_whole_without_growing() {
        let document = json!({ "plain_text": "a\"\u{7}é\\", "list": ["x", { "y": null }], "number": 7 });
        let text = written(&document);
        assert_eq!(*text, document.to_string().into_bytes());
        assert_eq!(text.capacity(), text.len());
    }

    #[test]
    fn wiping_leaves_no_text() {
        let mut document = json!({ "a": "secret", "b": [{ "c": "secret" }], "d": 1 });
        wipe(&mut document);
        assert_eq!(document, json!({ "a": "", "b": [{ "c": "" }], "d": 1 }));
    }
}
