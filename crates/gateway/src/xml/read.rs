//! A bounded tree of a request's XML.
//!
//! Refused outright: document type declarations, processing instructions, entities other than the five predefined
//! ones, text that is not UTF-8. There is thus nothing to expand and nothing to fetch. Depth, number of elements and
//! bytes of text are capped.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use std::fmt;

/// Caps on a document. The cap on its bytes is the caller's: it is applied while the body is read.
#[derive(Clone, Copy, Debug)]
pub struct XmlLimits {
    /// Deepest nesting, the root being 1.
    pub depth_max: usize,
    /// Most elements.
    pub elements_max: usize,
    /// Most bytes of text in one element.
    pub text_bytes_max: usize,
}

impl Default for XmlLimits {
    /// Enough for a complete request of 10,000 parts with five checksums each.
    fn default() -> Self {
        Self { depth_max: 16, elements_max: 100_000, text_bytes_max: 16 * 1024 }
    }
}

/// The document is not well-formed, or not within the limits. Clients see `MalformedXML`; the cause is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlError {
    /// Not UTF-8.
    NotUtf8,
    /// Not well-formed.
    Syntax,
    /// A document type declaration, a processing instruction or an entity.
    Forbidden,
    /// Over a limit.
    TooLarge,
    /// No root element.
    Empty,
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::Syntax => "not well-formed",
            Self::Forbidden => "a document type declaration, processing instruction or entity",
            Self::TooLarge => "too deep, too many elements or too much text",
            Self::Empty => "no root element",
        })
    }
}

impl std::error::Error for XmlError {}

/// An element: its local name, its own text and its children. Attributes are not kept.
#[derive(Debug, Default)]
pub struct Element {
    name: Box<str>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Parses a document.
    pub fn parse(bytes: &[u8], limits: &XmlLimits) -> Result<Self, XmlError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut tree = Tree { limits, open: Vec::new(), root: None, elements: 0 };
        loop {
            match reader.read_event().map_err(|_| XmlError::Syntax)? {
                Event::Start(start) => tree.start(start.local_name().as_ref())?,
                Event::End(_) => tree.end()?,
                Event::Text(text) => tree.text(&text.xml10_content())?,
                Event::CData(text) => tree.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => tree.character(resolve(&reference)?)?,
                Event::Decl(_) | Event::Comment(_) => {}
                Event::DocType(_) | Event::PI(_) => return Err(XmlError::Forbidden),
                Event::Empty(_) => return Err(XmlError::Syntax),
                Event::Eof => break,
            }
        }
        if !tree.open.is_empty() {
            return Err(XmlError::Syntax);
        }
        tree.root.ok_or(XmlError::Empty)
    }

    /// The local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The element's own text, as it is.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The element's own text without blanks around it: for words, numbers and flags.
    pub fn word(&self) -> &str {
        self.text.trim()
    }

    /// The children.
    pub fn children(&self) -> &[Element] {
        &self.children
    }

    /// All children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| &*child.name == name)
    }

    /// The one child of this name; `Err` when there are several.
    pub fn one(&self, name: &str) -> Result<Option<&Element>, XmlError> {
        let mut found = self.children.iter().filter(|child| &*child.name == name);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            _ => Err(XmlError::Syntax),
        }
    }
}

/// The five predefined entities and character references; all else is refused.
fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    if let Some(c) = reference.resolve_char_ref().map_err(|_| XmlError::Syntax)? {
        return Ok(c);
    }
    Ok(match &*reference.xml10_content() {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return Err(XmlError::Forbidden),
    })
}

