//! `strongroom kms key create|list|show|enable|disable`: a client of the control address, nothing more.

use crate::cli::{Common, Key, Kms, Named};
use crate::client::{Credentials, KmsClient};
use crate::failure::Failure;
use serde_json::{Value, json};

/// Runs a subcommand and returns what to print.
pub(crate) async fn run(command: &Kms, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Failure> {
    let Kms::Key(command) = command;
    match command {
        Key::Create { description, alias, common } => create(description, alias.as_deref(), common, env).await,
        Key::List { common } => list(common, env).await,
        Key::Show { named } => {
            let metadata = describe(&mut connect(&named.common, env).await?, &named.key).await?;
            Ok(if named.common.json { pretty(&metadata) } else { shown(&metadata) })
        }
        Key::Enable { named } => change("EnableKey", named, env).await,
        Key::Disable { named } => change("DisableKey", named, env).await,
    }
}

async fn connect(common: &Common, env: &dyn Fn(&str) -> Option<String>) -> Result<KmsClient, Failure> {
    let credentials = Credentials::from_env(env)?;
    KmsClient::connect(&common.client.endpoint()?, credentials, common.client.region()?).await
}

async fn create(
    description: &str,
    alias: Option<&str>,
    common: &Common,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let mut kms = connect(common, env).await?;
    let answer = kms.call("CreateKey", &json!({ "Description": description })).await?;
    let metadata = answer.get("KeyMetadata").ok_or_else(not_understood)?;
    let id = field(metadata, "KeyId").to_owned();
    if let Some(alias) = alias {
        let input = json!({ "AliasName": alias, "TargetKeyId": id });
        kms.call("CreateAlias", &input)
            .await
            .map_err(|error| Failure::new(format!("the key {id} was created, but its alias was not: {error}")))?;
    }
    Ok(if common.json { pretty(metadata) } else { format!("{id}\n") })
}

async fn list(common: &Common, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Failure> {
    let mut kms = connect(common, env).await?;
    let mut ids: Vec<String> = Vec::new();
    let mut marker = Value::Null;
    loop {
        let input =
            if marker.is_null() { json!({ "Limit": 1000 }) } else { json!({ "Limit": 1000, "Marker": marker }) };
        let page = kms.call("ListKeys", &input).await?;
        let keys = page.get("Keys").and_then(Value::as_array).ok_or_else(not_understood)?;
        ids.extend(keys.iter().map(|key| field(key, "KeyId").to_owned()));
        if page.get("Truncated") != Some(&Value::Bool(true)) {
            break;
        }
        marker = page.get("NextMarker").cloned().ok_or_else(not_understood)?;
    }
    let mut all = Vec::with_capacity(ids.len());
    for id in &ids {
        all.push(describe(&mut kms, id).await?);
    }
    if common.json {
        return Ok(pretty(&Value::Array(all)));
    }
    let line = |key: &Value| {
        let (id, state, manager) = (field(key, "KeyId"), field(key, "KeyState"), field(key, "KeyManager"));
        format!("{id}  {state:<15}  {manager:<8}  {}", printable(field(key, "Description"))).trim_end().to_owned()
            + "\n"
    };
    Ok(all.iter().map(line).collect())
}

async fn change(operation: &str, named: &Named, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Failure> {
    let mut kms = connect(&named.common, env).await?;
    kms.call(operation, &json!({ "KeyId": named.key })).await?;
    let metadata = describe(&mut kms, &named.key).await?;
    Ok(if named.common.json {
        pretty(&metadata)
    } else {
        format!("{}  {}\n", field(&metadata, "KeyId"), field(&metadata, "KeyState"))
    })
}

async fn describe(kms: &mut KmsClient, key: &str) -> Result<Value, Failure> {
    let mut answer = kms.call("DescribeKey", &json!({ "KeyId": key })).await?;
    answer.get_mut("KeyMetadata").map(Value::take).ok_or_else(not_understood)
}

fn shown(key: &Value) -> String {
    let rows = [
        ("key", "KeyId"),
        ("arn", "Arn"),
        ("state", "KeyState"),
        ("managed by", "KeyManager"),
        ("description", "Description"),
    ];
    let mut out: String = rows.iter().map(|(label, name)| row(label, &printable(field(key, name)))).collect();
    for (label, name) in [("created", "CreationDate"), ("to be deleted", "DeletionDate")] {
        if let Some(seconds) = key.get(name).and_then(Value::as_f64) {
            out.push_str(&row(label, &date(seconds)));
        }
    }
    out
}

fn row(label: &str, value: &str) -> String {
    format!("{label:<14} {value}").trim_end().to_owned() + "\n"
}

fn date(seconds: f64) -> String {
    // Seconds since 1970 fit an i64 for any date a calendar can show; beyond it the raw number is shown.
    #[expect(clippy::cast_possible_truncation, reason = "a float out of range saturates and is then no date")]
    let whole = seconds as i64;
    time::OffsetDateTime::from_unix_timestamp(whole)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| seconds.to_string())
}

fn field<'a>(key: &'a Value, name: &str) -> &'a str {
    key.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What a caller wrote into a description must not steer the terminal of whoever lists it.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn not_understood() -> Failure {
    Failure::new("the server's answer was not understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_line_by_line_without_control_characters() {
        let key = json!({
            "KeyId": "1234", "Arn": "arn:x", "KeyState": "PendingDeletion", "KeyManager": "CUSTOMER",
            "Description": "red \u{1b}[31malert", "CreationDate": 1_763_000_000.5, "DeletionDate": 1_764_000_000,
        });
        let text = shown(&key);
        assert!(text.contains("state          PendingDeletion\n"), "{text}");
        assert!(text.contains("created        2025-11-13T"), "{text}");
        assert!(text.contains("to be deleted  2025-11-24T"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
