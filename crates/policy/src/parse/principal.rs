//! The element Principal of bucket and trust policies.

use super::json::Json;
use super::{fault, join, texts};
use crate::document::PolicyError;
use crate::principals::{Named, Principals};

pub(super) fn read(json: &Json, negated: bool, path: &str) -> Result<Principals, PolicyError> {
    let mut named = Vec::new();
    match json {
        Json::Text(text) if text.trim() == "*" => named.push(Named::Everyone),
        Json::Text(_) => return fault(path, "a text here can only be `*`; name principals as in {\"AWS\": […]}"),
        Json::Object(kinds) if kinds.is_empty() => return fault(path, "names nobody"),
        Json::Object(kinds) => {
            for (i, (kind, names)) in kinds.iter().enumerate() {
                let at = join(path, kind);
                if kinds[..i].iter().any(|(earlier, _)| earlier == kind) {
                    return fault(&at, "given twice");
                }
                for (name, at) in texts(names, &at)? {
                    let one = match kind.trim() {
                        "AWS" | "ID" | "IAM" => Named::parse(name),
                        "CanonicalUser" => Named::parse_canonical(name),
                        "Service" | "Federated" => (!name.trim().is_empty()).then_some(Named::Nobody),
                        _ => return fault(&join(path, kind), "unknown kind of principal"),
                    };
                    match one {
                        Some(one) => named.push(one),
                        None => return fault(&at, "not a principal"),
                    }
                }
            }
        }
        _ => return fault(path, "neither `*` nor an object"),
    }
    Ok(Principals { named, negated })
}
