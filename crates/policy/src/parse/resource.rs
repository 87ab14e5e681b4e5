//! The element Resource.

use super::json::Json;
use super::{Rules, check_names, fault, join, texts};
use crate::document::{Grammar, PolicyError};
use crate::glob::{Pattern, Syntax};
use crate::resources::{Named, Resources, Segments};

pub(super) fn read(json: &Json, negated: bool, path: &str, rules: &Rules<'_>) -> Result<Resources, PolicyError> {
    // Agencies (kms-iam-api §1.11): {"uri": ["/iam/agencies/<id>"]}.
    if let Json::Object(members) = json
        && rules.is_huawei
    {
        check_names(members, path, &["uri"])?;
        let Some((_, uris)) = members.first() else { return fault(path, "names nothing") };
        let mut named = Vec::new();
        for (uri, at) in texts(uris, &join(path, "uri"))? {
            named.push(match uri.trim().strip_prefix("/iam/agencies/") {
                Some(agency) => Named::Agency(pattern(agency, &at, rules)?),
                None => return fault(&at, "not an agency: `/iam/agencies/<id>`"),
            });
        }
        return Ok(Resources { named, negated });
    }
    let mut named = Vec::new();
    for (text, at) in texts(json, path)? {
        let one = one(text, &at, rules)?;
        match rules.grammar {
            Grammar::Bucket(bucket) if !one.can_be_of(bucket.as_str()) => return fault(&at, "not of this bucket"),
            Grammar::Key { region, account, number, uid } if !one.can_be_key(region, account, number, uid) => {
                return fault(&at, "not this key: the resource of a key policy is `*`");
            }
            _ => {}
        }
        if rules.is_on_resource() {
            let unknown = one.patterns().into_iter().flat_map(|pattern| pattern.keys()).find(|key| !key.is_known());
            if let Some(key) = unknown {
                return fault(&at, format!("unknown policy variable `{}`", key.name()));
            }
        }
        named.push(one);
    }
    Ok(Resources { named, negated })
}

fn one(text: &str, path: &str, rules: &Rules<'_>) -> Result<Named, PolicyError> {
    let trimmed = text.trim();
    if trimmed == "*" {
        return Ok(Named::Any);
    }
    // ARNs are taken as they are: a name of an object may end in a blank.
    if text.starts_with("arn:") || text.starts_with('*') {
        return Ok(Named::Arn(pattern(text, path, rules)?));
    }
    let is_bucket = matches!(rules.grammar, Grammar::Bucket(_));
    let segments = segments(trimmed, 4, rules.variables);
    if let [service, region, domain, kind, rest] = segments[..]
        && (!is_bucket || service.eq_ignore_ascii_case("obs"))
    {
        return five(service, region, domain, kind, rest, path, rules);
    }
    if is_bucket && !trimmed.is_empty() {
        return Ok(Named::Path(pattern(trimmed, path, rules)?));
    }
    fault(path, "not the name of a resource")
}

fn five(
    service: &str,
    region: &str,
    domain: &str,
    kind: &str,
    rest: &str,
    path: &str,
    rules: &Rules<'_>,
) -> Result<Named, PolicyError> {
    let service = service.to_ascii_lowercase();
    // Buckets have no region in their names, so a policy for one region's would be about none, and its Deny unheard.
    if service == "obs" && !matches!(region, "" | "*") {
        return fault(path, "the region of a bucket is `*`");
    }
    match &*service {
        "obs" | "kms" | "iam" | "sts" | "*" => Ok(Named::Segments(Box::new(Segments {
            service: service.into(),
            region: pattern(region, path, rules)?,
            domain: pattern(domain, path, rules)?,
            kind: pattern(&kind.to_ascii_lowercase(), path, rules)?,
            path: pattern(rest, path, rules)?,
        }))),
        _ => Ok(Named::Elsewhere),
    }
}

/// Splits at the first `colons` colons, leaving policy variables whole.
pub(super) fn segments(text: &str, colons: usize, variables: bool) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '{' if variables && text[..at].ends_with('$') => inside = true,
            '}' => inside = false,
            ':' if !inside && parts.len() < colons => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn pattern(text: &str, path: &str, rules: &Rules<'_>) -> Result<Pattern, PolicyError> {
    let syntax = Syntax { wildcards: true, variables: rules.variables };
    Pattern::parse(text, syntax).or_else(|message| fault(path, message))
}
