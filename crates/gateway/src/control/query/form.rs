//! The form a request is: `Action=…&Version=…&Name=value&List.member.1=…`. Read once, before anything is known of who
//! sent it, so its size is bounded before and its number of fields here. A field has one value: of two, another reader
//! of the request might take the other.

use super::fault::{Code, Fault};
use crate::query::percent_decode;
use http::request::Parts;
use std::collections::BTreeMap;

/// Most fields of a form. The longest list of IAM and STS that is offered has ten members.
const FIELDS_MAX: usize = 256;
/// What a form's content type begins with; a character set may follow.
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// A form's fields, decoded.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: BTreeMap<String, String>,
}

/// Whether the head announces a form.
pub(crate) fn announced(head: &Parts) -> bool {
    let Some(value) = head.headers.get("content-type").and_then(|value| value.to_str().ok()) else { return false };
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM_TYPE))
}

impl Form {
    /// Reads a request's form. Parameters belong in the body: one in the address would stand in logs.
    pub(super) fn of(head: &Parts, body: &[u8]) -> Result<Self, Fault> {
        if head.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Fault::new(Code::InvalidQueryParameter, "Parameters belong in the body, not in the address."));
        }
        if !announced(head) {
            return Err(malformed("The content type must be application/x-www-form-urlencoded."));
        }
        Self::parse(body)
    }

    /// Parses a body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| malformed("The form is not UTF-8."))?;
        let mut fields = BTreeMap::new();
        for piece in text.split('&').filter(|piece| !piece.is_empty()) {
            if fields.len() == FIELDS_MAX {
                return Err(malformed("The form has too many fields."));
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if fields.contains_key(&name) {
                return Err(Fault::new(
                    Code::InvalidQueryParameter,
                    format!("The parameter {} is given twice.", shown(&name)),
                ));
            }
            fields.insert(name, value);
        }
        Ok(Self { fields })
    }

    /// A field's text; an empty one counts as absent, as SDKs send it for what is not set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A field's text, which may be empty.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The members of a list, `Name.member.1` and so on, or of one field of its structures: `Name.member.1.field`.
    /// They must be numbered from 1 without a gap.
    pub(super) fn list(&self, name: &str, field: Option<&str>) -> Result<Vec<&str>, Fault> {
        let mut members = Vec::new();
        loop {
            let number = members.len() + 1;
            let key = match field {
                Some(field) => format!("{name}.member.{number}.{field}"),
                None => format!("{name}.member.{number}"),
            };
            match self.fields.get(&key) {
                Some(value) => members.push(value.as_str()),
                None => break,
            }
        }
        if self.given(name) == members.len() {
            Ok(members)
        } else {
            Err(Fault::new(
                Code::InvalidQueryParameter,
                format!("The members of {name} must be numbered from 1 and have the form {name}.member.N."),
            ))
        }
    }

    /// How many fields of this name or below it are filled: zero for a list that is absent or empty.
    pub(super) fn given(&self, name: &str) -> usize {
        let is_of = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.fields.iter().filter(|(key, value)| is_of(key) && !(value.is_empty() && **key == *name)).count()
    }

    /// The names of all fields, each without what follows its first point.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(|key| key.split('.').next().unwrap_or(key))
    }
}

fn decoded(text: &str) -> Result<String, Fault> {
    let bytes = percent_decode(text, true).map_err(|_| malformed("The form has a broken escape."))?;
    String::from_utf8(bytes.into_owned()).map_err(|_| malformed("The form is not UTF-8."))
}

fn malformed(message: &'static str) -> Fault {
    Fault::new(Code::MalformedQueryString, message)
}

/// A parameter's name as it may stand in a message: its beginning, if it looks like one.
pub(super) fn shown(name: &str) -> &str {
    let fit = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if fit { name } else { "with a name that is none" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<impl std::fmt::Debug, Fault>) -> Code {
        result.unwrap_err().code()
    }

    #[test]
    fn fields_are_decoded_once() {
        let form = Form::parse(b"Action=A&Name=a%2Bb+c%2526&Empty=&Flag&&L.member.1=x&L.member.2=y").unwrap();
        assert_eq!(form.get("Name"), Some("a+b c%26"));
        assert_eq!((form.get("Empty"), form.raw("Empty"), form.raw("Flag")), (None, Some(""), Some("")));
        assert_eq!(form.list("L", None).unwrap(), ["x", "y"]);
        assert_eq!(form.get("name"), None, "names have a case");
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert_eq!(code(Form::parse(b"UserName=a&UserName=b")), Code::InvalidQueryParameter);
        assert_eq!(code(Form::parse(b"UserName=a&User%4eame=a")), Code::InvalidQueryParameter, "in another spelling");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [&b"a=%"[..], b"a=%4", b"a=%zz", b"%ff=1", b"a=%ff", b"a=\xff"] {
            assert_eq!(code(Form::parse(bad)), Code::MalformedQueryString, "{bad:?}");
        }
        let many: String = (0..=FIELDS_MAX).map(|i| format!("a{i}=&")).collect();
        assert_eq!(code(Form::parse(many.as_bytes())), Code::MalformedQueryString);
    }

    #[test]
    fn lists_have_no_gaps_and_no_strangers() {
        let list = |text: &str, field| {
            let form = Form::parse(text.as_bytes()).unwrap();
            form.list("P", field).map(|members| members.len())
        };
        assert_eq!(list("P=&Other=1", None).unwrap(), 0, "how an SDK sends an empty list");
        assert_eq!(list("P.member.1.arn=a&P.member.2.arn=b&Px=1", Some("arn")).unwrap(), 2);
        for bad in ["P.member.2.arn=a", "P.member.1.arn=a&P.member.3.arn=b", "P.member.1.other=a", "P=a", "P.1.arn=a"] {
            assert_eq!(code(list(bad, Some("arn"))), Code::InvalidQueryParameter, "{bad}");
        }
    }

    #[test]
    fn parameters_in_the_address_and_other_bodies_are_refused() {
        let head = |target: &str, kind: &str| {
            let request = http::Request::post(target).header("content-type", kind).body(()).unwrap();
            request.into_parts().0
        };
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert!(Form::of(&head("/", form), b"Action=ListUsers").is_ok());
        assert!(Form::of(&head("/", "Application/X-WWW-Form-Urlencoded"), b"").is_ok());
        assert_eq!(code(Form::of(&head("/?Action=ListUsers", form), b"")), Code::InvalidQueryParameter);
        for kind in ["application/json", "", "application/x-www-form-urlencodedx", "multipart/form-data"] {
            assert_eq!(code(Form::of(&head("/", kind), b"Action=ListUsers")), Code::MalformedQueryString, "{kind}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_form_or_an_error(bytes in proptest::collection::vec(0u8.., 0..300)) {
            if let Ok(form) = Form::parse(&bytes) {
                let _ = form.list("a", None);
                let _ = form.names().count();
            }
        }
    }
}
