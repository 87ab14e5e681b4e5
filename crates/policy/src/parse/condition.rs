//! The element Condition: operators, their keys, the keys' values.

use super::json::Json;
use super::{Rules, fault, join};
use crate::ConditionKey;
use crate::address::Network;
use crate::clause::{Arn, Clause, Values};
use crate::date;
use crate::document::PolicyError;
use crate::glob::{Pattern, Syntax};
use crate::operator::{Comparison, Operator};

pub(super) fn read(json: &Json, path: &str, rules: &Rules<'_>) -> Result<Vec<Clause>, PolicyError> {
    let Json::Object(operators) = json else { return fault(path, "not a JSON object") };
    let mut clauses = Vec::new();
    for (i, (name, keys)) in operators.iter().enumerate() {
        let at = join(path, name);
        let Some(operator) = Operator::parse(name) else { return fault(&at, "unknown operator") };
        if operators[..i].iter().any(|(earlier, _)| earlier == name) {
            return fault(&at, "given twice");
        }
        let Json::Object(keys) = keys else { return fault(&at, "not a JSON object") };
        if keys.is_empty() {
            return fault(&at, "no condition key");
        }
        for (i, (key, values)) in keys.iter().enumerate() {
            // Of a key listed twice the last counts (obs-api §8.1).
            if keys[i + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            clauses.push(clause(operator, name, key, values, &join(&at, key), rules)?);
        }
    }
    Ok(clauses)
}

fn clause(
    operator: Operator,
    operator_name: &str,
    key_name: &str,
    json: &Json,
    path: &str,
    rules: &Rules<'_>,
) -> Result<Clause, PolicyError> {
    let key = ConditionKey::parse(key_name);
    if rules.is_on_resource() && !key.is_known() {
        return fault(path, "unknown condition key");
    }
    let texts = scalars(json, path)?;
    let values = values(operator.comparison, &texts, path, rules)?;
    Ok(Clause {
        operator,
        key,
        operator_name: operator_name.trim().into(),
        key_name: key_name.trim().into(),
        texts: texts.into_iter().map(Into::into).collect(),
        values,
    })
}

/// One value or a list of them. Numbers and truth values count as their texts.
fn scalars(json: &Json, path: &str) -> Result<Vec<String>, PolicyError> {
    let scalar = |json: &Json| match json {
        Json::Text(text) | Json::Number(text) => Some(text.clone()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    let list = match json {
        Json::List(list) if list.is_empty() => return fault(path, "empty list"),
        Json::List(list) => list.iter().map(scalar).collect(),
        one => scalar(one).map(|text| vec![text]),
    };
    list.map_or_else(|| fault(path, "neither a value nor a list of values"), Ok)
}

fn values(comparison: Comparison, texts: &[String], path: &str, rules: &Rules<'_>) -> Result<Values, PolicyError> {
    Ok(match comparison {
        Comparison::Equals
        | Comparison::EqualsIgnoringCase
        | Comparison::Like
        | Comparison::Begins
        | Comparison::Ends => {
            let syntax = Syntax { wildcards: comparison == Comparison::Like, variables: rules.variables };
            // In newer guides of OBS this stands for "absent" (obs-api §8.3).
            let is_null = |text: &&String| text.as_str() == "${null}";
            let patterns = texts.iter().filter(|text| !is_null(text)).map(|text| pattern(text, syntax, path, rules));
            let patterns = patterns.collect::<Result<_, _>>()?;
            Values::Texts { patterns, or_absent: texts.iter().any(|text| is_null(&text)) }
        }
        Comparison::Binary => {
            Values::Texts { patterns: texts.iter().map(|text| Pattern::literal(text)).collect(), or_absent: false }
        }
        Comparison::Number(_) => Values::Numbers(all(texts, path, "not a number", |text| {
            text.trim().parse().ok().filter(|number: &f64| number.is_finite())
        })?),
        Comparison::Date(_) => Values::Dates(all(texts, path, "not a date", date::parse)?),
        Comparison::Bool | Comparison::Null | Comparison::NullOrEmpty => {
            Values::Flags(all(texts, path, "neither `true` nor `false`", |text| {
                match text.trim().to_ascii_lowercase().as_str() {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                }
            })?)
        }
        Comparison::Address => Values::Networks(all(texts, path, "neither an address nor a network", Network::parse)?),
        Comparison::Arn => Values::Arns(texts.iter().map(|text| arn(text, path, rules)).collect::<Result<_, _>>()?),
    })
}

fn all<T>(texts: &[String], path: &str, wrong: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, PolicyError> {
    texts.iter().map(|text| parse(text).map_or_else(|| fault(path, wrong), Ok)).collect()
}

fn arn(text: &str, path: &str, rules: &Rules<'_>) -> Result<Arn, PolicyError> {
    let text = text.trim();
    if text == "*" {
        return Ok(Arn::Any);
    }
    let syntax = Syntax { wildcards: true, variables: rules.variables };
    let mut parts = Vec::with_capacity(6);
    for part in super::resource::segments(text, 5, rules.variables) {
        parts.push(pattern(part, syntax, path, rules)?);
    }
    match parts.try_into() {
        Ok(parts) => Ok(Arn::Parts(Box::new(parts))),
        Err(_) => fault(path, "not an ARN"),
    }
}

fn pattern(text: &str, syntax: Syntax, path: &str, rules: &Rules<'_>) -> Result<Pattern, PolicyError> {
    let pattern = match Pattern::parse(text, syntax) {
        Ok(pattern) => pattern,
        Err(message) => return fault(path, message),
    };
    if rules.is_on_resource()
        && let Some(key) = pattern.keys().find(|key| !key.is_known())
    {
        return fault(path, format!("unknown policy variable `{}`", key.name()));
    }
    Ok(pattern)
}
