//! What the caller binds a wrap to: `additional_authenticated_data`, one text, or `encryption_context`, an object of
//! texts, as older clients send. Both become an encryption context of one pair under a key that no caller of another API
//! can use, so that neither is taken for the other or for pairs of AWS's API (docs/huawei-kms-api.md).

use super::code::Code;
use super::fault::Fault;
use kms::{CONTEXT_BYTES_MAX, EncryptionContext};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest `additional_authenticated_data` in bytes (kms-iam-api §1.5).
const AAD_BYTES_MAX: usize = 128;

/// The keys of the pairs, reserved in the key service.
const AAD: &str = "huawei:aad";
const PAIRS: &str = "huawei:context";

/// The encryption context that two members of a body stand for; the empty one if both are absent.
pub(super) fn context(text: Option<&Value>, object: Option<&Value>) -> Result<EncryptionContext, Fault> {
    let (key, value) = match (present(text), present(object)) {
        (None, None) => return Ok(EncryptionContext::new()),
        (Some(_), Some(_)) => return Err(Fault::said(Code::Context, "only one of both can be given")),
        (Some(Value::String(text)), None) if text.len() <= AAD_BYTES_MAX => (AAD, text.clone()),
        (Some(_), None) => {
            return Err(Fault::said(Code::Context, format!("it is a text of at most {AAD_BYTES_MAX} bytes")));
        }
        (None, Some(object)) => match canonical(object)? {
            Some(text) => (PAIRS, text),
            None => return Ok(EncryptionContext::new()),
        },
    };
    EncryptionContext::reserved(key, &value).map_err(|error| Fault::said(Code::Context, error.to_string()))
}

/// `null` and the empty text count as absent, as clients send them for "none".
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// The object's one form: JSON without blanks, its members in order of the bytes of their names. `None` if it is empty.
fn canonical(object: &Value) -> Result<Option<String>, Fault> {
    let wrong = || Fault::said(Code::Context, format!("it is an object of texts, {CONTEXT_BYTES_MAX} bytes at most"));
    let mut pairs = BTreeMap::new();
    for (name, value) in object.as_object().ok_or_else(wrong)? {
        pairs.insert(name.as_str(), value.as_str().ok_or_else(wrong)?);
    }
    if pairs.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(&pairs).map_err(|_| wrong())?;
    if text.len() > CONTEXT_BYTES_MAX - 64 { Err(wrong()) } else { Ok(Some(text)) }
}
