//! JSON in: bounded by the door's cap on bodies and by serde's on depth, tolerant to members nobody knows, and strict
//! about repeated ones. Which of two `Effect`s counts must not depend on who reads the document.

use super::fault::Fault;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Parses a body, which must be an object without repeated members, at any depth.
///
/// # Errors
/// [`Fault::Body`].
pub(in super::super) fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(value @ Value::Object(_))) => Ok(value),
        Ok(_) => Err(Fault::Body("it is not an object".to_owned())),
        Err(error) => Err(Fault::Body(format!("line {}, column {}", error.line(), error.column()))),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strictly).map(Strict)
    }
}

struct Strictly;

impl<'de> Visitor<'de> for Strictly {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is repeated"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// An object of the request, by the path it was found at. `null` counts as absent throughout.
#[derive(Clone, Copy)]
pub(in super::super) struct Object<'v> {
    value: &'v Value,
    name: &'static str,
}

impl<'v> Object<'v> {
    /// The whole body; empty if there was none.
    pub(in super::super) fn whole(value: &'v Value) -> Self {
        Self { value, name: "body" }
    }

    /// A member that must be an object.
    pub(in super::super) fn object(self, name: &'static str) -> Result<Self, Fault> {
        self.maybe_object(name)?.ok_or(Fault::Missing(name))
    }

    /// A member that must be an object if it is there.
    pub(in super::super) fn maybe_object(self, name: &'static str) -> Result<Option<Self>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(value @ Value::Object(_)) => Ok(Some(Self { value, name })),
            Some(_) => Err(Fault::parameter(name, "it must be an object")),
        }
    }

    /// A member that must be a text.
    pub(in super::super) fn text(self, name: &'static str) -> Result<&'v str, Fault> {
        self.maybe_text(name)?.ok_or(Fault::Missing(name))
    }

    /// A member that must be a text if it is there.
    pub(in super::super) fn maybe_text(self, name: &'static str) -> Result<Option<&'v str>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::parameter(name, "it must be a text")),
        }
    }

    /// A member that must be true or false if it is there.
    pub(in super::super) fn maybe_bool(self, name: &'static str) -> Result<Option<bool>, Fault> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(Fault::parameter(name, "it must be true or false")),
        }
    }

    /// A member that must be a whole number if it is there; as a text as well, as this API's clients send them.
    pub(in super::super) fn maybe_number(self, name: &'static str) -> Result<Option<u32>, Fault> {
        let number = match self.member(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or(Fault::parameter(name, "it must be a whole number"))
    }

    /// Texts of a list; empty if the member is absent.
    pub(in super::super) fn texts(self, name: &'static str) -> Result<Vec<&'v str>, Fault> {
        match self.member(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().ok_or(Fault::parameter(name, "it must be a list of texts")))
                .collect(),
            Some(_) => Err(Fault::parameter(name, "it must be a list of texts")),
        }
    }

    /// A policy document, which is an object here and a text elsewhere.
    pub(in super::super) fn maybe_document(self, name: &'static str) -> Result<Option<String>, Fault> {
        Ok(self.maybe_object(name)?.map(|document| document.value.to_string()))
    }

    fn member(self, name: &str) -> Option<&'v Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }
}

/// The objects of a list; none if the member is absent.
pub(in super::super) fn objects<'v>(of: Object<'v>, name: &'static str) -> Result<Vec<Object<'v>>, Fault> {
    let wrong = || Fault::parameter(name, "it must be a list of objects");
    match of.member(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|value| if value.is_object() { Ok(Object { value, name }) } else { Err(wrong()) })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

impl fmt::Debug for Object<'_> {
    /// The name alone: bodies carry passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
