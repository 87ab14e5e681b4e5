//! The policy of a form: what its signer allows whoever fills it in (obs-api §2.6, s3-sse-behaviour §18). Conditions
//! narrow; what no condition speaks of is refused.

use super::fields::{Fields, has_meaning};
use crate::auth::date;
use crate::errors::FormFault;
use data_encoding::BASE64;
use model::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::ops::RangeInclusive;

/// A policy as its signer wrote it.
#[derive(Debug)]
pub(super) struct PostPolicy {
    expires: Timestamp,
    conditions: Vec<Condition>,
    length: RangeInclusive<u64>,
}

struct Condition {
    /// In lower case, without `$`.
    field: String,
    test: Test,
    value: String,
}

/// Shows no value: it may be a key.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}, {:?}]", self.test, self.field)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    StartsWith,
}

/// The form as the policy judges it.
pub(super) struct Submitted<'a> {
    /// The bucket addressed, whatever a field of that name says.
    pub(super) bucket: &'a str,
    /// The object's name with `${filename}` filled in.
    pub(super) key: &'a str,
    /// All fields before the file.
    pub(super) fields: &'a Fields,
    /// Whether fields without a meaning need no condition: OBS's SDKs leave those out of the policies they write.
    pub(super) meaningless_fields_pass: bool,
    /// Whether a checksum of the file needs no condition, as the Ceph suite has it: only who has the file knows it.
    pub(super) checksums_pass: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    expiration: String,
    conditions: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(Vec<Value>),
    Pairs(Pairs),
}

/// The properties of an object in the order written, repeated ones too.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl PostPolicy {
    /// Reads the policy as it stands in the form, in base64.
    ///
    /// # Errors
    /// [`FormFault::InvalidPolicy`]; says what is wrong.
    pub(super) fn parse(base64: &str) -> Result<Self, FormFault> {
        let text: Vec<u8> = base64.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let text = BASE64.decode(&text).map_err(|_| FormFault::InvalidPolicy("it is not base64"))?;
        let document: Document = serde_json::from_slice(&text)
            .map_err(|_| FormFault::InvalidPolicy("it is not JSON with exactly 'expiration' and 'conditions'"))?;
        let expires = Some(document.expiration.as_str())
            .filter(|text| text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with('Z') && text.contains('-'))
            .and_then(date::parse)
            .ok_or(FormFault::InvalidPolicy("'expiration' is not of the form YYYY-MM-DDTHH:MM:SSZ"))?;
        let mut policy = Self { expires, conditions: Vec::new(), length: 0..=u64::MAX };
        for written in document.conditions {
            policy.add(written)?;
        }
        Ok(policy)
    }

    fn add(&mut self, written: Written) -> Result<(), FormFault> {
        let (field, test, value) = match written {
            Written::Pairs(Pairs(mut pairs)) => match (pairs.pop(), pairs.is_empty()) {
                (Some((field, value)), true) => (field, Test::Equals, value),
                _ => {
                    return Err(FormFault::InvalidPolicy("a condition that is an object has not exactly one property"));
                }
            },
            Written::List(list) => match &list[..] {
                [Value::String(word), from, to] if word.eq_ignore_ascii_case("content-length-range") => {
                    return self.narrow(from, to);
                }
                [Value::String(word), Value::String(field), Value::String(value)] => {
                    let test = match word.to_ascii_lowercase().as_str() {
                        "eq" => Test::Equals,
                        "starts-with" => Test::StartsWith,
                        _ => return Err(FormFault::InvalidPolicy("a condition has an unknown operator")),
                    };
                    let field = field.strip_prefix('$').ok_or(FormFault::InvalidPolicy("a field is without its $"))?;
                    (field.to_owned(), test, value.clone())
                }
                _ => return Err(FormFault::InvalidPolicy("a condition has not the right number or kind of values")),
            },
        };
        self.conditions.push(Condition { field: field.to_ascii_lowercase(), test, value });
        Ok(())
    }

    /// Several ranges hold together.
    fn narrow(&mut self, from: &Value, to: &Value) -> Result<(), FormFault> {
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => {
                self.length = from.max(*self.length.start())..=to.min(*self.length.end());
                Ok(())
            }
            _ => Err(FormFault::InvalidPolicy("content-length-range is not two numbers in order")),
        }
    }

    /// How long the file may be, in bytes.
    pub(super) fn length(&self) -> RangeInclusive<u64> {
        self.length.clone()
    }

    /// Holds the form against the policy.
    ///
    /// # Errors
    /// [`FormFault::PolicyExpired`], [`FormFault::ConditionFailed`], [`FormFault::ExtraField`].
    pub(super) fn check(&self, now: Timestamp, form: &Submitted<'_>) -> Result<(), FormFault> {
        if now >= self.expires {
            return Err(FormFault::PolicyExpired);
        }
        if let Some(failed) = self.conditions.iter().find(|condition| !condition.holds(form)) {
            return Err(FormFault::ConditionFailed(failed.shown()));
        }
        // Without it a form made for one bucket would be good for every bucket of its signer.
        let named = form.fields.get("bucket");
        if !self.speaks_of("bucket") || named.is_some_and(|named| named != form.bucket) {
            return Err(FormFault::ConditionFailed("[\"eq\", \"$bucket\"]".to_owned()));
        }
        for (name, _) in form.fields.pairs() {
            let lower = name.to_ascii_lowercase();
            if !self.speaks_of(&lower) && !form.passes(&lower) {
                return Err(FormFault::ExtraField(name.clone()));
            }
        }
        Ok(())
    }

    fn speaks_of(&self, field: &str) -> bool {
        self.conditions.iter().any(|condition| condition.field == field)
    }
}

impl Condition {
    /// An absent field counts as empty.
    fn holds(&self, form: &Submitted<'_>) -> bool {
        let sent = match self.field.as_str() {
            "bucket" => form.bucket,
            "key" => form.key,
            field => form.fields.get(field).unwrap_or_default(),
        };
        match self.test {
            Test::Equals => sent == self.value,
            // A list of types: each must begin so (AWS).
            Test::StartsWith if self.field == "content-type" => {
                sent.split(',').all(|one| one.trim_start().starts_with(&self.value))
            }
            Test::StartsWith => sent.starts_with(&self.value),
        }
    }

    fn shown(&self) -> String {
        let word = if self.test == Test::Equals { "eq" } else { "starts-with" };
        format!("[\"{word}\", \"${}\"]", self.field)
    }
}

impl Submitted<'_> {
    /// Whether a field (lower case) needs no condition: the signature itself and what it is made of cannot stand in what
    /// is signed.
    fn passes(&self, name: &str) -> bool {
        let checksum = || {
            let suffix = name.strip_prefix("x-amz-checksum-").or_else(|| name.strip_prefix("x-obs-checksum-"));
            suffix.and_then(crate::body::integrity::algorithm_named).is_some()
        };
        matches!(name, "accesskeyid" | "awsaccesskeyid" | "signature" | "x-amz-signature" | "policy" | "token")
            || (self.meaningless_fields_pass && !has_meaning(name))
            || (self.checksums_pass && checksum())
    }
}
