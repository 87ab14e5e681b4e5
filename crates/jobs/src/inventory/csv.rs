//! The inventory as comma-separated values (RFC 4180), one line for each object.
//!
//! Names are percent-encoded: what stands in a line is the same whatever a name holds, and no name can begin with what a
//! spreadsheet takes for a formula.

use super::{COLUMNS, Entry};
use std::fmt::Write;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first line.
#[must_use]
pub fn head() -> String {
    COLUMNS.join(",") + "\r\n"
}

/// The line of an object. `None`: its date is none that can be written.
#[must_use]
pub fn line(entry: &Entry) -> Option<String> {
    let nanos = i128::from(entry.last_modified) * 1_000_000;
    let date = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()?;
    let number = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        entry.bucket.clone(),
        encoded(&entry.name),
        entry.version.clone(),
        entry.size.to_string(),
        date,
        entry.bare_etag().to_owned(),
        entry.method.clone(),
        text(&entry.cipher),
        text(&entry.cmk),
        number(entry.cmk_version),
        entry.through_bucket_key().map(|through| through.to_string()).unwrap_or_default(),
        text(&entry.bucket_key_id),
        entry.storage_class.clone(),
        text(&entry.checksum),
        number(entry.parts),
    ];
    Some(cells.each_ref().map(|cell| quoted(cell)).join(",") + "\r\n")
}

/// Percent-encoded, but for letters, digits and `-_.~/`. A name that begins with `-` has that encoded too.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~' | b'/') || (byte == b'-' && at > 0);
        if plain {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_has_every_column_and_no_name_leaves_its_cell() {
        let object = json!({
            "bucket": "b", "name": "=cmd|'/c calc'!A1,\"\r\n", "version": "00ff", "size": 5, "last_modified": 0,
            "etag": "\"abc-2\"", "method": "sse-kms", "cipher": "SM4", "cmk": "arn:aws:kms:r:1:key/x", "cmk_version": 3,
            "bucket_key": "aa", "storage_class": "STANDARD", "checksum": "CRC32C", "parts": 2,
        });
        let line = line(&Entry::read(&object).unwrap()).unwrap();
        assert!(Entry::read(&json!({ "bucket": 1 })).is_none(), "what is not understood is no entry");
        assert_eq!(
            line,
            "b,%3Dcmd%7C%27/c%20calc%27%21A1%2C%22%0D%0A,00ff,5,1970-01-01T00:00:00Z,abc-2,sse-kms,SM4,\
             arn:aws:kms:r:1:key/x,3,true,aa,STANDARD,CRC32C,2\r\n"
        );
        assert_eq!(line.matches(',').count(), COLUMNS.len() - 1);
        assert_eq!(encoded("-1+1/ü"), "%2D1%2B1/%C3%BC");
    }
}
