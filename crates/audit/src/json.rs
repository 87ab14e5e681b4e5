//! Writes the one form of JSON that stands on the log: no spaces, members in the order of the calls, one way to write
//! each string (docs/formats/audit.md).

use model::Timestamp;
use std::io::Write;
use time::OffsetDateTime;

/// The members of an object, written one after the other.
#[derive(Default)]
pub(crate) struct Members(Vec<u8>);

impl Members {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        string(&mut self.0, value);
        self
    }

    /// As [`Members::text`], cut at a character so that it has at most `bytes_max` bytes with its `…`.
    pub(crate) fn short(&mut self, name: &str, value: &str, bytes_max: usize) -> &mut Self {
        self.name(name);
        string_cut(&mut self.0, value, bytes_max);
        self
    }

    /// A member whose name comes from outside: both are cut.
    pub(crate) fn pair(&mut self, name: &str, value: &str, bytes_max: usize) -> &mut Self {
        self.comma();
        string_cut(&mut self.0, name, bytes_max);
        self.0.push(b':');
        string_cut(&mut self.0, value, bytes_max);
        self
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        // Writing to memory does not fail.
        let _ = write!(self.0, "{value}");
        self
    }

    pub(crate) fn truth(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    pub(crate) fn time(&mut self, name: &str, value: Timestamp) -> &mut Self {
        self.text(name, &rfc3339(value))
    }

    pub(crate) fn hex(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.name(name);
        self.0.push(b'"');
        let mut digits = [0; 128];
        for piece in value.chunks(digits.len() / 2) {
            let digits = &mut digits[..2 * piece.len()];
            data_encoding::HEXLOWER.encode_mut(piece, digits);
            self.0.extend_from_slice(digits);
        }
        self.0.push(b'"');
        self
    }

    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.name(name);
        self.0.push(b'{');
        fill(self);
        self.0.push(b'}');
        self
    }

    fn comma(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{')) {
            self.0.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        string(&mut self.0, name);
        self.0.push(b':');
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

fn string_cut(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    if text.len() <= bytes_max {
        return string(out, text);
    }
    let mut end = bytes_max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push(b'"');
    escaped(out, &text[..end]);
    out.extend_from_slice("…\"".as_bytes());
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f | 0x7f => {
                // Writing to memory does not fail.
                let _ = write!(out, "\\u00{byte:02x}");
            }
            _ => out.push(byte),
        }
    }
}

/// A time as the log writes it. Times beyond the year 9999 are written as its end.
pub fn rfc3339(at: Timestamp) -> String {
    const LAST_MILLIS: u64 = 253_402_300_799_999;
    let millis = at.as_millis().min(LAST_MILLIS);
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Members)) -> String {
        let mut members = Members::default();
        fill(&mut members);
        String::from_utf8(members.into_bytes()).unwrap()
    }

    #[test]
    fn there_is_one_form() {
        let form = written(|m| {
            m.text("a", "x\"\\\n\u{7f}ü").number("b", 7).truth("c", false).hex("d", &[0xab; 2]).object("e", |m| {
                m.object("f", |_| ()).text("g", "");
            });
        });
        assert_eq!(
            form, r#""a":"x\"\\\u000a\u007fü","b":7,"c":false,"d":"abab","e":{"f":{},"g":""}"#,
            "a comma stands before every member but an object's first"
        );
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(
            written(|m| {
                m.short("a", "12345", 5).number("b", 1);
            }),
            r#""a":"12345","b":1"#
        );
        assert_eq!(
            written(|m| {
                m.short("a", "123456", 5).number("b", 1);
            }),
            r#""a":"12…","b":1"#
        );
        assert_eq!(
            written(|m| {
                m.short("a", "üüüü", 7);
            }),
            r#""a":"üü…""#
        );
        assert_eq!(
            written(|m| {
                m.short("a", "üüüü", 6);
            }),
            r#""a":"ü…""#
        );
    }

    #[test]
    fn times_have_one_width() {
        assert_eq!(rfc3339(Timestamp::from_millis(1_709_209_815_007)), "2024-02-29T12:30:15.007Z");
        assert_eq!(rfc3339(Timestamp::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Timestamp::from_millis(u64::MAX)), "9999-12-31T23:59:59.999Z");
    }
}
