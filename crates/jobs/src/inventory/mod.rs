//! The encryption inventory as a file: an entry for each object, in the order of their names. It is written as it is read, so
//! that it may be of any length.

pub mod csv;
pub mod parquet;

use serde::Deserialize;
use serde_json::Value;

/// The columns, in order. Later versions may add some at the end.
pub const COLUMNS: [&str; 15] = [
    "bucket",
    "name",
    "version",
    "size",
    "last_modified",
    "etag",
    "method",
    "cipher",
    "cmk",
    "cmk_version",
    "bucket_key",
    "bucket_key_id",
    "storage_class",
    "checksum",
    "parts",
];

/// An object and how it is sealed, as the admin API tells of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// The bucket's name.
    pub bucket: String,
    /// The object's name.
    pub name: String,
    /// The uid of its version.
    pub version: String,
    /// Plaintext bytes.
    pub size: i64,
    /// Milliseconds since 1970 (UTC).
    pub last_modified: i64,
    /// As listings show it, in its quotes.
    pub etag: String,
    /// `none`, `sse-obs`, `sse-kms` or `sse-c`.
    pub method: String,
    /// `AES256` or `SM4`.
    pub cipher: Option<String>,
    /// The CMK's ARN.
    pub cmk: Option<String>,
    /// The CMK's version that opens the object now.
    pub cmk_version: Option<i32>,
    /// The id of the bucket key that it goes through.
    #[serde(rename = "bucket_key")]
    pub bucket_key_id: Option<String>,
    /// `STANDARD`.
    pub storage_class: String,
    /// The kept checksum's algorithm.
    pub checksum: Option<String>,
    /// Parts of a multipart upload.
    pub parts: Option<i32>,
}

impl Entry {
    /// An object of the admin API's answer. `None`: it is not understood.
    #[must_use]
    pub fn read(object: &Value) -> Option<Entry> {
        Entry::deserialize(object).ok()
    }

    /// The ETag without its quotes.
    #[must_use]
    pub fn bare_etag(&self) -> &str {
        self.etag.trim_matches('"')
    }

    /// Whether it goes through a bucket key. `None`: not under a CMK.
    #[must_use]
    pub fn through_bucket_key(&self) -> Option<bool> {
        (self.method == "sse-kms").then_some(self.bucket_key_id.is_some())
    }
}