struct Tree<'a> {
    limits: &'a XmlLimits,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree<'_> {
    fn start(&mut self, name: &str) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::Syntax);
        }
        self.elements += 1;
        if self.open.len() >= self.limits.depth_max || self.elements > self.limits.elements_max {
            return Err(XmlError::TooLarge);
        }
        self.open.push(Element { name: name.into(), ..Element::default() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlError> {
        let done = self.open.pop().ok_or(XmlError::Syntax)?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(done),
            None => self.root = Some(done),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) if element.text.len() + text.len() > self.limits.text_bytes_max => Err(XmlError::TooLarge),
            Some(element) => {
                element.text.push_str(text);
                Ok(())
            }
            None if text.trim().is_empty() => Ok(()),
            None => Err(XmlError::Syntax),
        }
    }

    fn character(&mut self, c: char) -> Result<(), XmlError> {
        self.text(c.encode_utf8(&mut [0; 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Element, XmlError> {
        Element::parse(text.as_bytes(), &XmlLimits::default())
    }

    #[test]
    fn names_text_and_order() {
        let root = parse(
            "\u{feff}<?xml version=\"1.0\"?>\n<a:R xmlns:a=\"http://x/\"><B> 1 </B><!-- c --><C><![CDATA[<x>]]></C>\
             <K>a&amp;b&#x20;&#10;&lt;</K><E/></a:R>\n",
        )
        .unwrap();
        assert_eq!(root.name(), "R");
        assert_eq!(root.one("B").unwrap().unwrap().word(), "1");
        assert_eq!(root.one("B").unwrap().unwrap().text(), " 1 ");
        assert_eq!(root.one("C").unwrap().unwrap().text(), "<x>");
        assert_eq!(root.one("K").unwrap().unwrap().text(), "a&b \n<");
        assert_eq!(root.one("E").unwrap().unwrap().text(), "");
        assert!(root.one("Z").unwrap().is_none());
    }

    #[test]
    fn a_child_twice_is_not_one() {
        assert_eq!(parse("<r><a/><a/></r>").unwrap().one("a").unwrap_err(), XmlError::Syntax);
    }

    #[test]
    fn entities_and_declarations_are_refused() {
        for bomb in [
            "<!DOCTYPE r><r/>",
            "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><r>&b;</r>",
            "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><r>&x;</r>",
            "<r>&x;</r>",
            "<?php x ?><r/>",
            "<r><?pi?></r>",
        ] {
            assert_eq!(parse(bomb).unwrap_err(), XmlError::Forbidden, "{bomb}");
        }
    }

    #[test]
    fn broken_documents_are_refused() {
        for broken in [
            "<r>",
            "</r>",
            "<r></s>",
            "<r/><r/>",
            "text",
            "<r/>text",
            "<r",
            "<r>&#xD800;</r>",
            "<r>&#0;</r>",
            "<r>&;</r>",
        ] {
            assert!(parse(broken).is_err(), "{broken}");
        }
        assert_eq!(parse("").unwrap_err(), XmlError::Empty);
        assert_eq!(Element::parse(b"<r>\xff</r>", &XmlLimits::default()).unwrap_err(), XmlError::NotUtf8);
    }

    #[test]
    fn depth_elements_and_text_are_bounded() {
        let deep = "<a>".repeat(10_000) + &"</a>".repeat(10_000);
        assert_eq!(parse(&deep).unwrap_err(), XmlError::TooLarge);
        let at_the_edge = "<a>".repeat(16) + &"</a>".repeat(16);
        assert!(parse(&at_the_edge).is_ok());
        let wide = format!("<r>{}</r>", "<a/>".repeat(100_000));
        assert_eq!(parse(&wide).unwrap_err(), XmlError::TooLarge);
        let long = format!("<r>{}</r>", "x".repeat(16 * 1024 + 1));
        assert_eq!(parse(&long).unwrap_err(), XmlError::TooLarge);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_tree_or_an_error(bytes in proptest::collection::vec(0u8.., 0..300)) {
            let _ = Element::parse(&bytes, &XmlLimits::default());
        }

        #[test]
        fn what_the_writer_wrote_the_reader_reads(text in "[^\r\u{0}]{0,60}") {
            let mut out = crate::xml::XmlWriter::new("R", None);
            out.leaf("K", &text);
            let bytes = out.finish();
            // Characters that XML 1.0 cannot hold are written as references, as S3 does, and read back.
            let root = Element::parse(&bytes, &XmlLimits::default()).unwrap();
            proptest::prop_assert_eq!(root.one("K").unwrap().unwrap().text(), text);
        }
    }
}
