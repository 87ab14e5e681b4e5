//! The request target: its raw path, and its query parsed once.
//!
//! Names and values are percent-decoded exactly once. In the query `+` is a blank, as SDKs that encode forms write it;
//! in the path it is a plus. A broken escape is refused rather than taken literally, so that a name has one spelling
//! for routing, authorisation and storage.

use std::borrow::Cow;

/// Most parameters of a query.
const PARAMETERS_MAX: usize = 256;

/// The target cannot be read (400 `InvalidURI`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTarget;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    name: String,
    value: Vec<u8>,
    has_value: bool,
}

/// A parsed query. Where a parameter is given twice the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    parameters: Vec<Parameter>,
}

impl Query {
    /// Parses what stands after the question mark.
    pub fn parse(raw: &str) -> Result<Self, BadTarget> {
        let mut parameters = Vec::new();
        for piece in raw.split('&').filter(|piece| !piece.is_empty()) {
            if parameters.len() == PARAMETERS_MAX {
                return Err(BadTarget);
            }
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (piece, None),
            };
            let name = String::from_utf8(percent_decode(name, true)?.into_owned()).map_err(|_| BadTarget)?;
            let decoded = percent_decode(value.unwrap_or_default(), true)?.into_owned();
            // The blanks that signatures leave out as well, and no others.
            let name = name.trim_matches([' ', '\t']).to_owned();
            parameters.push(Parameter { name, value: decoded, has_value: value.is_some() });
        }
        Ok(Self { parameters })
    }

    /// Whether the parameter is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The parameter's text; an absent value is the empty text. `Err` when the bytes are not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<&str>, BadTarget> {
        match self.find(name) {
            None => Ok(None),
            Some(parameter) => std::str::from_utf8(&parameter.value).map(Some).map_err(|_| BadTarget),
        }
    }

    /// Like [`Query::get`], and an empty value counts as absent.
    pub fn get_filled(&self, name: &str) -> Result<Option<&str>, BadTarget> {
        Ok(self.get(name)?.filter(|text| !text.is_empty()))
    }

    /// All names, in the order sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str())
    }

    /// Names and values of the parameters whose lower-case name begins so.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.parameters.iter().filter(move |p| starts_with_ignore_case(&p.name, prefix)).map(|p| (&*p.name, &*p.value))
    }

    fn find(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

fn starts_with_ignore_case(text: &str, prefix: &str) -> bool {
    text.len() >= prefix.len() && text.as_bytes()[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
}

/// Decodes `%XX`, and `+` to a blank where said.
pub fn percent_decode(text: &str, plus_is_blank: bool) -> Result<Cow<'_, [u8]>, BadTarget> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|&b| b == b'%' || (plus_is_blank && b == b'+')) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(BadTarget);
                out.push(digit(high)? << 4 | digit(low)?);
                rest = after;
            }
            (b'%', _) => return Err(BadTarget),
            (b'+', _) if plus_is_blank => {
                out.push(b' ');
                rest = tail;
            }
            (other, _) => {
                out.push(*other);
                rest = tail;
            }
        }
    }
    Ok(Cow::Owned(out))
}

/// Encodes for `encoding-type=url`: everything but unreserved characters and `/`; a blank as `+`, since the
/// clients of both dialects decode forms.
pub fn url_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() + 16);
    for &b in text.as_bytes() {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'/' => out.push(char::from(b)),
            b' ' => out.push('+'),
            b => {
                out.push('%');
                out.push(char::from(HEX[usize::from(b >> 4)]));
                out.push(char::from(HEX[usize::from(b & 15)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let query = Query::parse("encryption&prefix=a%2Bb+c&x=&prefix=second&&bucketStatus%20").unwrap();
        assert!(query.has("encryption"));
        assert!(query.has("bucketStatus"), "a client sends a trailing blank");
        assert_eq!(query.get("prefix").unwrap(), Some("a+b c"));
        assert_eq!(query.get("encryption").unwrap(), Some(""));
        assert_eq!(query.get_filled("x").unwrap(), None);
        assert!(!query.has("Encryption"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "%ff=1"] {
            assert_eq!(Query::parse(bad), Err(BadTarget), "{bad}");
        }
        assert_eq!(Query::parse("a=%ff").unwrap().get("a"), Err(BadTarget));
        assert_eq!(Query::parse(&"a&".repeat(257)), Err(BadTarget));
    }

    #[test]
    fn a_path_is_decoded_once_and_plus_stays() {
        assert_eq!(&*percent_decode("a%252Fb+c", false).unwrap(), b"a%2Fb+c");
        assert_eq!(percent_decode("%C0%AF", false).unwrap().as_ref(), [0xc0, 0xaf]);
    }

    proptest::proptest! {
        #[test]
        fn encoding_and_decoding_agree(text in ".{0,40}") {
            let encoded = url_encode(&text);
            let decoded = percent_decode(&encoded, true).unwrap();
            proptest::prop_assert_eq!(decoded.as_ref(), text.as_bytes());
        }
    }
}
