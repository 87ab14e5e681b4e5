//! `strongroom kms key create|list|show|enable|disable`: a client of the control address, nothing more.

use super::shown::{field, pretty, printable, row};
use super::{Common, Env, Outcome};
use crate::client::ControlClient;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Kms {
    /// Customer master keys (CMKs).
    #[command(subcommand)]
    Key(Key),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create a CMK and print its id.
    Create {
        /// What the key is for, in words.
        #[arg(long, default_value = "")]
        description: String,
        /// A name for the key, `alias/NAME`.
        #[arg(long, value_name = "ALIAS")]
        alias: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// List the account's CMKs.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show one CMK.
    Show {
        #[command(flatten)]
        named: Named,
    },
    /// Let a CMK be used again.
    Enable {
        #[command(flatten)]
        named: Named,
    },
    /// Refuse every use of a CMK, at once, until it is enabled again.
    Disable {
        #[command(flatten)]
        named: Named,
    },
}

/// A subcommand about one CMK.
#[derive(Args, Debug)]
pub(crate) struct Named {
    /// The CMK: its id or ARN; to show one, also an alias.
    key: String,
    #[command(flatten)]
    common: Common,
}

impl Kms {
    pub(crate) async fn run(&self, env: Env<'_>) -> Outcome {
        let Self::Key(command) = self;
        let text = match command {
            Key::Create { description, alias, common } => create(description, alias.as_deref(), common, env).await?,
            Key::List { common } => list(common, env).await?,
            Key::Show { named } => {
                let metadata = describe(&mut named.common.connect(env).await?, &named.key).await?;
                if named.common.json { pretty(&metadata) } else { shown(&metadata) }
            }
            Key::Enable { named } => change("EnableKey", named, env).await?,
            Key::Disable { named } => change("DisableKey", named, env).await?,
        };
        Ok(text.into())
    }
}

async fn create(description: &str, alias: Option<&str>, common: &Common, env: Env<'_>) -> Result<String, Failure> {
    let mut kms = common.connect(env).await?;
    let answer = kms.kms("CreateKey", &json!({ "Description": description })).await?;
    let metadata = answer.get("KeyMetadata").ok_or_else(Failure::not_understood)?;
    let id = field(metadata, "KeyId").to_owned();
    if let Some(alias) = alias {
        let input = json!({ "AliasName": alias, "TargetKeyId": id });
        kms.kms("CreateAlias", &input)
            .await
            .map_err(|error| Failure::new(format!("the key {id} was created, but its alias was not: {error}")))?;
    }
    Ok(if common.json { pretty(metadata) } else { format!("{id}\n") })
}

async fn list(common: &Common, env: Env<'_>) -> Result<String, Failure> {
    let mut kms = common.connect(env).await?;
    let mut ids: Vec<String> = Vec::new();
    let mut marker = Value::Null;
    loop {
        let input =
            if marker.is_null() { json!({ "Limit": 1000 }) } else { json!({ "Limit": 1000, "Marker": marker }) };
        let page = kms.kms("ListKeys", &input).await?;
        let keys = page.get("Keys").and_then(Value::as_array).ok_or_else(Failure::not_understood)?;
        ids.extend(keys.iter().map(|key| field(key, "KeyId").to_owned()));
        if page.get("Truncated") != Some(&Value::Bool(true)) {
            break;
        }
        marker = page.get("NextMarker").cloned().ok_or_else(Failure::not_understood)?;
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

async fn change(operation: &str, named: &Named, env: Env<'_>) -> Result<String, Failure> {
    let mut kms = named.common.connect(env).await?;
    kms.kms(operation, &json!({ "KeyId": named.key })).await?;
    let metadata = describe(&mut kms, &named.key).await?;
    Ok(if named.common.json {
        pretty(&metadata)
    } else {
        format!("{}  {}\n", field(&metadata, "KeyId"), field(&metadata, "KeyState"))
    })
}

async fn describe(kms: &mut ControlClient, key: &str) -> Result<Value, Failure> {
    let mut answer = kms.kms("DescribeKey", &json!({ "KeyId": key })).await?;
    answer.get_mut("KeyMetadata").map(Value::take).ok_or_else(Failure::not_understood)
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

fn date(seconds: f64) -> String {
    // Seconds since 1970 fit an i64 for any date a calendar can show; beyond it the raw number is shown.
    #[expect(clippy::cast_possible_truncation, reason = "a float out of range saturates and is then no date")]
    let whole = seconds as i64;
    time::OffsetDateTime::from_unix_timestamp(whole)
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| seconds.to_string())
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
