//! Reading policy documents. The first fault ends it, with the path of the element and what is wrong there.
//!
//! A bucket or key policy is refused when it names what this server does not know: what is misspelt there would silently
//! not be. In the policies of identities other services' actions and keys are right and match nothing. An element that is
//! not of the grammar is refused in all of them, for it would go unheard.

mod condition;
mod json;
mod principal;
mod resource;
mod statement;

use crate::document::{Grammar, KEY_POLICY_BYTES_MAX, POLICY_BYTES_MAX, PolicyError, Statement};
use json::Json;

/// What the place and the version of a document decide.
struct Rules<'a> {
    /// Where the document stands.
    grammar: Grammar<'a>,
    /// Whether `${…}` is a variable.
    variables: bool,
    /// Huawei's version: the resource may be left out.
    is_huawei: bool,
}

impl Rules<'_> {
    /// Whether the document stands on what it is about. What such a policy names and this server does not know is
    /// refused.
    fn is_on_resource(&self) -> bool {
        matches!(self.grammar, Grammar::Bucket(_) | Grammar::Key { .. })
    }

    fn is_trust(&self) -> bool {
        matches!(self.grammar, Grammar::Trust)
    }
}

type Members = [(String, Json)];

/// Reads a document.
pub(crate) fn document(text: &str, grammar: Grammar<'_>) -> Result<Vec<Statement>, PolicyError> {
    let bytes_max = if matches!(grammar, Grammar::Key { .. }) { KEY_POLICY_BYTES_MAX } else { POLICY_BYTES_MAX };
    if text.len() > bytes_max {
        return fault("", format!("longer than {bytes_max} bytes"));
    }
    let json: Json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => return fault("", format!("not JSON: {error}")),
    };
    let Json::Object(members) = json else { return fault("", "not a JSON object") };
    check_names(&members, "", &["Version", "Id", "Statement", "Depends"])?;
    let rules = rules(&members, grammar)?;
    if let Some(id) = member(&members, "Id")
        && !matches!(id, Json::Text(_))
    {
        return fault("Id", "not a text");
    }
    match member(&members, "Statement") {
        None => fault("", "Statement is missing"),
        Some(Json::Object(one)) => Ok(vec![statement::read(one, "Statement", &rules)?]),
        Some(Json::List(list)) if list.is_empty() => fault("Statement", "empty list"),
        Some(Json::List(list)) => {
            let mut statements = Vec::with_capacity(list.len());
            for (i, item) in list.iter().enumerate() {
                let path = format!("Statement[{i}]");
                let Json::Object(members) = item else { return fault(&path, "not a JSON object") };
                statements.push(statement::read(members, &path, &rules)?);
            }
            Ok(statements)
        }
        Some(_) => fault("Statement", "not a list of statements"),
    }
}

fn rules<'a>(members: &Members, grammar: Grammar<'a>) -> Result<Rules<'a>, PolicyError> {
    let version = match member(members, "Version") {
        None => None,
        Some(Json::Text(version)) => Some(version.trim()),
        Some(_) => return fault("Version", "not a text"),
    };
    let has_huawei_versions = matches!(grammar, Grammar::Identity | Grammar::Trust);
    let is_huawei = match version {
        None | Some("2012-10-17" | "2008-10-17") => false,
        Some("1.0" | "1.1" | "5.0") if has_huawei_versions => true,
        Some(_) => return fault("Version", "unknown version"),
    };
    if member(members, "Depends").is_some() && version != Some("1.0") {
        return fault("Depends", "only roles of version 1.0 depend on others");
    }
    Ok(Rules { grammar, variables: matches!(version, Some("2012-10-17" | "5.0")), is_huawei })
}

fn fault<T>(path: &str, message: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError { path: path.to_owned(), message: message.into() })
}

fn member<'a>(members: &'a Members, name: &str) -> Option<&'a Json> {
    members.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// Every element must be one of the grammar, and there once.
fn check_names(members: &Members, path: &str, names: &[&str]) -> Result<(), PolicyError> {
    for (i, (name, _)) in members.iter().enumerate() {
        if !names.contains(&&**name) {
            return fault(&join(path, name), "unknown element");
        }
        if members[..i].iter().any(|(earlier, _)| earlier == name) {
            return fault(&join(path, name), "given twice");
        }
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    // What a document says may be long; the error need not be.
    let name: String = name.chars().take(80).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// One text or a list of texts, not empty, each with its path.
fn texts<'a>(json: &'a Json, path: &str) -> Result<Vec<(&'a str, String)>, PolicyError> {
    match json {
        Json::Text(text) => Ok(vec![(text, path.to_owned())]),
        Json::List(list) if list.is_empty() => fault(path, "empty list"),
        Json::List(list) => {
            let item = |(i, json): (usize, &'a Json)| match json {
                Json::Text(text) => Ok((&**text, format!("{path}[{i}]"))),
                _ => fault(&format!("{path}[{i}]"), "not a text"),
            };
            list.iter().enumerate().map(item).collect()
        }
        _ => fault(path, "neither a text nor a list of texts"),
    }
}
