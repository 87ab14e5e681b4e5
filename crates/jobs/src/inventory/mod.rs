//! The encryption inventory as a file: comma-separated values (RFC 4180), one line for each object, in the order of their
//! names. It is written a page at a time, so that it may be of any length.
//!
//! Names are percent-encoded: what stands in a line is the same whatever a name holds, and no name can begin with what a
//! spreadsheet takes for a formula.

use serde_json::Value;
use std::fmt::Write;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

/// The first line.
pub fn head() -> String {
    COLUMNS.join(",") + "\r\n"
}

/// The line of an object, as the admin API tells of it. `None`: it is not understood.
pub fn line(object: &Value) -> Option<String> {
    let text = |name: &str| match &object[name] {
        Value::Null => Some(""),
        Value::String(text) => Some(text.as_str()),
        _ => None,
    };
    let number = |name: &str| match &object[name] {
        Value::Null => Some(String::new()),
        other => other.as_u64().map(|number| number.to_string()),
    };
    let millis = object["last_modified"].as_u64()?;
    let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?.format(&Rfc3339).ok()?;
    let bucket_key = text("bucket_key")?;
    let method = text("method")?;
    let cells = [
        text("bucket")?.to_owned(),
        encoded(text("name")?),
        text("version")?.to_owned(),
        number("size")?,
        date,
        text("etag")?.trim_matches('"').to_owned(),
        method.to_owned(),
        text("cipher")?.to_owned(),
        text("cmk")?.to_owned(),
        number("cmk_version")?,
        if method == "sse-kms" { (!bucket_key.is_empty()).to_string() } else { String::new() },
        bucket_key.to_owned(),
        text("storage_class")?.to_owned(),
        text("checksum")?.to_owned(),
        number("parts")?,
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
        let line = line(&object).unwrap();
        assert_eq!(
            line,
            "b,%3Dcmd%7C%27/c%20calc%27%21A1%2C%22%0D%0A,00ff,5,1970-01-01T00:00:00Z,abc-2,sse-kms,SM4,\
             arn:aws:kms:r:1:key/x,3,true,aa,STANDARD,CRC32C,2\r\n"
        );
        assert_eq!(line.matches(',').count(), COLUMNS.len() - 1);
        assert_eq!(encoded("-1+1/ü"), "%2D1%2B1/%C3%BC");
        assert_eq!(super::line(&json!({ "bucket": 1 })), None, "what is not understood is no line");
    }
}
