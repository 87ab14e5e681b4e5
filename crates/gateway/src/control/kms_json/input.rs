//! Inputs: JSON of bounded size and depth into one struct per operation. Members nobody knows are ignored, as AWS does;
//! members that would change the meaning and are not offered are read so that they can be refused.

use super::BODY_BYTES_MAX;
use super::fault::{Fault, Kind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Parses a body; an empty one counts as `{}`.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Fault::new(Kind::Validation, format!("The request body exceeds {BODY_BYTES_MAX} bytes.")));
    }
    let body: &[u8] = if body.iter().all(u8::is_ascii_whitespace) { b"{}" } else { body };
    // Structs would also be read from arrays; the API has objects only.
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Fault::new(Kind::Serialization, "The request body is not a JSON object."));
    }
    // Nesting is harmless: known members are flat, unknown ones are skipped without recursion. The message tells the
    // place and not the value, which may be secret.
    serde_json::from_slice(body).map_err(|e| {
        Fault::new(
            Kind::Serialization,
            format!("The request body is not valid at line {} column {}.", e.line(), e.column()),
        )
    })
}

/// A member that must be there.
pub(super) fn required<'a>(value: &'a Option<String>, member: &str) -> Result<&'a str, Fault> {
    match value.as_deref() {
        None => Err(Fault::missing(member)),
        Some("") => Err(Fault::constraint("", member, "Member must have length greater than or equal to 1")),
        Some(text) => Ok(text),
    }
}

/// A page size within `1..=max`.
pub(super) fn limit(value: Option<i64>, default: usize, max: usize) -> Result<usize, Fault> {
    let Some(value) = value else { return Ok(default) };
    let rule = if value < 1 {
        "Member must have value greater than or equal to 1".to_owned()
    } else {
        format!("Member must have value less than or equal to {max}")
    };
    usize::try_from(value)
        .ok()
        .filter(|limit| (1..=max).contains(limit))
        .ok_or_else(|| Fault::constraint(&value.to_string(), "limit", &rule))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateKey {
    pub(super) description: Option<String>,
    pub(super) key_usage: Option<String>,
    pub(super) key_spec: Option<String>,
    pub(super) customer_master_key_spec: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) multi_region: Option<bool>,
    pub(super) policy: Option<String>,
    pub(super) tags: Option<Vec<serde::de::IgnoredAny>>,
    pub(super) custom_key_store_id: Option<String>,
}

/// DescribeKey, EnableKey, DisableKey, CancelKeyDeletion.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneKey {
    pub(super) key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletion {
    pub(super) key_id: Option<String>,
    pub(super) pending_window_in_days: Option<i64>,
}

/// ListKeys, ListAliases.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<String>,
    /// ListAliases only.
    pub(super) key_id: Option<String>,
}

/// CreateAlias, DeleteAlias.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Alias {
    pub(super) alias_name: Option<String>,
    /// CreateAlias only.
    pub(super) target_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKey {
    pub(super) key_id: Option<String>,
    pub(super) key_spec: Option<String>,
    pub(super) number_of_bytes: Option<i64>,
    pub(super) encryption_context: Option<BTreeMap<String, String>>,
    pub(super) recipient: Option<serde::de::IgnoredAny>,
    pub(super) dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypt {
    pub(super) ciphertext_blob: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) encryption_context: Option<BTreeMap<String, String>>,
    pub(super) encryption_algorithm: Option<String>,
    pub(super) recipient: Option<serde::de::IgnoredAny>,
    pub(super) dry_run: Option<bool>,
}
