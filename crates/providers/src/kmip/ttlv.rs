//! TTLV, the encoding of KMIP (KMIP 1.4, section 9.1): tag (3 bytes), type (1), length (4), value, padded to 8 bytes.
//!
//! Reading is bounded: what is longer than what was received, or nested deeper than any message of ours, is refused.

/// Deepest nesting that is read: message, batch item, payload, parameters, with room.
const DEPTH_MAX: u32 = 8;

const STRUCTURE: u8 = 1;
const INTEGER: u8 = 2;
const ENUMERATION: u8 = 5;
const TEXT: u8 = 7;
const BYTES: u8 = 8;

/// Writes one structure after the other.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn structure(&mut self, tag: u32, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.head(tag, STRUCTURE, 0);
        let begin = self.0.len();
        fill(self);
        let length = (self.0.len() - begin) as u32;
        self.0[begin - 4..begin].copy_from_slice(&length.to_be_bytes());
        self
    }

    pub(super) fn integer(&mut self, tag: u32, value: i32) -> &mut Self {
        self.head(tag, INTEGER, 4).value(&value.to_be_bytes())
    }

    pub(super) fn enumeration(&mut self, tag: u32, value: u32) -> &mut Self {
        self.head(tag, ENUMERATION, 4).value(&value.to_be_bytes())
    }

    pub(super) fn text(&mut self, tag: u32, value: &str) -> &mut Self {
        self.head(tag, TEXT, value.len()).value(value.as_bytes())
    }

    pub(super) fn bytes(&mut self, tag: u32, value: &[u8]) -> &mut Self {
        self.head(tag, BYTES, value.len()).value(value)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, tag: u32, kind: u8, length: usize) -> &mut Self {
        self.0.extend_from_slice(&tag.to_be_bytes()[1..]);
        self.0.push(kind);
        self.0.extend_from_slice(&(length as u32).to_be_bytes());
        self
    }

    fn value(&mut self, value: &[u8]) -> &mut Self {
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self
    }
}

/// One item as read. Values of types that no answer to us needs are kept as nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Structure(Vec<Item<'a>>),
    Enumeration(u32),
    Text(&'a str),
    Bytes(&'a [u8]),
    Other,
}

/// A tag and its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    pub(super) tag: u32,
    pub(super) value: Value<'a>,
}

impl<'a> Item<'a> {
    /// Reads a whole message; `None` for what is not one.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        match items(bytes, 0)?.as_mut_slice() {
            [_] => items(bytes, 0)?.pop(),
            _ => None,
        }
    }

    /// The item with this tag in a structure.
    pub(super) fn get(&self, tag: u32) -> Option<&Self> {
        match &self.value {
            Value::Structure(items) => items.iter().find(|item| item.tag == tag),
            _ => None,
        }
    }

    /// The items with this tag in a structure.
    pub(super) fn count(&self, tag: u32) -> usize {
        match &self.value {
            Value::Structure(items) => items.iter().filter(|item| item.tag == tag).count(),
            _ => 0,
        }
    }

    pub(super) fn enumeration(&self, tag: u32) -> Option<u32> {
        match self.get(tag)?.value {
            Value::Enumeration(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn text(&self, tag: u32) -> Option<&'a str> {
        match self.get(tag)?.value {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, tag: u32) -> Option<&'a [u8]> {
        match self.get(tag)?.value {
            Value::Bytes(value) => Some(value),
            _ => None,
        }
    }
}

fn items(mut bytes: &[u8], depth: u32) -> Option<Vec<Item<'_>>> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(8)?;
        let tag = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (padded, rest) = rest.split_at_checked(length.checked_next_multiple_of(8)?)?;
        let (value, padding) = padded.split_at(length);
        if padding.iter().any(|b| *b != 0) {
            return None;
        }
        let value = match head[3] {
            STRUCTURE => Value::Structure(items(value, depth + 1)?),
            ENUMERATION => Value::Enumeration(u32::from_be_bytes(value.try_into().ok()?)),
            TEXT => Value::Text(std::str::from_utf8(value).ok()?),
            BYTES => Value::Bytes(value),
            _ => Value::Other,
        };
        found.push(Item { tag, value });
        bytes = rest;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of KMIP 1.4, section 9.1.2.
    #[test]
    fn encodes_as_the_standard_shows() {
        let hex = |bytes: &[u8]| data_encoding::HEXUPPER.encode(bytes);
        let written = |fill: &dyn Fn(&mut Writer)| {
            let mut w = Writer::default();
            fill(&mut w);
            hex(&w.finish())
        };
        assert_eq!(
            written(&|w| {
                w.integer(0x42_0020, 8);
            }),
            "42002002000000040000000800000000"
        );
        assert_eq!(
            written(&|w| {
                w.enumeration(0x42_0020, 255);
            }),
            "4200200500000004000000FF00000000"
        );
        assert_eq!(
            written(&|w| {
                w.text(0x42_0020, "Hello World");
            }),
            "420020070000000B48656C6C6F20576F726C640000000000"
        );
        assert_eq!(
            written(&|w| {
                w.bytes(0x42_0020, &[1, 2, 3]);
            }),
            "42002008000000030102030000000000"
        );
        assert_eq!(
            written(&|w| {
                w.structure(0x42_0020, |w| {
                    w.enumeration(0x42_0004, 254).integer(0x42_0005, 255);
                });
            }),
            "42002001000000204200040500000004000000FE000000004200050200000004000000FF00000000"
        );
    }

    #[test]
    fn reads_back_what_was_written_and_nothing_that_was_cut_or_stuffed() {
        let mut w = Writer::default();
        w.structure(1, |w| {
            w.text(2, "name").bytes(3, &[9; 5]).enumeration(4, 7).structure(5, |w| {
                w.text(2, "inner");
            });
        });
        let bytes = w.finish();
        let item = Item::read(&bytes).unwrap();
        assert_eq!((item.text(2), item.bytes(3), item.enumeration(4)), (Some("name"), Some(&[9; 5][..]), Some(7)));
        assert_eq!(item.get(5).unwrap().text(2), Some("inner"));
        assert_eq!(
            (item.text(3), item.bytes(2), item.enumeration(9)),
            (None, None, None),
            "of another type, or absent"
        );
        for cut in 0..bytes.len() {
            assert_eq!(Item::read(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(Item::read(&[bytes.clone(), bytes.clone()].concat()), None, "two messages");
        let mut stuffed = bytes.clone();
        stuffed[8 + 8 + 7] = 1;
        assert_eq!(Item::read(&stuffed), None, "padding is zero");
        let mut long = bytes;
        long[4] = 0x7f;
        assert_eq!(Item::read(&long), None, "longer than what was received");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut bytes = Vec::new();
        for _ in 0..10_000 {
            let mut outer = vec![0, 0, 1, STRUCTURE];
            outer.extend((bytes.len() as u32).to_be_bytes());
            outer.extend(&bytes);
            bytes = outer;
        }
        assert_eq!(Item::read(&bytes), None);
    }
}
