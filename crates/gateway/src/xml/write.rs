//! Writer of reply documents: one line, every text escaped, at most one default namespace.

use bytes::Bytes;
use std::fmt::{Display, Write};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";

/// Writes one document. Elements that were opened are closed by [`XmlWriter::finish`].
#[derive(Debug)]
pub struct XmlWriter {
    out: String,
    open: Vec<&'static str>,
}

impl XmlWriter {
    /// Begins a document with its root. The declaration is that of obs-api §3.2.
    pub fn new(root: &'static str, namespace: Option<&str>) -> Self {
        let mut out = String::with_capacity(512);
        out.push_str(DECLARATION);
        out.push('<');
        out.push_str(root);
        if let Some(namespace) = namespace {
            out.push_str(" xmlns=\"");
            escape_into(&mut out, namespace);
            out.push('"');
        }
        out.push('>');
        Self { out, open: vec![root] }
    }

    /// Opens an element.
    pub fn open(&mut self, name: &'static str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        self.open.push(name);
    }

    /// Opens an element with a type, as XML Schema's instances have it: S3's grantees.
    pub fn open_typed(&mut self, name: &'static str, kind: &'static str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"");
        self.out.push_str(kind);
        self.out.push_str("\">");
        self.open.push(name);
    }

    /// Closes the element opened last.
    pub fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }

    /// An element with text.
    pub fn leaf(&mut self, name: &'static str, text: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        escape_into(&mut self.out, text);
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    /// An element with a number, a flag or another value that shows itself.
    pub fn value(&mut self, name: &'static str, value: impl Display) {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(text, "{value}");
        self.leaf(name, &text);
    }

    /// An element with text, left out when there is none.
    pub fn optional(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.leaf(name, text);
        }
    }

    /// Text of the element opened last.
    pub fn text(&mut self, text: &str) {
        escape_into(&mut self.out, text);
    }

    /// Closes what is open and returns the document.
    pub fn finish(mut self) -> Bytes {
        while !self.open.is_empty() {
            self.close();
        }
        Bytes::from(self.out)
    }
}

/// Escapes markup. Line ends and control characters become references: a reader would otherwise normalise or refuse
/// them, and an object's name may hold any character.
fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "&#x{:X};", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_escaped_and_closed() {
        let mut out = XmlWriter::new("Error", Some("http://x/?a&b"));
        out.leaf("Message", "a<b>&\"'\r\n\u{1}");
        out.open("Inner");
        out.value("N", 7);
        out.optional("None", None);
        let text = String::from_utf8(out.finish().to_vec()).unwrap();
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><Error xmlns=\"http://x/?a&amp;b\">\
             <Message>a&lt;b&gt;&amp;&quot;&apos;&#xD;&#xA;&#x1;</Message><Inner><N>7</N></Inner></Error>"
        );
    }
}
